package container

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/h264"
	"github.com/gotgcall/gotgcall/media"
)

// h264Sample is what ffmpeg makes of three seconds with a key frame in each.
func h264Sample(t testing.TB, format string, options ...string) []byte {
	t.Helper()
	args := []string{
		"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=3",
		"-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "25", "-sc_threshold", "0",
	}
	args = append(append(args, options...), "-f", format, "pipe:1")
	out, err := exec.Command("ffmpeg", args...).Output()
	require.NoError(t, err)
	return out
}

// TestH264BecomesAByteStream: that which ffmpeg itself would have written, with the
// parameters before each key frame.
func TestH264BecomesAByteStream(t *testing.T) {
	t.Parallel()
	var slices, want [][]byte
	for u := h264.Split(h264Sample(t, "h264", "-bsf:v", "filter_units=pass_types=1-5")); u.Unit != nil; u.Advance() {
		want = append(want, u.Unit)
	}
	r, err := NewReader(bufio.NewReader(bytes.NewReader(h264Sample(t, "matroska", "-live", "1"))), H264, media.TrackVideo)
	require.NoError(t, err)
	for n := 0; ; n++ {
		f, err := r.Next()
		if errors.Is(err, io.EOF) {
			require.Equal(t, 75, n)
			break
		}
		require.NoError(t, err)
		require.Equal(t, media.CodecH264, f.Codec)
		require.Equal(t, n%25 == 0, f.Key)
		require.Equal(t, f.Key, h264.Find(f.Data, h264.SPS) != nil)
		require.Equal(t, f.Key, h264.Find(f.Data, h264.PPS) != nil)
		for u := h264.Split(f.Data); u.Unit != nil; u.Advance() {
			if h264.Type(u.Unit) <= h264.IDR {
				slices = append(slices, bytes.Clone(u.Unit))
			}
		}
	}
	require.Equal(t, want, slices)
}

func TestSamplesOfH264(t *testing.T) {
	t.Parallel()
	sps, pps, key, slice := []byte{0x67, 1, 2}, []byte{0x68, 3}, []byte{0x65, 4, 5}, []byte{0x41, 6}
	record := []byte{1, 66, 0xc0, 31, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3}
	stream := func(units ...[]byte) (s []byte) {
		for _, u := range units {
			s = h264.Append(s, u)
		}
		return s
	}
	for name, c := range map[string]struct {
		record, sample, want []byte
		key                  bool
	}{
		"a slice":                       {record, []byte{0, 0, 0, 2, 0x41, 6}, stream(slice), false},
		"a key frame":                   {record, []byte{0, 0, 0, 3, 0x65, 4, 5}, stream(sps, pps, key), true},
		"a key frame with parameters":   {record, []byte{0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 2, 0x68, 3, 0, 0, 0, 3, 0x65, 4, 5}, stream(sps, pps, key), true},
		"short lengths":                 {append([]byte{1, 66, 0xc0, 31, 0xfd}, record[5:]...), []byte{0, 2, 0x41, 6}, stream(slice), false},
		"a byte stream":                 {nil, stream(slice), stream(slice), false},
		"a byte stream, key":            {nil, stream(sps, pps, key), stream(sps, pps, key), true},
		"a byte stream, parameters out": {stream(sps, pps), stream(key), stream(sps, pps, key), true},
	} {
		a, err := parseAVC(c.record)
		require.NoError(t, err, name)
		for range 2 {
			got, key, err := a.byteStream(c.sample)
			require.NoError(t, err, name)
			require.Equal(t, c.want, got, name)
			require.Equal(t, c.key, key, name)
		}
	}
	for n := 1; n < len(record); n++ {
		_, err := parseAVC(record[:n])
		require.Error(t, err, "%d bytes", n)
	}
	a, err := parseAVC(record)
	require.NoError(t, err)
	for _, bad := range [][]byte{{0}, {0, 0, 0, 2, 0x41}, {0xff, 0xff, 0xff, 0xff, 1}} {
		_, _, err := a.byteStream(bad)
		require.Error(t, err)
	}
}

func FuzzAVC(f *testing.F) {
	f.Add([]byte{1, 66, 0xc0, 31, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 3}, []byte{0, 0, 0, 3, 0x65, 4, 5})
	f.Add([]byte{}, []byte{0, 0, 1, 0x65, 4, 5})
	f.Fuzz(func(t *testing.T, record, sample []byte) {
		a, err := parseAVC(record)
		if err != nil {
			return
		}
		stream, key, err := a.byteStream(sample)
		if err == nil && key != h264.StartsWithIDR(stream) && h264.Find(stream, h264.SPS) == nil {
			t.Fatalf("%x: key %t", stream, key)
		}
	})
}
