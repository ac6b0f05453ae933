package resolve

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/guard/guardtest"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

// open opens a track as a call does, with ffmpeg, and returns why it cannot be played.
func open(t *testing.T, f *fixture, tr track.Track) error {
	t.Helper()
	client, err := gotgcall.New(gotgcall.WithURLPolicy(f.allowed.Policy))
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	_, err = client.CreateCall(1)
	require.NoError(t, err)
	src, release, err := f.Prepare(t.Context(), tr, nil)
	if err != nil {
		return err
	}
	defer release()
	return client.SetStreamSources(1, src)
}

// evil returns files that name others: a local one and a server of this machine.
func evil(local, server string) map[string]string {
	return map[string]string{
		"local.m3u8":    "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + local + "\n#EXT-X-ENDLIST\n",
		"file.m3u8":     "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://" + local + "\n#EXT-X-ENDLIST\n",
		"server.m3u8":   "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n" + server + "/a.ts\n#EXT-X-ENDLIST\n",
		"key.m3u8":      "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-KEY:METHOD=AES-128,URI=\"" + server + "/key\"\n#EXTINF:10,\n" + server + "/a.ts\n#EXT-X-ENDLIST\n",
		"master.m3u8":   "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n" + server + "/b.m3u8\n",
		"concat.m3u8":   "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nconcat:" + local + "|" + local + "\n#EXT-X-ENDLIST\n",
		"list.m3u":      "#EXTM3U\n" + server + "/a.mp3\n",
		"list.pls":      "[playlist]\nFile1=" + server + "/a.mp3\nNumberOfEntries=1\n",
		"a.ffconcat":    "ffconcat version 1.0\nfile '" + local + "'\nfile '" + server + "/a.mp3'\n",
		"a.sdp":         "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
		"a.svg":         `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="` + server + `/x.png"/></svg>`,
		"a.mpd":         `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1" codecs="mp4a.40.2"><BaseURL>` + server + `/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
		"a.srt":         "1\n00:00:00,000 --> 00:00:10,000\nx\n",
		"text.mp3":      strings.Repeat("This is text.\n", 100),
		"page.html":     "<!DOCTYPE html><audio src='" + server + "/a.mp3'>",
		"zeros.mp3":     strings.Repeat("\x00", 5000),
		"random.mp3":    noise(),
		"shell.sh":      "#!/bin/sh\ntouch " + local + "\n",
		"lavfi.txt":     "amovie=" + local,
		"quicktime.mp4": "\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  \x00\x00\x00\x08moov",
	}
}

func noise() string {
	b := make([]byte, 5000)
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b)
}

func TestHostileFilesOpenNothing(t *testing.T) {
	t.Parallel()
	canary := guardtest.NewCanary(t)
	local := filepath.Join(t.TempDir(), "canary.wav")
	require.NoError(t, os.WriteFile(local, wave(), 0o600))
	served := newFixture(t, Config{}, "")
	for name, content := range evil(local, canary.URL) {
		types := map[string]string{".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml", ".pls": "audio/x-scpls", ".m3u": "audio/x-mpegurl"}
		for i, contentType := range []string{types[filepath.Ext(name)], "audio/mpeg", "application/octet-stream"} {
			served.mux.HandleFunc(fmt.Sprintf("/%d/%s", i, name), func(w http.ResponseWriter, r *http.Request) {
				if contentType != "" {
					w.Header().Set("Content-Type", contentType)
				}
				http.ServeContent(w, r, name, zeroTime, readSeeker(content))
			})
		}
	}
	require.NoError(t, open(t, sent(t, "canary", wave()), track.Track{Origin: track.Origin{Media: &track.Media{ID: 1, Size: int64(len(wave()))}}}),
		"the canary itself can be played")

	for name, content := range evil(local, canary.URL) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := sent(t, name, []byte(content))
			tracks, err := f.Resolve(t.Context(), track.Request{Media: &track.Media{ID: 1, Name: name, MIME: "audio/mpeg", Size: int64(len(content))}})
			require.NoError(t, err)
			require.ErrorIs(t, open(t, f, tracks[0]), gotgcall.ErrFile, "sent in a message")
			for i := range 3 {
				tracks, err := served.ask(t, fmt.Sprintf("%s/%d/%s", served.url, i, name))
				if err != nil {
					refusal(t, err)
					continue
				}
				err = open(t, served, tracks[0])
				require.True(t, errors.Is(err, gotgcall.ErrFile) || errors.Is(err, gotgcall.ErrInvalidParams), "%d: %v", i, err)
			}
		})
	}
}

// sent returns a fixture with a file in message 1.
func sent(t *testing.T, name string, content []byte) *fixture {
	t.Helper()
	f := newFixture(t, Config{}, "")
	f.telegram.add(name, content)
	return f
}

// wave returns a tenth of a second of a tone, in mono at 8 kHz.
func wave() []byte {
	const samples = 800
	b := []byte("RIFF\x64\x06\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x40\x06\x00\x00")
	for i := range samples {
		v := int16(8000)
		if i/10%2 == 0 {
			v = -v
		}
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}
