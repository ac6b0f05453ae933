package groupcall

import "fmt"

// Pause is like [gotgcall.Client.Pause], but also counts while an admin mutes the
// account, or it is out of the call for a moment: Calls hold what plays themselves then,
// and it stays paused afterwards.
func (s *Calls) Pause(chatID int64) (bool, error) {
	return s.setPaused(chatID, (*chat).pause, s.client.Pause)
}

// Resume is like [gotgcall.Client.Resume]. While Calls hold what plays it goes on when
// they let it.
func (s *Calls) Resume(chatID int64) (bool, error) {
	return s.setPaused(chatID, (*chat).resume, s.client.Resume)
}

func (s *Calls) setPaused(chatID int64, set func(*chat) (bool, error), without func(int64) (bool, error)) (changed bool, err error) {
	done := make(chan struct{})
	told := s.tell(chatID, func(c *chat) {
		changed, err = set(c)
		close(done)
	})
	if told != nil {
		changed, err = without(chatID)
	} else {
		select {
		case <-done:
		case <-s.life.Done():
			return without(chatID)
		}
	}
	if err != nil {
		return false, fmt.Errorf("set paused: %w", err)
	}
	return changed, nil
}

// pause has what plays stay paused when it is held no longer.
func (c *chat) pause() (bool, error) {
	if c.held {
		c.held = false // by the user now
		return true, nil
	}
	return c.client.Pause(c.id)
}

// resume lets what plays go on, at once or when it is held no longer.
func (c *chat) resume() (bool, error) {
	if !c.holds() {
		return c.client.Resume(c.id)
	}
	changed := !c.held
	c.held = true
	return changed, nil
}

// holds reports whether what plays cannot be heard by an admin's doing, and is to wait.
func (c *chat) holds() bool {
	switch c.state {
	case Muted, Parked:
		return c.lib != 0
	case Recovering:
		return c.lib != 0 && !c.back.gone.IsZero()
	case Resolving, Joining, Connecting:
		return c.held
	}
	return false
}

// hold pauses what is to wait, and lets it go on afterwards.
func (c *chat) hold() {
	switch {
	case c.lib == 0:
	case c.holds():
		if paused, _ := c.client.Pause(c.id); paused { // it may have ended
			c.held = true
		}
	case c.held:
		c.held = false
		_, _ = c.client.Resume(c.id) // as above
	}
}
