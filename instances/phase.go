package instances

import (
	"fmt"
	"slices"

	"github.com/gotgcall/gotgcall/models"
)

// phase is where a call stands; doc.go draws how it moves.
type phase int

const (
	restoring   phase = iota // reopens the source of a lost call
	created                  // waits for Connect
	connecting               // for the first time
	connected                // or lost for a moment, or about to end
	rejoinAsked              // connected, or lost; waits for the Connect of a rejoin
	rejoining                // connecting again while the old connection is there, or was
	idle                     // an RTMP call without a source yet
	retrying                 // an RTMP call between two publications
	ended
)

// String completes "the call is".
func (p phase) String() string {
	return [...]string{
		"being restored", "created", "connecting", "connected",
		"asked to rejoin", "rejoining", "idle", "trying again", "over",
	}[p]
}

// next returns the phases that p leads to.
func (p phase) next() []phase {
	return [...][]phase{
		restoring:   {created, ended},
		created:     {created, connecting, ended},
		connecting:  {created, connected, ended},
		connected:   {rejoinAsked, retrying, ended},
		rejoinAsked: {rejoinAsked, rejoining, ended},
		rejoining:   {connected, rejoinAsked, ended},
		idle:        {connecting, ended},
		retrying:    {connected, ended},
		ended:       {},
	}[p]
}

// move takes the call to a phase from one of some. Its error names where the call
// stands and where it was to go: models.ErrConnectionNotFound when it has ended,
// models.ErrConnectionExists otherwise. mu must be held.
func (c *Call) move(to phase, from ...phase) error {
	if slices.Contains(from, c.phase) && slices.Contains(c.phase.next(), to) {
		c.phase = to
		return nil
	}
	sentinel := models.ErrConnectionExists
	if c.phase == ended {
		sentinel = models.ErrConnectionNotFound
	}
	return fmt.Errorf("%w: the call is %s and cannot become %s", sentinel, c.phase, to)
}
