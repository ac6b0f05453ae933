package rtmp

import (
	"encoding/binary"
	"io"
	"math/bits"
	"strings"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/bluenviron/gortmplib/pkg/bytecounter"
	"github.com/bluenviron/gortmplib/pkg/rawmessage"
)

// Types of messages (RTMP 1.0 section 5.4 and 7.1).
const (
	typeChunkSize   = 1
	typeAbort       = 2
	typeAck         = 3
	typeUserControl = 4
	typeWindow      = 5
	typeCommandAMF3 = 17
	typeCommand     = 20
)

const (
	pingRequest, pingResponse = 6, 7 // events of user control, section 7.1.7

	chunkSize  = 60000   // as ffmpeg's
	windowSize = 2500000 // as ffmpeg's

	// Chunk streams, as ffmpeg uses them.
	controlChunks = 2
	commandChunks = 3
	audioChunks   = 4
	videoChunks   = 6
)

// messages reads and writes the messages of a connection. Reading is for one goroutine and writing for one.
type messages struct {
	r     *rawmessage.Reader
	w     *rawmessage.Writer
	count *bytecounter.ReadWriter

	// answers are control messages that reading asks for and writing sends. One
	// that finds no room is left out: a server repeats its request.
	answers chan *rawmessage.Message
}

func newMessages(rw io.ReadWriter) *messages {
	w := &messages{count: bytecounter.NewReadWriter(rw), answers: make(chan *rawmessage.Message, 8)}
	w.w = rawmessage.NewWriter(w.count, w.count.Writer, false)
	w.r = rawmessage.NewReader(w.count, w.count.Reader, func(n uint32) error {
		w.answer(typeAck, binary.BigEndian.AppendUint32(nil, n))
		return nil
	})
	return w
}

func (w *messages) answer(kind byte, body []byte) {
	select {
	case w.answers <- &rawmessage.Message{ChunkStreamID: controlChunks, Type: kind, Body: body}:
	default:
	}
}

// read returns the next message that does not control the connection itself.
func (w *messages) read() (*rawmessage.Message, error) {
	for {
		m, err := w.r.Read()
		if err != nil {
			return nil, err
		}
		control, err := w.control(m)
		if err != nil {
			return nil, err
		}
		if !control {
			return m, nil
		}
	}
}

func (w *messages) control(m *rawmessage.Message) (bool, error) {
	if m.Type > typeWindow || len(m.Body) < 4 {
		return false, nil
	}
	value := binary.BigEndian.Uint32(m.Body)
	switch m.Type {
	case typeChunkSize:
		return true, w.r.SetChunkSize(max(1, value&0x7FFFFFFF))
	case typeAbort:
		w.r.AbortChunkStream(value)
	case typeWindow:
		w.r.SetWindowAckSize(value)
	case typeUserControl:
		if len(m.Body) >= 6 && binary.BigEndian.Uint16(m.Body) == pingRequest {
			body := binary.BigEndian.AppendUint16(nil, pingResponse)
			w.answer(typeUserControl, append(body, m.Body[2:6]...))
		}
	}
	return true, nil
}

// write writes a message, and the answers that are due before it.
func (w *messages) write(m *rawmessage.Message) error {
	for {
		select {
		case answer := <-w.answers:
			if err := w.w.Write(answer); err != nil {
				return err
			}
		default:
			return w.w.Write(m)
		}
	}
}

// begin writes the first messages after the handshake.
func (w *messages) begin() error {
	for _, m := range []struct {
		kind  byte
		value uint32
	}{{typeWindow, windowSize}, {typeChunkSize, chunkSize}} {
		body := binary.BigEndian.AppendUint32(nil, m.value)
		if err := w.write(&rawmessage.Message{ChunkStreamID: controlChunks, Type: m.kind, Body: body}); err != nil {
			return err
		}
	}
	w.w.SetChunkSize(chunkSize)
	return nil
}

// command writes a command on a message stream, 0 being the connection.
func (w *messages) command(stream uint32, name string, id float64, args ...any) error {
	body, err := append(amf0.Data{name, id}, args...).Marshal()
	if err != nil {
		return err
	}
	return w.write(&rawmessage.Message{ChunkStreamID: commandChunks, Type: typeCommand, MessageStreamID: bits.ReverseBytes32(stream), Body: body})
}

// reply is a command of a server's.
type reply struct {
	name string
	id   float64
	args []any
}

// parseReply returns false for anything but a command.
func parseReply(m *rawmessage.Message) (reply, bool) {
	body := m.Body
	switch {
	case m.Type == typeCommandAMF3 && len(body) > 0:
		body = body[1:] // its encoding, AMF0
	case m.Type != typeCommand:
		return reply{}, false
	}
	data, err := amf0.Unmarshal(body)
	if err != nil || len(data) < 2 {
		return reply{}, false
	}
	name, ok := data[0].(string)
	id, isNumber := data[1].(float64)
	return reply{name: name, id: id, args: data[2:]}, ok && isNumber
}

// status returns the server's code and words, and whether they report an error.
func (r reply) status() (code, words string, failed bool) {
	failed = r.name == "_error"
	for _, arg := range r.args {
		var object amf0.Object
		switch o := arg.(type) {
		case amf0.Object:
			object = o
		case amf0.ECMAArray:
			object = amf0.Object(o)
		}
		level, _ := object.GetString("level")
		failed = failed || level == "error"
		if c, ok := object.GetString("code"); ok {
			code = c
		}
		if d, ok := object.GetString("description"); ok {
			words = d
		}
	}
	// Not every server says that it is an error.
	failed = failed || strings.HasSuffix(code, ".BadName") || strings.HasSuffix(code, ".Rejected")
	return code, strings.TrimSpace(strings.ToValidUTF8(words, "")), failed
}
