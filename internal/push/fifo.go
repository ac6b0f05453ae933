package push

// fifo is a queue whose oldest elements are taken from its front without moving the rest.
type fifo[T any] struct {
	elements []T // those before head have been taken
	head     int
}

// waiting returns the elements, oldest first. They are valid until the next push.
func (q *fifo[T]) waiting() []T { return q.elements[q.head:] }

func (q *fifo[T]) push(all ...T) {
	if q.head > 0 && len(q.elements)+len(all) > cap(q.elements) && q.head >= len(q.elements)/2 {
		q.elements, q.head = append(q.elements[:0], q.waiting()...), 0
	}
	q.elements = append(q.elements, all...)
}

// drop takes the n oldest elements.
func (q *fifo[T]) drop(n int) {
	if q.head += n; q.head == len(q.elements) {
		q.clear()
	}
}

func (q *fifo[T]) clear() { q.elements, q.head = q.elements[:0], 0 }
