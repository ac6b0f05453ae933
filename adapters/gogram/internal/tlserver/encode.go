package tlserver

import (
	"encoding/binary"
	"fmt"
	"math"
)

// M is a value of a constructor: its name at "_" and its fields. Fields that are missing
// are absent where they may be, and else zero.
type M = map[string]any

const (
	vectorID    = 0x1cb5c415
	boolTrueID  = 0x997275b5
	boolFalseID = 0xbc799737
)

// encoder writes values by the schema.
type encoder struct {
	*schema
	out []byte
}

// encode returns the bytes of a boxed value.
func (s *schema) encode(v any) (out []byte, err error) {
	e := &encoder{schema: s}
	err = e.value("Object", v)
	return e.out, err
}

func (e *encoder) uint32(v uint32) { e.out = binary.LittleEndian.AppendUint32(e.out, v) }
func (e *encoder) uint64(v uint64) { e.out = binary.LittleEndian.AppendUint64(e.out, v) }

func (e *encoder) bytes(b []byte) {
	start := len(e.out)
	if len(b) < 254 {
		e.out = append(e.out, byte(len(b)))
	} else {
		e.uint32(uint32(len(b))<<8 | 254)
	}
	e.out = append(e.out, b...)
	for (len(e.out)-start)%4 != 0 {
		e.out = append(e.out, 0)
	}
}

// value writes v as a value of kind.
func (e *encoder) value(kind string, v any) error {
	if of, ok := element(kind); ok {
		return e.vector(of, v)
	}
	switch kind {
	case "int", "#", "long":
		n, ok := integer(v)
		if !ok {
			return fmt.Errorf("%T for %s", v, kind)
		}
		if kind == "long" {
			e.uint64(uint64(n))
		} else {
			e.uint32(uint32(n))
		}
	case "double":
		f, ok := v.(float64)
		if !ok && v != nil {
			return fmt.Errorf("%T for %s", v, kind)
		}
		e.uint64(math.Float64bits(f))
	case "string", "bytes":
		switch v := v.(type) {
		case nil:
			e.bytes(nil)
		case string:
			e.bytes([]byte(v))
		case []byte:
			e.bytes(v)
		default:
			return fmt.Errorf("%T for %s", v, kind)
		}
	case "int128", "int256":
		b, ok := v.([]byte)
		if !ok || len(b) != map[string]int{"int128": 16, "int256": 32}[kind] {
			return fmt.Errorf("%T for %s", v, kind)
		}
		e.out = append(e.out, b...)
	default:
		return e.boxed(kind, v)
	}
	return nil
}

func (e *encoder) vector(of string, v any) error {
	list, ok := v.([]any)
	if !ok && v != nil {
		return fmt.Errorf("%T for Vector<%s>", v, of)
	}
	e.uint32(vectorID)
	e.uint32(uint32(len(list)))
	for i, item := range list {
		if err := e.value(of, item); err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return nil
}

// boxed writes a constructor. A missing one is the simplest of its type.
func (e *encoder) boxed(kind string, v any) error {
	switch v := v.(type) {
	case bool:
		if v {
			e.uint32(boolTrueID)
		} else {
			e.uint32(boolFalseID)
		}
		return nil
	case []any: // of boxed values, where any type may be
		return e.vector("Object", v)
	case M:
		name, _ := v["_"].(string)
		c := e.byName[name]
		if c == nil {
			return fmt.Errorf("no constructor %q", name)
		}
		if c.result != kind && kind != "Object" && kind[0] != '!' && kind != "X" {
			return fmt.Errorf("%s is no %s", name, kind)
		}
		return e.constructor(c, v)
	case nil:
		if kind == "Bool" {
			e.uint32(boolFalseID)
			return nil
		}
		if c := e.simplest(kind); c != nil {
			return e.constructor(c, M{})
		}
	}
	return fmt.Errorf("%T for %s", v, kind)
}

// simplest returns the constructor with the fewest fields.
func (s *schema) simplest(kind string) (best *combinator) {
	for _, c := range s.byType[kind] {
		if best == nil || len(c.params) < len(best.params) {
			best = c
		}
	}
	return best
}

func (e *encoder) constructor(c *combinator, v M) error {
	known := map[string]bool{"_": true}
	flags := map[string]uint32{}
	for _, p := range c.params {
		known[p.name] = true
		if present(p, v) {
			flags[p.flag] |= 1 << p.bit
		}
	}
	for name := range v {
		if !known[name] {
			return fmt.Errorf("%s has no field %q", c.name, name)
		}
	}
	e.uint32(c.id)
	for _, p := range c.params {
		var err error
		switch {
		case p.kind == "#":
			e.uint32(flags[p.name])
		case p.flag != "" && (p.kind == "true" || !present(p, v)):
		default:
			err = e.value(p.kind, v[p.name])
		}
		if err != nil {
			return fmt.Errorf("%s.%s: %w", c.name, p.name, err)
		}
	}
	return nil
}

// present reports whether a field's flag is to be set.
func present(p param, v M) bool {
	value, ok := v[p.name]
	if p.flag == "" || !ok || value == nil {
		return false
	}
	on, isBool := value.(bool)
	return p.kind != "true" || isBool && on
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case nil:
		return 0, true
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case uint32:
		return int64(v), true
	}
	return 0, false
}
