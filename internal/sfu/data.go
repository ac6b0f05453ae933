package sfu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/sctp"
)

const (
	// dataLabel and dataStream are what Telegram's clients open.
	dataLabel  = "data"
	dataStream = 0
	// maxDataMessage is the max-message-size of Telegram's clients.
	maxDataMessage = 262144
	// maxDataMessages bounds what is kept of a talkative client; the oldest go first.
	maxDataMessages = 1024
)

// ErrDataClosed is given for a send without an open data channel.
var ErrDataClosed = errors.New("the data channel is not open")

// DataMessage is one message of the client's data channel.
type DataMessage struct {
	Text    string
	Binary  bool
	Arrival time.Time
}

// dataState is guarded by Participant.mu, but for associated.
type dataState struct {
	associated *atomic.Bool // the SCTP association is up
	channel    *datachannel.DataChannel
	open       bool
	opened     bool // was ever open
	messages   []DataMessage
	openedCh   chan struct{}
}

func newDataState() dataState {
	return dataState{associated: &atomic.Bool{}, openedCh: make(chan struct{})}
}

// DataOpen is closed when the client has opened its data channel for the first time.
func (p *Participant) DataOpen() <-chan struct{} { return p.data.openedCh }

// DataMessages lists what the client sent, oldest first, the last 1024.
func (p *Participant) DataMessages() []DataMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]DataMessage(nil), p.data.messages...)
}

// SendData sends a text message to the client.
func (p *Participant) SendData(text string) error {
	return p.send([]byte(text), true)
}

// SendBinary sends a binary message to the client.
func (p *Participant) SendBinary(b []byte) error { return p.send(b, false) }

func (p *Participant) send(b []byte, text bool) error {
	p.mu.Lock()
	channel := p.data.channel
	p.mu.Unlock()
	if channel == nil {
		return ErrDataClosed
	}
	if _, err := channel.WriteDataChannel(b, text); err != nil {
		return fmt.Errorf("send data: %w", err)
	}
	return nil
}

// serveData accepts the client's association and its channels. It reads DTLS as long as
// that is up, and ends the participant when the client closes it: a close_notify shows
// nowhere else.
func (p *Participant) serveData() {
	watched := &watchedConn{Conn: p.transport.dtls}
	association, err := sctp.ServerWithOptions(
		sctp.WithNetConn(watched),
		sctp.WithLoggerFactory(loggerFactory{p.log}),
		sctp.WithMaxMessageSize(maxDataMessage),
	)
	if err != nil {
		p.stop(watched.cause(err))
		return
	}
	p.data.associated.Store(true)
	p.wake()
	for {
		stream, err := association.AcceptStream()
		if err != nil {
			p.stop(watched.cause(err))
			_ = association.Close() // waits for its read loop
			return
		}
		p.serveChannel(stream)
	}
}

// serveChannel serves one channel after the other: a client has one, and opens another
// when it was closed.
func (p *Participant) serveChannel(stream *sctp.Stream) {
	config := &datachannel.Config{LoggerFactory: loggerFactory{p.log}}
	channel, err := datachannel.Server(stream, config)
	if errors.Is(err, io.EOF) || errors.Is(err, sctp.ErrStreamClosed) || errors.Is(err, sctp.ErrPayloadDataStateNotExist) {
		return // the client left meanwhile
	}
	if err != nil {
		p.violate("data channel", "stream %d: %v", stream.StreamIdentifier(), err)
		return
	}
	if config.Label != dataLabel || stream.StreamIdentifier() != dataStream {
		p.violate("data channel", "%q on stream %d, not %q on %d",
			config.Label, stream.StreamIdentifier(), dataLabel, dataStream)
	}
	p.setChannel(channel)
	defer p.setChannel(nil)
	p.sendConstraints()
	buf := make([]byte, maxDataMessage)
	for {
		n, text, err := channel.ReadDataChannel(buf)
		if err != nil {
			return
		}
		p.onData(DataMessage{Text: string(buf[:n]), Binary: !text, Arrival: time.Now()})
	}
}

func (p *Participant) setChannel(channel *datachannel.DataChannel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.data.channel = channel
	p.data.open = channel != nil
	if channel != nil && !p.data.opened {
		p.data.opened = true
		close(p.data.openedCh)
	}
}

func (p *Participant) onData(msg DataMessage) {
	p.mu.Lock()
	if len(p.data.messages) == maxDataMessages {
		p.data.messages = p.data.messages[1:]
	}
	p.data.messages = append(p.data.messages, msg)
	p.mu.Unlock()
	p.onMessage(msg)
	if p.cfg.OnData != nil {
		p.cfg.OnData(p, msg)
	}
}

// sendConstraints sends what the viewers want, and with Chatter what a client must
// ignore.
func (p *Participant) sendConstraints() {
	if p.cfg.Chatter {
		p.chatter()
	}
	p.mu.Lock()
	height := max(p.idealHeight, p.cfg.SenderVideoHeight)
	p.mu.Unlock()
	if height == 0 {
		return
	}
	if err := p.SendVideoConstraints(height); err != nil {
		p.log.Debug("send constraints", "error", err)
	}
}

func (p *Participant) chatter() {
	for _, text := range []string{
		`{"colibriClass":"DebugMessage","message":"endpoint=a81b22c0 target=360p/300000 ideal=720p/900000"}`,
		`{"colibriClass":"LastNEndpointsChangeEvent","lastNEndpoints":["a81b22c0"]}`,
		`{"colibriClass":"NobodyKnowsThis","videoConstraints":17}`,
		`{"videoConstraints":{"idealHeight":-1}}`,
		`{"colibriClass":`,
	} {
		if err := p.SendData(text); err != nil {
			p.log.Debug("chatter", "error", err)
		}
	}
	if err := p.SendBinary([]byte{0, 1, 2, 0xff}); err != nil {
		p.log.Debug("chatter", "error", err)
	}
}

// SendVideoConstraints sends the client the largest height any viewer wants. Zero:
// nobody watches.
func (p *Participant) SendVideoConstraints(idealHeight int) error {
	type constraints struct {
		IdealHeight int `json:"idealHeight"`
	}
	raw, err := json.Marshal(struct {
		Class       string      `json:"colibriClass"`
		Constraints constraints `json:"videoConstraints"`
	}{"SenderVideoConstraints", constraints{idealHeight}})
	if err != nil {
		return fmt.Errorf("encode constraints: %w", err)
	}
	return p.SendData(string(raw))
}

// watchedConn remembers how reading DTLS ended, which SCTP keeps to itself.
type watchedConn struct {
	net.Conn
	left atomic.Bool
}

func (w *watchedConn) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		w.left.Store(true)
	}
	return n, err
}

// cause distinguishes a client that left from a failure. pion's clients abort the association
// before they close DTLS, which SCTP reports as EOF too.
func (w *watchedConn) cause(err error) error {
	if w.left.Load() || errors.Is(err, io.EOF) {
		return ErrLeft
	}
	return fmt.Errorf("SCTP: %w", err)
}
