package studio

import (
	"fmt"
	"time"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/oracle"
)

// Snapshot is the state of everything.
type Snapshot struct {
	Calls []CallState `json:"calls"`
	Load  LoadState   `json:"load"`
	// Processor is how much of one core this program uses, with all servers and without
	// ffmpeg; negative where the system does not say.
	Processor float64 `json:"processor"`
}

// CallState is the state of one call. Times are in seconds, or in ms where a name says so.
type CallState struct {
	ID         int     `json:"id"`
	Title      string  `json:"title"`
	Next       string  `json:"next"`
	Playing    bool    `json:"playing"` // there is a source, which may be paused
	Video      bool    `json:"video"`
	Position   float64 `json:"position"`
	Duration   float64 `json:"duration"` // 0: not known
	Live       bool    `json:"live"`
	Connection string  `json:"connection"`
	Trouble    string  `json:"trouble"`
	Paused     bool    `json:"paused"`
	Muted      bool    `json:"muted"`
	Volume     int     `json:"volume"`
	Network    Network `json:"network"`
	Dark       float64 `json:"dark"` // the rest of a black-out
	Listeners  int     `json:"listeners"`
	Stats      Figures `json:"stats"`
}

// Figures are those of the library's Stats, and what arrived at the server.
type Figures struct {
	Packets       uint64   `json:"packets"` // sent, of both tracks
	Bytes         uint64   `json:"bytes"`
	Retransmitted uint64   `json:"retransmitted"`
	LossPercent   float64  `json:"lossPercent"` // by the server's last reports
	JitterMs      float64  `json:"jitterMs"`
	RoundTripMs   float64  `json:"roundTripMs"`
	BandwidthKbps float64  `json:"bandwidthKbps"`
	Shed          uint64   `json:"shed"`
	Late          uint64   `json:"late"`
	ClockMoves    uint64   `json:"clockMoves"`
	Restarts      uint64   `json:"restarts"`
	PacingMs      float64  `json:"pacingMs"`
	Arrived       uint64   `json:"arrived"` // packets
	Lost          uint64   `json:"lost"`    // that never arrived
	Violations    []string `json:"violations"`
}

// Snapshot returns the state of everything.
func (s *Studio) Snapshot() Snapshot {
	snap := Snapshot{Calls: []CallState{}, Load: s.load.state(), Processor: s.process.read()}
	for _, c := range s.list() {
		snap.Calls = append(snap.Calls, c.state())
	}
	return snap
}

func (c *call) state() CallState {
	c.mu.Lock()
	st := CallState{
		ID: c.id, Title: c.title, Next: c.next, Video: !c.media.VideoStopped,
		Connection: c.connection.String(), Trouble: c.trouble, Volume: c.volume,
		Network: c.network, Dark: max(0, time.Until(c.darkUntil).Seconds()),
	}
	p := c.participant
	c.mu.Unlock()
	client := c.studio.client
	st.Listeners = c.far.Listeners()
	if at, err := client.Position(c.chat); err == nil {
		st.Position = at.Seconds()
	}
	if info, err := client.SourceInfo(c.chat); err == nil {
		st.Duration, st.Live = info.Duration.Seconds(), info.Live
	}
	if media, err := client.GetState(c.chat); err == nil {
		st.Paused, st.Muted, st.Video = media.Paused, media.Muted, !media.VideoStopped
	}
	if stats, err := client.Stats(c.chat); err == nil {
		st.Playing = len(stats.Tracks) > 0
		st.Stats = figures(stats)
	}
	st.Stats.PacingMs = inMs(c.arrival.pacing())
	st.Stats.Violations = []string{}
	if p != nil {
		st.Stats.Arrived, st.Stats.Lost = counts(p)
		st.Stats.Violations = append(st.Stats.Violations, p.Violations()...)
	}
	return st
}

func figures(s gotgcall.Stats) Figures {
	return Figures{
		Packets:       s.Audio.Packets + s.Video.Packets,
		Bytes:         s.Audio.Bytes + s.Video.Bytes,
		Retransmitted: s.Audio.Retransmitted + s.Video.Retransmitted,
		LossPercent:   100 * max(s.Audio.FractionLost, s.Video.FractionLost),
		JitterMs:      inMs(max(s.Audio.Jitter, s.Video.Jitter)),
		RoundTripMs:   inMs(max(s.Audio.RoundTrip, s.Video.RoundTrip)),
		BandwidthKbps: float64(s.Bandwidth) / 1000,
		Shed:          s.PicturesShed,
		Late:          s.FramesLate,
		ClockMoves:    s.ClockMoves,
		Restarts:      s.SourceRestarts,
	}
}

func inMs(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// counts returns how many packets of sound and picture arrived, and how many never did.
func counts(p *sfu.Participant) (arrived, lost uint64) {
	for _, st := range p.Stats().Streams {
		if st.Kind == oracle.Audio || st.Kind == oracle.Video {
			arrived += st.Packets
			lost += st.Lost
		}
	}
	return arrived, lost
}

// verdict is what arrived of a call.
type verdict struct {
	arrived, lost uint64 // packets
	touched       bool   // by a verb or a knob, so that losses may be no fault
	violations    []string
}

func (c *call) verdict() verdict {
	c.mu.Lock()
	p := c.participant
	v := verdict{touched: c.touched}
	c.mu.Unlock()
	if p != nil {
		v.arrived, v.lost = counts(p)
		v.violations = p.Violations()
	}
	return v
}

// Touched reports whether a verb or knob was used on a call: what arrives is then not all
// of its source.
func (s *Studio) Touched(id int) bool {
	c, err := s.call(id)
	if err != nil {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.touched
}

// Verdict says in one line what arrived of all calls that are over. Its error is not nil
// when a server would have objected.
func (s *Studio) Verdict() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum verdict
	for _, v := range s.former {
		sum.arrived += v.arrived
		sum.lost += v.lost
		sum.touched = sum.touched || v.touched
		sum.violations = append(sum.violations, v.violations...)
	}
	line := fmt.Sprintf("%d calls", len(s.former))
	if len(s.former) == 1 {
		line = "1 call"
	}
	line += fmt.Sprintf(", %d packets received, ", sum.arrived)
	switch {
	case len(s.former) == 0:
		return "no call", nil
	case sum.lost == 0:
		line += "nothing lost"
	case sum.touched:
		line += fmt.Sprintf("%d lost while the page was used", sum.lost)
	default:
		line += fmt.Sprintf("%d lost", sum.lost)
	}
	if len(sum.violations) > 0 {
		return line, fmt.Errorf("a server would object: %s", sum.violations[0])
	}
	return line + ", no rule broken", nil
}
