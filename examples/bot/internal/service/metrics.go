package service

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/gotgcall/gotgcall/examples/bot/internal/bot"
)

// metrics serves /metrics at an address, in Prometheus' text format, until the service
// is closed.
func (s *service) metrics(address string, stats func() bot.Stats) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		writeMetrics(w, stats())
	})
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() { // stopped and awaited when the service is closed
		defer close(served)
		_ = server.Serve(listener) // ErrServerClosed
	}()
	s.later(func() error {
		err := server.Close()
		<-served
		return err
	})
	return nil
}

func writeMetrics(w io.Writer, s bot.Stats) {
	fmt.Fprintf(w, "gotgcall_bot_chats %d\n", s.Chats)
	for _, account := range slices.Sorted(maps.Keys(s.Calls)) {
		fmt.Fprintf(w, "gotgcall_bot_calls{account=\"%d\"} %d\n", account, s.Calls[account])
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Fprintf(w, "go_goroutines %d\ngo_memstats_heap_inuse_bytes %d\n", runtime.NumGoroutine(), memory.HeapInuse)
}
