package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
)

const (
	// usualMessage is the size of the reader's buffer. A larger message gets a
	// larger one while it is read, of at most largestMessage: four times what our
	// SDP, and that of Telegram's clients, allows.
	usualMessage   = 4 << 10
	largestMessage = 1 << 20
	// maxMessage bounds the messages that are parsed. Telegram's are below 1 KiB.
	maxMessage = 64 << 10
	// maxPolled is how many messages are read at once. Telegram sends a few a second.
	maxPolled = 256
)

// dataChannel is an open data channel.
type dataChannel = datachannel.ReadWriteCloserDeadliner

// openChannel opens stream 0, as Telegram's clients do whatever the DTLS role would
// assign. c.opened yields it when it is open.
func (c *Conn) openChannel() error {
	stream := uint16(0)
	channel, err := c.pc.CreateDataChannel("data", &webrtc.DataChannelInit{ID: &stream})
	if err != nil {
		return err
	}
	channel.OnOpen(func() {
		if raw, err := channel.DetachWithDeadline(); err == nil {
			c.opened <- raw // once: there is room
		}
	})
	// Channels that the server opens are closed: none is used.
	c.pc.OnDataChannel(func(theirs *webrtc.DataChannel) {
		theirs.OnOpen(func() { _ = theirs.Close() })
	})
	return nil
}

// pollChannel reads the channel with each [Conn.serve] from now on.
func (c *Conn) pollChannel(channel dataChannel) {
	_ = channel.SetReadDeadline(time.Unix(0, 0)) // reads do not wait
	c.channel = channel
}

// serveChannel reads what waits in the channel. Once there are pictures a goroutine reads
// it, as a viewer who comes is to see them at once. Without a channel the server cannot
// ask for pictures, and they are sent.
func (c *Conn) serveChannel() {
	select {
	case channel := <-c.opened: // late
		c.pollChannel(channel)
	default:
	}
	if c.channel == nil {
		return
	}
	if c.reception.wanted[feedback].Load() {
		_ = c.channel.SetReadDeadline(time.Time{})
		c.done.Add(1)
		go c.listen(c.channel) // ends when the channel is closed; Close waits on done
		c.channel = nil
		return
	}
	for range maxPolled {
		if _, _, err := c.channel.ReadDataChannel(nil); !errors.Is(err, io.ErrShortBuffer) {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.channel = nil
				c.video.SetWatched(true)
			}
			return
		}
		_ = c.readMessage(c.channel, make([]byte, usualMessage)) // what fails does so again
	}
}

// listen reads the data channel until it is closed.
func (c *Conn) listen(channel dataChannel) {
	defer c.done.Done()
	defer c.video.SetWatched(true)
	usual := make([]byte, usualMessage)
	for c.readMessage(channel, usual) == nil {
	}
}

// readMessage reads a message, into the buffer if it fits, and acts on it.
func (c *Conn) readMessage(channel dataChannel, usual []byte) error {
	message := usual
	n, text, err := channel.ReadDataChannel(message)
	for errors.Is(err, io.ErrShortBuffer) && len(message) < largestMessage {
		message = make([]byte, 2*len(message)) // the size is not reported
		n, text, err = channel.ReadDataChannel(message)
	}
	if err == nil && text && n <= maxMessage {
		c.onMessage(message[:n])
	}
	return err
}

// onMessage acts on a message of the server. Only the largest height that any viewer
// asks for matters so far; all else is ignored.
func (c *Conn) onMessage(message []byte) {
	const class = "SenderVideoConstraints"
	if !bytes.Contains(message, []byte(class)) {
		return
	}
	var constraints struct {
		Class string `json:"colibriClass"`
		Video struct {
			IdealHeight *float64 `json:"idealHeight"`
		} `json:"videoConstraints"`
	}
	if json.Unmarshal(message, &constraints) != nil || constraints.Class != class {
		return
	}
	if height := constraints.Video.IdealHeight; height != nil && *height >= 0 {
		c.cfg.Logger.Debug("the server asks for pictures", "height", *height)
		c.video.SetWatched(*height > 0)
	}
}
