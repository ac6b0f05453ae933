package serial

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFunctionsRunInOrderOneAtATime(t *testing.T) {
	t.Parallel()
	var q Queue
	var got []int // no lock: the queue orders access
	for i := range 1000 {
		require.Positive(t, q.Post(func() { got = append(got, i) }))
	}
	require.NoError(t, q.Wait(t.Context()))
	require.Len(t, got, 1000)
	for i, n := range got {
		require.Equal(t, i, n)
	}
}

func TestPostFromManyGoroutinesLosesNothing(t *testing.T) {
	t.Parallel()
	var q Queue
	var n int
	var posters sync.WaitGroup
	for range 8 {
		posters.Add(1)
		go func() {
			defer posters.Done()
			for range 500 {
				q.Post(func() { n++ })
			}
		}()
	}
	posters.Wait()
	require.NoError(t, q.Wait(t.Context()))
	require.Equal(t, 4000, n)
}

func TestPostNeverBlocksAndCountsWhatWaits(t *testing.T) {
	t.Parallel()
	var q Queue
	release, started := make(chan struct{}), make(chan struct{})
	require.Equal(t, 1, q.Post(func() { close(started); <-release }))
	<-started
	for i := range 10000 {
		require.Equal(t, i+1, q.Post(func() {}))
	}
	close(release)
	require.NoError(t, q.Wait(t.Context()))
}

func TestPostFromInsideRunsAfterwards(t *testing.T) {
	t.Parallel()
	var q Queue
	var got []string
	q.Post(func() {
		q.Post(func() { got = append(got, "inner") })
		got = append(got, "outer")
	})
	require.NoError(t, q.Wait(t.Context()))
	require.Equal(t, []string{"outer", "inner"}, got)
}

func TestNothingStartsAfterClose(t *testing.T) {
	t.Parallel()
	var q Queue
	release, started := make(chan struct{}), make(chan struct{})
	q.Post(func() { close(started); <-release })
	q.Post(func() { t.Error("started after Close") })
	<-started
	q.Close()
	q.Close()
	require.Zero(t, q.Post(func() { t.Error("started after Close") }))
	close(release)
	require.NoError(t, q.Wait(t.Context()))
}

func TestCloseFromInsideDoesNotBlock(t *testing.T) {
	t.Parallel()
	var q Queue
	done := make(chan struct{})
	q.Post(func() { q.Close(); close(done) })
	<-done
	require.NoError(t, q.Wait(t.Context()))
}

func TestGoexitEndsNothingButItsFunction(t *testing.T) {
	t.Parallel()
	var q Queue
	var got []int
	for i := range 3 {
		q.Post(func() {
			got = append(got, i)
			runtime.Goexit()
		})
	}
	require.NoError(t, q.Wait(t.Context()))
	require.Equal(t, []int{0, 1, 2}, got)
	require.Equal(t, 1, q.Post(func() {}), "nothing waits")
	require.NoError(t, q.Wait(t.Context()))
}

func TestWaitForAnEmptyQueueReturns(t *testing.T) {
	t.Parallel()
	var q Queue
	require.NoError(t, q.Wait(t.Context()))
	require.NoError(t, q.Wait(t.Context()))
}

func BenchmarkPost(b *testing.B) {
	var q Queue
	b.ReportAllocs()
	for b.Loop() {
		q.Post(func() {})
	}
	require.NoError(b, q.Wait(b.Context()))
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	var q Queue
	release := make(chan struct{})
	q.Post(func() { <-release })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, q.Wait(ctx), context.Canceled)
	close(release)
	require.NoError(t, q.Wait(t.Context()))
}
