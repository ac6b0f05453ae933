package bot

import (
	"strconv"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
)

// listData begins what the buttons of a page of the queue send.
const listData = "q:"

// perPage is how many entries a page shows.
const perPage = 10

func (c *chat) cmdQueue(r *request) {
	page, err := strconv.Atoi(r.args)
	if err != nil {
		page = 1
	}
	if c.queue.Empty() {
		c.reply(r, "The queue is empty. "+howToPlay)
		return
	}
	c.list = c.out.say(r.place, queuePage(&c.queue, page), answer, nil, c.list)
	if r.query != 0 {
		c.reply(r, "")
	}
}

// turnPage shows another page, or takes the list away.
func (c *chat) turnPage(r *request, to string) {
	c.reply(r, "")
	page, err := strconv.Atoi(to)
	switch {
	case c.list == nil:
	case err != nil:
		c.out.drop(c.list)
		c.list = nil
	default:
		c.out.change(c.list, queuePage(&c.queue, page), answer)
	}
}

// queuePage returns a page of a queue, the nearest to the one that is asked for.
func queuePage(q *queue.Queue, page int) telegram.Message {
	pages := max(1, (len(q.Waiting)+perPage-1)/perPage)
	page = min(max(1, page), pages)
	var t telegram.Text
	t.Addf("📜 page %d of %d, %d in queue", page, pages, len(q.Waiting))
	if e := q.Current; e != nil {
		t.Add("\n▶︎ ")
		addEntry(&t, e)
	}
	t.Add("\n")
	for i := (page - 1) * perPage; i < min(page*perPage, len(q.Waiting)); i++ {
		t.Addf("\n%d. ", i+1)
		addEntry(&t, &q.Waiting[i])
	}
	if len(q.Waiting) == 0 {
		t.Add("\nNothing waits.")
	}
	m := t.Message()
	turn := func(text, to string) telegram.Button { return telegram.Button{Text: text, Data: listData + to} }
	row := []telegram.Button{}
	if page > 1 {
		row = append(row, turn("‹", strconv.Itoa(page-1)))
	}
	row = append(row, turn("✖", "x"))
	if page < pages {
		row = append(row, turn("›", strconv.Itoa(page+1)))
	}
	m.Buttons = [][]telegram.Button{row}
	return m
}

func addEntry(t *telegram.Text, e *queue.Entry) {
	t.Title(cleanTitle(e.Title), e.Link)
	if e.Length > 0 {
		t.Add(" " + clock(e.Length))
	}
	t.Add(" · " + cleanName(e.By.Name))
}
