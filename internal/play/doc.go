// Package play plays sources: it opens them, paces their frames by one clock for
// sound and picture, and writes each into a [Sink] when it is due. It knows neither
// chats nor connections.
//
//	p := play.New(play.Config{Env: env, StallTimeout: 30 * time.Second}, events)
//	err := p.SetSource(ctx, media.FromFile("song.mp3", media.EncodeOptions{}))
//	p.Connect(func(f media.Frame, due time.Time) { … })
//	defer p.Close(models.ErrStopped)
//
// A [Player] plays one source at a time. A new one is opened while the old one plays,
// on the goroutine of the caller (opening.go), and replaces it when its first frame is
// there; the latest wins. One more source can be open, and follows the current one
// without a gap (next.go). Each run of a source is a session (session.go), with a
// stream and a clock. A [Wheel] serves the sessions of many players: it reads the streams
// that never wait, and the others are read ahead, each on its goroutine (ahead.go).
package play
