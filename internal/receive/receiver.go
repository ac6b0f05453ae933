package receive

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtcp"

	"github.com/gotgcall/gotgcall/internal/opus"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	// interval is how often levels are reported, as Telegram's own clients do.
	interval = 100 * time.Millisecond
	// maxStreams bounds the SSRCs that are followed. Those beyond it are not received.
	maxStreams = 1000
	// forget is after how much silence an SSRC is forgotten.
	forget = time.Minute
	// gather is how long unknown SSRCs are gathered before they are reported.
	gather = 150 * time.Millisecond
	// maxReports is how many streams one RTCP packet can report on.
	maxReports = 31
)

// again is when an SSRC that is still unknown is reported again.
var again = [...]time.Duration{time.Second, 5 * time.Second, 30 * time.Second}

// person is whose stream an SSRC is.
type person struct {
	user         int64
	presentation bool // it is the sound of a shared screen
}

// Events receives what happens while receiving. The methods must neither block nor call
// the Receiver.
type Events interface {
	// Speaking is called in each interval in which anything arrived.
	Speaking([]models.Speaker)
	// Unknown reports SSRCs that belong to nobody known.
	Unknown([]uint32)
	// SinkEnded reports that a sink has failed.
	SinkEnded(error)
}

// Config is what a Receiver needs of the connection.
type Config struct {
	PayloadType byte // of Opus
	LevelID     byte // of the header extension for the audio level
	Events      Events
}

// Receiver receives what the others in a call say, over any number of connections.
type Receiver struct {
	cfg     Config
	deliver func(*stream, packet, time.Time) // r.pass, made once

	changing sync.Mutex // held while the sink is replaced

	mu      sync.Mutex // guards what follows; not held while foreign code runs
	streams map[uint32]*stream
	people  map[uint32]person
	sink    *queue
	given   media.Sink    // which was opened as sink; nil: none
	stop    chan struct{} // ends the ticks; nil while there are none
	ticks   sync.WaitGroup
}

// New returns a Receiver without a sink.
func New(cfg Config) *Receiver {
	r := &Receiver{cfg: cfg, streams: make(map[uint32]*stream), people: make(map[uint32]person)}
	r.deliver = r.pass
	return r
}

// SetParticipants replaces the participants by which an SSRC is known.
func (r *Receiver) SetParticipants(all []models.Participant) {
	people := make(map[uint32]person, len(all))
	for _, p := range all {
		people[p.AudioSSRC] = person{p.UserID, false}
		people[p.PresentationSSRC] = person{p.UserID, true}
	}
	delete(people, 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.people = people
	for _, s := range r.streams {
		s.person, s.known = people[s.ssrc]
	}
}

// SetSink opens a sink and replaces the one before with it, whose files are finished when
// SetSink returns. A nil sink ends receiving. When the sink cannot be opened, err says why
// and nothing has changed. unfinished is why the one before could not be finished.
func (r *Receiver) SetSink(ctx context.Context, env media.Env, sink media.Sink) (unfinished, err error) {
	r.changing.Lock()
	defer r.changing.Unlock()
	var next *queue
	if sink != nil {
		w, err := sink.Open(ctx, env)
		if err != nil {
			return nil, fmt.Errorf("open sink: %w", err)
		}
		next = newQueue(w, r.cfg.Events.SinkEnded)
	}
	r.mu.Lock()
	before := r.sink
	r.sink, r.given = next, sink
	var ticks chan struct{}
	switch {
	case next != nil && r.stop == nil:
		r.stop = make(chan struct{})
		r.ticks.Add(1)
		go r.tick(r.stop) // ends when stop is closed, here or by the next SetSink, which waits
	case next == nil:
		ticks, r.stop = r.stop, nil
		clear(r.streams)
	}
	r.mu.Unlock()
	if ticks != nil {
		close(ticks)
		r.ticks.Wait()
	}
	if before == nil {
		return nil, nil
	}
	if err := before.finish(); err != nil {
		return fmt.Errorf("close sink: %w", err), nil
	}
	return nil, nil
}

// Sink returns the sink that was set last, or nil.
func (r *Receiver) Sink() media.Sink {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.given
}

// RTP takes a packet, decrypted, on the goroutine that reads them. It keeps nothing of b.
func (r *Receiver) RTP(b []byte) {
	p, err := parse(b, r.cfg.LevelID)
	if err != nil || p.payloadType != r.cfg.PayloadType || len(p.payload) == 0 {
		return
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink == nil {
		return
	}
	s := r.streams[p.ssrc]
	if s == nil {
		if len(r.streams) >= maxStreams {
			return
		}
		s = &stream{ssrc: p.ssrc, askAt: now.Add(gather)}
		s.person, s.known = r.people[p.ssrc]
		r.streams[p.ssrc] = s
	}
	s.last = now
	s.stats.count(p.sequence, p.time, now, 48000)
	s.listen(p)
	s.order(p, now, r.deliver)
}

// pass gives a packet whose turn has come to the sink. mu must be held.
func (r *Receiver) pass(s *stream, p packet, arrival time.Time) {
	length, ok := opus.Duration(p.payload)
	if !ok {
		s.lost++
		return
	}
	r.sink.push(s.received(p, arrival, length))
	s.lost = 0
}

// tick does what is due in each interval.
func (r *Receiver) tick(stop <-chan struct{}) {
	defer r.ticks.Done()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-ticker.C:
			speakers, unknown := r.survey(now)
			if len(speakers) > 0 {
				r.cfg.Events.Speaking(speakers)
			}
			if len(unknown) > 0 {
				r.cfg.Events.Unknown(unknown)
			}
		}
	}
}

// survey returns who spoke in the interval that ends now, and which streams are to be
// reported as unknown. It gives up what is missing for too long.
func (r *Receiver) survey(now time.Time) (speakers []models.Speaker, unknown []uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink == nil {
		return nil, nil
	}
	for _, s := range r.streams {
		s.expire(now, r.deliver)
		if s.heard {
			speakers = append(speakers, models.Speaker{
				SSRC: s.ssrc, UserID: s.person.user, Presentation: s.person.presentation, Level: s.loud, Voice: s.voice,
			})
			s.heard, s.voice = false, false
		}
		if !s.known && !now.Before(s.askAt) && now.Sub(s.last) < time.Second {
			unknown = append(unknown, s.ssrc)
			s.askAt = now.Add(again[min(s.asked, len(again)-1)])
			s.asked++
		}
		if now.Sub(s.last) > forget {
			delete(r.streams, s.ssrc)
		}
	}
	slices.SortFunc(speakers, func(a, b models.Speaker) int { return a.Level - b.Level })
	return speakers, unknown
}

// Reports returns a receiver report on what has arrived since the last, or nil. ours is
// the SSRC that reports.
func (r *Receiver) Reports(ours uint32) []rtcp.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	var reports []rtcp.ReceptionReport
	for _, s := range r.streams {
		if s.stats.packets != s.stats.got && len(reports) < maxReports {
			reports = append(reports, s.stats.report(s.ssrc))
		}
	}
	if reports == nil {
		return nil
	}
	return []rtcp.Packet{&rtcp.ReceiverReport{SSRC: ours, Reports: reports}}
}

// Close ends receiving. The files of the sink are finished when it returns.
func (r *Receiver) Close() error {
	unfinished, _ := r.SetSink(context.Background(), media.Env{}, nil) // there is nothing to open
	return unfinished
}
