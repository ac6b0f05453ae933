package tlserver

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// schema is what a file of type language says.
type schema struct {
	byName map[string]*combinator
	byID   map[uint32]*combinator
	byType map[string][]*combinator // constructors of a boxed type
}

// combinator is a constructor or a method.
type combinator struct {
	name   string
	id     uint32
	params []param
	result string
	method bool
}

// param is a field.
type param struct {
	name string
	kind string // int, long, double, string, bytes, int128, int256, #, true, Vector<…>, !X or a boxed type
	flag string // the name of the flags field on which it depends, or empty
	bit  int
}

// layers are the methods around others, which the client's schema leaves out.
const layers = `---functions---
invokeWithLayer#da9b0d0d {X:Type} layer:int query:!X = X;
initConnection#c1cd5ea9 {X:Type} flags:# api_id:int device_model:string system_version:string app_version:string ` +
	`system_lang_code:string lang_pack:string lang_code:string proxy:flags.0?InputClientProxy ` +
	`params:flags.1?JSONValue query:!X = X;
`

func loadSchema(paths ...string) (*schema, error) {
	s := &schema{
		byName: map[string]*combinator{},
		byID:   map[uint32]*combinator{},
		byType: map[string][]*combinator{},
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		if err := s.parse(string(data)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return s, s.parse(layers)
}

func (s *schema) parse(text string) error {
	methods := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch line {
		case "---functions---":
			methods = true
		case "---types---":
			methods = false
		default:
			if err := s.add(line, methods); err != nil {
				return fmt.Errorf("%q: %w", line, err)
			}
		}
	}
	return nil
}

// add takes a line of a schema in. Lines without an id are no combinators.
func (s *schema) add(line string, method bool) error {
	left, result, ok := strings.Cut(strings.TrimSuffix(line, ";"), "=")
	if !ok || strings.HasPrefix(line, "//") {
		return nil
	}
	fields := strings.Fields(left)
	name, id, ok := strings.Cut(fields[0], "#")
	if !ok || name == "vector" {
		return nil
	}
	n, err := strconv.ParseUint(id, 16, 32)
	if err != nil {
		return err
	}
	c := &combinator{name: name, id: uint32(n), result: strings.TrimSpace(result), method: method}
	for _, field := range fields[1:] {
		if strings.HasPrefix(field, "{") {
			continue
		}
		p, err := parseParam(field)
		if err != nil {
			return err
		}
		c.params = append(c.params, p)
	}
	s.byName[name], s.byID[c.id] = c, c
	if !method {
		s.byType[c.result] = append(s.byType[c.result], c)
	}
	return nil
}

func parseParam(field string) (param, error) {
	name, kind, ok := strings.Cut(field, ":")
	if !ok {
		return param{}, fmt.Errorf("field %q", field)
	}
	p := param{name: name, kind: kind}
	if cond, rest, ok := strings.Cut(kind, "?"); ok {
		flag, bit, ok := strings.Cut(cond, ".")
		n, err := strconv.Atoi(bit)
		if !ok || err != nil {
			return param{}, fmt.Errorf("field %q", field)
		}
		p.kind, p.flag, p.bit = rest, flag, n
	}
	return p, nil
}

// element returns T of Vector<T>.
func element(kind string) (string, bool) {
	inner, ok := strings.CutPrefix(kind, "Vector<")
	return strings.TrimSuffix(inner, ">"), ok
}
