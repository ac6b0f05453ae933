package wire

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"
)

const (
	testSSRC = 7
	testMID  = "1"
)

// recorder is a Writer that keeps what is written.
type recorder struct{ packets []rtp.Packet }

func (r *recorder) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	r.packets = append(r.packets, rtp.Packet{Header: h.Clone(), Payload: append([]byte(nil), payload...)})
	return len(payload), nil
}

func ids() Extensions {
	return Extensions{AudioLevel: 1, AbsSendTime: 2, TransportWide: 3, MID: 4}
}

// bound returns a sender on a clock, and what records its packets.
func bound(build func(Stream, Clock) *Sender, c Clock) (*Sender, *recorder) {
	s, r := build(Stream{SSRC: testSSRC, MID: testMID, CNAME: "test", Extensions: ids()}, c), new(recorder)
	s.Bind(r, 99, 100)
	return s, r
}

func audio(s Stream, c Clock) *Sender {
	return NewAudioSender(s, c, slog.New(slog.DiscardHandler))
}

func video(s Stream, c Clock) *Sender {
	return NewVideoSender(s, testSSRC+1, c, slog.New(slog.DiscardHandler), new(Congestion))
}

func TestTimelineIsExactForAMonth(t *testing.T) {
	t.Parallel()
	epoch := time.Now()
	line := timeline{epoch: epoch, base: 4_000_000_000, rate: 48000}
	for _, d := range []time.Duration{0, 20 * time.Millisecond, time.Hour, 31 * 24 * time.Hour} {
		want := line.base + uint32(uint64(d.Milliseconds())*48)
		require.Equal(t, want, line.at(epoch.Add(d)), d)
	}
	require.Equal(t, line.base-960, line.at(epoch.Add(-20*time.Millisecond)), "an instant before the epoch")
}

func TestPictureIsCutIntoPacketsThatMakeItAgain(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, maxFragment, maxFragment + 1, 10 * maxFragment, 12345} {
		sender, r := bound(video, NewClock())
		frame := make([]byte, size)
		for i := range frame {
			frame[i] = byte(i)
		}
		require.NoError(t, sender.WriteFrame(frame, time.Now()))
		var got []byte
		for i, p := range r.packets {
			var vp8 codecs.VP8Packet
			payload, err := vp8.Unmarshal(p.Payload)
			require.NoError(t, err)
			require.LessOrEqual(t, len(p.Payload), maxPayload)
			require.Equal(t, i == 0, vp8.S == 1)
			require.Equal(t, i == len(r.packets)-1, p.Marker)
			require.Equal(t, r.packets[0].Timestamp, p.Timestamp)
			require.Equal(t, r.packets[0].SequenceNumber+uint16(i), p.SequenceNumber)
			require.EqualValues(t, 1, vp8.I)
			require.Equal(t, sender.video.pictureID, vp8.PictureID)
			got = append(got, payload...)
		}
		require.Equal(t, frame, got)
	}
}

func TestAudioCarriesMarkerAndLevel(t *testing.T) {
	t.Parallel()
	epoch := time.Now()
	sender, r := bound(audio, Clock{epoch: epoch, wall: epoch})
	loud, silent := make([]byte, 100), []byte{0xfc, 0xff, 0xfe}
	for i, f := range []struct {
		data []byte
		at   time.Duration
	}{{loud, 0}, {loud, 20}, {silent, 40}, {loud, 500}} {
		require.NoError(t, sender.WriteFrame(f.data, epoch.Add(f.at*time.Millisecond)))
		require.Equal(t, i == 0 || i == 3, r.packets[i].Marker, "packet %d", i)
		want := byte(levelSpeaking)
		if i == 2 {
			want = levelSilent
		}
		require.Equal(t, []byte{want}, r.packets[i].GetExtension(1))
		require.Equal(t, []byte(testMID), r.packets[i].GetExtension(4))
	}
	require.EqualValues(t, 960, r.packets[1].Timestamp-r.packets[0].Timestamp)
	require.EqualValues(t, 22080, r.packets[3].Timestamp-r.packets[2].Timestamp)
}

// TestLongPacketsCarryTheirTime, marker and level: each is 60 ms, in three frames.
func TestLongPacketsCarryTheirTime(t *testing.T) {
	t.Parallel()
	epoch := time.Now()
	sender, r := bound(audio, Clock{epoch: epoch, wall: epoch})
	loud := append([]byte{0xff, 3}, make([]byte, 960)...)
	silent := []byte{0xff, 3, 0xff, 0xfe, 0xff, 0xfe, 0xff, 0xfe}
	for i, f := range []struct {
		data   []byte
		at     time.Duration
		marker bool
		level  byte
	}{{loud, 0, true, levelSpeaking}, {loud, 60, false, levelSpeaking}, {silent, 120, false, levelSilent}, {loud, 180, false, levelSpeaking}, {loud, 600, true, levelSpeaking}} {
		require.NoError(t, sender.WriteFrame(f.data, epoch.Add(f.at*time.Millisecond)))
		require.Len(t, r.packets, i+1, "one packet each")
		p := r.packets[i]
		require.Equal(t, f.marker, p.Marker)
		require.Equal(t, []byte{f.level}, p.GetExtension(1))
		require.Equal(t, r.packets[0].Timestamp+uint32(f.at)*48, p.Timestamp)
	}
}

func TestKeepAliveIsPaddingInTheSameSequence(t *testing.T) {
	t.Parallel()
	sender, r := bound(video, NewClock())
	now := time.Now()
	require.NoError(t, sender.KeepAlive(now, time.Second))
	require.NoError(t, sender.KeepAlive(now, time.Second), "no longer idle")
	require.NoError(t, sender.WriteFrame([]byte{1}, now))
	require.NoError(t, sender.KeepAlive(now.Add(time.Minute), time.Second))
	require.Len(t, r.packets, 3)
	require.True(t, r.packets[0].Padding)
	require.EqualValues(t, paddingSize, r.packets[0].Header.PaddingSize)
	require.Empty(t, r.packets[0].Payload)
	require.False(t, r.packets[1].Padding)
	require.True(t, r.packets[2].Padding)
	for i, p := range r.packets {
		require.Equal(t, r.packets[0].SequenceNumber+uint16(i), p.SequenceNumber)
	}
}

func TestLostPacketIsRetransmittedWithItsNumber(t *testing.T) {
	t.Parallel()
	sender, r := bound(video, NewClock())
	for range 2 * historySize {
		require.NoError(t, sender.WriteFrame([]byte{1, 2, 3}, time.Now()))
	}
	first, last := r.packets[0], r.packets[len(r.packets)-1]
	r.packets = nil
	nack := &rtcp.TransportLayerNack{Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{first.SequenceNumber, last.SequenceNumber, last.SequenceNumber + 1})}
	require.NoError(t, sender.retransmit(nack))
	require.NoError(t, sender.retransmit(nack), "repeated at once: not sent")
	require.Len(t, r.packets, 1, "what is too old or was never sent cannot be")
	repeated := r.packets[0]
	require.EqualValues(t, 8, repeated.SSRC)
	require.EqualValues(t, 100, repeated.PayloadType, "the one after the video's")
	require.Equal(t, last.Timestamp, repeated.Timestamp)
	require.Equal(t, last.Marker, repeated.Marker)
	require.Equal(t, last.SequenceNumber, binary.BigEndian.Uint16(repeated.Payload))
	require.Equal(t, last.Payload, repeated.Payload[2:])

	sender.video.history.packets[last.SequenceNumber%historySize].repeated = time.Time{}
	require.NoError(t, sender.retransmit(nack))
	require.Equal(t, repeated.SequenceNumber+1, r.packets[1].SequenceNumber, "a number is used once")
	require.EqualValues(t, 2, sender.Stats().Retransmitted)
}

func BenchmarkWriteAudioFrame(b *testing.B) {
	sender, _ := bound(audio, NewClock())
	sender.Bind(discardWriter{}, 99, 100)
	frame := make([]byte, 320)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if err := sender.WriteFrame(frame, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteVideoFrame(b *testing.B) {
	sender, _ := bound(video, NewClock())
	sender.Bind(discardWriter{}, 99, 100)
	frame := make([]byte, 3500)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if err := sender.WriteFrame(frame, now); err != nil {
			b.Fatal(err)
		}
	}
}

type discardWriter struct{}

func (discardWriter) WriteRTP(*rtp.Header, []byte) (int, error) { return 0, nil }

func TestSoundIsNeverWithheld(t *testing.T) {
	t.Parallel()
	sender, r := bound(audio, NewClock())
	sender.SetWatched(false)
	for i := range 3 {
		require.NoError(t, sender.WriteFrame(make([]byte, 100), time.Now().Add(time.Duration(i)*unwatchedFor)))
	}
	require.Len(t, r.packets, 3)
	congested, unwatched := sender.Withheld()
	require.Zero(t, congested+unwatched)
}

func TestUnboundSenderRefusesFrames(t *testing.T) {
	t.Parallel()
	sender, r := bound(audio, NewClock())
	sender.Unbind()
	require.ErrorIs(t, sender.WriteFrame(make([]byte, 100), time.Now()), errUnbound)
	require.NoError(t, sender.KeepAlive(time.Now(), 0), "nothing to keep alive")
	require.Empty(t, r.packets)
}
