package bot

import (
	"strconv"
	"strings"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// view is what a card shows.
type view struct {
	entry       *queue.Entry // nil: the queue has ended
	phase       phase
	paused      bool
	muted       bool
	at          time.Duration
	done, total int64 // bytes of a download; total is 0 where unknown
	next        string
	waiting     int
	loop        queue.Loop
	live        bool
	trouble     []string // lines about what went wrong
	gen         int
}

// maxName is how many characters of a name or title are shown where there is little room.
const maxName = 30

func cleanTitle(s string) string {
	if s = telegram.Clean(s, telegram.MaxTitle); s == "" {
		return "untitled"
	}
	return s
}

func cleanName(s string) string {
	if s = telegram.Clean(s, maxName); s == "" {
		return "somebody"
	}
	return s
}

// message returns the card.
func (v view) message() telegram.Message {
	var t telegram.Text
	if v.entry == nil {
		t.Add("⏹ The queue has ended. /play adds to it.")
		v.addTrouble(&t)
		return t.Message()
	}
	t.Add(v.icon()+" ").Title(cleanTitle(v.entry.Title), v.entry.Link)
	if artist := telegram.Clean(v.entry.Artist, telegram.MaxTitle); artist != "" {
		t.Add(" — " + artist)
	}
	t.Add("\n" + v.progress())
	t.Add("\n🎧 requested by " + cleanName(v.entry.By.Name))
	if v.next != "" {
		t.Add(" · next: " + telegram.Clean(v.next, maxName))
	}
	if v.waiting > 0 {
		t.Addf(" · %d in queue", v.waiting)
	}
	switch v.loop {
	case queue.Track:
		t.Add("\n🔂 repeats this track")
	case queue.All:
		t.Add("\n🔁 repeats the queue")
	}
	if v.muted {
		t.Add("\n🔇 muted, /unmute to hear me")
	}
	v.addTrouble(&t)
	m := t.Message()
	m.Buttons = v.buttons()
	return m
}

func (v view) addTrouble(t *telegram.Text) {
	for _, line := range v.trouble {
		if line != "" {
			t.Add("\n⚠️ " + telegram.Clean(line, 200))
		}
	}
}

func (v view) icon() string {
	switch {
	case v.phase == preparing:
		return "⬇️"
	case v.phase == starting, v.phase == waiting:
		return "⏳"
	case v.phase == held, v.paused:
		return "⏸"
	}
	return "▶︎"
}

// progress returns the line below the title.
func (v view) progress() string {
	switch {
	case v.phase == preparing && v.total > 0:
		return "downloading " + megabytes(v.done) + " of " + megabytes(v.total) +
			" MB (" + strconv.FormatInt(min(100, v.done*100/v.total), 10) + " %)"
	case v.phase == preparing && v.done > 0:
		return "downloading, " + megabytes(v.done) + " MB so far"
	case v.phase == preparing:
		return "downloading…"
	case v.entry.Live:
		return clock(v.at) + " · live"
	case v.entry.Length <= 0:
		return clock(v.at)
	}
	return clock(min(v.at, v.entry.Length)) + " " + bar(v.at, v.entry.Length) + " " + clock(v.entry.Length)
}

// barCells is the width of a bar.
const barCells = 13

func bar(at, length time.Duration) string {
	cell := int(min(barCells-1, max(0, int64(at)*barCells/int64(length))))
	return strings.Repeat("━", cell) + "●" + strings.Repeat("─", barCells-1-cell)
}

func megabytes(n int64) string {
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64)
}

// buttons returns those below the card. Each carries the card's generation.
func (v view) buttons() [][]telegram.Button {
	b := func(text, verb string) telegram.Button {
		return telegram.Button{Text: text, Data: cardData(v.gen, verb)}
	}
	if v.phase == preparing {
		return [][]telegram.Button{{b("✖ Cancel", "cancel")}}
	}
	loop := "🔁"
	if v.loop == queue.Track {
		loop = "🔂"
	}
	return [][]telegram.Button{
		{b("⏮", "back"), b("⏪", "rewind"), b("⏯", "toggle"), b("⏩", "forward"), b("⏭", "skip")},
		{b(loop, "loop"), b("🔀", "shuffle"), b("📜", "queue"), b("⏹", "stop")},
	}
}

// cardData is what a button of a card sends.
func cardData(gen int, verb string) string { return "c:" + strconv.Itoa(gen) + ":" + verb }

// parseCardData reads it.
func parseCardData(data string) (gen int, verb string, ok bool) {
	rest, ok := strings.CutPrefix(data, "c:")
	if !ok {
		return 0, "", false
	}
	number, verb, ok := strings.Cut(rest, ":")
	gen, err := strconv.Atoi(number)
	return gen, verb, ok && err == nil
}

// view returns what the card is to show.
func (c *chat) view() view {
	v := view{
		entry: c.queue.Current, phase: c.play.phase, paused: c.play.paused, muted: c.play.muted,
		at: c.position(), waiting: len(c.queue.Waiting), loop: c.queue.Loop, live: c.place.Live,
		trouble: []string{c.play.failure, c.play.trouble}, gen: c.place.CardGen,
	}
	if t := c.play.loaded; t != nil {
		v.done, v.total = t.done.Load(), t.total.Load()
	}
	if e := c.queue.Peek(); e != nil && c.queue.Loop != queue.Track {
		v.next = e.Title
	}
	return v
}

// show makes the card show how things are. The card of another track is replaced by a new
// one.
func (c *chat) show(urgency class) {
	entry := uint64(0)
	if c.queue.Current != nil {
		entry = c.queue.Current.ID
	}
	switch {
	case c.card == nil && entry == 0:
	case c.card == nil || entry != 0 && entry != c.cardOf:
		c.post(nil)
	default:
		c.out.change(c.card, c.view().message(), urgency)
	}
	c.move()
}

// repost posts the card again, where the chat sees it.
func (c *chat) repost() {
	if c.card != nil || c.queue.Current != nil {
		c.post(nil)
	}
}

// post posts a new card in place of the old one and of the message that said that its
// track was queued. Onto, if not nil, is a message that becomes the card instead.
func (c *chat) post(onto *note) {
	c.place.CardGen++
	var queued *note
	c.cardOf = 0
	if e := c.queue.Current; e != nil {
		c.cardOf = e.ID
		if e.Note != 0 {
			queued = known(c.here(), e.Note)
			e.Note = 0
		}
	}
	old := c.card
	m := c.view().message()
	if onto != nil {
		c.card = onto
		c.out.become(onto, m, c.cardSent)
		c.out.drop(old, queued)
		return
	}
	c.card = c.out.say(c.here(), m, card, c.cardSent, old, queued)
}

// cardSent notes the id of the card's message. It is called by the speaker.
func (c *chat) cardSent(id int) {
	c.box.post(func() {
		c.place.Card = id
		c.savePlace()
	})
}

// move has the bar of the card move, and the position written down, while a track
// plays.
func (c *chat) move() {
	if c.play.phase != playing {
		return
	}
	if c.tick == nil {
		c.tick = c.after(c.bot.cfg.Times.Progress, func() {
			c.tick = nil
			if c.play.phase == playing {
				c.show(progress)
			}
		})
	}
	if c.keep == nil {
		c.keep = c.after(c.bot.cfg.Times.SavePosition, c.keepPosition)
	}
}

// keepPosition writes the position of a track that has played for some seconds.
func (c *chat) keepPosition() {
	c.keep = nil
	if c.play.phase == playing {
		c.play.failures = 0
		c.queue.Played()
		c.savePlace()
		c.move()
	}
}

// changed notes that the queue or what plays has changed.
func (c *chat) changed() {
	c.schedule()
	c.save()
	c.show(card)
}
