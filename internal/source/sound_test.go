package source_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/ffmpeg"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/source"
	"github.com/gotgcall/gotgcall/media"
)

// openWith opens a source at a position with a sound.
func openWith(t testing.TB, src media.Source, position time.Duration, s media.Sound) media.Stream {
	t.Helper()
	e := env()
	e.Sound = s
	open := src.Open
	if position > 0 {
		open = func(ctx context.Context, e media.Env) (media.Stream, error) {
			return src.(media.SeekableSource).OpenAt(ctx, e, position)
		}
	}
	stream, err := open(t.Context(), e)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stream.Close()) })
	return stream
}

// has returns the sound that a stream has.
func has(t testing.TB, stream media.Stream) (s media.Sound, tunable bool) {
	t.Helper()
	tuned, ok := stream.(interface{ Sound() (media.Sound, bool) })
	require.True(t, ok, "%T", stream)
	return tuned.Sound()
}

func resolved(t testing.TB, s media.Sound) media.Sound {
	t.Helper()
	s, err := s.Resolve()
	require.NoError(t, err)
	return s
}

// TestSpeedOfEachSource: tones have their pitch and their place, and pictures are in
// theirs, from any position.
func TestSpeedOfEachSource(t *testing.T) {
	t.Parallel()
	const speed = 0.8
	path := programme(t)
	hls := func(name string, more ...string) func(t *testing.T) media.Source {
		return func(t *testing.T) media.Source {
			return media.FromURL(folder(t, segmented(t, name, hlsOf(path, more...)))+"/list.m3u8", media.EncodeOptions{Tracks: media.TrackVideo})
		}
	}
	url := func(address func(t *testing.T) string) func(t *testing.T) media.Source {
		return func(t *testing.T) media.Source {
			return media.FromURL(address(t), media.EncodeOptions{Tracks: media.TrackVideo})
		}
	}
	for name, src := range map[string]func(t *testing.T) media.Source{
		"file": func(*testing.T) media.Source {
			return media.FromFile(path, media.EncodeOptions{Tracks: media.TrackVideo})
		},
		"http":          url(func(t *testing.T) string { return fileServer(t, path) }),
		"hls":           hls("hls-ts"),
		"hls fmp4":      hls("hls-fmp4", "-hls_segment_type", "fmp4"),
		"discontinuous": url(func(t *testing.T) string { return broken(t, "ts") }),
		"dash":          url(func(t *testing.T) string { return folder(t, segmented(t, "dash", dashOf(path))) + "/list.mpd" }),
		"periods":       url(func(t *testing.T) string { return inPeriods(t) }),
		"command":       func(*testing.T) media.Source { return media.FromShell("ffmpeg -i "+path+" -vf hflip,hflip", both) },
		"commands":      func(*testing.T) media.Source { return media.FromShells("ffmpeg -i "+path, "ffmpeg -i "+path) },
		"excerpt":       func(*testing.T) media.Source { return media.FromShell("ffmpeg -ss 2 -i "+path+" -t 30", both) },
	} {
		for _, position := range []time.Duration{0, 15 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				stream := openWith(t, src(t), position, media.Sound{Speed: speed})
				s, tunable := has(t, stream)
				require.True(t, tunable)
				require.InDelta(t, speed, s.Speed, 0)
				from, to := position, programmeLength
				if name == "excerpt" {
					from, to = max(2*time.Second, from), 32*time.Second
				}
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				tones := tonesOf(t, frames)
				require.InDelta(t, (to - from).Seconds(), len(tones), 2)
				for _, tone := range tones {
					at := from + s.Media(tone.Start)
					if tone.Start > 0 {
						require.InDelta(t, tone.Index, at.Seconds(), 0.05, "at %s", tone.Start)
					}
				}
				last := frames[len(frames)-1]
				require.InDelta(t, to.Seconds(), (from + s.Media(last.PTS)).Seconds(), 0.2)
				pictures := of(media.TrackVideo, frames)
				seen := decodePictures(t, pictures)
				if name != "commands" { // IVF has a constant rate
					require.InDelta(t, (to-from).Seconds()*25, len(seen), 10)
				}
				for i, p := range seen {
					require.InDelta(t, p.Counter, (from+s.Media(pictures[i].PTS)).Seconds()*25, 3.6, "the picture at %s", pictures[i].PTS)
				}
				require.InDelta(t, to.Seconds(), max(programmeLength, infoOf(t, stream).Duration).Seconds(), 4.1, "that of the media")
			})
		}
	}
}

// TestSoundThatASourceCannotHave says what is left of it.
func TestSoundThatASourceCannotHave(t *testing.T) {
	t.Parallel()
	path := tones(t, "cbr.mp3", "-b:a", "128k")
	opus := tones(t, "a.opus")
	song, err := os.ReadFile(path)
	require.NoError(t, err)
	all := resolved(t, media.Sound{Volume: 50, Speed: 2, Bass: 3, Treble: -3, Loudness: -14})
	measured, live, quiet := all, all.Live(), all.Live()
	measured.Loudness = 0
	quiet.Speed = 1
	for name, test := range map[string]struct {
		src     func(t *testing.T) media.Source
		want    media.Sound
		tunable bool
	}{
		"file":    {func(*testing.T) media.Source { return media.FromFile(path, media.EncodeOptions{}) }, all, true},
		"ranges":  {func(t *testing.T) media.Source { return media.FromURL(fileServer(t, path), media.EncodeOptions{}) }, all, true},
		"radio":   {func(t *testing.T) media.Source { return media.FromURL(radioOf(t, song), media.EncodeOptions{}) }, live, true},
		"command": {func(*testing.T) media.Source { return media.FromShell("ffmpeg -i "+path, media.TrackAudio) }, measured, true},
		"device":  {func(*testing.T) media.Source { return media.FromShell("ffmpeg -f lavfi -i sine=d=2", media.TrackAudio) }, quiet, true},
		"copied": {
			func(*testing.T) media.Source { return media.FromShell("ffmpeg -i "+opus+" -c copy", media.TrackAudio) }, media.Sound{}, false,
		},
		"graph": {func(*testing.T) media.Source {
			return media.FromShell("ffmpeg -i "+path+" -filter_complex volume=1", media.TrackAudio)
		}, media.Sound{}, false},
		"program": {func(*testing.T) media.Source { return media.FromShell("cat "+opus, media.TrackAudio) }, media.Sound{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, tunable := has(t, openWith(t, test.src(t), 0, all))
			require.Equal(t, test.want, got)
			require.Equal(t, test.tunable, tunable)
		})
	}
}

// heard returns the level of a source's first seconds, in dB, and its highest peak.
func heard(t testing.TB, o source.Opener, src media.Source, s media.Sound) (level, top float64) {
	t.Helper()
	e := env()
	e.Opener, e.Sound = o, s
	stream, err := src.Open(t.Context(), e)
	require.NoError(t, err)
	defer stream.Close()
	var packets []mediatest.Packet
	for at := time.Duration(0); at < 4*time.Second; {
		f, err := stream.ReadFrame()
		require.NoError(t, err)
		packets = append(packets, mediatest.Packet{Timestamp: uint32(f.PTS * 48 / time.Millisecond), Payload: append([]byte(nil), f.Data...)})
		at = f.PTS + f.Duration
	}
	pcm, err := mediatest.DecodeOpusInOrder(packets)
	require.NoError(t, err)
	for _, x := range pcm.Samples {
		top = max(top, math.Abs(float64(x)))
	}
	return pcm.Level(time.Second, 3900*time.Millisecond), top
}

// TestVolumeBassAndTreble are those of the source by as much as was asked for, and never
// clip.
func TestVolumeBassAndTreble(t *testing.T) {
	t.Parallel()
	sine := func(frequency, level string) media.Source {
		return media.FromFile(fixture(t, "sine"+frequency+level+".wav",
			"-f", "lavfi", "-i", "sine=frequency="+frequency+":sample_rate=48000:duration=6", "-af", "volume="+level+"dB"), media.EncodeOptions{})
	}
	o := source.New(ffmpeg.Build{})
	for _, test := range []struct {
		frequency string
		sound     media.Sound
		want      float64
	}{
		{"1000", media.Sound{Volume: 50}, -6.02},
		{"1000", media.Sound{Volume: 10}, -20},
		{"1000", media.Sound{Volume: 200}, 6.02},
		{"1000", media.Sound{Volume: 50, Speed: 1.5}, -6.02},
		{"40", media.Sound{Bass: 9}, 9},
		{"40", media.Sound{Bass: -9}, -9},
		{"12000", media.Sound{Treble: 9}, 9},
		{"12000", media.Sound{Treble: -9}, -9},
		{"1000", media.Sound{Bass: 9, Treble: -9}, 0},
	} {
		src := sine(test.frequency, "0") // 18 dB below full scale
		before, _ := heard(t, o, src, media.Sound{})
		after, _ := heard(t, o, src, test.sound)
		require.InDelta(t, test.want, after-before, 1, "%+v", test.sound)
	}
	_, top := heard(t, o, sine("990", "17"), media.Sound{Volume: 400, Bass: 20, Treble: 20})
	require.Less(t, top, 1.0, "it is limited")
}

// TestLoudness: what is quiet and what is loud come to the same, by tags or by listening,
// and peaks are left alone.
func TestLoudness(t *testing.T) {
	t.Parallel()
	sine := func(name, level string, more ...string) string {
		args := []string{"-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=8", "-af", "volume=" + level + "dB", "-ac", "2"}
		return fixture(t, name, append(args, more...)...)
	}
	quiet, loud := sine("quiet.wav", "-12"), sine("loud.flac", "10")
	long := fixture(t, "long.flac", "-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=400", "-af", "volume=-9dB", "-ac", "2")
	replayGain := sine("tagged.mp3", "-12", "-metadata", "REPLAYGAIN_TRACK_GAIN=-2.50 dB", "-metadata", "REPLAYGAIN_TRACK_PEAK=0.1")
	r128 := sine("tagged.opus", "-12", "-metadata:s:a", "R128_TRACK_GAIN=256", "-c:a", "libopus")
	// At 1 kHz, in stereo, the level of a sine is its loudness.
	o := source.New(ffmpeg.Build{})
	for name, test := range map[string]struct {
		path string
		want float64
	}{
		"quiet": {quiet, -24}, "loud, by 12 dB at most": {loud, -23}, "long": {long, -24},
		"ReplayGain": {replayGain, -24 + 18 - 2.5 - 33}, "R 128": {r128, -24 + 23 + 1 - 33},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, src := range []media.Source{
				media.FromFile(test.path, media.EncodeOptions{}), media.FromURL(fileServer(t, test.path), media.EncodeOptions{}),
			} {
				level, _ := heard(t, o, src, media.Sound{Loudness: -24})
				require.InDelta(t, test.want, level, 0.7)
			}
		})
	}
	// A click at full scale each second forbids a gain.
	peaky := fixture(t, "peaky.wav", "-f", "lavfi", "-i", "sine=frequency=1000:sample_rate=48000:duration=8",
		"-af", "volume='if(lt(mod(t,1),0.02),15.8,1)':eval=frame:precision=float", "-ac", "2")
	before, _ := heard(t, o, media.FromFile(peaky, media.EncodeOptions{}), media.Sound{})
	after, _ := heard(t, o, media.FromFile(peaky, media.EncodeOptions{}), media.Sound{Loudness: -9})
	require.InDelta(t, 0, after-before, 0.5)
}
