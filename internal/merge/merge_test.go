package merge

import (
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/stretchr/testify/require"
)

// scripted is a feed whose frames come at instants of their own.
type scripted struct {
	track  media.Track
	begin  time.Time
	frames []scriptedFrame
	wait   time.Duration // for the header
	end    error         // nil: it says nothing more until it is stopped
	stop   chan struct{}
	read   atomic.Int32 // how many frames have been read
}

type scriptedFrame struct{ pts, at time.Duration }

func (s *scripted) Header() (media.Track, error) {
	s.sleep(s.wait)
	return s.track, nil
}

func (s *scripted) Next() (media.Frame, error) {
	read := int(s.read.Load())
	if read == len(s.frames) {
		if s.end == nil {
			<-s.stop
			return media.Frame{}, io.EOF
		}
		return media.Frame{}, s.end
	}
	f := s.frames[read]
	s.read.Add(1)
	s.sleep(f.at)
	return media.Frame{Track: s.track, PTS: f.pts, Duration: 20 * time.Millisecond << (s.track - media.TrackAudio), Data: make([]byte, 1<<10)}, nil
}

// sleep waits for an instant.
func (s *scripted) sleep(until time.Duration) {
	select {
	case <-time.After(time.Until(s.begin.Add(until))):
	case <-s.stop:
	}
}

// steady are frames from one time to another that come so long after they are due.
func steady(from, to, step, late time.Duration) (frames []scriptedFrame) {
	for pts := from; pts < to; pts += step {
		frames = append(frames, scriptedFrame{pts, max(0, pts+late)})
	}
	return frames
}

const (
	soundStep   = 20 * time.Millisecond
	pictureStep = 40 * time.Millisecond
	ahead       = -time.Hour // all of it is there at once
)

// merged plays two feeds in virtual time, each frame when it is due, and returns
// the frames and when they were had.
func merged(t *testing.T, sound, pictures *scripted) (frames []media.Frame, at []time.Duration, end error) {
	t.Helper()
	begin, stop := time.Now(), make(chan struct{})
	sound.track, pictures.track = media.TrackAudio, media.TrackVideo
	for _, s := range []*scripted{sound, pictures} {
		s.begin, s.stop = begin, stop
	}
	m := New(sound, pictures)
	require.Equal(t, media.TrackAudio|media.TrackVideo, m.Opened())
	m.Begin()
	epoch := time.Now()
	for {
		f, err := m.Next()
		if err != nil {
			end = err
			break
		}
		frames, at = append(frames, f), append(at, time.Since(begin))
		<-time.After(time.Until(epoch.Add(f.PTS)))
	}
	m.Stop()
	close(stop)
	m.Wait()
	return frames, at, end
}

// requireSoundInTime checks that each frame of sound was had within a time of its
// coming, and that none is missing.
func requireSoundInTime(t *testing.T, frames []media.Frame, at []time.Duration, length, within time.Duration) {
	t.Helper()
	due := time.Duration(0)
	for i, f := range frames {
		if f.Track != media.TrackAudio {
			continue
		}
		require.Equal(t, due, f.PTS)
		require.LessOrEqual(t, at[i], f.PTS+within)
		due += soundStep
	}
	require.Equal(t, length, due)
}

func TestMergeIsInOrderWhereBothAreThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sound := &scripted{frames: steady(0, 10*time.Second, soundStep, ahead), end: io.EOF}
		pictures := &scripted{frames: steady(0, 10*time.Second, pictureStep, ahead), end: io.EOF}
		frames, _, end := merged(t, sound, pictures)
		require.Equal(t, io.EOF, end)
		require.Len(t, frames, 750)
		for i := range frames[1:] {
			require.LessOrEqual(t, frames[i].PTS, frames[i+1].PTS)
		}
	})
}

// TestMergeHoldsNoSoundBack, of a live source, whatever its pictures do.
func TestMergeHoldsNoSoundBack(t *testing.T) {
	t.Parallel()
	const length = 20 * time.Second
	for name, pictures := range map[string]*scripted{
		"stop":        {frames: steady(0, 2*time.Second, pictureStep, 0), end: io.EOF},
		"fall silent": {frames: steady(0, 2*time.Second, pictureStep, 0)},
		"begin late":  {frames: steady(5*time.Second, length, pictureStep, 0), wait: 5 * time.Second, end: io.EOF},
		"come late":   {frames: steady(0, length, pictureStep, 300*time.Millisecond), end: io.EOF},
		"are few":     {frames: steady(0, length, 3*time.Second, 0), end: io.EOF},
		"break":       {frames: append(steady(0, time.Second, pictureStep, 0), steady(9*time.Second, length, pictureStep, 0)...), end: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				sound := &scripted{frames: steady(0, length, soundStep, 0), end: io.EOF}
				if pictures.end == nil {
					sound.end = errors.New("over")
				}
				// What is not known of the pictures may delay the beginning.
				within := soundStep + soundWait
				if pictures.wait > 0 || pictures.frames[0].at > 0 {
					within += legTimeout
				}
				frames, at, _ := merged(t, sound, pictures)
				requireSoundInTime(t, frames, at, length, within)
			})
		})
	}
}

// TestMergeReadsPicturesThatHoldTheSoundUp: one process writes both, so pictures
// are read on while sound is awaited.
func TestMergeReadsPicturesThatHoldTheSoundUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pictures := &scripted{frames: steady(0, 4*time.Second, pictureStep, ahead), end: io.EOF}
		// The sound of a second comes once the pictures of the next have been read.
		sound := &behind{scripted: scripted{frames: steady(0, 4*time.Second, soundStep, ahead), end: io.EOF}, pictures: pictures}
		sound.track, pictures.track = media.TrackAudio, media.TrackVideo
		sound.begin, pictures.begin = time.Now(), time.Now()
		m := New(sound, pictures)
		m.Opened()
		m.Begin()
		last := time.Duration(0)
		for {
			f, err := m.Next()
			if err != nil {
				require.Equal(t, io.EOF, err)
				break
			}
			require.GreaterOrEqual(t, f.PTS, last)
			last = f.PTS
		}
		m.Stop()
		m.Wait()
	})
}

// behind is sound that comes no further than a second before the pictures.
type behind struct {
	scripted
	pictures *scripted
}

func (b *behind) Next() (media.Frame, error) {
	f, err := b.scripted.Next()
	for err == nil {
		read := int(b.pictures.read.Load())
		if read == len(b.pictures.frames) || b.pictures.frames[read].pts >= f.PTS+time.Second {
			break
		}
		<-time.After(time.Millisecond)
	}
	return f, err
}

func TestMergeReportsWhatBroke(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		sound := &scripted{frames: steady(0, time.Minute, soundStep, 0), end: io.EOF}
		frames, _, end := merged(t, sound, &scripted{frames: steady(0, time.Second, pictureStep, 0), end: broken})
		require.ErrorIs(t, end, broken)
		require.NotEmpty(t, frames)
	})
}
