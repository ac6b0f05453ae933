package playlist

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The most that is read of a document.
const (
	maxDepth    = 32
	maxElements = 400_000
)

// element is an element of a document with its prefixes as they are written.
type element struct {
	name       string
	attributes []xml.Attr // names are in Local, with their prefix
	text       string
	children   []*element
}

// parseXML reads a document. encoding/xml expands no entity but the five of XML.
func parseXML(data []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(trimBOM(data)))
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var root *element
	var open []*element
	for elements := 0; ; {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: its XML cannot be read", ErrMalformed)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if elements++; elements > maxElements || len(open) == maxDepth {
				return nil, fmt.Errorf("%w: its XML has more than %d elements or %d levels", ErrRefused, maxElements, maxDepth)
			}
			e := newElement(token)
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, e)
			case root == nil:
				root = e
			default:
				return nil, fmt.Errorf("%w: its XML has two roots", ErrMalformed)
			}
			open = append(open, e)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1].name != written(token.Name) {
				return nil, fmt.Errorf("%w: its XML is not balanced", ErrMalformed)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if text := bytes.TrimSpace(token); len(open) > 0 && len(text) > 0 {
				e := open[len(open)-1]
				if e.text += string(text); len(e.text) > maxAddress {
					return nil, fmt.Errorf("%w: its XML has a text of %d bytes", ErrRefused, len(e.text))
				}
			}
		}
	}
	if root == nil || len(open) > 0 {
		return nil, fmt.Errorf("%w: its XML is cut off", ErrMalformed)
	}
	return root, nil
}

func newElement(start xml.StartElement) *element {
	e := &element{name: written(start.Name)}
	for _, a := range start.Attr {
		e.attributes = append(e.attributes, xml.Attr{Name: xml.Name{Local: written(a.Name)}, Value: a.Value})
	}
	return e
}

// written is a name as RawToken found it.
func written(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func withoutPrefix(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }

func (e *element) local() string { return withoutPrefix(e.name) }

func (e *element) attribute(name string) string {
	for _, a := range e.attributes {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) setAttribute(name, value string) {
	for i := range e.attributes {
		if e.attributes[i].Name.Local == name {
			e.attributes[i].Value = value
		}
	}
}

// dropAttribute takes away the attributes of a name with any prefix.
func (e *element) dropAttribute(name string) {
	kept := e.attributes[:0]
	for _, a := range e.attributes {
		if withoutPrefix(a.Name.Local) != name {
			kept = append(kept, a)
		}
	}
	e.attributes = kept
}

// all returns the children of a name.
func (e *element) all(name string) []*element {
	var all []*element
	for _, c := range e.children {
		if c.local() == name {
			all = append(all, c)
		}
	}
	return all
}

// drop takes away the children that it is true of.
func (e *element) drop(is func(*element) bool) {
	kept := e.children[:0]
	for _, c := range e.children {
		if !is(c) {
			kept = append(kept, c)
		}
	}
	clear(e.children[len(kept):])
	e.children = kept
}

// write appends the element as text.
func (e *element) write(b []byte) []byte {
	b = append(append(b, '<'), e.name...)
	for _, a := range e.attributes {
		b = append(append(append(b, ' '), a.Name.Local...), `="`...)
		b = append(appendEscaped(b, a.Value), '"')
	}
	if e.text == "" && len(e.children) == 0 {
		return append(b, "/>"...)
	}
	b = appendEscaped(append(b, '>'), e.text)
	for _, c := range e.children {
		b = c.write(b)
	}
	return append(append(append(b, "</"...), e.name...), '>')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	_ = xml.EscapeText(&out, []byte(s)) // a buffer takes everything
	return append(b, out.Bytes()...)
}
