package e2e_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/mediatest"
)

// rtmpModule is where Debian and Ubuntu put nginx's RTMP module.
const rtmpModule = "/usr/lib/nginx/modules/ngx_rtmp_module.so"

// receiver is an nginx that records what is published.
type receiver struct {
	addr, dir string
	accept    map[string]bool // the keys that may be published

	published chan string // the key of each publication that was asked for
	ended     chan string // the key of each that is over
}

// newReceiver starts an nginx that takes some keys. It ends with the test, which
// is skipped when there is no nginx with the RTMP module.
func newReceiver(t *testing.T, keys ...string) *receiver {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	for _, file := range []string{nginx, rtmpModule} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%v: install nginx and libnginx-mod-rtmp to run this test", err)
		}
	}
	r := &receiver{
		addr: freeAddr(t), dir: t.TempDir(), accept: make(map[string]bool),
		published: make(chan string, 64), ended: make(chan string, 64),
	}
	for _, key := range keys {
		r.accept[key] = true
	}
	hooks := httptest.NewServer(http.HandlerFunc(r.hook))
	t.Cleanup(hooks.Close)
	conf := filepath.Join(r.dir, "nginx.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, `load_module %[1]s;
daemon off; master_process off; pid %[2]s/pid; error_log stderr error; %[5]s
events { worker_connections 64; }
rtmp {
	access_log off;
	server {
		listen %[3]s;
		application s {
			live on; record all; record_path %[2]s; record_unique on;
			notify_method get; on_publish %[4]s/publish; on_publish_done %[4]s/done;
		}
	}
}
`, rtmpModule, r.dir, r.addr, hooks.URL, userDirective()), 0o600))
	var stderr bytes.Buffer
	cmd := exec.Command(nginx, "-e", "stderr", "-p", r.dir, "-c", conf)
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx: %s", stderr.String())
		}
	})
	awaitListener(t, r.addr)
	return r
}

// userDirective keeps an nginx of root's the owner of its directory.
func userDirective() string {
	if os.Getuid() == 0 {
		return "user root;"
	}
	return ""
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func awaitListener(t *testing.T, addr string) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-ticker.C:
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
}

func (r *receiver) hook(w http.ResponseWriter, q *http.Request) {
	name := q.FormValue("name")
	if q.URL.Path == "/done" {
		r.ended <- name
		return
	}
	if !r.accept[name] {
		http.Error(w, "wrong key", http.StatusForbidden)
		return
	}
	r.published <- name
}

func (r *receiver) url(key string) string { return "rtmp://" + r.addr + "/s/" + key }

// recordings are the files of what was published, in order, once the last of them
// has ended.
func (r *receiver) recordings(t *testing.T, n int) []string {
	t.Helper()
	for range n {
		<-r.ended
	}
	files, err := filepath.Glob(r.dir + "/*.flv")
	require.NoError(t, err)
	slices.Sort(files) // their names end with a time
	require.Len(t, files, n)
	require.Len(t, r.published, n)
	return files
}

// gatekeeper is an RTMP server that takes one key only.
type gatekeeper struct{ addr string }

func (s gatekeeper) url(key string) string { return "rtmp://" + s.addr + "/s/" + key }

// newGatekeeper starts one, which gives each publication to serve and then hangs up. It
// ends with the test.
func newGatekeeper(t *testing.T, key string, serve func(*gortmplib.ServerConn, net.Conn)) gatekeeper {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		done.Wait()
	})
	done.Add(1)
	go func() { // ends with the listener; Cleanup waits for it
		defer done.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.(*net.TCPConn).SetReadBuffer(16 << 10)
			done.Add(1)
			go func() { // ends with its connection
				defer done.Done()
				defer c.Close()
				conn := &gortmplib.ServerConn{RW: c}
				if conn.Initialize() != nil || conn.AcceptConn() != nil {
					return
				}
				if !conn.Publish || conn.URL.RequestURI() != "/s/"+key {
					_ = conn.RejectAction()
					_, _ = io.Copy(io.Discard, c)
					return
				}
				if conn.AcceptAction() == nil {
					serve(conn, c)
				}
			}()
		}
	}()
	return gatekeeper{l.Addr().String()}
}

// recording is what a receiver got.
type recording struct {
	probe    string // ffprobe's words on the streams
	packets  [2][]time.Duration
	keys     []time.Duration // when key frames are
	pictures []seen
	sound    *mediatest.PCM // its timeline is the pictures'
}

// seen is a decoded picture.
type seen struct {
	at      time.Duration
	counter int // -1: none
	flash   bool
	black   bool
}

// judge decodes a recording of pictures of one size. The part that shows the
// movie is given, in it.
func judge(t *testing.T, path string, size image.Point, movie image.Rectangle) recording {
	t.Helper()
	var r recording
	serially(func() {
		r.probe = command(t, "ffprobe", "-v", "error", "-of", "compact=p=0", "-show_entries",
			"stream=codec_name,profile,width,height,pix_fmt,sample_rate,channels", path)
		r.readPackets(t, path)
		r.readPictures(t, path, size, movie)
		pcm := command(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-af", "aresample=48000:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "pipe:1")
		r.sound = &mediatest.PCM{}
		for data := []byte(pcm); len(data) >= 2; data = data[2:] {
			r.sound.Samples = append(r.sound.Samples, float32(int16(binary.LittleEndian.Uint16(data)))/32768)
		}
	})
	return r
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return string(out)
}

func (r *recording) readPackets(t *testing.T, path string) {
	t.Helper()
	for line := range strings.Lines(command(t, "ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "packet=stream_index,dts_time,flags", path)) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) < 3 {
			continue
		}
		seconds, err := strconv.ParseFloat(fields[1], 64)
		require.NoError(t, err)
		at := time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
		stream := int(fields[0][0] - '0')
		r.packets[stream] = append(r.packets[stream], at)
		if stream == 0 && strings.HasPrefix(fields[2], "K") {
			r.keys = append(r.keys, at)
		}
	}
}

func (r *recording) readPictures(t *testing.T, path string, size image.Point, movie image.Rectangle) {
	t.Helper()
	gray := strings.NewReader(command(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:v", "-fps_mode", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "pipe:1"))
	picture := image.NewGray(image.Rectangle{Max: size})
	for _, at := range r.packets[0] {
		_, err := io.ReadFull(gray, picture.Pix)
		require.NoError(t, err)
		s := seen{at: at, black: slices.Max(picture.Pix) < 32}
		s.counter, s.flash = mediatest.ReadPicture(picture.SubImage(movie).(*image.Gray))
		r.pictures = append(r.pictures, s)
	}
	require.Zero(t, gray.Len())
}

// requireSteady asserts that a recording is one line of pictures and of sound,
// without a hole but for the pictures that the client says it left out. Those that
// do not change come five times a second at least.
func (r *recording) requireSteady(t *testing.T, fps int, disturbed int) {
	t.Helper()
	tick := time.Second / time.Duration(fps)
	most := [2]time.Duration{200*time.Millisecond + time.Duration(disturbed)*tick + time.Millisecond, 60 * time.Millisecond}
	for i, packets := range r.packets {
		require.NotEmpty(t, packets)
		for n := 1; n < len(packets); n++ {
			step := packets[n] - packets[n-1]
			require.Positive(t, step, "stream %d at %s", i, packets[n])
			require.LessOrEqual(t, step, most[i], "stream %d at %s", i, packets[n])
		}
	}
	require.Less(t, r.packets[0][0], 2*tick, "a publication begins at 0")
	require.Equal(t, r.packets[0][0], r.keys[0], "and with a key frame")
	for n := 1; n < len(r.keys); n++ {
		require.InDelta(t, 2, (r.keys[n] - r.keys[n-1]).Seconds(), float64(disturbed+2)/float64(fps))
	}
}

// requireEach asserts that pictures show consecutive numbers, each once, but for
// as many as the client says were disturbed: late, or left out.
func requireEach(t *testing.T, pictures []seen, disturbed int) {
	t.Helper()
	off := 0
	for i := 1; i < len(pictures); i++ {
		step := pictures[i].counter - pictures[i-1].counter
		require.GreaterOrEqual(t, step, 0, "at %s", pictures[i].at)
		off += max(step-1, 1-step)
	}
	require.LessOrEqual(t, off, 2*disturbed, "repeated or missing")
}

// loudest is the greatest sample between two times.
func (r *recording) loudest(from, to time.Duration) (top float32) {
	at := func(d time.Duration) int { return min(len(r.sound.Samples), int(d*mediatest.SampleRate/time.Second)) }
	for _, s := range r.sound.Samples[at(from):at(to)] {
		top = max(top, s, -s)
	}
	return top
}

// numbered are the pictures that show a number.
func (r *recording) numbered() (some []seen) {
	for _, p := range r.pictures {
		if p.counter >= 0 {
			some = append(some, p)
		}
	}
	return some
}

// between are the pictures between two times.
func (r *recording) between(from, to time.Duration) (some []seen) {
	for _, p := range r.pictures {
		if p.at >= from && p.at < to {
			some = append(some, p)
		}
	}
	return some
}
