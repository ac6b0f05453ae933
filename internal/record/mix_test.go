package record

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/container"
	"github.com/gotgcall/gotgcall/media"
)

const frame = 20 * time.Millisecond

// talker is a participant whose sound is a click each second of its sound card's clock.
type talker struct {
	user      int64
	joins     time.Duration
	ppm       float64       // by which the sound card's clock is fast
	path      time.Duration // the least delay
	jitter    time.Duration // the most above that
	lost      float64       // share of the packets
	dtx       bool          // sends one packet in 400 ms of silence
	mutedFrom time.Duration
	mutedTo   time.Duration
	frozen    bool // its RTP clock stands still while it is muted
	loud      bool // never silent between the clicks, as music
}

// clicks returns Opus packets of a second with a click 10 ms after its beginning, and of
// what comes between clicks.
func clicks(t *testing.T, between string) [][]byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clicks.ogg")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", //nolint:gosec // the test's own words
		"-i", "aevalsrc='if(between(mod(t,1),0.01,0.012),0.9,"+between+")':s=48000:d=3",
		"-c:a", "libopus", "-b:a", "64k", "-application", "lowdelay", "-frame_duration", "20", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	r, err := container.NewReader(bufio.NewReader(bytes.NewReader(text)), container.Encoded, media.TrackAudio)
	require.NoError(t, err)
	var packets [][]byte
	for {
		f, err := r.Next()
		if err != nil {
			break
		}
		packets = append(packets, bytes.Clone(f.Data))
	}
	return packets[50:100]
}

// say returns what is received of a talker in a time, and when its clicks really were.
func (s talker) say(start time.Time, length time.Duration, packets [][]byte) (received []media.Received, heard []time.Duration) {
	random := rand.New(rand.NewPCG(uint64(s.user), 7))
	step := time.Duration(float64(frame) / (1 + s.ppm*1e-6))
	rtp, ssrc := uint32(s.user)*1e9, uint32(s.user)
	missing, count := 0, -1
	var last time.Time
	for at := s.joins; at < length; at += step {
		muted := at >= s.mutedFrom && at < s.mutedTo
		if !muted || !s.frozen {
			rtp += 960
		}
		count++
		n := count % len(packets)
		quiet := n > 5
		if muted || s.dtx && quiet && n%20 != 0 {
			continue
		}
		if random.Float64() < s.lost {
			missing++
			continue
		}
		if n == 0 {
			heard = append(heard, at+10*time.Millisecond)
		}
		arrival := start.Add(at + frame + s.path + time.Duration(random.Float64()*float64(s.jitter)))
		if arrival.Before(last) {
			arrival = last
		}
		last = arrival
		level := 20
		if quiet && !s.loud {
			level = 127
		}
		received = append(received, media.Received{
			SSRC: ssrc, UserID: s.user, Data: packets[n], RTPTime: rtp, Arrival: arrival,
			Duration: frame, Level: level, Lost: missing,
		})
		missing = 0
	}
	return received, heard
}

// Files of speakers who join, drift, freeze, lose packets and fall silent lie over each
// other within 30 ms, for ten minutes.
func TestFilesOfAllSpeakersAreInSync(t *testing.T) {
	t.Parallel()
	const length = 10 * time.Minute
	talkers := []talker{
		{user: 1, path: 40 * time.Millisecond, jitter: 15 * time.Millisecond},
		{user: 2, joins: 3210 * time.Millisecond, ppm: 100, path: 45 * time.Millisecond, jitter: 15 * time.Millisecond, lost: 0.03},
		{user: 3, joins: 77 * time.Millisecond, ppm: -100, path: 50 * time.Millisecond, jitter: 15 * time.Millisecond, dtx: true, lost: 0.03},
		{user: 4, joins: time.Minute, mutedFrom: 2 * time.Minute, mutedTo: 4 * time.Minute, frozen: true, path: 45 * time.Millisecond, jitter: 15 * time.Millisecond},
		{user: 5, mutedFrom: 2 * time.Minute, mutedTo: 5 * time.Minute, ppm: 50, path: 45 * time.Millisecond, jitter: 15 * time.Millisecond, lost: 0.03},
		{user: 6, ppm: 100, path: 45 * time.Millisecond, jitter: 15 * time.Millisecond, loud: true},
		{user: 7, ppm: -100, path: 45 * time.Millisecond, jitter: 15 * time.Millisecond, loud: true},
	}
	// What a packet takes, by the path and by what is inevitable of the jitter.
	const middle = 47 * time.Millisecond
	silent, loud := clicks(t, "0"), clicks(t, "0.02*sin(2*PI*300*t)")
	dir := t.TempDir()
	files, err := open(dir)
	require.NoError(t, err)
	var all []media.Received
	real := make(map[int64][]time.Duration)
	for _, s := range talkers {
		packets := silent
		if s.loud {
			packets = loud
		}
		received, heard := s.say(files.start, length, packets)
		all, real[s.user] = append(all, received...), heard
	}
	slices.SortStableFunc(all, func(a, b media.Received) int { return a.Arrival.Compare(b.Arrival) })
	flushed := files.start
	for _, r := range all {
		for r.Arrival.Sub(flushed) > 250*time.Millisecond {
			flushed = flushed.Add(250 * time.Millisecond)
			require.NoError(t, files.Flush(flushed))
		}
		require.NoError(t, files.Write(r))
	}
	require.NoError(t, files.Close())

	for _, s := range talkers {
		t.Run(fmt.Sprint(s.user), func(t *testing.T) {
			t.Parallel()
			found := decodedClicks(t, dir, s.user)
			require.NotEmpty(t, found)
			missed, worst, best := 0, time.Duration(math.MinInt64), time.Duration(math.MaxInt64)
			for _, at := range real[s.user] {
				at += frame + middle
				i, _ := slices.BinarySearch(found, at-100*time.Millisecond)
				if i == len(found) || found[i] > at+100*time.Millisecond {
					missed++
					continue
				}
				worst, best = max(worst, found[i]-at), min(best, found[i]-at)
			}
			t.Logf("user %d: %d clicks of %d, off by %v to %v", s.user, len(found), len(real[s.user]), best, worst)
			require.LessOrEqual(t, missed, len(real[s.user])/50)
			require.LessOrEqual(t, max(worst, -best), 20*time.Millisecond, "30 ms of each other, and the paths differ by 10")
		})
	}
}

// decodedClicks returns where the clicks are in a user's file, as ffmpeg decodes it.
func decodedClicks(t *testing.T, dir string, user int64) []time.Duration {
	t.Helper()
	const hz = 8000
	names, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("%d-*.ogg", user)))
	require.NoError(t, err)
	require.Len(t, names, 1)
	var stderr strings.Builder
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", names[0], "-ac", "1", "-ar", strconv.Itoa(hz), "-f", "s16le", "-") //nolint:gosec // our file
	cmd.Stderr = &stderr
	pcm, err := cmd.Output()
	require.NoError(t, err)
	require.Empty(t, stderr.String())
	var found []time.Duration
	quiet := hz
	for i := 0; i+2 <= len(pcm); i += 2 {
		if v := int16(binary.LittleEndian.Uint16(pcm[i:])); -8000 < v && v < 8000 {
			quiet++
			continue
		}
		if quiet > hz/4 {
			found = append(found, time.Duration(i/2)*time.Second/hz)
		}
		quiet = 0
	}
	return found
}
