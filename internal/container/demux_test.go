package container

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/gotgcall/gotgcall/media"
	"github.com/stretchr/testify/require"
)

// opusPacket is a 20 ms CELT packet of some bytes.
func opusPacket(size int) []byte { return append([]byte{31 << 3}, make([]byte, size-1)...) }

func opusHeader(channels, family byte) []byte {
	return []byte{'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, channels, 0x38, 1, 0x80, 0xBB, 0, 0, 0, 0, family}
}

var tags = []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00")

// oggPage makes a page of lacing values and data as they are.
func oggPage(flags byte, serial uint32, lacing []byte, data ...[]byte) []byte {
	page := append([]byte("OggS\x00"), flags)
	page = append(page, make([]byte, 8)...) // granule position
	page = binary.LittleEndian.AppendUint32(page, serial)
	page = append(page, make([]byte, 8)...) // sequence number, checksum
	page = append(page, byte(len(lacing)))
	page = append(page, lacing...)
	return append(page, bytes.Join(data, nil)...)
}

// oggPackets makes a page of whole packets.
func oggPackets(flags byte, serial uint32, packets ...[]byte) []byte {
	var lacing []byte
	for _, p := range packets {
		lacing = append(lacing, bytes.Repeat([]byte{255}, len(p)/255)...)
		lacing = append(lacing, byte(len(p)%255))
	}
	return oggPage(flags, serial, lacing, packets...)
}

func oggStart(serial uint32) []byte {
	return append(oggPackets(oggFirst, serial, opusHeader(2, 0)), oggPackets(0, serial, tags)...)
}

func ivfHeader(codec string, den, num uint32) []byte {
	h := append([]byte("DKIF\x00\x00\x20\x00"), codec...)
	h = append(h, 64, 0, 48, 0)
	h = binary.LittleEndian.AppendUint32(h, den)
	h = binary.LittleEndian.AppendUint32(h, num)
	return append(h, make([]byte, 8)...)
}

func ivfFrame(pts uint64, data ...byte) []byte {
	f := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
	return append(binary.LittleEndian.AppendUint64(f, pts), data...)
}

// element makes a Matroska element.
func element(id uint32, body ...[]byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, id)
	for b[0] == 0 {
		b = b[1:]
	}
	data := bytes.Join(body, nil)
	return append(binary.BigEndian.AppendUint64(b, 1<<56|uint64(len(data))), data...)
}

// unknown makes an element without a size.
func unknown(id uint32) []byte {
	return append(binary.BigEndian.AppendUint32(nil, id), 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
}

func mkvHeader(tracks ...[]byte) []byte {
	return bytes.Join([][]byte{element(0x1A45DFA3), unknown(idSegment), element(idTracks, tracks...)}, nil)
}

func audioTrack(n byte) []byte {
	return element(idTrackEntry, element(idTrackNumber, []byte{n}), element(idCodecID, []byte("A_OPUS")), element(idCodecPrivate, opusHeader(2, 0)))
}

func codecTrack(n byte, codec string) []byte {
	return element(idTrackEntry, element(idTrackNumber, []byte{n}), element(idCodecID, []byte(codec)))
}

func videoTrack(n byte, interval uint32) []byte {
	return element(idTrackEntry, element(idTrackNumber, []byte{n}), element(idCodecID, []byte("V_VP8")),
		element(idDefaultDur, binary.BigEndian.AppendUint32(nil, interval)))
}

func block(track byte, at int16, flags byte, data []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0x80 | track}, uint16(at))
	return append(append(b, flags), data...)
}

// laced is a stream with a block of several frames at 0 and one of 5 bytes at 60 ms.
func laced(flags byte, sizes []byte, packets ...[]byte) []byte {
	return join(mkvHeader(audioTrack(1)), unknown(idCluster), element(idTimestamp, []byte{0}),
		element(idSimpleBlock, block(1, 0, flags, append(sizes, join(packets...)...))),
		element(idSimpleBlock, block(1, 60, 0, opusPacket(5))))
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// demuxTable seeds the fuzz targets too. An end other than io.EOF is an error
// with these words.
var demuxTable = []struct {
	name   string
	data   []byte
	frames []int // sizes
	pts    []time.Duration
	end    string
	want   media.Track // 0: both
}{
	{name: "ogg: packets in pages", data: join(oggStart(7), oggPackets(0, 7, opusPacket(10), opusPacket(255)), oggPackets(4, 7, opusPacket(300), opusPacket(510))), frames: []int{10, 255, 300, 510}, pts: []time.Duration{0, 20, 40, 60}},
	{name: "ogg: packet over two pages", data: join(oggStart(7), oggPage(0, 7, []byte{9, 255}, opusPacket(9), opusPacket(300)[:255]), oggPage(1, 7, []byte{45, 5}, opusPacket(300)[255:], opusPacket(5))), frames: []int{9, 300, 5}, pts: []time.Duration{0, 20, 40}},
	{name: "ogg: packet over three pages", data: join(oggStart(7), oggPage(0, 7, []byte{255}, opusPacket(600)[:255]), oggPage(1, 7, []byte{255}, opusPacket(600)[255:510]), oggPage(1, 7, []byte{90}, opusPacket(600)[510:])), frames: []int{600}, pts: []time.Duration{0}},
	{name: "ogg: rest of a packet is lost", data: join(oggStart(7), oggPage(0, 7, []byte{255}, opusPacket(300)[:255]), oggPackets(0, 7, opusPacket(8))), frames: []int{8}, pts: []time.Duration{0}},
	{name: "ogg: beginning of a packet is lost", data: join(oggStart(7), oggPage(1, 7, []byte{255, 4, 5}, make([]byte, 259), opusPacket(5))), frames: []int{5}, pts: []time.Duration{0}},
	{name: "ogg: empty page", data: join(oggStart(7), oggPage(0, 7, nil), oggPackets(0, 7, opusPacket(8))), frames: []int{8}, pts: []time.Duration{0}},
	{name: "ogg: other streams", data: join(oggPackets(oggFirst, 1, []byte("\x80theora")), oggPackets(oggFirst, 7, opusHeader(1, 0)), oggPackets(oggFirst, 3, []byte("fishead")), oggPackets(0, 1, []byte("junk")), oggPackets(0, 7, tags), oggPackets(0, 1, []byte("junk")), oggPackets(0, 7, opusPacket(8))), frames: []int{8}, pts: []time.Duration{0}},
	{name: "ogg: chained", data: join(oggStart(7), oggPackets(4, 7, opusPacket(8)), oggStart(9), oggPackets(4, 9, opusPacket(9))), frames: []int{8, 9}, pts: []time.Duration{0, 20}},
	{name: "ogg: long tags over pages", data: join(oggPackets(oggFirst, 7, opusHeader(2, 0)), oggPage(0, 7, bytes.Repeat([]byte{255}, 255), make([]byte, 255*255)), oggPage(1, 7, append(bytes.Repeat([]byte{255}, 200), 0), make([]byte, 200*255)), oggPackets(0, 7, opusPacket(8))), frames: []int{8}, pts: []time.Duration{0}},
	{name: "ogg: no opus", data: join(oggPackets(oggFirst, 1, []byte("\x01vorbis")), oggPackets(0, 1, []byte("x"))), end: "no Opus"},
	{name: "ogg: surround", data: oggPackets(oggFirst, 1, opusHeader(6, 1)), end: "surround"},
	{name: "ogg: truncated", data: join(oggStart(7), oggPackets(0, 7, opusPacket(100)))[:150], end: "unexpected EOF"},
	{name: "ogg: truncated packet", data: join(oggStart(7), oggPage(0, 7, []byte{255}, opusPacket(255))), end: "unexpected EOF"},
	{name: "ogg: garbage at the end", data: join(oggStart(7), make([]byte, 99)), end: "synchronisation"},
	{name: "ogg: garbage without end", data: join(oggStart(7), make([]byte, oggSearch+1), oggPackets(0, 7, opusPacket(8))), end: "synchronisation"},
	{name: "ogg: garbage between pages", data: join(oggStart(7), oggPackets(0, 7, opusPacket(8)), make([]byte, 99), []byte("OggSOgg"), oggPackets(0, 7, opusPacket(9))), frames: []int{8, 9}, pts: []time.Duration{0, 20}},
	{name: "ogg: garbage in a packet", data: join(oggStart(7), oggPage(0, 7, []byte{255}, opusPacket(300)[:255]), []byte("junk"), oggPage(1, 7, []byte{45, 5}, opusPacket(300)[255:], opusPacket(5))), frames: []int{5}, pts: []time.Duration{0}},
	{name: "ogg: bytes lost", data: join(oggStart(7), oggPackets(0, 7, opusPacket(100))[:118], oggPackets(0, 7, opusPacket(8)), oggPackets(0, 7, opusPacket(9))), frames: []int{100, 9}, pts: []time.Duration{0, 20}},
	{name: "ogg: bad packet", data: join(oggStart(7), oggPackets(0, 7, []byte{3}, opusPacket(8))), frames: []int{8}, pts: []time.Duration{0}},
	{name: "ogg: bad packet at the end", data: join(oggStart(7), oggPackets(0, 7, []byte{3})), end: "malformed Opus"},
	{name: "ogg: bad packets alone", data: join(oggStart(7), bytes.Repeat(oggPackets(0, 7, []byte{3}), 2*maxDamaged)), end: "malformed Opus"},
	{name: "ogg: two Opus streams", data: join(oggPackets(oggFirst, 7, opusHeader(2, 0)), oggPackets(oggFirst, 8, opusHeader(2, 0)), oggPackets(0, 7, tags), oggPackets(0, 8, tags), oggPackets(0, 8, opusPacket(8)), oggPackets(0, 7, opusPacket(9))), frames: []int{9}, pts: []time.Duration{0}},
	{name: "ogg: two Opus streams, chained", data: join(oggPackets(oggFirst, 7, opusHeader(2, 0)), oggPackets(oggFirst, 8, opusHeader(2, 0)), oggPackets(0, 7, tags), oggPackets(0, 7, opusPacket(9)), oggPackets(oggFirst, 3, opusHeader(2, 0)), oggPackets(oggFirst, 4, opusHeader(2, 0)), oggPackets(0, 3, tags), oggPackets(0, 4, tags), oggPackets(0, 4, opusPacket(5)), oggPackets(0, 3, opusPacket(6))), frames: []int{9, 6}, pts: []time.Duration{0, 20}},

	{name: "ivf: time base", data: join(ivfHeader("VP80", 30000, 1001), ivfFrame(0, 0, 1), ivfFrame(2, 1, 1, 1)), frames: []int{2, 3}, pts: []time.Duration{0, 66733333 * time.Nanosecond}},
	{name: "ivf: dropped frame", data: join(ivfHeader("VP80", 1000, 1), ivfFrame(5), ivfFrame(40, 1)), frames: []int{1}, pts: []time.Duration{40}},
	{name: "ivf: truncated frame", data: join(ivfHeader("VP80", 30, 1), ivfFrame(0, 1, 2, 3))[:46], end: "unexpected EOF"},
	{name: "ivf: truncated header", data: ivfHeader("VP80", 30, 1)[:20], end: "unexpected EOF"},
	{name: "ivf: giant frame", data: join(ivfHeader("VP80", 30, 1), []byte{255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}), end: "bytes"},
	{name: "ivf: lying length", data: join(ivfHeader("VP80", 30, 1), []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}), end: "unexpected EOF"},
	{name: "ivf: far future", data: join(ivfHeader("VP80", 1, 1000), ivfFrame(1<<63, 1)), end: "out of range"},
	{name: "ivf: no time base", data: ivfHeader("VP80", 0, 1), end: "time base"},
	{name: "ivf: vp9", data: ivfHeader("VP90", 30, 1), end: "VP90"},

	{name: "mkv: both tracks", data: join(mkvHeader(audioTrack(1), videoTrack(2, 40e6)), unknown(idCluster), element(idTimestamp, []byte{0}), element(idSimpleBlock, block(1, 0, 0, opusPacket(5))), element(idSimpleBlock, block(2, 7, 0x80, []byte{0, 1})), element(idSimpleBlock, block(1, 21, 0, opusPacket(6))), unknown(idCluster), element(idTimestamp, []byte{40}), element(idSimpleBlock, block(2, 8, 0, []byte{1, 1})), element(idSimpleBlock, block(1, -1, 0, opusPacket(7)))), frames: []int{5, 2, 6, 2, 7}, pts: []time.Duration{0, 7, 20, 47, 40}},
	{name: "mkv: block groups and unknown elements", data: join(mkvHeader(audioTrack(1)), element(0xEC, make([]byte, 9)), element(idCluster, element(idTimestamp, []byte{1, 0}), element(idBlockGroup, element(idBlock, block(1, 0, 0, opusPacket(5))), element(0x75A2, []byte{1})))), frames: []int{5}, pts: []time.Duration{256}},
	{name: "mkv: gap", data: join(mkvHeader(audioTrack(1)), unknown(idCluster), element(idTimestamp, []byte{0}), element(idSimpleBlock, block(1, 0, 0, opusPacket(5))), element(idSimpleBlock, block(1, 25, 0, opusPacket(5))), element(idSimpleBlock, block(1, 51, 0, opusPacket(5)))), frames: []int{5, 5, 5}, pts: []time.Duration{0, 20, 51}},
	{name: "mkv: other track", data: join(mkvHeader(audioTrack(1)), unknown(idCluster), element(idSimpleBlock, block(9, 0, 0, []byte{1})), element(idSimpleBlock, block(1, 0, 0, opusPacket(5)))), frames: []int{5}, pts: []time.Duration{0}},
	{name: "mkv: truncated cluster", data: func() []byte {
		d := join(mkvHeader(audioTrack(1)), element(idCluster, element(idSimpleBlock, block(1, 0, 0, opusPacket(5))), element(idTimestamp, []byte{0})))
		return d[:len(d)-10]
	}(), frames: []int{5}, pts: []time.Duration{0}, end: "unexpected EOF"},
	{name: "mkv: lacing of Xiph", data: laced(2, []byte{2, 255, 45, 6}, opusPacket(300), opusPacket(6), opusPacket(7)), frames: []int{300, 6, 7, 5}, pts: []time.Duration{0, 20, 40, 60}},
	{name: "mkv: lacing of EBML", data: laced(6, []byte{3, 0x41, 0x2C, 0x5E, 0xD9, 0xC0}, opusPacket(300), opusPacket(6), opusPacket(7), opusPacket(9)), frames: []int{300, 6, 7, 9, 5}, pts: []time.Duration{0, 20, 40, 60, 60}},
	{name: "mkv: lacing of equal sizes", data: laced(4, []byte{1}, opusPacket(6), opusPacket(6)), frames: []int{6, 6, 5}, pts: []time.Duration{0, 20, 60}},
	{name: "mkv: lacing of one", data: laced(2, []byte{0}, opusPacket(6)), frames: []int{6, 5}, pts: []time.Duration{0, 60}},
	{name: "mkv: lacing that lies", data: laced(2, []byte{1, 200}, opusPacket(6)), end: "malformed lacing"},
	{name: "mkv: lacing without an end", data: laced(6, []byte{9}), end: "malformed lacing"},
	{name: "mkv: laced picture", data: join(mkvHeader(videoTrack(2, 40e6)), unknown(idCluster), element(idSimpleBlock, block(2, 0, 2, []byte{0, 1}))), end: "laced picture"},
	{name: "mkv: block of no track", data: join(mkvHeader(audioTrack(1)), unknown(idCluster), element(idSimpleBlock, block(0, 0, 0, []byte{0, 1})), element(idSimpleBlock, block(1, 0, 0, opusPacket(5)))), frames: []int{5}, pts: []time.Duration{0}},
	{name: "mkv: unwanted codec", want: media.TrackAudio, data: join(mkvHeader(codecTrack(3, "V_VP9"), codecTrack(4, "S_TEXT/UTF8"), audioTrack(1)), unknown(idCluster), element(idSimpleBlock, block(3, 0, 0, []byte{0, 1})), element(idSimpleBlock, block(4, 0, 0, []byte("x"))), element(idSimpleBlock, block(1, 0, 0, opusPacket(5)))), frames: []int{5}, pts: []time.Duration{0}},
	{name: "mkv: first playable track", data: join(mkvHeader(codecTrack(3, "A_VORBIS"), audioTrack(1), audioTrack(2)), unknown(idCluster), element(idSimpleBlock, block(2, 0, 0, opusPacket(6))), element(idSimpleBlock, block(1, 0, 0, opusPacket(5)))), frames: []int{5}, pts: []time.Duration{0}},
	{name: "mkv: wrong wanted codec", data: mkvHeader(codecTrack(3, "V_VP9"), audioTrack(1)), end: "V_VP9"},
	{name: "mkv: wrong codec", data: mkvHeader(element(idTrackEntry, element(idTrackNumber, []byte{1}), element(idCodecID, []byte("A_VORBIS")))), end: "A_VORBIS"},
	{name: "mkv: no tracks", data: join(element(0x1A45DFA3), unknown(idSegment), unknown(idCluster)), end: "no tracks"},
	{name: "mkv: giant block", data: join(mkvHeader(audioTrack(1)), unknown(idCluster), []byte{0xA3, 0x01, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}), end: "bytes"},
	{name: "mkv: endless element", data: join(mkvHeader(audioTrack(1)), []byte{0xA3, 0xFF}), end: "no size"},
	{name: "mkv: short block", data: join(mkvHeader(audioTrack(1)), element(idSimpleBlock, []byte{0x81})), end: "malformed block"},
	{name: "other", data: []byte("RIFFxxxxWAVE"), end: "not Ogg"},
	{name: "short", data: []byte("Og"), end: "not Ogg"},
}

func TestDemuxers(t *testing.T) {
	t.Parallel()
	for _, test := range demuxTable {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var sizes []int
			var pts []time.Duration
			d, err := NewReader(bufio.NewReader(bytes.NewReader(test.data)), Encoded, cmp.Or(test.want, media.TrackAudio|media.TrackVideo))
			for err == nil {
				var f media.Frame
				if f, err = d.Next(); err == nil {
					sizes, pts = append(sizes, len(f.Data)), append(pts, f.PTS)
				}
			}
			if test.end == "" {
				require.Equal(t, io.EOF, err)
			} else {
				require.ErrorContains(t, err, test.end)
			}
			require.Equal(t, test.frames, sizes)
			for i, want := range test.pts {
				if want < 1000 {
					want *= time.Millisecond
				}
				require.Equal(t, want, pts[i])
			}
		})
	}
}

func TestOpusDuration(t *testing.T) {
	t.Parallel()
	// RFC 6716 table 2, in tenths of a millisecond.
	configs := [32]int{
		100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 400, 600, 100, 200, 100, 200,
		25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200, 25, 50, 100, 200,
	}
	for config, tenths := range configs {
		for code := range 4 {
			counts := []int{[]int{1, 2, 2, 0}[code]}
			if code == 3 {
				counts = []int{0, 1, 2, 3, 5, 6, 12, 48, 49, 63}
			}
			for _, count := range counts {
				want := time.Duration(tenths*count) * 100 * time.Microsecond
				got, err := opusDuration([]byte{byte(config<<3 | code), byte(0xC0 | count), 0})
				if count == 0 || want > 120*time.Millisecond {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, want, got, "config %d code %d count %d", config, code, count)
			}
		}
	}
	for _, packet := range [][]byte{nil, {}, {3}} {
		_, err := opusDuration(packet)
		require.Error(t, err)
	}
}

func TestVideoTimesSnapToTheGrid(t *testing.T) {
	t.Parallel()
	track := mkvTrack{interval: 33366667}
	for i := range 100000 {
		exact := time.Duration(i)*1001*time.Second/30000 + 7*time.Millisecond
		got := track.snap(exact.Round(time.Millisecond))
		require.InDelta(t, exact.Seconds(), got.Seconds(), 0.0001)
	}
	require.Equal(t, 5*time.Second+3*time.Millisecond, (&mkvTrack{interval: time.Second, started: true}).snap(5*time.Second+3*time.Millisecond))
}

// TestMatroskaAgreesWithAnotherReader reads what ffmpeg writes with ebml-go too.
func TestMatroskaAgreesWithAnotherReader(t *testing.T) {
	t.Parallel()
	data := sample(t, "matroska")
	var other struct {
		Segment struct {
			Cluster []struct {
				Timecode    uint64
				SimpleBlock []ebml.Block
				BlockGroup  []struct{ Block ebml.Block }
			} `ebml:"Cluster"`
		} `ebml:"Segment"`
	}
	require.NoError(t, ebml.Unmarshal(bytes.NewReader(data), &other, ebml.WithIgnoreUnknown(true)))
	want := map[string]time.Duration{}
	for _, c := range other.Segment.Cluster {
		blocks := c.SimpleBlock
		for _, g := range c.BlockGroup {
			blocks = append(blocks, g.Block)
		}
		for _, b := range blocks {
			want[string(b.Data[0])] = time.Duration(int64(c.Timecode)+int64(b.Timecode)) * time.Millisecond
		}
	}
	require.Greater(t, len(want), 30)
	d, err := NewReader(bufio.NewReader(bytes.NewReader(data)), Encoded, media.TrackAudio|media.TrackVideo)
	require.NoError(t, err)
	count := 0
	for {
		f, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		pts, ok := want[string(f.Data)]
		require.True(t, ok)
		if f.Track == media.TrackVideo {
			require.InDelta(t, pts.Seconds(), f.PTS.Seconds(), 0.001)
		}
		count++
	}
	require.GreaterOrEqual(t, count, len(want))
}

// sample is what ffmpeg writes for one second of both, or of a container's one
// track.
func sample(t testing.TB, format string) []byte {
	t.Helper()
	args := []string{
		"-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=1",
		"-f", "lavfi", "-i", "anoisesrc=duration=1", "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus",
	}
	switch format {
	case "ogg":
		args = append(args, "-vn")
	case "ivf":
		args = append(args, "-an")
	default:
		args = append(args, "-live", "1", "-cluster_time_limit", "10", "-flush_packets", "1")
	}
	out, err := exec.Command("ffmpeg", append(args, "-f", format, "pipe:1")...).Output()
	require.NoError(t, err)
	return out
}

func fuzzDemuxer(f *testing.F, magic string) {
	for _, test := range demuxTable {
		if bytes.HasPrefix(test.data, []byte(magic)) {
			f.Add(test.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		copy(data, magic)
		d, err := NewReader(bufio.NewReader(bytes.NewReader(data)), Encoded, media.TrackAudio|media.TrackVideo)
		for err == nil {
			var frame media.Frame
			frame, err = d.Next()
			if err == nil && (len(frame.Data) == 0 || len(frame.Data) > len(data) || frame.Duration < 0 || !d.Tracks().Has(frame.Track)) {
				t.Fatalf("frame %+v", frame)
			}
		}
	})
}

func FuzzOgg(f *testing.F)      { fuzzDemuxer(f, "OggS") }
func FuzzIVF(f *testing.F)      { fuzzDemuxer(f, "DKIF") }
func FuzzMatroska(f *testing.F) { fuzzDemuxer(f, "\x1A\x45\xDF\xA3") }

func BenchmarkDemux(b *testing.B) {
	for _, format := range []string{"ogg", "ivf", "matroska"} {
		b.Run(format, func(b *testing.B) {
			data := sample(b, format)
			r := bytes.NewReader(data)
			buffered := bufio.NewReaderSize(r, 16<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			frames := 0
			for b.Loop() {
				r.Reset(data)
				buffered.Reset(r)
				d, err := NewReader(buffered, Encoded, media.TrackAudio|media.TrackVideo)
				require.NoError(b, err)
				for {
					if _, err := d.Next(); err != nil {
						require.Equal(b, io.EOF, err)
						break
					}
					frames++
				}
			}
			b.ReportMetric(float64(frames)/float64(b.N), "frames/op")
		})
	}
}
