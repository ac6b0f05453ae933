package h264_test

import (
	"fmt"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/h264"
)

// encoded returns a second of pictures as libx264 encodes them.
func encoded(t testing.TB, size string, options ...string) []byte {
	t.Helper()
	args := []string{"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=" + size + ":rate=25:duration=1", "-c:v", "libx264"}
	out, err := exec.Command("ffmpeg", append(append(args, options...), "-f", "h264", "pipe:1")...).Output()
	require.NoError(t, err)
	return out
}

func TestParametersAreThoseOfTheEncoder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width, height int
		options       []string
		want          h264.Sequence
	}{
		{320, 180, []string{"-profile:v", "baseline", "-pix_fmt", "yuv420p"}, h264.Sequence{Profile: 66, OrderType: 2, Progressive: true}},
		{1280, 720, []string{"-profile:v", "main", "-pix_fmt", "yuv420p", "-bf", "2"}, h264.Sequence{Profile: 77, Reordered: 2, Progressive: true}},
		{322, 242, []string{"-profile:v", "high", "-pix_fmt", "yuv420p", "-tune", "zerolatency"}, h264.Sequence{Profile: 100, OrderType: 2, Progressive: true}},
		{640, 362, []string{"-pix_fmt", "yuv422p", "-tune", "zerolatency"}, h264.Sequence{Profile: 122, OrderType: 2, Progressive: true}},
		{321, 241, []string{"-pix_fmt", "yuv444p", "-tune", "zerolatency"}, h264.Sequence{Profile: 244, OrderType: 2, Progressive: true}},
		{320, 240, []string{"-pix_fmt", "yuv420p", "-flags", "+ildct", "-x264-params", "tff=1:bframes=0"}, h264.Sequence{Profile: 100}},
		{320, 240, []string{"-pix_fmt", "yuv420p", "-x264-params", "cqm=jvt:nal-hrd=cbr:vbv-maxrate=500:vbv-bufsize=500:bitrate=500"}, h264.Sequence{Profile: 100, Reordered: 2, Progressive: true}},
	} {
		t.Run(fmt.Sprint(c.width, c.options), func(t *testing.T) {
			t.Parallel()
			data := encoded(t, fmt.Sprintf("%dx%d", c.width, c.height), c.options...)
			require.True(t, h264.StartsWithIDR(data))
			got, err := h264.ParseSPS(h264.Find(data, h264.SPS))
			require.NoError(t, err)
			require.Equal(t, [2]int{c.width, c.height}, [2]int{got.Width, got.Height})
			require.Equal(t, [4]any{c.want.Profile, c.want.OrderType, c.want.Reordered, c.want.Progressive},
				[4]any{got.Profile, got.OrderType, got.Reordered, got.Progressive})
		})
	}
}

func TestUnitsOfAStream(t *testing.T) {
	t.Parallel()
	stream := []byte{7, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 0, 0, 3, 1}
	var got [][]byte
	for u := h264.Split(stream); u.Unit != nil; u.Advance() {
		got = append(got, u.Unit)
	}
	require.Equal(t, [][]byte{{0x67, 1}, {0x68, 2}, {0x65, 0, 0, 3, 1}}, got)
	require.True(t, h264.StartsWithIDR(stream))
	require.Equal(t, []byte{0x68, 2}, h264.Find(stream, h264.PPS))
	require.Nil(t, h264.Find(stream, h264.SEI))
	require.False(t, h264.StartsWithIDR(nil))
	require.False(t, h264.StartsWithIDR([]byte{0, 0, 1, 0x41, 0, 0, 1, 0x65}))
}

func FuzzSPS(f *testing.F) {
	for _, options := range [][]string{{"-profile:v", "baseline"}, {"-tune", "zerolatency"}} {
		f.Add(h264.Find(encoded(f, "64x48", append(options, "-pix_fmt", "yuv420p")...), h264.SPS))
	}
	f.Fuzz(func(t *testing.T, unit []byte) {
		s, err := h264.ParseSPS(unit)
		if err == nil && (s.Width <= 0 || s.Height <= 0 || s.Width > 1<<14 || s.Height > 1<<15 || s.Reordered > 16) {
			t.Fatalf("%+v", s)
		}
	})
}
