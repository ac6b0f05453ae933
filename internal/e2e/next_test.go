package e2e_test

import (
	"cmp"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/webtest"
)

// seam is the hole between two files that follow one another: the look-ahead of the
// encoder of the second and what fills up the last packet of the first.
const seam = 6500*time.Microsecond + 20*time.Millisecond

// playAll plays sources one after another, each set while the one before plays.
func (s *fixture) playAll(t *testing.T, chat int64, ends int, sources ...gotgcall.Source) {
	t.Helper()
	for i, src := range sources {
		require.NoError(t, s.SetNextSource(chat, src))
		if i > 0 {
			for _, end := range s.awaitEnds(t, ends) {
				require.NoError(t, end.err)
			}
		}
	}
	for _, end := range s.awaitEnds(t, ends) {
		require.NoError(t, end.err)
	}
}

// TestNextSourceJoinsFiles: the packets of four files are one stream without a hole in
// its RTP time, and each file is heard whole.
func TestNextSourceJoinsFiles(t *testing.T) {
	t.Parallel()
	const seconds = 3
	var sources []gotgcall.Source
	names := []string{"a.wav", "b.mp3", "c.m4a", "d.ogg"}
	for _, name := range names {
		sources = append(sources, gotgcall.FromFile(sweep(t, name, mediatest.AudioSpec{Seconds: seconds}), gotgcall.EncodeOptions{}))
	}
	watch := watchMachine(t)
	s, remote := connected(t, sfu.Config{})
	s.playAll(t, chat, 1, sources...)
	packets, _ := s.leave(t, chat, remote)
	require.Empty(t, s.ends)
	require.NoError(t, mediatest.Inspect(packets).Err())
	if s.last.ClockMoves > 0 {
		require.Greater(t, watch.late(), 50*time.Millisecond)
	}
	var longest time.Duration
	for i := 1; i < len(packets); i++ {
		longest = max(longest, packets[i].Arrival.Sub(packets[i-1].Arrival))
	}
	t.Log("longest time between two packets", longest, "with a machine late by", watch.late())
	serially(func() {
		pcm, err := mediatest.DecodeOpus(packets)
		require.NoError(t, err)
		require.LessOrEqual(t, len(pcm.Gaps), int(s.last.ClockMoves), "%v", pcm.Gaps)
		pcm, err = mediatest.DecodeOpusInOrder(packets)
		require.NoError(t, err)
		heard := pcm.Sweep()
		require.Len(t, heard, len(names), "%v", heard)
		for i, h := range heard {
			require.InDelta(t, 0, h.Position.Seconds(), 0.01, "%v", heard)
			require.InDelta(t, seconds, (h.End - h.Start).Seconds(), 0.02, "%v", heard)
			if i > 0 {
				hole := h.Offset() - heard[i-1].Offset() - seconds*time.Second
				t.Log(names[i], "after", hole)
				require.InDelta(t, 0, hole.Seconds(), (seam + 2*time.Millisecond).Seconds())
			}
		}
	})
}

// TestNextSourceJoinsMovies: with both tracks the sound has no hole, the pictures are
// sent in time, and beeps and flashes agree in each movie. Sound alone comes in between.
func TestNextSourceJoinsMovies(t *testing.T) {
	t.Parallel()
	const seconds = 4
	path := movie(t, "movie.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: seconds * time.Second})
	film := gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both})
	s, remote := connected(t, sfu.Config{})
	states := make(chan gotgcall.MediaState, 64)
	s.OnUpgrade(func(_ int64, state gotgcall.MediaState) { states <- state })
	require.NoError(t, s.SetNextSource(chat, film))
	for _, next := range []struct {
		gotgcall.Source
		ends int // of the one before
	}{{film, 2}, {gotgcall.FromFile(path, gotgcall.EncodeOptions{}), 2}, {film, 1}} {
		require.NoError(t, s.SetNextSource(chat, next.Source))
		s.awaitEnds(t, next.ends)
	}
	s.awaitEnds(t, 2)
	w := watched{fixture: s}
	w.audio, w.video = s.leave(t, chat, remote)
	require.Empty(t, s.ends)
	w.moves = int(s.last.ClockMoves)
	for _, stopped := range []bool{false, true, false, true} {
		require.Equal(t, gotgcall.MediaState{VideoStopped: stopped, PresentationPaused: true}, <-states)
	}
	require.Empty(t, states)
	require.NoError(t, mediatest.Inspect(w.audio).Err())
	require.NoError(t, mediatest.Inspect(w.video).Err())
	var broken int
	w.frames, broken = mediatest.Assemble(w.video)
	require.Zero(t, broken)
	disturbed := s.last.ClockMoves + s.last.PicturesShed + s.last.SourceRestarts // by a busy machine
	if disturbed == 0 {
		require.Len(t, w.frames, 3*seconds*25)
	}
	serially(func() {
		var err error
		w.pictures, err = mediatest.DecodePictures(t.Context(), ffmpeg, w.frames)
		require.NoError(t, err)
		w.pcm, err = mediatest.DecodeOpus(w.audio)
		require.NoError(t, err)
	})
	require.LessOrEqual(t, len(w.pcm.Gaps), w.moves, "%v", w.pcm.Gaps)
	beeps, each := w.pcm.Beeps(), seconds-1
	if disturbed == 0 {
		require.Len(t, beeps, 4*each)
		w.requireBeepsInSync(t, append(beeps[:2*each:2*each], beeps[3*each:]...), 3*each)
	}
}

// TestHundredFilesInARowLeaveNothing: each is set while the one before plays, in four
// calls at once.
func TestHundredFilesInARowLeaveNothing(t *testing.T) {
	// Not parallel: it counts what the process has.
	const calls, files = 4, 25
	path := t.TempDir() + "/short.wav"
	length := cmp.Or(os.Getenv("SECONDS_EACH"), "0.3")
	require.NoError(t, exec.CommandContext(t.Context(), ffmpeg, "-loglevel", "error", "-f", "lavfi", "-i", "sine=d="+length, path).Run())
	src := gotgcall.FromFile(path, gotgcall.EncodeOptions{})
	s := newFixture(t, sfu.Config{}, gotgcall.WithSharedUDPMux())
	ends := make([]chan error, calls)
	s.OnStreamEnd(func(chat int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) { ends[chat] <- err })
	remotes := make([]*sfu.Participant, calls)
	for chat := range ends {
		ends[chat] = make(chan error, files)
		remotes[chat] = s.join(t, int64(chat))
	}
	inARow := func(files int) {
		var all sync.WaitGroup
		for chat := range ends {
			all.Go(func() {
				for i := range files {
					err := s.SetNextSource(int64(chat), src)
					if i > 0 {
						err = errors.Join(err, <-ends[chat])
					}
					if err != nil {
						t.Error(err)
					}
				}
				if err := <-ends[chat]; err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	inARow(2) // what is made once
	before := usage(t)
	inARow(files)
	require.Eventually(t, func() bool {
		now := usage(t)
		return now.goroutines <= before.goroutines+2 && now.descriptors <= before.descriptors && now.children == 0
	}, 20*time.Second, 50*time.Millisecond, "before %+v, after %+v", before, usage(t))
	for chat, remote := range remotes {
		packets, _ := s.leave(t, int64(chat), remote)
		require.NoError(t, mediatest.Inspect(packets).Err())
		require.Empty(t, ends[chat])
	}
}

// TestNextSourceOfAServerThatHangsUp: the server cuts the connection while the source
// waits for its turn. A file in ranges is heard whole; any other is an error when what
// had arrived has been heard.
func TestNextSourceOfAServerThatHangsUp(t *testing.T) {
	t.Parallel()
	const seconds = 8
	file, err := os.ReadFile(sweep(t, "next.mp3", mediatest.AudioSpec{Seconds: seconds}))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		answer func(q *http.Request) webtest.Answer
		want   error
		heard  float64 // seconds, at least
	}{
		"in ranges":      {func(q *http.Request) webtest.Answer { return webtest.Part(q, file) }, nil, seconds - 0.05},
		"without ranges": {func(*http.Request) webtest.Answer { return webtest.Answer{Body: file} }, gotgcall.ErrFile, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hangUp := make(chan struct{})
			server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
				a := c.answer(q)
				if n == 0 {
					a.Cut, a.Until = len(file)/2, hangUp
				}
				return a
			})
			first := gotgcall.FromFile(sweep(t, "first.wav", mediatest.AudioSpec{Seconds: 2}), gotgcall.EncodeOptions{})
			const stall = time.Second // shorter than the wait
			s, remote := playing(t, sfu.Config{}, first, gotgcall.WithStallTimeout(stall))
			require.NoError(t, s.SetNextSource(chat, gotgcall.FromURL(server.URL, gotgcall.EncodeOptions{})))
			close(hangUp)
			ends := s.awaitEnds(t, 2)
			require.NoError(t, ends[0].err)
			require.ErrorIs(t, ends[1].err, c.want)
			packets, _ := s.leave(t, chat, remote)
			require.NoError(t, mediatest.Inspect(packets).Err())
			serially(func() {
				pcm, err := mediatest.DecodeOpusInOrder(packets)
				require.NoError(t, err)
				heard := pcm.Sweep()
				require.Len(t, heard, 2, "%v", heard)
				require.Greater(t, (heard[1].End - heard[1].Start).Seconds(), c.heard, "%v", heard)
			})
		})
	}
}

// TestNextSourceJoinsFilesByRTMP: the samples of two files follow one another in one
// encoder, without a hole.
func TestNextSourceJoinsFilesByRTMP(t *testing.T) {
	t.Parallel()
	const seconds = 3
	server := newReceiver(t, streamKey)
	s := newFixture(t, sfu.Config{})
	require.NoError(t, s.StartRTMP(chat, server.url(streamKey)))
	song := gotgcall.FromFile(sweep(t, "a.wav", mediatest.AudioSpec{Seconds: seconds}), small(gotgcall.TrackAudio))
	require.ErrorIs(t, s.SetNextSource(chat, gotgcall.FromShell("cat x", gotgcall.TrackAudio)), gotgcall.ErrInvalidParams)
	s.playAll(t, chat, 1, song, song, song)
	disturbed := s.leaveRTMP(t)
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected, gotgcall.Closed)
	size, area := smallSize()
	got := judge(t, server.recordings(t, 1)[0], size, area)
	heard := got.sound.Sweep()
	if disturbed == 0 {
		require.Len(t, heard, 3)
		for i := 1; i < len(heard); i++ {
			apart := heard[i].Offset() - heard[i-1].Offset()
			require.InDelta(t, seconds, apart.Seconds(), 0.002, "%v", heard)
		}
	}
}

// TestNextSourceSurvivesALostCall: it is opened again with the source before it, and
// follows that.
func TestNextSourceSurvivesALostCall(t *testing.T) {
	t.Parallel()
	song := gotgcall.FromFile(tones(t, "a.wav", mediatest.AudioSpec{Seconds: 60}), gotgcall.EncodeOptions{})
	s, remote := playing(t, sfu.Config{}, song)
	require.NoError(t, s.SetNextSource(chat, gotgcall.FromFile(sweep(t, "b.wav", mediatest.AudioSpec{Seconds: 2}), gotgcall.EncodeOptions{})))
	remote.Kick()
	require.ErrorIs(t, s.awaitEnds(t, 1)[0].err, gotgcall.ErrConnectionFailed)
	params, err := s.Rejoin(chat)
	require.NoError(t, err)
	remote = s.rejoin(t, chat, params)
	require.NoError(t, s.SeekTo(chat, time.Hour))
	for _, end := range s.awaitEnds(t, 2) {
		require.NoError(t, end.err)
	}
	packets, _ := s.leave(t, chat, remote)
	serially(func() {
		pcm, err := mediatest.DecodeOpusInOrder(packets)
		require.NoError(t, err)
		heard := pcm.Sweep()
		last := heard[len(heard)-1]
		require.InDelta(t, 0, last.Position.Seconds(), 0.01, "%v", heard)
		require.InDelta(t, 2, (last.End - last.Start).Seconds(), 0.02, "%v", heard)
	})
}

// TestGaplessPlaylist is the README's: each song plays once, in order, whatever its
// tracks are and whatever file is bad.
func TestGaplessPlaylist(t *testing.T) {
	t.Parallel()
	film := movie(t, "both.mp4", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "10", Duration: time.Second})
	silent := movie(t, "silent.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "10", Duration: time.Second, NoAudio: true})
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 1})
	playlist := []string{film, silent, "missing", song, silent, film, "missing"}
	s := newFixture(t, sfu.Config{})
	var played []string
	var mu sync.Mutex // guards playlist and played
	next := func() {
		mu.Lock()
		defer mu.Unlock()
		for len(playlist) > 0 {
			path := playlist[0]
			playlist = playlist[1:]
			err := s.SetNextSource(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{Tracks: both}))
			if err == nil {
				played = append(played, path)
				return
			}
			assert.ErrorIs(t, err, gotgcall.ErrFile)
		}
	}
	over := make(chan struct{}, 64)
	s.OnStreamEnd(func(chatID int64, kind gotgcall.StreamType, _ gotgcall.Device, err error) {
		stats, failed := s.Stats(chatID)
		if err := errors.Join(err, failed); err != nil {
			t.Error(err)
		}
		if len(stats.Ending) == 0 {
			go next()
			over <- struct{}{}
		} else {
			assert.Equal(t, gotgcall.Video, kind)
		}
	})
	remote := s.join(t, chat)
	next()
	next()
	for range 5 {
		<-over
	}
	s.leave(t, chat, remote)
	require.Empty(t, over)
	require.Equal(t, []string{film, silent, song, silent, film}, played)
}
