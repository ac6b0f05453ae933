package groupcall

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gotgcall/gotgcall"
)

// listen hands the account's events to the chats.
func (s *Calls) listen() {
	defer s.work.Done()
	err := s.account.Events(s.life, s.receive)
	switch {
	case s.life.Err() != nil:
	case errors.Is(err, ErrAccountDead), errors.Is(err, ErrFrozen):
		s.retire(err)
	default: // what happens is seen by asking, later
		s.cfg.logger.Error("the account reports no more events", "err", err)
	}
}

// receive hands on one event. It does not block.
func (s *Calls) receive(e Event) {
	switch e := e.(type) {
	case CallChanged:
		_ = s.tell(e.Call.Chat, func(c *chat) { c.callChanged(e.Call) })
	case CallEnded:
		s.tellAll(func(c *chat) { c.callEnded(e.ID) })
	case MeChanged:
		s.tellAll(func(c *chat) { c.meChanged(e) })
	case ParticipantsChanged:
		s.tellAll(func(c *chat) { c.participantsChanged(e.CallID) })
	case ChatLost:
		_ = s.tell(e.Chat, (*chat).chatLost)
	case ChatMigrated:
		_ = s.tell(e.From, func(c *chat) { c.migrated(e.To) })
	case Reconnected:
		s.tellAll((*chat).reconnected)
	}
}

// streamEnded is the Client's OnStreamEnd. Only the last track of a source counts, and
// only an end that is the source's.
func (s *Calls) streamEnded(id int64, _ gotgcall.StreamType, _ gotgcall.Device, err error) {
	for _, other := range []error{
		gotgcall.ErrConnectionFailed, gotgcall.ErrConnectionTimeout, gotgcall.ErrStopped, gotgcall.ErrClosed,
		gotgcall.ErrInvalidParams, gotgcall.ErrUnsupportedCallMode,
	} {
		if errors.Is(err, other) {
			return
		}
	}
	if stats, failed := s.client.Stats(id); failed == nil && len(stats.Ending) > 0 {
		return
	}
	_ = s.tell(id, func(c *chat) { c.trackEnded(err) })
}

// connectionChanged is the Client's OnConnectionChange.
func (s *Calls) connectionChanged(id int64, info gotgcall.NetworkInfo) {
	_ = s.tell(id, func(c *chat) { c.connectionChanged(info) })
}

// callChanged takes in the figures of the chat's call, or news of one that began.
func (c *chat) callChanged(call Call) {
	switch {
	case c.state == Parked:
		if !c.parked.flood() {
			c.due = time.Time{} // look for it
		}
	case c.call.ID == call.ID && c.state != Out:
		c.heard()
		if call.Version >= c.call.Version {
			c.counted(call)
		}
	}
}

// callEnded takes in the end of a call, which no later news can undo.
func (c *chat) callEnded(id int64) {
	if id == 0 || id != c.call.ID {
		return
	}
	switch c.state {
	case Joining, Connecting, In, Muted, Recovering:
		c.callOver()
	}
}

// meChanged takes in the account's own entry. What it says of a removal or of another
// device is asked about before it is believed: it may be late.
func (c *chat) meChanged(e MeChanged) {
	if e.CallID != c.call.ID || c.live {
		return
	}
	switch c.state {
	case In, Muted, Recovering:
	default:
		return // the answer to the join says it
	}
	ours := e.Me.SSRC == c.ssrc
	switch {
	case e.Me.Left && ours:
		c.suspect()
	case e.Me.Left, c.hadSSRC(e.Me.SSRC) && !ours && e.Me.SSRC != 0:
		// late news of a connection before
	case !ours && e.Me.SSRC != 0:
		c.checkSoon(time.Second)
	case e.Version != 0 && e.Version < c.version:
		// late
	default:
		c.heard()
		c.version = max(c.version, e.Version)
		if c.takeMe(e.Me) {
			c.checkSoon(time.Second) // it may be late in spite of its version
		}
	}
}

// participantsChanged has the listeners counted, once for a burst of news.
func (c *chat) participantsChanged(id int64) {
	if id == c.call.ID && (c.state == In || c.state == Muted) {
		c.heard()
		c.countSoon(time.Second)
	}
}

// chatLost asks whether the account is out of the chat.
func (c *chat) chatLost() {
	switch c.state {
	case In, Muted, Recovering:
		c.countSoon(0)
	case Parked:
		if !c.parked.flood() {
			c.due = time.Time{}
		}
	}
}

// reconnected asks what was missed, not for all chats at the same moment.
func (c *chat) reconnected() {
	within := time.Duration(rand.Int64N(int64(5 * time.Second)))
	c.checkSoon(within)
	c.countSoon(within)
	if c.state == Parked && !c.parked.flood() {
		c.due = time.Now().Add(within)
	}
}

// connectionChanged takes in the state of the library's call. It may be that of the
// call before, so the library is asked.
func (c *chat) connectionChanged(info gotgcall.NetworkInfo) {
	stats, err := c.client.Stats(c.id)
	switch {
	case err != nil && c.lib != 0:
		c.libraryLost(info)
		return
	case err != nil:
		return
	case stats.State != gotgcall.Disconnected:
		c.silentSince = time.Time{}
	case c.silentSince.IsZero():
		c.silentSince = time.Now()
	}
	c.link = stats.State
}
