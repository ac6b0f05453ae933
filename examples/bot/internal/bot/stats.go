package bot

// Stats are figures of a bot.
type Stats struct {
	Chats int           // in memory
	Calls map[int64]int // of each account that is of use
}

// Stats returns the bot's figures.
func (b *Bot) Stats() Stats {
	s := Stats{Calls: make(map[int64]int)}
	for _, a := range b.alive() {
		s.Calls[a.user.ID] = len(a.calls.Chats())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Chats = len(b.chats)
	return s
}
