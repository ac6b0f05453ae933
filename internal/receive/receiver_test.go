package receive

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// events records what a Receiver reports.
type events struct {
	mu       sync.Mutex
	speakers [][]models.Speaker
	unknown  [][]uint32
	ended    []error
}

func (e *events) Speaking(s []models.Speaker) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.speakers = append(e.speakers, s)
}

func (e *events) Unknown(s []uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unknown = append(e.unknown, s)
}

func (e *events) SinkEnded(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = append(e.ended, err)
}

func newReceiver(e *events) *Receiver { return New(Config{PayloadType: 111, LevelID: 1, Events: e}) }

// sound returns an RTP packet of 20 ms.
func sound(ssrc uint32, sequence uint16, level byte) []byte {
	p := rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: 111, SSRC: ssrc, SequenceNumber: sequence, Timestamp: uint32(sequence) * 960},
		Payload: []byte{31 << 3, byte(sequence >> 8), byte(sequence), 4},
	}
	if err := p.SetExtension(1, []byte{level | 0x80}); err != nil {
		panic(err)
	}
	b, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func setSink(t testing.TB, r *Receiver, sink media.Sink) {
	t.Helper()
	unfinished, err := r.SetSink(t.Context(), media.Env{}, sink)
	require.NoError(t, err)
	require.NoError(t, unfinished)
}

// sleep lets virtual time pass.
func sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// collect returns a sink that keeps what it is given.
func collect() (media.Sink, func() []media.Received) {
	var mu sync.Mutex
	var all []media.Received
	sink := media.ToFunc(func(r media.Received) {
		mu.Lock()
		defer mu.Unlock()
		r.Data = bytes.Clone(r.Data)
		all = append(all, r)
	})
	return sink, func() []media.Received {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

// What arrives reordered, doubled or not at all comes out in order, with what is missing
// counted.
func TestFramesComeInOrder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		arrive []uint16
		want   []uint16
		lost   []int
	}{
		"in order":      {[]uint16{1, 2, 3}, []uint16{1, 2, 3}, []int{0, 0, 0}},
		"swapped":       {[]uint16{1, 3, 2, 4}, []uint16{1, 2, 3, 4}, []int{0, 0, 0, 0}},
		"doubled":       {[]uint16{1, 2, 2, 1, 3}, []uint16{1, 2, 3}, []int{0, 0, 0}},
		"held doubled":  {[]uint16{1, 3, 3, 2}, []uint16{1, 2, 3}, []int{0, 0, 0}},
		"one lost":      {[]uint16{1, 3, 4, 5}, []uint16{1, 3, 4, 5}, []int{0, 1, 0, 0}},
		"over the wrap": {[]uint16{65534, 0, 65535, 1}, []uint16{65534, 65535, 0, 1}, []int{0, 0, 0, 0}},
		"many lost":     {[]uint16{1, 100, 101}, []uint16{1, 100, 101}, []int{0, 98, 0}},
		"two holes":     {[]uint16{1, 3, 5, 20, 21}, []uint16{1, 3, 5, 20, 21}, []int{0, 1, 1, 14, 0}},
		"begun again":   {[]uint16{1, 3, 30000, 30001}, []uint16{1, 3, 30000, 30001}, []int{0, 1, 0, 0}},
		"long ago":      {[]uint16{5000, 10, 11}, []uint16{5000, 10, 11}, []int{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newReceiver(&events{})
				sink, got := collect()
				setSink(t, r, sink)
				for _, n := range c.arrive {
					r.RTP(sound(7, n, 30))
				}
				sleep(300 * time.Millisecond)
				var order []uint16
				var lost []int
				for _, f := range got() {
					order, lost = append(order, uint16(f.RTPTime/960)), append(lost, f.Lost)
				}
				require.Equal(t, c.want, order)
				require.Equal(t, c.lost, lost)
				require.NoError(t, r.Close())
			})
		})
	}
}

// Who speaks is reported with the loudest of an interval, and who is not known, again and
// again but ever less often.
func TestSpeakersAndStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e events
		r := newReceiver(&e)
		r.SetParticipants([]models.Participant{{UserID: 70, AudioSSRC: 7}})
		sink, got := collect()
		setSink(t, r, sink)
		sleep(10 * time.Millisecond) // no packet comes with a tick
		for n := range uint16(500) {
			r.RTP(sound(7, n, byte(20+n%5)))
			r.RTP(sound(8, n, 50))
			sleep(20 * time.Millisecond)
		}
		synctest.Wait()
		require.Equal(t, [][]uint32{{8}, {8}, {8}}, e.unknown, "after 0.2 s, 1.2 s and 6.2 s")
		require.InDelta(t, 100, len(e.speakers), 1)
		require.Equal(t, []models.Speaker{{SSRC: 7, UserID: 70, Level: 20, Voice: true}, {SSRC: 8, Level: 50, Voice: true}}, e.speakers[50])
		require.Equal(t, int64(70), got()[0].UserID)
		require.Zero(t, got()[1].UserID)
		r.SetParticipants([]models.Participant{{UserID: 80, PresentationSSRC: 8}})
		r.RTP(sound(8, 500, 50))
		synctest.Wait()
		last := got()[len(got())-1]
		require.Equal(t, int64(80), last.UserID)
		require.True(t, last.Presentation)
		require.NoError(t, r.Close())
	})
}

// stuck is a writer that does nothing until it is released.
type stuck struct {
	release chan struct{}
	got     []media.Received
	closed  bool
}

func (s *stuck) Write(r media.Received) error {
	<-s.release
	s.got = append(s.got, r)
	return nil
}

func (s *stuck) Close() error { s.closed = true; return nil }

// A sink that is too slow loses frames, learns how many, and delays nothing.
func TestSlowSinkLosesAndCounts(t *testing.T) {
	t.Parallel()
	w := &stuck{release: make(chan struct{})}
	q := newQueue(w, func(error) { panic("it has not failed") })
	const pushed = 3 * maxLength
	for n := range pushed {
		q.push(media.Received{Data: []byte{1}, RTPTime: uint32(n)})
	}
	close(w.release)
	require.NoError(t, q.finish())
	require.True(t, w.closed)
	q.push(media.Received{Data: []byte{1}})
	require.InDelta(t, maxLength, len(w.got), 1)
	skipped := pushed - uint64(len(w.got))
	require.Equal(t, skipped, q.skipped)

	bytes := &stuck{release: make(chan struct{})}
	q = newQueue(bytes, nil)
	for range 100 {
		q.push(media.Received{Data: make([]byte, maxBytes/10)})
	}
	close(bytes.release)
	require.NoError(t, q.finish())
	require.InDelta(t, 10, len(bytes.got), 1)
}

// broken is a writer that fails, and whose file cannot be finished.
type broken struct{ how func() error }

func (b broken) Write(media.Received) error { return b.how() }
func (b broken) Close() error               { return errUnfinished }

func (b broken) Open(context.Context, media.Env) (media.Writer, error) { return b, nil }

var errUnfinished = errors.New("unfinished")

// A sink that cannot be finished does not keep the next one from taking its place.
func TestSinkBeforeThatCannotBeFinished(t *testing.T) {
	t.Parallel()
	r := newReceiver(&events{})
	setSink(t, r, broken{func() error { return nil }})
	sink, got := collect()
	unfinished, err := r.SetSink(t.Context(), media.Env{}, sink)
	require.NoError(t, err)
	require.ErrorIs(t, unfinished, errUnfinished)
	r.RTP(sound(7, 1, 30))
	require.Eventually(t, func() bool { return len(got()) == 1 }, time.Minute, time.Millisecond)
	require.NoError(t, r.Close())
}

// A function is not called again once its sink has been replaced, whatever still waits.
func TestFunctionOfTheSinkBeforeIsNotCalled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver(&events{})
		calls, release := 0, make(chan struct{})
		setSink(t, r, media.ToFunc(func(media.Received) { calls++; <-release }))
		for n := range uint16(10) {
			r.RTP(sound(7, n, 30))
		}
		synctest.Wait()
		require.NoError(t, r.Close())
		close(release)
		synctest.Wait()
		require.Equal(t, 1, calls)
	})
}

// A writer is flushed however much there is to write.
func TestBusyWriterIsFlushed(t *testing.T) {
	t.Parallel()
	w := &busy{flushed: make(chan struct{})}
	q := newQueue(w, nil)
	for flushed := false; !flushed; {
		q.push(media.Received{Data: []byte{1}})
		select {
		case <-w.flushed:
			flushed = true
		default:
		}
	}
	require.NoError(t, q.finish())
}

// busy is a writer that keeps a queue from running dry.
type busy struct {
	flushed chan struct{}
	once    sync.Once
}

func (b *busy) Write(media.Received) error { runtime.Gosched(); return nil }
func (b *busy) Flush(time.Time) error      { b.once.Do(func() { close(b.flushed) }); return nil }
func (b *busy) Close() error               { return nil }

func TestSinkThatFailsIsReported(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for name, c := range map[string]struct {
		how  func() error
		want error
	}{
		"error":  {func() error { return full }, full},
		"goexit": {func() error { runtime.Goexit(); return nil }, errExited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan error, 1)
			q := newQueue(broken{c.how}, func(err error) { ended <- err })
			q.push(media.Received{Data: []byte{1}})
			require.ErrorIs(t, <-ended, c.want)
			q.push(media.Received{Data: []byte{1}})
			require.NoError(t, q.finish(), "it has been reported")
		})
	}
}

func (r *Receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.streams)
}

// Ten thousand SSRCs leave no more behind than there may be at a time, and nothing a
// minute later.
func TestSSRCsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newReceiver(&events{})
		sink, _ := collect()
		setSink(t, r, sink)
		for n := range uint32(10_000) {
			r.RTP(sound(n, 1, 30))
		}
		require.Equal(t, maxStreams, r.count())
		sleep(forget + 2*interval)
		require.Zero(t, r.count())
		require.NoError(t, r.Close())
	})
}

func TestReceiverReport(t *testing.T) {
	t.Parallel()
	var s reception
	at := time.Unix(1, 0)
	for n := range uint16(100) {
		if n%10 != 9 {
			s.count(65500+n, uint32(n)*960, at.Add(time.Duration(n)*20*time.Millisecond+time.Duration(n%2)*time.Millisecond), 48000)
		}
	}
	report := s.report(7)
	require.Equal(t, uint32(65500+98), report.LastSequenceNumber)
	require.Equal(t, uint32(9), report.TotalLost)
	require.Equal(t, uint8(256*9/99), report.FractionLost)
	require.InDelta(t, 48, report.Jitter, 10)
	require.Zero(t, s.report(7).FractionLost)
}

func FuzzParse(f *testing.F) {
	f.Add(sound(7, 1, 30))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b, 1)
		var theirs rtp.Packet
		if theirs.Unmarshal(b) != nil || err != nil {
			return
		}
		require.Equal(t, theirs.SequenceNumber, p.sequence)
		require.Equal(t, theirs.SSRC, p.ssrc)
		require.Equal(t, theirs.Timestamp, p.time)
		require.True(t, bytes.Equal(theirs.Payload, p.payload))
	})
}

// FuzzOrder checks that frames come in order whatever arrives.
func FuzzOrder(f *testing.F) {
	f.Add([]byte{1, 3, 2, 5, 9, 9, 1})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var s stream
		sequence, now := uint16(65530), time.Unix(0, 0)
		last, delivered := -1<<31, 0
		for _, step := range steps {
			sequence += uint16(step) - 100
			now = now.Add(time.Duration(step) * time.Millisecond)
			s.order(packet{sequence: sequence, payload: []byte{step}}, now, func(s *stream, p packet, _ time.Time) {
				ahead := int(int16(p.sequence - uint16(last)))
				if last != -1<<31 && ahead <= 0 && ahead > -restart {
					t.Fatalf("%d after %d", p.sequence, last)
				}
				last = int(p.sequence)
				delivered++
			})
			require.LessOrEqual(t, s.count, held)
		}
		require.LessOrEqual(t, delivered, len(steps))
	})
}

// BenchmarkRTP is the cost of a received packet: fifty speakers, of whom five speak.
func BenchmarkRTP(b *testing.B) {
	r := newReceiver(&events{})
	setSink(b, r, media.ToFunc(func(media.Received) {}))
	packets := make([][][]byte, 5)
	for s := range packets {
		for n := range 1 << 10 {
			packets[s] = append(packets[s], sound(uint32(s), uint16(n), 30))
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := packets[i%5][i/5%(1<<10)]
		r.RTP(p)
	}
	require.NoError(b, r.Close())
}

// A packet costs no allocation, in order or not.
func TestReceivingDoesNotAllocate(t *testing.T) {
	r := newReceiver(&events{})
	setSink(t, r, media.ToFunc(func(media.Received) {}))
	packets := make([][]byte, 20_000)
	for n := range packets {
		packets[n] = sound(7, uint16(n^rand.IntN(10)/9), 30)
	}
	n := 0
	for range 2 * maxLength {
		r.RTP(packets[n])
		n++
	}
	require.Less(t, testing.AllocsPerRun(5000, func() { r.RTP(packets[n]); n++ }), 0.1)
	require.NoError(t, r.Close())
}
