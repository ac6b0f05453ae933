package oracle

// sequence follows a space of 16-bit numbers: an SSRC's sequence numbers, or the
// transport-wide ones.
type sequence struct {
	started bool
	base    int64 // first number, extended
	highest int64 // highest number, extended
	recent  [recentNumbers]int64
	// dropped holds numbers that our own network lost; early those it lost before the
	// first one was observed, which may already be under way.
	dropped map[int64]struct{}
	early   []uint16
	doubled map[uint16]struct{} // numbers our own network delivers twice

	received, duplicates uint64
}

const (
	// recentNumbers is how far back a duplicate is distinguished from a late arrival.
	recentNumbers = 4096
	// maxDropped bounds what a black-out leaves behind.
	maxDropped = 1 << 14
	maxEarly   = 1 << 10
	// maxDoubled bounds how many doubled packets may be under way.
	maxDoubled = 1 << 12
)

// arrival is what a number says about its packet.
type arrival struct {
	number    int64
	duplicate bool
	doubled   bool // by us
	late      bool // fills a gap
	// gap is how many numbers were jumped over, the last ones before number;
	// unexplained of them were not dropped by us, the first of those is
	// firstUnexplained.
	gap              int64
	unexplained      int64
	firstUnexplained int64
}

// extend finds the full number nearest to the highest one (as RFC 3550 appendix A.1
// counts cycles).
func (s *sequence) extend(seq uint16) int64 {
	return s.highest + int64(int16(seq-uint16(s.highest)))
}

func (s *sequence) observe(seq uint16) arrival {
	if !s.started {
		s.started = true
		s.base = int64(seq) + 1<<16 // leaves room for numbers before the first
		s.highest = s.base
		s.received = 1
		s.mark(s.base)
		for _, lost := range s.early {
			s.drop(lost)
		}
		s.early = nil
		return arrival{number: s.base}
	}
	a := arrival{number: s.extend(seq)}
	switch {
	case a.number <= s.highest && s.seen(a.number):
		a.duplicate = true
		_, a.doubled = s.doubled[seq]
		delete(s.doubled, seq)
		s.duplicates++
		return a
	case a.number <= s.highest:
		a.late = true
	default:
		a.gap = a.number - s.highest - 1
		s.explain(&a)
		s.highest = a.number
	}
	s.received++
	s.mark(a.number)
	return a
}

// explain counts the jumped numbers that we did not drop ourselves.
func (s *sequence) explain(a *arrival) {
	for n := s.highest + 1; n < a.number; n++ {
		if _, ok := s.dropped[n]; ok {
			delete(s.dropped, n)
			continue
		}
		if a.unexplained == 0 {
			a.firstUnexplained = n
		}
		a.unexplained++
	}
}

// drop notes a number that our own network lost.
func (s *sequence) drop(seq uint16) {
	if !s.started {
		if len(s.early) < maxEarly {
			s.early = append(s.early, seq)
		}
		return
	}
	if s.dropped == nil || len(s.dropped) == maxDropped {
		s.dropped = map[int64]struct{}{}
	}
	if n := s.extend(seq); n > s.highest {
		s.dropped[n] = struct{}{}
	}
}

// double notes a number our own network delivers twice.
func (s *sequence) double(seq uint16) {
	if s.doubled == nil || len(s.doubled) == maxDoubled {
		s.doubled = map[uint16]struct{}{}
	}
	s.doubled[seq] = struct{}{}
}

func (s *sequence) mark(n int64) { s.recent[n%recentNumbers] = n }

func (s *sequence) seen(n int64) bool { return n >= 0 && s.recent[n%recentNumbers] == n }

// lost is how many numbers are missing so far.
func (s *sequence) lost() uint64 {
	if !s.started {
		return 0
	}
	expected := uint64(s.highest - s.base + 1)
	if s.received >= expected {
		return 0
	}
	return expected - s.received
}
