package e2e_test

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

const streamKey = "2099:AbCdEf-streamKEY_9"

// small is what most RTMP tests publish: 25 pictures a second of 160 x 90.
func small(tracks gotgcall.Track) gotgcall.EncodeOptions {
	return gotgcall.EncodeOptions{Tracks: tracks, VideoWidth: 160, VideoHeight: 90, VideoFPS: 25, VideoBitrateKbps: 300}
}

func smallSize() (image.Point, image.Rectangle) { return image.Pt(160, 90), image.Rect(0, 0, 160, 90) }

// requireStates asserts what OnConnectionChange heard.
func (s *fixture) requireStates(t *testing.T, want ...gotgcall.ConnState) {
	t.Helper()
	for _, state := range want {
		require.Equal(t, state, <-s.states)
	}
}

// leaveRTMP stops the call and returns how many pictures a busy machine disturbed:
// none, where nothing else runs.
func (s *fixture) leaveRTMP(t *testing.T) (disturbed int) {
	t.Helper()
	stats, err := s.Stats(chat)
	require.NoError(t, err)
	require.NoError(t, s.Stop(chat))
	return int(stats.PicturesShed + stats.FramesLate)
}

// TestRTMPCarriesAMovie plays a 4:3 movie into a 16:9 publication: the format, each
// picture once, letterboxed, and the sound with it.
func TestRTMPCarriesAMovie(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, streamKey)
	path := movie(t, "movie.mkv", mediatest.MovieSpec{Width: 120, Height: 90, FPS: "25", Duration: 6 * time.Second})
	s := newFixture(t, sfu.Config{})
	require.NoError(t, s.StartRTMP(chat, server.url(streamKey)))
	options := small(both)
	options.VideoWidth, options.VideoHeight = 320, 180
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, options)))
	for _, end := range s.awaitEnds(t, 2) {
		require.NoError(t, end.err)
	}
	ms, err := s.Time(chat)
	require.NoError(t, err)
	require.InDelta(t, 6000, float64(ms), 60)
	stats, err := s.Stats(chat)
	require.NoError(t, err)
	require.Equal(t, gotgcall.Connected, stats.State)
	require.Positive(t, stats.Video.Bytes)
	require.Contains(t, s.Calls(), chat)
	disturbed := s.leaveRTMP(t)
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected, gotgcall.Closed)
	require.Empty(t, s.ends)

	got := judge(t, server.recordings(t, 1)[0], image.Pt(320, 180), image.Rect(40, 0, 280, 180))
	require.Contains(t, got.probe, "codec_name=h264")
	require.Contains(t, got.probe, "width=320|height=180|pix_fmt=yuv420p")
	require.Contains(t, got.probe, "codec_name=aac|profile=LC|sample_rate=44100|channels=2")
	got.requireSteady(t, 25, disturbed)
	requireEach(t, got.numbered(), disturbed)
	require.InDelta(t, 150, len(got.numbered()), float64(disturbed))
	var flashes, beeps []uint32
	for i, p := range got.pictures {
		if p.flash && !got.pictures[i-1].flash {
			flashes = append(flashes, uint32(p.at*mediatest.VideoClockRate/time.Second))
		}
	}
	for _, at := range got.sound.Beeps() {
		beeps = append(beeps, got.sound.Timestamp(at))
	}
	offsets, err := mediatest.AVOffsets(beeps, flashes, mediatest.NewClock(time.Time{}, 0, mediatest.SampleRate), mediatest.NewClock(time.Time{}, 0, mediatest.VideoClockRate))
	if disturbed == 0 {
		require.NoError(t, err)
		require.Len(t, offsets, 5)
	}
	require.NotEmpty(t, offsets)
	for _, o := range offsets {
		t.Log("sound after picture:", o.Offset)
		require.InDelta(t, 0, o.Offset.Seconds(), 0.045*float64(1+disturbed))
	}
}

// TestRTMPOutlivesWhatPlays plays sound, pauses it, mutes it, goes on to a movie
// without sound, and to sound again: the receiver has one publication without a
// hole.
func TestRTMPOutlivesWhatPlays(t *testing.T) {
	t.Parallel()
	server := newReceiver(t, streamKey)
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 20})
	silent := movie(t, "silent.mkv", mediatest.MovieSpec{Width: 160, Height: 90, FPS: "25", Duration: 20 * time.Second, NoAudio: true})
	s, machine := newFixture(t, sfu.Config{}), watchMachine(t)
	require.NoError(t, s.StartRTMP(chat, server.url(streamKey)))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	began := time.Now()
	type mark struct {
		before, after time.Duration // from the start of the publication
		position      time.Duration
	}
	marks := make(map[string]mark) // by what was asked for then
	step := func(name string, d time.Duration, do func() error) {
		<-time.After(d)
		before := time.Since(began)
		position, err := s.Position(chat)
		require.NoError(t, err)
		require.NoError(t, do())
		marks[name] = mark{before, time.Since(began), position}
	}
	verb := func(do func(int64) (bool, error)) func() error {
		return func() error { _, err := do(chat); return err }
	}
	step("pause", 2*time.Second, verb(s.Pause))
	step("resume", 2*time.Second, verb(s.Resume))
	step("mute", 600*time.Millisecond, verb(s.Mute)) // in the middle of a tone
	step("unmute", 2*time.Second, verb(s.Unmute))
	step("movie", time.Second, func() error {
		return s.SetStreamSources(chat, gotgcall.FromFile(silent, gotgcall.EncodeOptions{Tracks: both}))
	})
	step("hold", 1500*time.Millisecond, verb(s.Pause))
	step("seek", time.Second, func() error { return s.SeekTo(chat, 10*time.Second) })
	step("play", 500*time.Millisecond, verb(s.Resume))
	step("song", 1500*time.Millisecond, func() error {
		return s.SetStreamSources(chat, gotgcall.FromFile(song, gotgcall.EncodeOptions{}))
	})
	var disturbed int
	step("stop", 2*time.Second, func() error { disturbed = s.leaveRTMP(t); return nil })
	ends := s.awaitEnds(t, 1)
	require.ErrorIs(t, ends[0].err, gotgcall.ErrStopped)
	require.Empty(t, s.ends, "only what was playing at the end")
	s.requireStates(t, gotgcall.Closed)

	size, all := smallSize()
	got := judge(t, server.recordings(t, 1)[0], size, all)
	got.requireSteady(t, 25, disturbed)
	// What is asked for is in force 200 ms later at the latest, where nothing else runs.
	settled := 200*time.Millisecond + machine.late()
	within := func(from, to string) (time.Duration, time.Duration) {
		return marks[from].after + settled, marks[to].before - settled
	}
	loudest := func(from, to string, least, most float32) {
		if from, to := within(from, to); from < to {
			top := got.loudest(from, to)
			require.True(t, least <= top && top <= most, "%v from %s to %s", top, from, to)
		}
	}
	loud := func(from, to string) { loudest(from, to, 0.2, 1) }
	quiet := func(from, to string) { loudest(from, to, 0, 0.001) }
	late := 10 + 25*machine.late().Seconds()

	for _, p := range got.between(within("", "movie")) {
		require.True(t, p.black, "%s", p.at)
	}
	loud("", "pause")
	quiet("pause", "resume")
	loud("resume", "mute")
	quiet("mute", "unmute")
	loud("unmute", "movie")
	quiet("movie", "song")
	loud("song", "stop")
	for _, p := range got.between(within("hold", "seek")) {
		require.InDelta(t, marks["hold"].position.Seconds()*25, p.counter, late)
	}
	moving := got.between(within("play", "song"))
	for _, p := range moving[:min(1, len(moving))] {
		require.InDelta(t, 10*25, p.counter, late)
	}
	requireEach(t, moving, disturbed)
	for _, p := range got.between(within("song", "stop")) {
		require.True(t, p.black, "%s", p.at)
	}
	var order []int
	for _, tone := range got.sound.Tones() {
		order = append(order, tone.Index)
	}
	order = slices.Compact(order)
	muted, unmuted := marks["mute"].position, marks["unmute"].position
	for i := range int(muted / time.Second) {
		require.Greater(t, len(order), i)
		require.Equal(t, i, order[i], "a pause keeps the place")
	}
	for _, i := range order {
		begin := time.Duration(i) * time.Second
		require.False(t, begin > muted+settled && begin+time.Second < unmuted-settled, "a mute does not: %d", i)
	}
}

// encoders are the processes of this program that encode for RTMP.
func encoders(t *testing.T) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range files {
		line, _ := os.ReadFile(file)                           // it may have ended
		status, _ := os.ReadFile(filepath.Dir(file) + "/stat") // pid (name) state parent
		words := bytes.Fields(status[bytes.LastIndexByte(status, ')')+1:])
		if bytes.Contains(line, []byte("no_duration_filesize")) && len(words) > 1 && string(words[1]) == strconv.Itoa(os.Getpid()) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

// TestRTMPIsPublishedAgain cuts the connection: the source goes on where it was.
func TestRTMPIsPublishedAgain(t *testing.T) {
	// Not parallel: it looks at all encoders of the process.
	server := newReceiver(t, streamKey)
	way := newRelay(t, server.addr, nil)
	song := tones(t, "song.wav", mediatest.AudioSpec{Seconds: 5})
	s := newFixture(t, sfu.Config{})
	require.NoError(t, s.StartRTMP(chat, "rtmp://"+way.addr()+"/s/"+streamKey))
	require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(song, small(gotgcall.TrackAudio))))
	s.requireStates(t, gotgcall.Connecting, gotgcall.Connected)
	s.awaitPosition(t, chat, 2500*time.Millisecond)
	encoder := encoders(t)
	way.cut()
	s.requireStates(t, gotgcall.Disconnected)
	at, err := s.Position(chat)
	require.NoError(t, err)
	s.requireStates(t, gotgcall.Connected)
	again, err := s.Position(chat)
	require.NoError(t, err)
	require.InDelta(t, at.Seconds(), again.Seconds(), 0.1, "it kept its place")
	require.Equal(t, encoder, encoders(t), "and its encoder")
	require.NoError(t, s.awaitEnds(t, 1)[0].err)
	disturbed := s.leaveRTMP(t)
	s.requireStates(t, gotgcall.Closed)

	files := server.recordings(t, 2)
	size, all := smallSize()
	got := judge(t, files[1], size, all)
	got.requireSteady(t, 25, disturbed)
	heard := got.sound.Tones()
	require.Equal(t, 4, heard[len(heard)-1].Index, "it goes on to the end of the song")
	require.LessOrEqual(t, heard[0].Index, 3)
}
