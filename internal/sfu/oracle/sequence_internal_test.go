package oracle

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSequenceTellsGapsFromLateAndDuplicates(t *testing.T) {
	t.Parallel()
	var s sequence
	s.observe(65534)
	assert.Equal(t, arrival{number: 1<<16 + 65535}, s.observe(65535))
	gap := s.observe(2) // jumps over 0 and 1
	assert.Equal(t, int64(2), gap.gap)
	assert.Equal(t, int64(2), gap.unexplained)
	assert.Equal(t, int64(2<<16), gap.firstUnexplained)
	assert.Equal(t, uint64(2), s.lost())
	assert.True(t, s.observe(1).late)
	assert.True(t, s.observe(1).duplicate)
	assert.True(t, s.observe(2).duplicate)
	assert.Equal(t, uint64(1), s.lost())
	assert.Equal(t, uint64(2), s.duplicates)
	s.drop(3)
	s.drop(5)
	gap = s.observe(6)
	assert.Equal(t, int64(3), gap.gap)
	assert.Equal(t, int64(1), gap.unexplained)
	assert.Equal(t, int64(2<<16+4), gap.firstUnexplained)
}

func TestSequenceTakesNumbersBeforeTheFirst(t *testing.T) {
	t.Parallel()
	var s sequence
	s.observe(0)
	assert.True(t, s.observe(65535).late)
	assert.Zero(t, s.lost())
}

func TestSequenceRemembersLossesBeforeTheFirst(t *testing.T) {
	t.Parallel()
	var s sequence
	s.drop(65535)
	s.drop(1)
	s.observe(0)
	gap := s.observe(2)
	assert.Equal(t, int64(1), gap.gap)
	assert.Zero(t, gap.unexplained)
}

func TestDoubledNumberIsNotTheClients(t *testing.T) {
	t.Parallel()
	var s sequence
	s.observe(1)
	s.double(2)
	assert.False(t, s.observe(2).duplicate)
	again := s.observe(2)
	assert.True(t, again.duplicate)
	assert.True(t, again.doubled)
	assert.False(t, s.observe(2).doubled, "the third is")
	for n := range uint16(maxDoubled + 1) {
		s.double(n)
	}
	assert.Len(t, s.doubled, 1)
}
