package ffmpeg

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStartsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewStarter()
		began := time.Now()
		var quick func()
		for range cap(s.turns) {
			quick = s.turn(t.Context())
		}
		require.Zero(t, time.Since(began), "as many as there are processors")

		time.AfterFunc(startTime/2, quick)
		waiting := s.turn(t.Context())
		require.Equal(t, startTime/2, time.Since(began), "one that is done makes room")

		again := s.turn(t.Context())
		require.Equal(t, startTime, time.Since(began), "one that takes long does, too")
		waiting()
		again()

		synctest.Wait()
		<-time.After(startTime)
		require.Empty(t, s.turns, "each has left once")
	})
}

func TestStartGivesUpItsTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewStarter()
		for range cap(s.turns) {
			defer s.turn(t.Context())()
		}
		ctx, cancel := context.WithTimeout(t.Context(), startTime/2)
		defer cancel()
		began := time.Now()
		s.turn(ctx)()
		require.Equal(t, startTime/2, time.Since(began))
		require.Len(t, s.turns, cap(s.turns))
	})
}
