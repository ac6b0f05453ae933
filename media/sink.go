package media

import (
	"context"
	"time"
)

// Received is a frame that another participant of a call has sent, as it was encoded.
type Received struct {
	// SSRC is the stream that it belongs to. A participant who joins again has another.
	SSRC uint32
	// UserID is who sends the stream, or 0 while that is not known.
	UserID int64
	// Presentation reports that the sound is that of a shared presentation.
	Presentation bool
	// Data is an Opus packet. It is valid until the function that it is given to returns.
	Data []byte
	// RTPTime is when it was recorded, in samples at 48 kHz of the sender's clock.
	RTPTime uint32
	// Arrival is when it arrived.
	Arrival time.Time
	// Duration is how long it lasts.
	Duration time.Duration
	// Level is how loud it is, as the sender says: in dB below the loudest possible, from
	// 0 to 127, which is silence (RFC 6464). It is -1 if the sender does not say.
	Level int
	// Voice is whether the sender takes it for speech.
	Voice bool
	// Lost is how many packets of the stream are missing before this one.
	Lost int
	// Skipped is how many frames, of all streams, the sink has missed so far because it
	// was too slow.
	Skipped uint64
}

// Silent reports whether there is nothing to be heard in the frame.
func (r Received) Silent() bool {
	const (
		inaudible = 70 // dB below the loudest: the noise of a quiet room
		dtx       = 2  // bytes of a packet that says that there is silence (RFC 6716 section 2.1.9)
	)
	return r.Level >= inaudible || len(r.Data) <= dtx
}

// Sink describes where what the others in a call say is put, any number of times. The
// To functions of this package make one; a program may bring its own.
type Sink interface {
	// Open starts the sink, or gives up when ctx ends. The caller must Close the writer.
	Open(ctx context.Context, env Env) (Writer, error)
}

// Writer is one run of a sink. Its methods are called on one goroutine, one at a time.
//
// Two methods are optional. Flush(now time.Time) error is called each quarter of a second,
// whether anything was received or not. Detached() marks a writer that is not waited for
// when it is replaced or its call ends, as it calls a function that may ask for that.
type Writer interface {
	// Write takes a frame. Frames of one stream come in their order. A Write that takes
	// long delays no one; what arrives meanwhile is kept for about a second, and then
	// skipped. An error ends the run.
	Write(Received) error
	// Close finishes what was written.
	Close() error
}

// Func is a sink that is a function.
type Func func(Received)

// ToFunc gives each frame to a function, which runs on a goroutine of the call's, one
// frame at a time. It may call any method of the Client.
func ToFunc(f func(Received)) Sink { return Func(f) }

// Open returns a writer that calls the function.
func (f Func) Open(context.Context, Env) (Writer, error) { return f, nil }

// Write calls the function.
func (f Func) Write(r Received) error {
	f(r)
	return nil
}

// Detached says that a program's function is called.
func (f Func) Detached() {}

// Close does nothing.
func (f Func) Close() error { return nil }

// Files is a sink that is a directory.
type Files struct{ Dir string }

// ToFiles records into a directory, which is made if it does not exist: each participant
// into an Ogg file of Opus, as it was sent. All files of a recording begin at the same
// instant, with silence where nobody spoke, so laid over each other they are in sync
// within some 30 ms. They are named by user ID and start,
//
//	123456789-20261125T181500.250Z.ogg
//
// with -presentation after the ID for the sound of a shared screen, and ssrc-N in its place
// where no [Participant] tells whose stream it is within a second. The file
// index-START.jsonl has a line of JSON for each time somebody spoke: file, user, ssrc,
// and from and to in seconds.
//
// The files are finished when the call ends or another sink is set. A program that is
// killed loses the last second. Silence takes 0.4 MB an hour in each.
//
// [Participant]: https://pkg.go.dev/github.com/gotgcall/gotgcall#Participant
func ToFiles(dir string) Sink { return Files{dir} }

// Open begins a recording.
func (f Files) Open(ctx context.Context, env Env) (Writer, error) {
	if env.Sinks == nil {
		return nil, errNoOpener()
	}
	return env.Sinks.OpenSink(ctx, env, f)
}

// Samples is what another participant of a call says, decoded.
type Samples struct {
	// SSRC, UserID, Presentation, Level and Skipped are those of [Received].
	SSRC         uint32
	UserID       int64
	Presentation bool
	Level        int
	Skipped      uint64
	// Missing is for how long, by the sender's clock, there was nothing between the
	// samples before and these: lost packets or a pause; at most 1 s.
	Missing time.Duration
	// Data are the samples, of the format that was asked for. It is valid until the
	// function returns.
	Data []byte
}

// Decoded is a sink that is a function of samples.
type Decoded struct {
	Function func(Samples)
	Format   PCMFormat
}

// ToPCM decodes what each participant says and gives it to a function, packet by packet,
// as [ToFunc] does. The rate is 8,000, 12,000, 16,000, 24,000 or 48,000 Hz. Nothing is
// mixed, and nothing is filled in where packets are missing.
func ToPCM(f func(Samples), format PCMFormat) Sink { return Decoded{Function: f, Format: format} }

// Open returns a writer that decodes.
func (d Decoded) Open(ctx context.Context, env Env) (Writer, error) {
	if env.Sinks == nil {
		return nil, errNoOpener()
	}
	return env.Sinks.OpenSink(ctx, env, d)
}
