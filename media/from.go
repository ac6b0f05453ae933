package media

import (
	"context"
	"strings"
	"time"
)

// File describes a local media file. It is a plain value: it can be compared, kept
// and written down, as can [URL], [Shell] and [Shells].
type File struct {
	Path    string
	Options EncodeOptions
}

// FromFile plays a local media file. The path is only ever a file's name: no
// protocol, option or pattern in it means anything. The file is untrusted: a
// playlist or script that names other files is refused. FromFile itself cannot
// fail; Open reports what is wrong with the path or the options. The result is a
// [SeekableSource] and a [RawSource].
func FromFile(path string, opts EncodeOptions) Source { return File{Path: path, Options: opts} }

// Tracks returns the tracks that are asked for.
func (f File) Tracks() Track { return f.Options.Tracks | TrackAudio }

// Encoding returns the options.
func (f File) Encoding() EncodeOptions { return f.Options }

// Open plays the file from its start.
func (f File) Open(ctx context.Context, env Env) (Stream, error) { return env.open(ctx, f) }

// OpenAt plays the file from a position.
func (f File) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	return env.openAt(ctx, f, position)
}

// URL describes what a network address serves.
type URL struct {
	Address string // may hold a user's password
	Options EncodeOptions
}

// FromURL plays what a network address serves: http, https (files, streams, HLS
// and DASH), rtmp, rtmps, rtsp, rtsps and srt. Anything else, such as file, pipe
// or a bare path, is models.ErrInvalidParams, and nothing the server says (a
// playlist, a redirect) can make it read a local file. It does connect to any
// address, unless Env.URLPolicy refuses it. FromURL itself cannot fail; Open
// reports what is wrong with the URL or the options.
//
// The result is a [SeekableSource] and a [RawSource]. What an http or https server
// gives out in ranges of bytes can be seeked, and so can a playlist that has an end;
// anything else, a live stream above all, is models.ErrSeekUnsupported.
//
// The parts of an HLS playlist with discontinuities and the periods of a DASH one
// that have an end are played one after another, each by an ffmpeg of its own.
// Of an HLS or DASH playlist the largest picture inside the bounds of opts is
// played, or else the smallest, with one sound; for sound alone that which comes
// with the fewest other bytes. Of a .m3u or .pls the first address that answers is
// played.
//
// What is lost on the way is resumed where it was cut, or opened again if it is
// live; see the package's comment. User, password, query and fragment of a URL are
// not put in errors or logs, nor is where a redirect leads.
func FromURL(rawURL string, opts EncodeOptions) Source { return URL{Address: rawURL, Options: opts} }

// Tracks returns the tracks that are asked for.
func (u URL) Tracks() Track { return u.Options.Tracks | TrackAudio }

// Encoding returns the options.
func (u URL) Encoding() EncodeOptions { return u.Options }

// Open plays the URL from its start, or from now if it is live.
func (u URL) Open(ctx context.Context, env Env) (Stream, error) { return env.open(ctx, u) }

// OpenAt plays the URL from a position.
func (u URL) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	return env.openAt(ctx, u, position)
}

// Shell describes a command whose standard output is played.
type Shell struct {
	Command string
	Want    Track
}

// FromShell plays what a command writes to its standard output. The command is
// the program's own, not a stranger's: it runs as it is.
//
// The line is split on blanks outside double quotes, with \" and \\ the only
// escapes; no shell sees it. The bare word ffmpeg means Env.FFmpegPath. An ffmpeg
// command that lacks output options gets them: Ogg/Opus for TrackAudio, IVF/VP8
// for TrackVideo, both in Matroska for TrackAudio|TrackVideo, on standard output.
// Any other program must write one of these by itself. Its output is read no
// faster than it is played, so -re is needless.
//
// A command of one input that says nothing of its output as a whole (-f, -map, a
// name, -shortest, …) writes each track of TrackAudio|TrackVideo to an output of
// its own, where its options are repeated. In one container ffmpeg holds sound back
// until there is a picture.
//
// FromShell cannot fail; Open reports a malformed command, an output that goes
// elsewhere, and one that is not Opus or VP8, as models.ErrInvalidParams.
//
// The result is a [SeekableSource]. Open begins at the command's own -ss, if it has one.
// OpenAt replaces the -ss of an ffmpeg command's inputs, and its -t and -to so that the
// excerpt ends where the command ends it. It fails with models.ErrSeekUnsupported for any
// other program, and for a command whose position in the media is not known or cannot be
// set: a device, a pipe or a live input, inputs that begin at different times, an end
// counted in frames, and options or filters that move, change or show time (-stream_loop,
// -itsoffset, trim, atempo, subtitles, …). Other filters that count time, such as afade,
// count from the new position. While the seek is verified, ffmpeg's log level is not the
// command's.
func FromShell(cmd string, tracks Track) Source { return Shell{Command: cmd, Want: tracks} }

// Tracks returns the tracks that are asked for.
func (s Shell) Tracks() Track { return s.Want }

// Open runs the command as it is.
func (s Shell) Open(ctx context.Context, env Env) (Stream, error) { return env.open(ctx, s) }

// OpenAt runs the command so that it begins at a position.
func (s Shell) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	return env.openAt(ctx, s, position)
}

// Shells describes two commands, one for each track.
type Shells struct{ Audio, Video string }

// FromShells plays the audio of one command and the video of another, each as
// with FromShell. An empty command skips its track. When one ends the other plays
// on; when one crashes the stream ends with its error. The result is a
// [SeekableSource], if both commands can be seeked and begin at the same position.
func FromShells(audioCmd, videoCmd string) Source {
	switch {
	case strings.TrimSpace(videoCmd) == "":
		return Shell{Command: audioCmd, Want: TrackAudio}
	case strings.TrimSpace(audioCmd) == "":
		return Shell{Command: videoCmd, Want: TrackVideo}
	}
	return Shells{Audio: audioCmd, Video: videoCmd}
}

// Tracks returns both.
func (s Shells) Tracks() Track { return TrackAudio | TrackVideo }

// Open runs the commands as they are.
func (s Shells) Open(ctx context.Context, env Env) (Stream, error) { return env.open(ctx, s) }

// OpenAt runs the commands so that they begin at a position.
func (s Shells) OpenAt(ctx context.Context, env Env, position time.Duration) (Stream, error) {
	return env.openAt(ctx, s, position)
}
