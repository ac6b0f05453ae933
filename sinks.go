package gotgcall

import (
	"context"
	"fmt"
)

// SetStreamSinks opens a sink for what the others in a call say, and replaces the one
// before with it, whose files are finished when SetStreamSinks returns. It may be called
// before Connect. A nil sink ends receiving: what the others send then costs nothing, as
// in a call without a sink. It does not wait for the network.
//
// The sink stays through Pause, Mute, any source and a [Client.Rejoin]; when a call that
// was lost is rejoined, it is opened again. It ends with the call. A sink that is too
// slow delays nothing: it misses frames, and [Received] says how many.
//
// When the sink cannot be opened the one before stays. The error is that of its Open, such
// as that of a directory which cannot be made; [ErrWrongMode] for an RTMP call. One of
// the sink before, whose files could not be finished, is returned too.
//
// A function of [ToFunc] or [ToPCM] may call any method of the Client, and is not called
// again once its sink has been replaced or its call has ended; a call of it that has begun
// is not waited for. The Write of a program's own [Writer] must call no method that ends or
// replaces its sink, as that waits for it.
func (c *Client) SetStreamSinks(chatID int64, sink Sink) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.SetSink(context.Background(), sink)
	}
	if err != nil {
		return fmt.Errorf("set stream sinks: %w", err)
	}
	return nil
}

// SetParticipants says whose stream an SSRC is: all that phone.getGroupParticipants and
// updateGroupCallParticipants say, in place of what was said before. What has been
// received from an SSRC before its participant is known has user 0.
func (c *Client) SetParticipants(chatID int64, participants []Participant) error {
	call, err := c.call(chatID)
	if err == nil {
		err = call.SetParticipants(participants)
	}
	if err != nil {
		return fmt.Errorf("set participants: %w", err)
	}
	return nil
}

// OnSpeaking sets the callback for the speakers of a call that has a sink, called each
// tenth of a second in which anything arrived, with the loudest first. It costs no
// decoding: each packet says how loud it is. If the callback is slow it is called less
// often, with the latest. A later callback replaces an earlier one; nil removes it.
func (c *Client) OnSpeaking(fn func(chatID int64, speakers []Speaker)) {
	c.events.set(func(cb *callbacks) { cb.speaking = fn })
}

// OnUnknownSSRC sets the callback for SSRCs that are heard in a call with a sink and belong
// to no [Participant]: a bot asks for their participants with the sources of
// phone.getGroupParticipants, and calls [Client.SetParticipants]. Those that come within
// 0.15 s are reported together; one that stays unknown and goes on sending is reported
// again after 1 s, after 5 s more, and then each 30 s. A later callback replaces an earlier
// one; nil removes it.
func (c *Client) OnUnknownSSRC(fn func(chatID int64, ssrcs []uint32)) {
	c.events.set(func(cb *callbacks) { cb.unknown = fn })
}

// OnSinkEnd sets the callback for a sink that has failed, such as one whose disk is full,
// with the error of its Write or Open. Nothing more is written to it. A sink that is
// replaced, or ends with its call, reports nothing. A later callback replaces an earlier
// one; nil removes it.
func (c *Client) OnSinkEnd(fn func(chatID int64, err error)) {
	c.events.set(func(cb *callbacks) { cb.sinkEnd = fn })
}

// Speaking posts the levels of a tenth of a second, or replaces those that are still
// posted.
func (e *entry) Speaking(speakers []Speaker) {
	if !e.client.events.has(func(cb callbacks) bool { return cb.speaking != nil }) {
		return
	}
	e.mu.Lock()
	posted := e.loud != nil
	e.loud = speakers
	e.mu.Unlock()
	if posted {
		return
	}
	e.received("OnSpeaking", func(cb callbacks) {
		e.mu.Lock()
		latest := e.loud
		e.loud = nil
		e.mu.Unlock()
		if cb.speaking != nil {
			cb.speaking(e.chatID, latest)
		}
	})
}

// Unknown posts SSRCs that belong to nobody known.
func (e *entry) Unknown(ssrcs []uint32) {
	e.received("OnUnknownSSRC", func(cb callbacks) {
		if cb.unknown != nil {
			cb.unknown(e.chatID, ssrcs)
		}
	})
}

// SinkEnded posts the failure of a sink.
func (e *entry) SinkEnded(err error) {
	e.received("OnSinkEnd", func(cb callbacks) {
		if cb.sinkEnd != nil {
			cb.sinkEnd(e.chatID, err)
		}
	})
}

// received posts an event of the call's Receiver, whose goroutines outlive the call's last
// event, unless that has been posted.
func (e *entry) received(name string, deliver func(callbacks)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.over {
		e.client.events.post(name, e.chatID, deliver)
	}
}
