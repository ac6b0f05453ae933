package source_test

import (
	"crypto/md5"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/webtest"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// opusFiles are 40 s of noise in Opus, and what ffmpeg finds in them.
func opusFiles(t *testing.T) (files map[string][]byte, sums map[string][]string) {
	t.Helper()
	files, sums = make(map[string][]byte), make(map[string][]string)
	for _, name := range []string{"web.ogg", "web.webm"} {
		path := fixture(t, name, noise("40", "-c:a", "libopus", "-b:a", "96k")...)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		files[name], sums[name] = data, packetSums(t, path)
	}
	return files, sums
}

// TestOpusOfAServerIsPassedThrough in every shape in which it comes, without ffmpeg.
func TestOpusOfAServerIsPassedThrough(t *testing.T) {
	t.Parallel()
	files, sums := opusFiles(t)
	for name, file := range files {
		for shape, answer := range map[string]func(n int, q *http.Request) webtest.Answer{
			"ranges":    func(_ int, q *http.Request) webtest.Answer { return webtest.Part(q, file) },
			"no ranges": func(int, *http.Request) webtest.Answer { return webtest.Answer{Body: file} },
			"cut": func(_ int, q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Cut = 70_001
				return a
			},
			"reset": func(n int, q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Cut, a.Reset = 100_000, n%2 == 0
				return a
			},
			"pieces": func(_ int, q *http.Request) webtest.Answer {
				a := webtest.Part(q, file)
				a.Body = a.Body[:min(len(a.Body), len(file)/3+1)]
				return a
			},
		} {
			t.Run(name+", "+shape, func(t *testing.T) {
				t.Parallel()
				server := webtest.Start(t, answer)
				src := media.FromURL(server.URL+"/song?token=s3cret", media.EncodeOptions{})
				stream, err := src.Open(t.Context(), noEncoder())
				require.NoError(t, err)
				got, _ := passed(t, stream)
				require.NoError(t, stream.Close())
				require.Equal(t, sums[name], got, "bit by bit")
				_, err = stream.ReadFrame()
				require.ErrorIs(t, err, models.ErrClosed)
				require.Less(t, len(server.Requests()), 16)
			})
		}
	}
}

// TestSeeksInOpusOfAServer are exact and take few requests.
func TestSeeksInOpusOfAServer(t *testing.T) {
	t.Parallel()
	files, sums := opusFiles(t)
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := webtest.Start(t, func(_ int, q *http.Request) webtest.Answer { return webtest.Part(q, file) })
			src := media.FromURL(server.URL, media.EncodeOptions{}).(media.SeekableSource)
			random := rand.New(rand.NewPCG(3, 4))
			for range 10 {
				before := len(server.Requests())
				at := time.Duration(random.Int64N(int64(39*time.Second))) + 1
				stream, err := src.OpenAt(t.Context(), noEncoder(), at)
				require.NoError(t, err)
				require.LessOrEqual(t, len(server.Requests())-before, 10)
				got, _ := passed(t, stream)
				require.NoError(t, stream.Close())
				require.Equal(t, sums[name][len(sums[name])-len(got):], got)
				require.InDelta(t, (40*time.Second - at).Seconds(), float64(len(got))*0.02, 0.04)
			}
			_, err := src.OpenAt(t.Context(), noEncoder(), time.Minute)
			require.ErrorIs(t, err, io.EOF)
			require.ErrorIs(t, err, models.ErrFile)
		})
	}
}

// TestOpusOfAServerBeginsSoon: the answer by which it is known is read on where that is
// possible. So a file that grows on its server plays as far as it went at first.
func TestOpusOfAServerBeginsSoon(t *testing.T) {
	t.Parallel()
	files, sums := opusFiles(t)
	// Of Ogg the length is at the end, and the beginning is looked at before it is read.
	for name, most := range map[string]int{"web.ogg": 4, "web.webm": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grows := name == "web.webm"
			server := webtest.Start(t, func(n int, q *http.Request) webtest.Answer {
				file := files[name]
				if grows {
					file = file[:len(file)/2+10_000*n]
				}
				return webtest.Part(q, file)
			})
			stream, err := media.FromURL(server.URL, media.EncodeOptions{}).Open(t.Context(), noEncoder())
			require.NoError(t, err)
			defer stream.Close()
			got, _ := passed(t, stream)
			require.Equal(t, sums[name][:len(got)], got)
			if !grows {
				require.Len(t, got, len(sums[name]))
			}
			require.Greater(t, len(got), len(sums[name])*2/5)
			require.Len(t, server.Requests(), most)
		})
	}
}

// TestOpusThatAServerGivesOnce: what is not passed through is encoded, from its beginning
// and without another request.
func TestOpusThatAServerGivesOnce(t *testing.T) {
	t.Parallel()
	files, _ := opusFiles(t)
	for name, file := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
				if n > 0 {
					return webtest.Answer{Status: "HTTP/1.1 403 Forbidden"}
				}
				return webtest.Answer{Body: file}
			})
			src := media.FromURL(server.URL, media.EncodeOptions{AudioChannels: 1, AudioBitrateKbps: 16})
			_, err := src.(media.SeekableSource).OpenAt(t.Context(), noEncoder(), time.Second)
			require.ErrorIs(t, err, models.ErrSeekUnsupported)
			_, err = src.Open(t.Context(), noEncoder())
			require.ErrorContains(t, err, "403 Forbidden")
			require.ErrorIs(t, err, models.ErrFile)

			again := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
				return webtest.Answer{Body: file, Drop: n > 0}
			})
			requireContiguous(t, play(t, media.FromURL(again.URL, media.EncodeOptions{AudioBitrateKbps: 16})), 40*time.Second)
		})
	}
}

// TestRadioInOpusIsPassedThrough over a change of title and a lost connection.
func TestRadioInOpusIsPassedThrough(t *testing.T) {
	t.Parallel()
	var songs [][]byte
	var want []string
	for _, name := range []string{"radio1.ogg", "radio2.ogg", "radio3.ogg"} {
		path := fixture(t, name, noise("6", "-c:a", "libopus", "-metadata", "title="+name)...)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		songs = append(songs, data)
		want = append(want, packetSums(t, path)...)
	}
	server := webtest.Start(t, func(n int, _ *http.Request) webtest.Answer {
		a := webtest.Answer{Header: []string{"Content-Type: application/ogg", "Icy-Name: Radio"}, Framing: webtest.Closing}
		switch n {
		case 0:
			a.Body = append(append([]byte(nil), songs[0]...), songs[1]...)
		case 1:
			a.Body, a.Hang = songs[2], true
		default:
			a.Drop = true
		}
		return a
	})
	stream, err := media.FromURL(server.URL, media.EncodeOptions{}).Open(t.Context(), noEncoder())
	require.NoError(t, err)
	defer stream.Close()
	info := stream.(interface{ SourceInfo() media.SourceInfo }).SourceInfo()
	require.Equal(t, media.SourceInfo{Title: "radio1.ogg", Live: true}, info)
	end := time.Duration(0)
	for _, sum := range want {
		f, err := stream.ReadFrame()
		require.NoError(t, err)
		got := md5.Sum(f.Data)
		require.Equal(t, sum, hex.EncodeToString(got[:]))
		require.Equal(t, end, f.PTS)
		end = f.PTS + f.Duration
	}
	require.Equal(t, uint64(1), stream.(interface{ Restarts() uint64 }).Restarts())
}
