package container

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// metered counts what is read of a file.
type metered struct {
	*bytes.Reader
	read, seeks int64
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.read += int64(n)
	return n, err
}

func (m *metered) Seek(offset int64, whence int) (int64, error) {
	m.seeks++
	return m.Reader.Seek(offset, whence)
}

// oggSong is a file of some seconds, a page each.
func oggSong(serial uint32, seconds int) []byte {
	song := oggStart(serial)
	for i := range seconds {
		var packets [][]byte
		for range 50 {
			packets = append(packets, opusPacket(160))
		}
		page := oggPackets(0, serial, packets...)
		binary.LittleEndian.PutUint64(page[6:], uint64(i+1)*opusRate)
		song = append(song, page...)
	}
	return song
}

// TestSeekReadsLittle: what a seek costs hardly depends on the length of a file.
func TestSeekReadsLittle(t *testing.T) {
	t.Parallel()
	song := oggSong(1, 3600)
	file := &metered{Reader: bytes.NewReader(song)}
	f, err := NewOpusFile(file, int64(len(song)))
	require.NoError(t, err)
	require.InDelta(t, 3600, f.Tags().Duration.Seconds(), 0.01)
	for at := time.Duration(1); at < time.Hour; at += 61 * time.Second {
		file.read, file.seeks = 0, 0
		require.NoError(t, f.Seek(at))
		frame, err := f.Next()
		require.NoError(t, err)
		require.LessOrEqual(t, frame.PTS, f.Target())
		require.Greater(t, frame.PTS, f.Target()-time.Second-20*time.Millisecond)
		require.Less(t, file.read, int64(16*inputBuffer))
		require.LessOrEqual(t, file.seeks, int64(16))
	}
}

// TestSearchForSoundIsBounded: a file with none for long is given up, and no read of one
// frame holds up the goroutine that paces calls.
func TestSearchForSoundIsBounded(t *testing.T) {
	t.Parallel()
	const barren = reach + 8<<20
	matroska := join(mkvHeader(audioTrack(1)), unknown(idCluster), element(idTimestamp, []byte{0}), element(idSimpleBlock, block(1, 0, 0, opusPacket(5))))
	other := element(idSimpleBlock, block(9, 0, 0, make([]byte, 1<<20)))
	page := oggPage(0, 1, bytes.Repeat([]byte{0}, 255))
	for name, file := range map[string][]byte{
		"padding":     join(matroska, element(idVoid, make([]byte, barren))),
		"other track": join(matroska, bytes.Repeat(other, barren/len(other))),
		"empty pages": join(oggSong(1, 1), bytes.Repeat(page, barren/len(page))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &metered{Reader: bytes.NewReader(file)}
			f, err := NewOpusFile(in, int64(len(file)))
			require.NoError(t, err)
			for range 2 {
				require.NoError(t, f.Seek(0))
				_, err = f.Next()
				require.NoError(t, err)
				in.read = 0
				for err == nil {
					_, err = f.Next()
				}
				require.ErrorIs(t, err, errReach)
				require.LessOrEqual(t, in.read, int64(reach+2*inputBuffer))
			}
		})
	}
}

// FuzzOpusFile seeks in hostile files: positions that go back, links without an end,
// clusters anywhere.
func FuzzOpusFile(f *testing.F) {
	for _, seconds := range []int{1, 3} {
		song := oggSong(7, seconds)
		f.Add(song, uint64(time.Second/2))
		f.Add(append(song, oggSong(8, 1)...), uint64(time.Second*3/2))
	}
	f.Add(sample(f, "matroska"), uint64(100*time.Millisecond))
	f.Fuzz(func(t *testing.T, data []byte, at uint64) {
		if len(data) == 0 || len(data) > 64<<10 {
			return
		}
		long := bytes.Repeat(data, 4*walk/len(data)+1) // more than is walked through
		size := int64(len(long))
		file := &metered{Reader: bytes.NewReader(long)}
		o, err := NewOpusFile(file, size)
		if err != nil {
			return
		}
		file.read, file.seeks = 0, 0
		err = o.Seek(time.Duration(at % uint64(100*time.Hour)))
		if file.read > 32*size || file.seeks > 10_000 {
			t.Fatalf("%d bytes read of %d, %d seeks", file.read, size, file.seeks)
		}
		for err == nil {
			_, err = o.Next()
		}
		require.NotErrorIs(t, err, io.ErrNoProgress)
	})
}
