package peer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/pion/datachannel"
	"github.com/pion/webrtc/v4"
)

const (
	// usualMessage is what the listener has room for. A larger message gets
	// room for as long as it is read, at most largestMessage: what a message
	// must not exceed by our SDP, and Telegram's clients', is a quarter of that.
	usualMessage   = 4 << 10
	largestMessage = 1 << 20
	// maxMessage bounds the messages that are looked at. Telegram's are below
	// 1 KiB.
	maxMessage = 64 << 10
)

// openChannel opens stream 0, as Telegram's clients do whatever the DTLS role would
// assign. c.opened yields it when it is open.
func (c *Conn) openChannel() error {
	stream := uint16(0)
	channel, err := c.pc.CreateDataChannel("data", &webrtc.DataChannelInit{ID: &stream})
	if err != nil {
		return err
	}
	channel.OnOpen(func() {
		if raw, err := channel.Detach(); err == nil {
			c.opened <- raw // once: there is room
		}
	})
	// We take no channel of the server's, and keep none open for it.
	c.pc.OnDataChannel(func(theirs *webrtc.DataChannel) {
		theirs.OnOpen(func() { _ = theirs.Close() })
	})
	return nil
}

// startListening reads the data channel from now on.
func (c *Conn) startListening(channel datachannel.ReadWriteCloser) {
	c.done.Add(1)
	go c.listen(channel) // ends when the channel is closed; Close waits on done
}

// listen reads the data channel until it is closed.
func (c *Conn) listen(channel datachannel.ReadWriteCloser) {
	defer c.done.Done()
	defer c.video.SetWatched(true) // without a channel nobody can say so
	usual := make([]byte, usualMessage)
	for {
		message := usual
		n, text, err := channel.ReadDataChannel(message)
		for errors.Is(err, io.ErrShortBuffer) && len(message) < largestMessage {
			message = make([]byte, 2*len(message)) // how long it is it does not say
			n, text, err = channel.ReadDataChannel(message)
		}
		if err != nil {
			return
		}
		if text && n <= maxMessage {
			c.obey(message[:n])
		}
	}
}

// obey does what a message asks for. Only the largest height that any viewer wants
// matters so far; all else is ignored.
func (c *Conn) obey(message []byte) {
	const class = "SenderVideoConstraints"
	if !bytes.Contains(message, []byte(class)) {
		return
	}
	var wish struct {
		Class       string `json:"colibriClass"`
		Constraints struct {
			IdealHeight *float64 `json:"idealHeight"`
		} `json:"videoConstraints"`
	}
	if json.Unmarshal(message, &wish) != nil || wish.Class != class {
		return
	}
	if height := wish.Constraints.IdealHeight; height != nil && *height >= 0 {
		c.cfg.Logger.Debug("the server asks for pictures", "height", *height)
		c.video.SetWatched(*height > 0)
	}
}
