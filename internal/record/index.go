package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// pause is how long somebody may be silent within an utterance.
const pause = time.Second

// utterance is a stretch in which a participant speaks.
type utterance struct {
	ssrc     uint32
	from, to time.Duration // to is 0 if there is none
}

// index is the file that says who spoke when: a line of JSON for each utterance, after
// one that says when the recording began.
type index struct {
	disk *os.File
	err  error // the first
}

// line is a line of the index.
type line struct {
	Start        *time.Time `json:"start,omitempty"` // of the first line
	File         string     `json:"file,omitempty"`
	UserID       int64      `json:"user,omitempty"`
	Presentation bool       `json:"presentation,omitempty"`
	SSRC         uint32     `json:"ssrc,omitempty"`
	From         float64    `json:"from"` // seconds from the start of the recording
	To           float64    `json:"to,omitempty"`
}

// newIndex begins the index of a recording.
func newIndex(dir *os.Root, start time.Time) (*index, error) {
	disk, err := create(dir, "index"+began(start), ".jsonl")
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	i := &index{disk: disk}
	i.write(line{Start: &start})
	return i, nil
}

func (i *index) write(l line) {
	text, err := json.Marshal(l)
	if err == nil {
		_, err = i.disk.Write(append(text, '\n'))
	}
	if i.err == nil {
		i.err = err
	}
}

func (i *index) close() error { return errors.Join(i.err, i.disk.Close()) }

// spoken takes a stretch that is not silent.
func (f *file) spoken(ssrc uint32, at, length time.Duration) {
	if f.to > 0 && (at-f.to > pause || ssrc != f.ssrc) {
		f.stop()
	}
	if f.to == 0 {
		f.ssrc, f.from = ssrc, at
	}
	f.to = max(f.to, at+length)
}

// pause ends an utterance that has long been over.
func (f *file) pause(now time.Duration) {
	if f.to > 0 && now-f.to > pause+2*anchorWindow {
		f.stop()
	}
}

// stop ends the utterance, if there is one.
func (f *file) stop() {
	if f.to == 0 {
		return
	}
	f.files.index.write(line{
		File: f.name, UserID: f.owner.user, Presentation: f.owner.presentation, SSRC: f.ssrc,
		From: f.from.Seconds(), To: f.to.Seconds(),
	})
	f.to = 0
}
