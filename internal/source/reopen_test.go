package source_test

import (
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// radio is an answer of a live stream.
func radio(status string, body []byte) webtest.Answer {
	return webtest.Answer{Status: status, Header: []string{"Content-Type: audio/mpeg", "icy-name: test", "icy-br: 128"}, Body: body, Framing: webtest.Closing}
}

func TestRadioPlaysOnWhenItsServerIsBack(t *testing.T) {
	t.Parallel()
	for kind, file := range songs(t) {
		// A container without headers in its middle begins with its header again.
		rest, want := file[len(file)/2:], 12.0
		if kind == "wav" || kind == "ogg" {
			other, err := os.ReadFile(fixture(t, "other."+kind, tone("12")...))
			require.NoError(t, err)
			rest, want = other, 18
		}
		for _, status := range []string{"HTTP/1.0 200 OK", "ICY 200 OK"} {
			t.Run(kind+", "+status, func(t *testing.T) {
				t.Parallel()
				server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
					switch n {
					case 0:
						return radio(status, file[:len(file)/2])
					case 1:
						return webtest.Answer{Drop: true}
					case 2:
						return radio(status, rest)
					default:
						return webtest.Answer{Status: "HTTP/1.1 404 Not On Air"}
					}
				})
				stream := briefly(t, media.FromURL(server.URL+"/live", media.EncodeOptions{}))
				frames, end := readAll(t, stream)
				require.ErrorIs(t, end, models.ErrFile)
				require.NotErrorIs(t, end, io.EOF)
				require.ErrorContains(t, end, "404 Not On Air")
				var due, length time.Duration
				for _, f := range frames {
					require.Equal(t, due, f.PTS, "one clock for all connections")
					due += f.Duration
					length += f.Duration
				}
				require.InDelta(t, want, length.Seconds(), 1.1, "less than a page of Ogg is lost where it was cut")
				require.EqualValues(t, 1, stream.(interface{ Restarts() uint64 }).Restarts())
			})
		}
	}
}

// unsaid is an answer in chunks of which nothing says that it is live.
func unsaid(body []byte, pace, cut int) webtest.Answer {
	return webtest.Answer{Header: []string{"Content-Type: audio/mpeg"}, Body: body, Framing: webtest.Chunked, Pace: pace, Cut: cut}
}

func TestRadioThatSaysNothingOfItselfIsKnownByItsPace(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(tones(t, "cbr.mp3", "-b:a", "128k"))
	require.NoError(t, err)
	const second = 128 << 10 / 8
	half := len(file) / 2
	for name, test := range map[string]struct {
		pace  int // of the first answer
		again []byte
	}{
		"paced":               {second / 50, file[half:]},
		"a file at its pace":  {second / 50, file},
		"as fast as possible": {0, file[half:]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
				if n == 0 {
					return unsaid(file, test.pace, len(file)*11/12)
				}
				return unsaid(test.again, 0, 0)
			})
			stream := open(t, media.FromURL(server.URL, media.EncodeOptions{}))
			frames, end := readAll(t, stream)
			length := frames[len(frames)-1].PTS
			if name == "paced" {
				require.Equal(t, io.EOF, end)
				require.InDelta(t, 17, length.Seconds(), 1)
				return
			}
			require.ErrorIs(t, end, models.ErrFile)
			require.NotErrorIs(t, end, io.EOF)
			require.InDelta(t, 11, length.Seconds(), 1)
		})
	}
}

func TestRadioThatEndsIsReopenedAndNotRepeatedForEver(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
		if n == 0 {
			return radio("ICY 200 OK", file)
		}
		return webtest.Answer{Drop: true}
	})
	frames, end := readAll(t, briefly(t, media.FromURL(server.URL, media.EncodeOptions{})))
	require.ErrorIs(t, end, models.ErrFile)
	require.NotErrorIs(t, end, io.EOF)
	requireTones(t, frames, 0, 12*time.Second)
	require.Less(t, len(server.Requests()), 8, "it waits between tries")
}

func TestFileThatIsServedAsARadioPlaysOnce(t *testing.T) {
	t.Parallel()
	for kind, file := range songs(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := webtest.Start(t, func(int, *http.Request) webtest.Answer { return radio("ICY 200 OK", file) })
			frames, end := readAll(t, open(t, media.FromURL(server.URL, media.EncodeOptions{})))
			require.Equal(t, io.EOF, end)
			requireTones(t, frames, 0, 12*time.Second)
			require.Len(t, server.Requests(), 2)
		})
	}
}

func TestRadioThatBeginsAlikeIsARadioByItsPace(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(tones(t, "cbr.mp3", "-b:a", "128k"))
	require.NoError(t, err)
	server := webtest.Start(t, func(int, *http.Request) webtest.Answer {
		a := radio("ICY 200 OK", file[:len(file)/6])
		a.Pace = 128 << 10 / 8 / 50 * 2 // twice as fast as it plays, for the test's sake
		return a
	})
	stream := open(t, media.FromURL(server.URL, media.EncodeOptions{}))
	for length := time.Duration(0); length < 5*time.Second; {
		f, err := stream.ReadFrame()
		require.NoError(t, err)
		length = f.PTS + f.Duration
	}
}

func TestSilentRadioIsLeftAndAskedAgain(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
		a := radio("HTTP/1.1 200 OK", file)
		a.Cut, a.Hang = len(file)/4, n == 0
		return a
	})
	stream := briefly(t, media.FromURL(server.URL, media.EncodeOptions{}))
	for length := time.Duration(0); length < 5*time.Second; {
		f, err := stream.ReadFrame()
		require.NoError(t, err)
		length = f.PTS + f.Duration
	}
	require.GreaterOrEqual(t, len(server.Requests()), 2)
}

func TestCloseInterruptsAReopening(t *testing.T) {
	t.Parallel()
	file := songs(t)["mp3"]
	for name, again := range map[string]webtest.Answer{
		"refusing": {Drop: true},
		"hanging":  {Hang: true},
		"silent":   {Status: "ICY 200 OK", Framing: webtest.Closing, Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := make(chan struct{}, 100)
			server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
				if n == 0 {
					return radio("ICY 200 OK", file[:len(file)/4])
				}
				lost <- struct{}{}
				return again
			})
			stream, err := media.FromURL(server.URL, media.EncodeOptions{}).Open(t.Context(), env())
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() {
				_, err := readAll(t, stream)
				ended <- err
			}()
			<-lost
			begin := time.Now()
			require.NoError(t, stream.Close())
			require.ErrorIs(t, <-ended, models.ErrClosed)
			require.Less(t, time.Since(begin), time.Minute)
			require.Eventually(t, func() bool { return server.Open() == 0 }, time.Minute, 5*time.Millisecond)
		})
	}
}

func TestLiveInputOfSRTIsReopened(t *testing.T) {
	t.Parallel()
	input := fixture(t, "plain.ts", tone("1")...)
	address := freeUDP(t)
	serve := func() func() {
		return startFFmpeg(t, "-re", "-stream_loop", "-1", "-i", input, "-c", "copy", "-f", "mpegts", "srt://"+address+"?mode=listener")
	}
	stop := serve()
	stream, err := media.FromURL("srt://"+address, media.EncodeOptions{}).Open(t.Context(), env())
	require.NoError(t, err)
	defer stream.Close()
	restarts := stream.(interface{ Restarts() uint64 }).Restarts
	last := time.Duration(0)
	next := func() error {
		f, err := stream.ReadFrame()
		if err == nil {
			require.Greater(t, f.PTS, last-100*time.Millisecond, "one clock for all connections")
			last = max(last, f.PTS)
		}
		return err
	}
	require.NoError(t, next())
	stop()
	stop = serve()
	defer func() { stop() }()
	for restarts() == 0 {
		require.NoError(t, next())
	}
	require.NoError(t, next())
}

// radioOf serves a song as a radio does.
func radioOf(t *testing.T, song []byte) string {
	return webtest.Start(t, func(int, *http.Request) webtest.Answer { return radio("ICY 200 OK", song) }).URL
}
