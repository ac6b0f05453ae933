package mediatest

import (
	"bytes"
	"encoding/binary"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"
)

// sendVP8 has ffmpeg encode src and turns the result into packets that arrive
// on time.
func sendVP8(t *testing.T, src string, options ...string) []Packet {
	t.Helper()
	ivf := filepath.Join(t.TempDir(), "sent.ivf")
	args := []string{
		"-y", "-i", src, "-an", "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "16", "-g", "20",
		"-pix_fmt", "yuv420p", "-b:v", "300k",
	}
	require.NoError(t, run(t.Context(), "ffmpeg", nil, append(append(args, options...), ivf)...))
	data, err := os.ReadFile(ivf)
	require.NoError(t, err)
	le := binary.LittleEndian
	rate, scale := uint64(le.Uint32(data[16:])), uint64(le.Uint32(data[20:]))
	var packets []Packet
	payloader := codecs.VP8Payloader{EnablePictureID: true}
	for data = data[32:]; len(data) > 0; {
		size := le.Uint32(data)
		at := le.Uint64(data[4:]) * scale * VideoClockRate / rate
		parts := payloader.Payload(1100, data[12:12+size])
		data = data[12+size:]
		for i, part := range parts {
			packets = append(packets, Packet{
				SSRC: 9, SequenceNumber: uint16(65000 + len(packets)), Timestamp: uint32(at) - 60000,
				Marker: i == len(parts)-1, Arrival: start().Add(time.Duration(at) * time.Second / VideoClockRate),
				Payload: part,
			})
		}
	}
	return packets
}

func watch(t *testing.T, packets []Packet) []Picture {
	t.Helper()
	frames, broken := Assemble(packets)
	require.Zero(t, broken)
	pictures, err := DecodePictures(t.Context(), "ffmpeg", frames)
	require.NoError(t, err)
	return pictures
}

// beepTimestamps are the onsets on the RTP clock.
func beepTimestamps(t *testing.T, packets []Packet) []uint32 {
	t.Helper()
	pcm, err := DecodeOpus(packets)
	require.NoError(t, err)
	var timestamps []uint32
	for _, at := range pcm.Beeps() {
		timestamps = append(timestamps, pcm.Timestamp(at))
	}
	return timestamps
}

func TestMovieIsReadBack(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	for name, test := range map[string]struct {
		file   string
		spec   MovieSpec
		send   []string
		frames int
		size   image.Point
	}{
		"480p scaled down": {
			file: "m.mp4", spec: MovieSpec{Width: 854, Height: 480},
			send: []string{"-vf", "scale=320:180", "-b:v", "100k"}, frames: 90, size: image.Pt(320, 180),
		},
		"ntsc":          {file: "m.mp4", spec: MovieSpec{Width: 160, Height: 90, FPS: "30000/1001"}, frames: 90, size: image.Pt(160, 90)},
		"odd":           {file: "m.mp4", spec: MovieSpec{Width: 321, Height: 179, FPS: "25"}, frames: 75, size: image.Pt(321, 179)},
		"portrait":      {file: "m.mp4", spec: MovieSpec{Width: 90, Height: 160, FPS: "15"}, frames: 45, size: image.Pt(90, 160)},
		"webm":          {file: "m.webm", spec: MovieSpec{Width: 320, Height: 240, FPS: "24"}, frames: 72, size: image.Pt(320, 240)},
		"mkv at 50 fps": {file: "m.mkv", spec: MovieSpec{Width: 320, Height: 240, FPS: "50"}, frames: 150, size: image.Pt(320, 240)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), test.file)
			test.spec.Duration = 3 * time.Second
			require.NoError(t, MakeMovie(t.Context(), "ffmpeg", path, test.spec))
			video := sendVP8(t, path, test.send...)
			require.NoError(t, Inspect(video).Err())
			pictures := watch(t, video)
			require.NoError(t, CheckCounters(pictures, 0, test.frames-1))
			require.NoError(t, CheckCounterTimes(pictures, test.spec.FPS, 2*ms))
			require.Equal(t, []image.Point{test.size}, Sizes(pictures))
			audio := sendOpus(t, path)
			offsets, err := AVOffsets(beepTimestamps(t, audio), Flashes(pictures),
				NewClock(start(), audio[0].Timestamp, SampleRate), NewClock(start(), video[0].Timestamp, VideoClockRate))
			require.NoError(t, err)
			require.Len(t, offsets, 2)
			for _, o := range offsets {
				require.InDelta(t, 6.5, float64(o.Offset)/float64(ms), 5, "encoder look-ahead alone")
			}
		})
	}
}

func TestMovieVariants(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	dir := t.TempDir()
	silent := filepath.Join(dir, "silent.mp4")
	require.NoError(t, MakeMovie(t.Context(), "ffmpeg", silent, MovieSpec{Width: 64, Height: 64, Duration: time.Second, NoAudio: true}))
	out, _ := exec.CommandContext(t.Context(), "ffmpeg", "-hide_banner", "-i", silent).CombinedOutput()
	require.Contains(t, string(out), "Video:")
	require.NotContains(t, string(out), "Audio:")
	song := filepath.Join(dir, "song.mp4")
	require.NoError(t, MakeMovie(t.Context(), "ffmpeg", song, MovieSpec{Width: 64, Height: 64, Duration: 2 * time.Second, Tones: true}))
	pcm, err := DecodeOpus(sendOpus(t, song))
	require.NoError(t, err)
	require.NoError(t, CheckTones(pcm.Tones(), 0, 2*time.Second, 40*ms))
	left, err := filepath.Glob(filepath.Join(dir, "*.pcm"))
	require.NoError(t, err)
	require.Empty(t, left)
	for name, spec := range map[string]MovieSpec{
		"no size":   {Duration: time.Second},
		"no length": {Width: 64, Height: 64},
		"too long":  {Width: 64, Height: 64, Duration: time.Hour},
		"bad rate":  {Width: 64, Height: 64, Duration: time.Second, FPS: "30/0"},
		"no rate":   {Width: 64, Height: 64, Duration: time.Second, FPS: "fast"},
	} {
		require.Error(t, MakeMovie(t.Context(), "ffmpeg", filepath.Join(dir, "bad.mp4"), spec), name)
	}
}

func TestVideoJudgesFailOnWrongVideo(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	path := filepath.Join(t.TempDir(), "m.mp4")
	require.NoError(t, MakeMovie(t.Context(), "ffmpeg", path, MovieSpec{Width: 640, Height: 360, Duration: 3 * time.Second}))
	// Noise makes frames of several packets.
	video := sendVP8(t, path, "-vf", "noise=alls=20:allf=t", "-b:v", "3M")
	audio := sendOpus(t, path)
	pictures := watch(t, video)
	require.NoError(t, CheckCounters(pictures, 0, 89))
	frames, _ := Assemble(video)
	for _, interval := range KeyIntervals(frames) {
		require.LessOrEqual(t, interval, 20*time.Second/30+ms)
	}
	require.GreaterOrEqual(t, len(KeyIntervals(frames)), 4)
	t.Run("wrong range", func(t *testing.T) {
		t.Parallel()
		require.Error(t, CheckCounters(pictures, 0, 88))
		require.Error(t, CheckCounters(pictures, 0, 90))
		require.Error(t, CheckCounters(pictures, 1, 90))
		require.Error(t, CheckCounters(nil, 0, 0))
		require.Error(t, CheckCounters(slices.Delete(slices.Clone(pictures), 40, 41), 0, 89))
		require.Error(t, CheckCounters(slices.Insert(slices.Clone(pictures), 40, pictures[40]), 0, 89))
	})
	t.Run("a frame lost whole", func(t *testing.T) {
		t.Parallel()
		lost := frames[30].Timestamp
		damaged := slices.DeleteFunc(slices.Clone(video), func(p Packet) bool { return p.Timestamp == lost })
		require.Error(t, Inspect(damaged).Err())
		require.Error(t, CheckCounters(watch(t, damaged), 0, 89))
	})
	t.Run("a packet lost in a frame", func(t *testing.T) {
		t.Parallel()
		at := slices.IndexFunc(video, func(p Packet) bool { return p.Timestamp == frames[20].Timestamp })
		require.False(t, video[at].Marker, "a key frame takes several packets")
		for _, missing := range []int{at, at + 1} {
			_, broken := Assemble(slices.Delete(slices.Clone(video), missing, missing+1))
			require.Equal(t, 1, broken)
		}
	})
	t.Run("reordered, doubled and padded is as good", func(t *testing.T) {
		t.Parallel()
		shuffled := slices.Clone(video)
		shuffled[5], shuffled[6] = shuffled[6], shuffled[5]
		shuffled = append(shuffled, shuffled[9])
		last := video[len(video)-1]
		last.SequenceNumber, last.Payload = last.SequenceNumber+1, nil
		require.NoError(t, CheckCounters(watch(t, append(shuffled, last)), 0, 89))
	})
	t.Run("nothing before the key frame", func(t *testing.T) {
		t.Parallel()
		late := slices.DeleteFunc(slices.Clone(frames), func(f VideoFrame) bool { return f.Timestamp == frames[0].Timestamp })
		got, err := DecodePictures(t.Context(), "ffmpeg", late)
		require.NoError(t, err)
		require.NoError(t, CheckCounters(got, 20, 89))
		_, err = DecodePictures(t.Context(), "ffmpeg", late[:5])
		require.ErrorContains(t, err, "no key frame")
	})
	t.Run("time out of step", func(t *testing.T) {
		t.Parallel()
		require.NoError(t, CheckCounterTimes(pictures, "30", 2*ms))
		require.Error(t, CheckCounterTimes(pictures, "25", 2*ms))
		late := slices.Clone(pictures)
		late[50].Timestamp += 900
		require.Error(t, CheckCounterTimes(late, "30", 2*ms))
		require.Error(t, CheckMovedCounterTimes(late, "30", 2*ms, 1), "one picture, not all that follow")
		for i := range late[51:] {
			late[51+i].Timestamp += 900
		}
		require.NoError(t, CheckMovedCounterTimes(late, "30", 2*ms, 1))
		require.Error(t, CheckCounterTimes(late, "30", 2*ms))
	})
	t.Run("sound 80 ms late", func(t *testing.T) {
		t.Parallel()
		audioClock := NewClock(start().Add(80*ms), audio[0].Timestamp, SampleRate)
		videoClock := NewClock(start(), video[0].Timestamp, VideoClockRate)
		offsets, err := AVOffsets(beepTimestamps(t, audio), Flashes(pictures), audioClock, videoClock)
		require.NoError(t, err)
		require.InDelta(t, 86.5, float64(offsets[0].Offset)/float64(ms), 5)
		require.Equal(t, start().Add(time.Second), offsets[0].At)
	})
	t.Run("a beep is missing", func(t *testing.T) {
		t.Parallel()
		beeps := beepTimestamps(t, audio)
		clock := NewClock(start(), audio[0].Timestamp, SampleRate)
		videoClock := NewClock(start(), video[0].Timestamp, VideoClockRate)
		offsets, err := AVOffsets(beeps[:1], Flashes(pictures), clock, videoClock)
		require.ErrorContains(t, err, "has no beep")
		require.Len(t, offsets, 1)
		_, err = AVOffsets(beeps, Flashes(pictures)[1:], clock, videoClock)
		require.ErrorContains(t, err, "has no flash")
	})
}

func TestSizeMayChangeInTheMiddle(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	path := filepath.Join(t.TempDir(), "m.mp4")
	require.NoError(t, MakeMovie(t.Context(), "ffmpeg", path, MovieSpec{Width: 320, Height: 180, Duration: time.Second}))
	first, _ := Assemble(sendVP8(t, path))
	second, _ := Assemble(sendVP8(t, path, "-vf", "scale=160:90"))
	pictures, err := DecodePictures(t.Context(), "ffmpeg", slices.Concat(first, second))
	require.NoError(t, err)
	require.Equal(t, []image.Point{{X: 320, Y: 180}, {X: 160, Y: 90}}, Sizes(pictures))
	require.NoError(t, CheckCounters(pictures[30:], 0, 29))
}

func TestUndecodableFrameIsAnError(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	garbage := append([]byte{0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0}, bytes.Repeat([]byte{0xff}, 50)...)
	key, size := parseVP8(garbage)
	frame := VideoFrame{Key: key, Size: size, Data: garbage[:11]}
	require.True(t, key)
	_, err := DecodePictures(t.Context(), "ffmpeg", []VideoFrame{frame})
	require.Error(t, err)
}

func TestPictureThatShowsNoNumber(t *testing.T) {
	t.Parallel()
	for name, level := range map[string]byte{"black": 0, "white": 255, "grey": 128} {
		picture := image.NewGray(image.Rect(0, 0, 320, 180))
		for i := range picture.Pix {
			picture.Pix[i] = level
		}
		counter, _ := ReadPicture(picture)
		require.Equal(t, -1, counter, name)
	}
	counter, _ := ReadPicture(image.NewGray(image.Rect(0, 0, 0, 0)))
	require.Equal(t, -1, counter)
}

func TestPictureIsReadAtAnySizeAndPlace(t *testing.T) {
	t.Parallel()
	for _, size := range []image.Point{{5, 6}, {37, 23}, {320, 180}} {
		picture := image.NewGray(image.Rect(0, 0, size.X+8, size.Y+4))
		area := image.Rect(3, 2, 3+size.X, 2+size.Y)
		for _, want := range []int{0, 1, 299, 0xa5a5, maxCounter - 1} {
			grid := appendGrid(nil, want, want%2 == 1)
			for y := range size.Y {
				for x := range size.X {
					picture.Pix[picture.PixOffset(3+x, 2+y)] = grid[y*gridRows/size.Y*gridColumns+x*gridColumns/size.X]
				}
			}
			cropped, _ := picture.SubImage(area).(*image.Gray)
			counter, flash := ReadPicture(cropped)
			require.Equal(t, want, counter, "size %v", size)
			require.Equal(t, want%2 == 1, flash)
		}
	}
}

func TestFlashesAreWholeAndOnTheSecond(t *testing.T) {
	t.Parallel()
	for fps, want := range map[string][]flash{
		"30":         {{30, 33}, {60, 63}},
		"30000/1001": {{30, 33}, {60, 63}},
		"10":         {{10, 12}, {20, 22}},
		"1":          {{1, 3}},
	} {
		rate, err := parseRate(fps)
		require.NoError(t, err)
		require.Equal(t, want, rate.flashes(rate.frames(3*time.Second)), fps)
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	skipWithoutFFmpeg(t)
	dir := t.TempDir()
	whole, cut := filepath.Join(dir, "whole.mp4"), filepath.Join(dir, "cut.mp4")
	require.NoError(t, MakeMovie(t.Context(), "ffmpeg", whole, MovieSpec{Width: 64, Height: 64, Duration: time.Second}))
	require.NoError(t, TruncateMP4(whole, cut))
	empty, text := filepath.Join(dir, "empty.mp3"), filepath.Join(dir, "text.mp3")
	require.NoError(t, WriteEmpty(empty))
	require.NoError(t, WriteText(text))
	require.NoError(t, run(t.Context(), "ffmpeg", nil, "-i", whole, "-f", "null", "-"))
	for _, path := range []string{cut, empty, text} {
		require.Error(t, run(t.Context(), "ffmpeg", nil, "-i", path, "-f", "null", "-"), path)
	}
	require.ErrorContains(t, TruncateMP4(cut, whole), "box")
	require.Error(t, TruncateMP4(text, whole))
}
