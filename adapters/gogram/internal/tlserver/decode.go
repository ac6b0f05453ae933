package tlserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

var errShort = errors.New("the message ends too early")

// decoder reads values by the schema.
type decoder struct {
	*schema
	in []byte
}

// decode returns the boxed value in b, and what follows it.
func (s *schema) decode(b []byte) (v any, rest []byte, err error) {
	d := &decoder{s, b}
	v, err = d.value("Object")
	return v, d.in, err
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || len(d.in) < n {
		return nil, errShort
	}
	b := d.in[:n]
	d.in = d.in[n:]
	return b, nil
}

func (d *decoder) uint32() (uint32, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

func (d *decoder) uint64() (uint64, error) {
	b, err := d.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

func (d *decoder) bytes() ([]byte, error) {
	head, err := d.take(1)
	if err != nil {
		return nil, err
	}
	size, read := int(head[0]), 1
	if size == 254 {
		long, err := d.take(3)
		if err != nil {
			return nil, err
		}
		size, read = int(long[0])|int(long[1])<<8|int(long[2])<<16, 4
	}
	b, err := d.take(size)
	if err != nil {
		return nil, err
	}
	_, err = d.take((4 - (read+size)%4) % 4)
	return append([]byte(nil), b...), err
}

// value reads a value: int, int64, float64, string, []byte, bool, []any or M.
func (d *decoder) value(kind string) (any, error) {
	if of, ok := element(kind); ok {
		if id, err := d.uint32(); err != nil || id != vectorID {
			return nil, fmt.Errorf("%#x for %s", id, kind)
		}
		return d.list(of)
	}
	switch kind {
	case "int", "#":
		n, err := d.uint32()
		return int(int32(n)), err
	case "long":
		n, err := d.uint64()
		return int64(n), err
	case "double":
		n, err := d.uint64()
		return math.Float64frombits(n), err
	case "string":
		b, err := d.bytes()
		return string(b), err
	case "bytes":
		return d.bytes()
	case "int128":
		return d.take(16)
	case "int256":
		return d.take(32)
	}
	id, err := d.uint32()
	if err != nil {
		return nil, err
	}
	switch id {
	case vectorID:
		return d.list("Object")
	case boolTrueID, boolFalseID:
		return id == boolTrueID, nil
	}
	c := d.byID[id]
	if c == nil {
		return nil, fmt.Errorf("no constructor %#x for %s", id, kind)
	}
	return d.constructor(c)
}

func (d *decoder) list(of string) (any, error) {
	n, err := d.uint32()
	if err != nil {
		return nil, err
	}
	if int(n) > len(d.in)/4 { // the smallest item
		return nil, errShort
	}
	list := make([]any, 0, n)
	for range n {
		v, err := d.value(of)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// constructor reads the fields that are there. Flags are kept as they came.
func (d *decoder) constructor(c *combinator) (any, error) {
	v := M{"_": c.name}
	for _, p := range c.params {
		if p.flag != "" {
			flags, _ := v[p.flag].(int)
			if uint32(flags)>>p.bit&1 == 0 {
				continue
			}
			if p.kind == "true" {
				v[p.name] = true
				continue
			}
		}
		value, err := d.value(p.kind)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", c.name, p.name, err)
		}
		v[p.name] = value
	}
	return v, nil
}
