package source_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// arrival is when a frame of a stream was read.
type arrival struct {
	frame media.Frame
	at    time.Duration // since the first one
	read  time.Duration // how long it took
}

// arrivals reads a stream to its end as fast as it comes.
func arrivals(t testing.TB, s media.Stream) (got []arrival) {
	t.Helper()
	begin := time.Now()
	for {
		before := time.Now()
		f, err := s.ReadFrame()
		if err != nil {
			require.Equal(t, io.EOF, err)
			return got
		}
		f.Data = nil
		got = append(got, arrival{f, time.Since(begin), time.Since(before)})
	}
}

// soundOf returns the arrivals of sound.
func soundOf(all []arrival) (sound []arrival) {
	for _, a := range all {
		if a.frame.Track == media.TrackAudio {
			sound = append(sound, a)
		}
	}
	return sound
}

// longTail is a film whose sound goes on for three minutes after its pictures.
func longTail(t testing.TB) string {
	return fixture(t, "tail.mp4", append(picture("64x48", "25", "2"), tone("182", "-preset", "ultrafast", "-b:a", "32k")...)...)
}

// forms are the outputs of a source: encoded, and raw.
func forms(t testing.TB, path string) map[string]media.SeekableSource {
	t.Helper()
	source := media.FromFile(path, video).(media.SeekableSource)
	return map[string]media.SeekableSource{
		"encoded": source,
		"raw":     raw{source},
		"command": media.FromShell("ffmpeg -i "+path+" -vf hflip", both).(media.SeekableSource),
	}
}

// TestSoundGoesOnWhenThePicturesHaveEnded: no frame of it waits while ffmpeg works
// through the rest of the file.
func TestSoundGoesOnWhenThePicturesHaveEnded(t *testing.T) {
	t.Parallel()
	for name, source := range forms(t, longTail(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := arrivals(t, open(t, source))
			sound := soundOf(all)
			due := time.Duration(0)
			for _, a := range sound {
				require.InDelta(t, due.Seconds(), a.frame.PTS.Seconds(), 0.001)
				due += a.frame.Duration
			}
			require.InDelta(t, 182, due.Seconds(), 0.1)
			require.Len(t, all, len(sound)+50)
			for _, a := range sound {
				require.Less(t, a.read, all[len(all)-1].at*4/5, "at %v", a.frame.PTS)
			}
		})
	}
}

func TestOpenBehindTheEndOfThePictures(t *testing.T) {
	t.Parallel()
	for name, source := range forms(t, longTail(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			stream, err := source.OpenAt(t.Context(), env(), 5*time.Second)
			require.NoError(t, err)
			defer stream.Close()
			f, err := stream.ReadFrame()
			opened := time.Since(begin)
			require.NoError(t, err)
			require.Equal(t, media.TrackAudio, f.Track)
			require.Zero(t, f.PTS)
			sound := soundOf(arrivals(t, stream))
			require.InDelta(t, 177, (sound[len(sound)-1].frame.PTS + 20*time.Millisecond).Seconds(), 0.1)
			if name == "encoded" { // raw sound of three minutes takes no time
				require.Less(t, opened, time.Since(begin)/2)
			}
		})
	}
}

// paced is a named pipe into which ffmpeg plays at the pace of a live stream.
func paced(t *testing.T, path string) string {
	t.Helper()
	fifo := filepath.Join(t.TempDir(), "live.ts")
	require.NoError(t, exec.Command("mkfifo", fifo).Run())
	feed := exec.Command("ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-re", "-i", path, "-c", "copy", "-f", "mpegts", "-flush_packets", "1", fifo)
	require.NoError(t, feed.Start())
	t.Cleanup(func() {
		_ = feed.Process.Kill()
		_ = feed.Wait()
	})
	return fifo
}

// TestLiveSoundGoesOnWithoutPictures: sound comes when it is due, whatever the
// pictures do.
func TestLiveSoundGoesOnWithoutPictures(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.ts")
	whole, err := os.ReadFile(fixture(t, "whole.ts", movie("64x48", "25", "9", "-preset", "ultrafast", "-g", "10")...))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(broken, spoilPictures(whole), 0o600))
	for name, path := range map[string]string{
		"stop":       fixture(t, "stops.ts", append(picture("64x48", "25", "2"), tone("9", "-preset", "ultrafast")...)...),
		"begin late": fixture(t, "late.ts", append([]string{"-itsoffset", "5"}, append(picture("64x48", "25", "4"), tone("9", "-preset", "ultrafast")...)...)...),
		"broken":     broken,
	} {
		for form, source := range forms(t, paced(t, path)) {
			if form != "encoded" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				sound := soundOf(arrivals(t, open(t, source)))
				require.InDelta(t, 9, sound[len(sound)-1].frame.PTS.Seconds(), 0.5)
				for i, a := range sound[1:] {
					require.Less(t, a.frame.PTS-sound[i].frame.PTS, 25*time.Millisecond)
					require.Less(t, a.at-sound[i].at, 2*time.Second, "at %v", a.frame.PTS)
				}
			})
		}
	}
}

// spoilPictures makes nonsense of the pictures in the middle third of a transport
// stream: the payload of what ffmpeg calls the first stream (ISO 13818-1).
func spoilPictures(ts []byte) []byte {
	const packet, firstPID = 188, 0x100
	for at := len(ts) / packet / 3 * packet; at < len(ts)*2/3; at += packet {
		if pid := int(ts[at+1]&0x1F)<<8 | int(ts[at+2]); pid == firstPID {
			for i := at + 30; i < at+packet; i++ {
				ts[i] ^= byte(i * 37)
			}
		}
	}
	return ts
}

// TestTracksKeepTheirDistance: sound and pictures that come apart are as far from
// each other as ffmpeg would write them into one container.
func TestTracksKeepTheirDistance(t *testing.T) {
	t.Parallel()
	const length = "3"
	late := func(name, first, second string) string {
		return fixture(t, name, "-itsoffset", first, "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration="+length,
			"-itsoffset", second, "-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration="+length, "-preset", "ultrafast")
	}
	plain := func(name string, more ...string) string {
		return fixture(t, name, movie("64x48", "25", length, append([]string{"-preset", "ultrafast", "-g", "10"}, more...)...)...)
	}
	cut := plain("distance_b.mp4", "-bf", "2", "-x264-params", "bframes=2")
	list := plain("distance.m3u8", "-hls_time", "1", "-hls_list_size", "0")
	server := httptest.NewServer(http.FileServer(http.Dir(fixtures.dir)))
	t.Cleanup(server.Close)
	for name, test := range map[string]struct {
		path string
		url  string
	}{
		"mp4":              {path: plain("distance.mp4")},
		"mkv":              {path: plain("distance.mkv", "-c:a", "flac")},
		"webm":             {path: plain("distance.webm", "-c:v", "libvpx", "-c:a", "libopus", "-deadline", "realtime")},
		"ts":               {path: plain("distance.ts")},
		"avi":              {path: plain("distance.avi")},
		"B-frames":         {path: cut},
		"edit list":        {path: fixture(t, "distance_edit.mp4", "-ss", "1.03", "-i", cut, "-c", "copy")},
		"late sound":       {path: late("late_sound.mkv", "0", "0.7")},
		"late sound mp4":   {path: late("late_sound.mp4", "0", "0.7")},
		"late picture":     {path: late("late_picture.mkv", "0.7", "0")},
		"late picture mp4": {path: late("late_picture.mp4", "0.7", "0")},
		"late picture ts":  {path: late("late_picture.ts", "0.7", "0")},
		"HLS":              {path: list, url: server.URL + "/distance.m3u8"},
	} {
		for _, position := range []time.Duration{0, 1100 * time.Millisecond} {
			t.Run(name+" from "+position.String(), func(t *testing.T) {
				t.Parallel()
				source := media.FromFile(test.path, video).(media.SeekableSource)
				if test.url != "" {
					source = media.FromURL(test.url, video).(media.SeekableSource)
				}
				together := "ffmpeg -i \"" + test.path + "\" -map 0:V:0 -map 0:a:0 -enc_time_base:v 1:1000"
				one := media.FromShell(together, both).(media.SeekableSource)
				want, got := playAt(t, one, position), playAt(t, source, position)
				for _, track := range []media.Track{media.TrackAudio, media.TrackVideo} {
					want, got := of(track, want), of(track, got)
					require.InDelta(t, len(want), len(got), 1)
					require.InDelta(t, want[0].PTS.Seconds(), got[0].PTS.Seconds(), 0.0021, "%v begins", track)
					require.InDelta(t, want[len(got)-1].PTS.Seconds(), got[len(got)-1].PTS.Seconds(), 0.0021, "%v ends", track)
				}
			})
		}
	}
}

// playAt reads a source from a position to its natural end.
func playAt(t *testing.T, source media.SeekableSource, position time.Duration) []media.Frame {
	t.Helper()
	stream, err := source.OpenAt(t.Context(), env(), position)
	require.NoError(t, err)
	defer stream.Close()
	frames, end := readAll(t, stream)
	require.Equal(t, io.EOF, end)
	return frames
}
