package rtmp

import (
	"bytes"
	"io"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// FuzzServer reads what a server may send: no words of it are taken for the key's,
// and nothing ends but with an error.
func FuzzServer(f *testing.F) {
	said := func(say func(*messages)) []byte {
		var b bytes.Buffer
		say(newMessages(struct {
			io.Reader
			io.Writer
		}{nil, &b}))
		return b.Bytes()
	}
	f.Add(said(func(w *messages) { _ = w.begin() }))
	f.Add(said(func(w *messages) {
		_ = w.command(0, "_result", publishID, nil, 1.0)
		_ = w.command(1, "onStatus", 0, nil, amf0.Object{{Key: "level", Value: "error"}, {Key: "code", Value: "NetStream.Publish.BadName"}})
	}))
	f.Fuzz(func(t *testing.T, sent []byte) {
		c := &conn{ingest: Ingest{app: "s", key: "k"}, messages: newMessages(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(sent), io.Discard})}
		for _, id := range []float64{connectID, createID, publishID} {
			if r, err := c.await(id); err == nil {
				_ = streamOf(r)
			} else if len(err.Error()) > 2*maxWords {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}
