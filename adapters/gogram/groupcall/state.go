package groupcall

import (
	"fmt"
	"slices"
)

// State is where the account stands in a chat's call; the package comment draws how
// it moves.
type State int

// The states.
const (
	Out        State = iota // not in the call, and not wanted there
	Resolving               // looks for the chat's call, or starts one
	Joining                 // asks Telegram to be let in
	Connecting              // waits for the connection
	In                      // plays
	Muted                   // in the call, muted by an admin
	Recovering              // lost the connection, or was removed; comes back
	Parked                  // waits for a call to begin, or for Telegram to allow a request
	Leaving                 // asks Telegram to be let out
)

// String returns the name of the state.
func (s State) String() string {
	names := [...]string{
		"Out", "Resolving", "Joining", "Connecting", "In", "Muted", "Recovering", "Parked", "Leaving",
	}
	if s < 0 || int(s) >= len(names) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return names[s]
}

// next returns the states that s leads to.
func (s State) next() []State {
	return [...][]State{
		Out:        {Resolving},
		Resolving:  {Out, Joining, Connecting, Parked},
		Joining:    {Out, Resolving, Connecting, Parked, Leaving},
		Connecting: {Out, Resolving, Joining, In, Parked, Leaving},
		In:         {Out, Muted, Recovering, Parked, Leaving},
		Muted:      {Out, In, Recovering, Parked, Leaving},
		Recovering: {Out, Joining, In, Parked, Leaving},
		Parked:     {Out, Resolving},
		Leaving:    {Out},
	}[s]
}

// move takes the chat to a state from one of some. A move that the table lacks is a
// defect: it is logged and made, since the state it leads to is the true one.
func (c *chat) move(to State, from ...State) {
	if !slices.Contains(from, c.state) || !slices.Contains(c.state.next(), to) {
		c.log.Error("a move that the table of states lacks", "from", c.state.String(), "to", to.String())
	}
	c.log.Debug("state", "from", c.state.String(), "to", to.String())
	c.state = to
}
