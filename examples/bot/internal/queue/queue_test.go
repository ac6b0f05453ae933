package queue_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/examples/bot/internal/queue"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
)

func tracks(titles ...string) []track.Track {
	var all []track.Track
	for _, title := range titles {
		all = append(all, track.Track{Title: title, By: track.User{ID: 1}})
	}
	return all
}

// of returns a queue with a current track and others that wait.
func of(loop queue.Loop, titles ...string) *queue.Queue {
	q := &queue.Queue{Loop: loop}
	_, _ = q.Add(queue.Limits{}, tracks(titles...)...)
	q.Skip(1)
	return q
}

// show writes a queue as "played | current | waiting".
func show(q *queue.Queue) string {
	titles := func(entries []queue.Entry) (s string) {
		for _, e := range entries {
			s += e.Title
		}
		return s
	}
	current := ""
	if q.Current != nil {
		current = q.Current.Title
	}
	return fmt.Sprintf("%s|%s|%s", titles(q.Past), current, titles(q.Waiting))
}

func TestQueueVerbs(t *testing.T) {
	t.Parallel()
	skip := func(n int) func(*queue.Queue) { return func(q *queue.Queue) { q.Skip(n) } }
	advance := func(q *queue.Queue) { q.Advance() }
	fail := func(q *queue.Queue) { q.Fail() }
	back := func(q *queue.Queue) { q.Back() }
	for name, c := range map[string]struct {
		loop queue.Loop
		do   []func(*queue.Queue)
		want string
	}{
		"advance":                        {queue.Off, []func(*queue.Queue){advance}, "a|b|c"},
		"advance past the end":           {queue.Off, []func(*queue.Queue){advance, advance, advance, advance}, "abc||"},
		"advance in a loop of a track":   {queue.Track, []func(*queue.Queue){advance, advance}, "|a|bc"},
		"advance in a loop of all":       {queue.All, []func(*queue.Queue){advance, advance, advance, advance}, "|b|ca"},
		"skip leaves a loop of a track":  {queue.Track, []func(*queue.Queue){skip(1)}, "a|b|c"},
		"skip two":                       {queue.Off, []func(*queue.Queue){skip(2)}, "ab|c|"},
		"skip more than there are":       {queue.Off, []func(*queue.Queue){skip(99)}, "abc||"},
		"skip nothing is one":            {queue.Off, []func(*queue.Queue){skip(0)}, "a|b|c"},
		"back":                           {queue.Off, []func(*queue.Queue){advance, back}, "|a|bc"},
		"back at the first":              {queue.Off, []func(*queue.Queue){back}, "|a|bc"},
		"back after the end":             {queue.Off, []func(*queue.Queue){skip(3), back}, "ab|c|"},
		"back in a loop of all":          {queue.All, []func(*queue.Queue){advance, back}, "|a|bc"},
		"a failure goes on":              {queue.Off, []func(*queue.Queue){fail}, "|b|c"},
		"a failure in a loop of all":     {queue.All, []func(*queue.Queue){fail}, "|b|ca"},
		"two of one track drop it":       {queue.All, []func(*queue.Queue){fail, advance, advance, fail}, "|b|c"},
		"a failure in a loop of a track": {queue.Track, []func(*queue.Queue){fail}, "|a|bc"},
		"two in a loop of a track":       {queue.Track, []func(*queue.Queue){fail, fail}, "|b|c"},
		"clear":                          {queue.Off, []func(*queue.Queue){func(q *queue.Queue) { q.Clear() }}, "|a|"},
		"move to the end": {queue.Off, []func(*queue.Queue){func(q *queue.Queue) {
			_, _ = q.Add(queue.Limits{}, tracks("d")...)
			_ = q.Move(1, 3)
		}}, "|a|cdb"},
		"played again after a failure": {queue.Track, []func(*queue.Queue){fail, (*queue.Queue).Played, fail}, "|a|bc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := of(c.loop, "a", "b", "c")
			for _, do := range c.do {
				do(q)
			}
			require.Equal(t, c.want, show(q))
		})
	}
}

func TestPeekIsWhatAdvanceGives(t *testing.T) {
	t.Parallel()
	for _, loop := range []queue.Loop{queue.Off, queue.Track, queue.All} {
		q := of(loop, "a", "b")
		for range 6 {
			peeked := uint64(0)
			if e := q.Peek(); e != nil {
				peeked = e.ID
			}
			got := uint64(0)
			if e := q.Advance(); e != nil {
				got = e.ID
			}
			require.Equal(t, peeked, got, "loop %d", loop)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	var q queue.Queue
	limits := queue.Limits{Entries: 5, PerUser: 3}

	made, err := q.Add(limits, tracks("a", "b", "c", "d")...)
	require.ErrorIs(t, err, queue.ErrUserFull)
	require.Len(t, made, 3)

	other := tracks("e", "f", "g")
	for i := range other {
		other[i].By.ID = 2
	}
	made, err = q.AddNext(limits, other...)
	require.ErrorIs(t, err, queue.ErrFull)
	require.Len(t, made, 2)
	require.Equal(t, "||efabc", show(&q))
}

func TestEntriesAreUnique(t *testing.T) {
	t.Parallel()
	q := of(queue.Off, "a", "a")
	data, err := json.Marshal(q)
	require.NoError(t, err)
	var again queue.Queue
	require.NoError(t, json.Unmarshal(data, &again))
	require.Equal(t, *q, again)
	made, err := again.Add(queue.Limits{}, tracks("a")...)
	require.NoError(t, err)
	require.Equal(t, uint64(3), made[0].ID)
	require.Equal(t, "a", again.Find(3).Title)
	require.Nil(t, again.Find(4))
}

func TestRemoveRefusesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	q := of(queue.Off, "a", "b")
	for _, n := range []int{-1, 0, 2} {
		_, err := q.Remove(n)
		require.ErrorIs(t, err, queue.ErrNoEntry)
		require.ErrorIs(t, q.Move(1, n), queue.ErrNoEntry)
	}
	e, err := q.Remove(1)
	require.NoError(t, err)
	require.Equal(t, "b", e.Title)
}

func TestShuffleKeepsAll(t *testing.T) {
	t.Parallel()
	q := of(queue.Off, "a", "b", "c", "d", "e", "f")
	q.Shuffle()
	var titles []string
	for _, e := range q.Waiting {
		titles = append(titles, e.Title)
	}
	slices.Sort(titles)
	require.Equal(t, []string{"b", "c", "d", "e", "f"}, titles)
}

func TestThePastIsBounded(t *testing.T) {
	t.Parallel()
	var q queue.Queue
	for range 100 {
		_, _ = q.Add(queue.Limits{}, tracks("a")...)
		q.Skip(1)
	}
	require.Len(t, q.Past, 20)
}

func TestACloneSharesNothing(t *testing.T) {
	t.Parallel()
	q := of(queue.Off, "a", "b")
	c := q.Clone()
	q.Current.Title, q.Waiting[0].Title = "x", "y"
	require.Equal(t, "|a|b", show(&c))
}
