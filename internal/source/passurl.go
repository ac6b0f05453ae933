package source

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"time"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/internal/fetch"
	"github.com/gotgcall/gotgcall/internal/packets"
	"github.com/gotgcall/gotgcall/media"
)

// passResource opens what a server has for pass-through, chosen by its first bytes. It
// returns nil without an error when that is to be encoded, and the resource is then as it
// was. The stream closes the client.
func (s address) passResource(
	ctx context.Context, env media.Env, client *fetch.Client, resource *fetch.Resource, position time.Duration,
) (media.Stream, error) {
	live := resource.Kind == fetch.Live
	if !passes(env, s.asked) || !live && resource.Size < 0 {
		return nil, nil
	}
	head, err := resource.Head(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || !bytes.HasPrefix(head, []byte("OggS")) && !bytes.HasPrefix(head, []byte{0x1A, 0x45, 0xDF, 0xA3}) {
		return nil, nil
	}
	own, cancel := context.WithCancel(context.Background())
	file := resource.NewFile(own)
	stop := context.AfterFunc(ctx, cancel)
	p, err := openPassed(ctx, file, resource, s.asked, position)
	if !stop() {
		cancel()
		return nil, ctx.Err()
	}
	if p == nil {
		file.GiveBack()
		cancel()
		return nil, err
	}
	file.Keep(false)
	p.sound, p.info.Live = env.Sound, live
	p.info.Title = cmp.Or(p.info.Title, container.Text([]byte(resource.Name)))
	p.restarts = resource.Resumed
	p.release = func() error {
		cancel()
		return client.Close()
	}
	switch length := time.Duration(s.asked.PacketMs) * time.Millisecond; {
	case length == 0:
		return p, nil
	case live:
		return packets.Join(p, length), nil
	default:
		return packets.JoinReady(p, length), nil // a packet is not sent before it is whole
	}
}

// openPassed opens a file of a server at a position. It returns nil without an error when
// the file is to be encoded, or ffmpeg says better what is wrong with it.
func openPassed(ctx context.Context, file *fetch.File, resource *fetch.Resource, opts media.EncodeOptions, position time.Duration) (*passthrough, error) {
	var in io.Reader = file
	if !resource.Ranges {
		in = struct{ io.Reader }{file}
	}
	p, err := newPassthrough(in, resource.Size, opts)
	if p == nil || err != nil {
		return nil, nil
	}
	if err := p.skip(ctx, position); err != nil {
		return nil, err
	}
	return p, nil
}
