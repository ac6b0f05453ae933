package playlist

import (
	"fmt"
	"net/url"
	"regexp"
)

// The most that variables may cost. A list with values of its longest address on each
// line would fill the memory.
const (
	maxVariables = 1000
	maxExpansion = MaxSize // of one list
)

// Variables are what EXT-X-DEFINE gives a name (RFC 8216bis section 4.4.2.3).
type Variables map[string]string

// definitions are those of a list, and what a master list hands down to it.
type definitions struct {
	own      Variables // nil before one is defined: there is nothing to replace then
	imported Variables
	base     *url.URL
	expanded int // bytes
}

// define reads an EXT-X-DEFINE.
func (d *definitions) define(a map[string]string) error {
	name, value, known := a["NAME"], a["VALUE"], true
	if imported := a["IMPORT"]; imported != "" {
		name = imported
		value, known = d.imported[name]
	} else if parameter := a["QUERYPARAM"]; parameter != "" {
		query := d.base.Query()
		name, value, known = parameter, query.Get(parameter), query.Has(parameter)
	}
	_, twice := d.own[name]
	switch {
	case name == "" || len(name) > maxAddress || len(value) > maxAddress:
		return fmt.Errorf("%w: a variable cannot be read", ErrMalformed)
	case !known:
		return fmt.Errorf("%w: the variable %.64q has no value here", ErrMalformed, name)
	case twice:
		return fmt.Errorf("%w: the variable %.64q is defined twice", ErrMalformed, name)
	case len(d.own) == maxVariables:
		return fmt.Errorf("%w: it has more than %d variables", ErrRefused, maxVariables)
	case d.own == nil:
		d.own = Variables{}
	}
	d.own[name] = value
	return nil
}

var reference = regexp.MustCompile(`\{\$[a-zA-Z0-9_-]+\}`)

// expand puts the values of variables in a text. A value is not looked at again.
func (d *definitions) expand(s string) (string, error) {
	if d.own == nil {
		return s, nil
	}
	var err error
	expanded := reference.ReplaceAllStringFunc(s, func(r string) string {
		name := r[2 : len(r)-1]
		value, ok := d.own[name]
		switch d.expanded += len(value); {
		case !ok:
			err = fmt.Errorf("%w: the variable %.64q is not defined", ErrMalformed, name)
		case d.expanded > maxExpansion:
			err = fmt.Errorf("%w: its variables fill more than %d bytes", ErrRefused, maxExpansion)
		default:
			return value
		}
		return ""
	})
	return expanded, err
}

// attributes reads a list of attributes and puts the values of variables in them.
func (d *definitions) attributes(value string) (map[string]string, error) {
	a := parseAttributes(value)
	for name := range a {
		var err error
		if a[name], err = d.expand(a[name]); err != nil {
			return nil, err
		}
	}
	return a, nil
}
