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
	// leastMessage is the size of the first buffer for a message. A larger message gets a
	// larger one, of at most largestMessage: four times what our SDP, and that of
	// Telegram's clients, allows. The first buffer of all takes the server's
	// acknowledgement of the channel, and is kept until there is a message.
	leastMessage   = 64
	largestMessage = 1 << 20
	// maxMessage bounds the messages that are parsed. Telegram's are below 1 KiB.
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
	// Channels that the server opens are closed: none is used.
	c.pc.OnDataChannel(func(theirs *webrtc.DataChannel) {
		theirs.OnOpen(func() { _ = theirs.Close() })
	})
	return nil
}

// startListening starts the reader of the data channel, which takes the place of pion's.
func (c *Conn) startListening(channel datachannel.ReadWriteCloser) {
	c.done.Add(1)
	go c.listen(channel) // ends when the channel is closed; Close waits on done
}

// listen reads the data channel until it is closed. It keeps no buffer: messages are rare.
func (c *Conn) listen(channel datachannel.ReadWriteCloser) {
	defer c.done.Done()
	defer c.video.SetWatched(true) // without a channel the server cannot ask for pictures
	for {
		var message []byte
		n, text, err := channel.ReadDataChannel(nil) // waits
		for size := leastMessage; errors.Is(err, io.ErrShortBuffer) && size <= largestMessage; size *= 4 {
			message = make([]byte, size) // the size of the message is not reported
			n, text, err = channel.ReadDataChannel(message)
		}
		if err != nil {
			return
		}
		if text && n <= maxMessage {
			c.onMessage(message[:n])
		}
	}
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
