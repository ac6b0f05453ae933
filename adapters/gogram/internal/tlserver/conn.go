package tlserver

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	abridged  = 0xef
	longFrame = 0x7f
	maxFrame  = 4 << 20
)

const (
	containerID = 0x73f1f8dc
	resultID    = 0xf35c6d01
	gzipID      = 0x3072cfa1
)

// conn is a connection of a client.
type conn struct {
	s      *Server
	net    net.Conn
	number int

	mu      sync.Mutex
	key     []byte // once the client has used one
	session int64
	seq     int32
	frozen  bool
	shake   handshake
}

// serve reads until the connection ends.
func (c *conn) serve() {
	defer func() {
		_ = c.net.Close()
		c.s.mu.Lock()
		delete(c.s.conns, c)
		c.s.mu.Unlock()
	}()
	in := bufio.NewReader(c.net)
	if b, err := in.ReadByte(); err != nil || b != abridged {
		return
	}
	for {
		frame, err := readFrame(in)
		if err != nil {
			return
		}
		if c.isFrozen() {
			continue
		}
		if err := c.frame(frame); err != nil {
			c.s.t.Logf("tlserver: connection %d: %v", c.number, err)
			return
		}
	}
}

func readFrame(in *bufio.Reader) ([]byte, error) {
	b, err := in.ReadByte()
	if err != nil {
		return nil, err
	}
	words := int(b)
	if b == longFrame {
		var size [4]byte
		if _, err := io.ReadFull(in, size[:3]); err != nil {
			return nil, err
		}
		words = int(binary.LittleEndian.Uint32(size[:]))
	}
	if words*4 > maxFrame {
		return nil, fmt.Errorf("frame of %d words", words)
	}
	frame := make([]byte, words*4)
	_, err = io.ReadFull(in, frame)
	return frame, err
}

func (c *conn) writeFrame(frame []byte) {
	words := len(frame) / 4
	head := []byte{byte(words)}
	if words >= longFrame {
		head = binary.LittleEndian.AppendUint32(nil, uint32(words)<<8|longFrame)
	}
	_, _ = c.net.Write(append(head, frame...)) // a client that is gone needs none
}

// frame takes a message in.
func (c *conn) frame(frame []byte) error {
	if len(frame) < 24 {
		return errShort
	}
	id := [8]byte(frame[:8])
	if id == [8]byte{} {
		return c.handshake(frame[8:])
	}
	c.s.mu.Lock()
	key := c.s.keys[id]
	c.s.mu.Unlock()
	if key.key == nil {
		c.writeFrame([]byte{0x6c, 0xfe, 0xff, 0xff}) // -404
		return nil
	}
	text, err := open(key.key, frame[8:])
	if err != nil {
		return err
	}
	var m message
	m.salt = int64(binary.LittleEndian.Uint64(text))
	m.session = int64(binary.LittleEndian.Uint64(text[8:]))
	m.id = int64(binary.LittleEndian.Uint64(text[16:]))
	m.seq = int32(binary.LittleEndian.Uint32(text[24:]))
	size := int(binary.LittleEndian.Uint32(text[28:]))
	if size > len(text)-32 {
		return errShort
	}
	v, rest, err := c.s.schema.decode(text[32 : 32+size])
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return fmt.Errorf("%d bytes after the message", len(rest))
	}
	m.body, _ = v.(M)
	return c.message(key, m)
}

// message is what a client sent.
type message struct {
	salt, session, id int64
	seq               int32
	body              M
}

func (c *conn) message(key authKey, m message) error {
	c.mu.Lock()
	fresh := c.session != m.session
	c.key, c.session = key.key, m.session
	c.mu.Unlock()
	if m.salt != key.salt {
		c.later(M{
			"_": "bad_server_salt", "bad_msg_id": m.id, "bad_msg_seqno": m.seq,
			"error_code": 48, "new_server_salt": key.salt,
		})
		return nil
	}
	if fresh {
		c.send(M{"_": "new_session_created", "first_msg_id": m.id, "unique_id": m.session, "server_salt": key.salt}, 3, true)
	}
	switch name := m.body["_"]; name {
	case "msgs_ack":
	case "ping":
		c.s.record(Request{Method: "ping", Args: m.body, Conn: c.number})
		c.send(M{"_": "pong", "msg_id": m.id, "ping_id": m.body["ping_id"]}, 1, false)
	default:
		query := m.body
		for query["query"] != nil {
			query, _ = query["query"].(M)
		}
		method, _ := query["_"].(string)
		if called := c.s.schema.byName[method]; called == nil || !called.method {
			return fmt.Errorf("%v is no method", name)
		}
		c.s.wg.Go(func() { c.reply(m.id, &Request{Method: method, Args: query, Conn: c.number, conn: c}) })
	}
	return nil
}

// later sends what makes a client send its requests again.
func (c *conn) later(v M) {
	c.s.wg.Go(func() {
		<-time.NewTimer(think).C
		c.send(v, 1, false)
	})
}

// reply answers a request, when a client can be expected to wait for it.
func (c *conn) reply(id int64, r *Request) {
	thought := time.NewTimer(think)
	answer := c.s.answer(r)
	<-thought.C
	switch a := answer.(type) {
	case NoAnswer:
		return
	case Error:
		answer = M{"_": "rpc_error", "error_code": a.Code, "error_message": a.Message}
	}
	body, err := c.s.schema.encode(answer)
	if err != nil {
		c.s.t.Errorf("tlserver: %s: %v", r.Method, err)
		return
	}
	c.sendResult(id, packed(body))
}

// packed compresses what Telegram compresses.
func packed(body []byte) []byte {
	if len(body) < 256 {
		return body
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(body)
	_ = w.Close()
	e := &encoder{}
	e.uint32(gzipID)
	e.bytes(z.Bytes())
	return e.out
}

// sendResult sends a result as Telegram does, in a container with an acknowledgement.
func (c *conn) sendResult(id int64, body []byte) {
	ack, err := c.s.schema.encode(M{"_": "msgs_ack", "msg_ids": []any{id}})
	if err != nil {
		c.s.t.Errorf("tlserver: %v", err)
		return
	}
	result := &encoder{}
	result.uint32(resultID)
	result.uint64(uint64(id))
	result.out = append(result.out, body...)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &encoder{}
	e.uint32(containerID)
	e.uint32(2)
	for _, m := range []struct {
		body    []byte
		content bool
	}{{ack, false}, {result.out, true}} {
		e.uint64(uint64(c.s.messageID(1)))
		e.uint32(uint32(c.nextSeq(m.content)))
		e.uint32(uint32(len(m.body)))
		e.out = append(e.out, m.body...)
	}
	c.seal(e.out, 1, false)
}

// send sends a value. Its message id is kind modulo 4.
func (c *conn) send(v any, kind int64, content bool) {
	body, err := c.s.schema.encode(v)
	if err != nil {
		c.s.t.Errorf("tlserver: %v", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seal(body, kind, content)
}

// seal sends a message. c.mu must be held.
func (c *conn) seal(body []byte, kind int64, content bool) {
	if c.frozen || c.key == nil {
		return
	}
	var text []byte
	text = binary.LittleEndian.AppendUint64(text, 0)
	text = binary.LittleEndian.AppendUint64(text, uint64(c.session))
	text = binary.LittleEndian.AppendUint64(text, uint64(c.s.messageID(kind)))
	text = binary.LittleEndian.AppendUint32(text, uint32(c.nextSeq(content)))
	text = binary.LittleEndian.AppendUint32(text, uint32(len(body)))
	c.writeFrame(seal(c.key, append(text, body...)))
}

// nextSeq numbers messages; those with content are odd. c.mu must be held.
func (c *conn) nextSeq(content bool) int32 {
	seq := c.seq * 2
	if content {
		seq++
		c.seq++
	}
	return seq
}

func (c *conn) hasSession() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key != nil
}

func (c *conn) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = true
}

func (c *conn) isFrozen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frozen
}
