package playlist

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Write returns the description for a player that gets everything from us, one of
// each period that Lengths has. Server
// is called with the scheme and authority of each server that is named, and
// returns the address, without a slash at its end, at which we serve what that one
// has: the names beneath it are the server's own.
func (p *Presentation) Write(server func(origin *url.URL) string) ([][]byte, error) {
	const head = `<?xml version="1.0" encoding="utf-8"?>` + "\n"
	w := dashWriter{server: server}
	if err := w.element(p.root, p.base); err != nil {
		return nil, err
	}
	if len(p.Lengths) == 1 {
		return [][]byte{p.root.write([]byte(head))}, nil
	}
	var texts [][]byte
	for i, period := range p.root.all("Period") {
		texts = append(texts, p.only(period, p.Lengths[i]).write([]byte(head)))
	}
	return texts, nil
}

// only is the description with one period, which begins at 0.
func (p *Presentation) only(period *element, length time.Duration) *element {
	duration := "PT" + strconv.FormatFloat(length.Seconds(), 'f', -1, 64) + "S"
	one, root := *period, *p.root
	one.attributes, root.attributes = slices.Clone(one.attributes), slices.Clone(root.attributes)
	one.dropAttribute("start")
	for e, name := range map[*element]string{&one: "duration", &root: "mediaPresentationDuration"} {
		e.dropAttribute(name)
		e.attributes = append(e.attributes, xml.Attr{Name: xml.Name{Local: name}, Value: duration})
	}
	root.children = slices.Clone(root.children)
	root.drop(func(e *element) bool { return e.local() == "Period" && e != period })
	root.children[slices.Index(root.children, period)] = &one
	return &root
}

type dashWriter struct {
	server func(origin *url.URL) string
}

// addresses are the attributes of an element that name addresses. A template's
// have variables between dollar signs.
func addresses(element string) []string {
	switch element {
	case "SegmentTemplate":
		return []string{"media", "initialization", "index", "bitstreamSwitching"}
	case "SegmentURL":
		return []string{"media", "index"}
	case "Initialization", "RepresentationIndex", "BitstreamSwitching":
		return []string{"sourceURL"}
	}
	return nil
}

// element makes the addresses of an element and of those inside it ours.
func (w dashWriter) element(e *element, base *url.URL) error {
	first := true
	var err error
	e.drop(func(c *element) bool {
		if c.local() != "BaseURL" || err != nil {
			return false
		}
		if !first {
			return true // the same on another server
		}
		first = false
		if base, err = Resolve(base, c.text); err == nil {
			c.text = w.ours(base)
			c.attributes = nil
		}
		return false
	})
	if err != nil {
		return err
	}
	e.dropAttribute("href") // xlink: a part of the description that is elsewhere
	for _, name := range addresses(e.local()) {
		if err := w.attribute(e, name, base); err != nil {
			return err
		}
	}
	for _, c := range e.children {
		if c.local() == "BaseURL" {
			continue
		}
		if err := w.element(c, base); err != nil {
			return err
		}
	}
	return nil
}

func (w dashWriter) ours(u *url.URL) string {
	origin, path := Split(u)
	return w.server(origin) + path
}

// Split parts an address into its server and what that calls it, which begins
// with a slash.
func Split(u *url.URL) (origin *url.URL, path string) {
	origin = &url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}
	path = strings.TrimPrefix(u.String(), origin.String())
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return origin, path
}

// attribute makes an address that is not relative ours. The text of a path stays
// as it is: the variables of a template are no part of an address.
func (w dashWriter) attribute(e *element, name string, base *url.URL) error {
	value := strings.TrimSpace(e.attribute(name))
	switch scheme := schemeOf(value); {
	case value == "":
		return nil
	case scheme == "http" || scheme == "https":
	case scheme != "":
		return fmt.Errorf("%w: it names an address of %q", ErrRefused, scheme)
	case strings.HasPrefix(value, "//"):
		value = base.Scheme + ":" + value
	case strings.HasPrefix(value, "/"):
		e.setAttribute(name, w.ours(&url.URL{Scheme: base.Scheme, User: base.User, Host: base.Host})+value[1:])
		return nil
	default:
		return nil
	}
	scheme, rest, _ := strings.Cut(value, "://")
	authority, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	origin, err := Resolve(base, strings.ToLower(scheme)+"://"+authority)
	if err != nil {
		return err
	}
	e.setAttribute(name, w.ours(origin)+strings.TrimPrefix(path, "/"))
	return nil
}
