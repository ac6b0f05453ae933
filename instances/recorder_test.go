package instances

import (
	"testing/synctest"
	"time"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

const (
	a  = media.TrackAudio
	v  = media.TrackVideo
	av = media.TrackAudio | media.TrackVideo

	ms = time.Millisecond
)

// sleep lets virtual time pass, and everything happen that is due by then.
func sleep(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// recorder is the Events of a test. What it has no function for is dropped.
type recorder struct {
	streamEnd  func(models.StreamType, error)
	upgrade    func(models.MediaState)
	connection func(models.NetworkInfo)
	ended      func(*Remains)
	gone       func()
}

func (r *recorder) SourceEnd(tracks []models.StreamType, err error) {
	for _, t := range tracks {
		if r.streamEnd != nil {
			r.streamEnd(t, err)
		}
	}
}

func (r *recorder) Upgrade(s models.MediaState) {
	if r.upgrade != nil {
		r.upgrade(s)
	}
}

func (r *recorder) Connection(info models.NetworkInfo) {
	if r.connection != nil {
		r.connection(info)
	}
}

func (r *recorder) Speaking([]models.Speaker) {}
func (r *recorder) Unknown([]uint32)          {}
func (r *recorder) SinkEnded(error)           {}

func (r *recorder) Ended(remains *Remains, last func()) {
	last()
	if r.ended != nil {
		r.ended(remains)
	}
}

func (r *recorder) Gone() {
	if r.gone != nil {
		r.gone()
	}
}
