package resolve

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/adapters/gogram/groupcall"
	"github.com/gotgcall/gotgcall/examples/bot/internal/telegram"
	"github.com/gotgcall/gotgcall/examples/bot/internal/track"
	"github.com/gotgcall/gotgcall/media"
)

func TestFilesOfMessagesAreTracks(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	for name, c := range map[string]struct {
		media track.Media
		info  track.Info
		want  string // the title, or words
	}{
		"with tags":    {track.Media{Size: 1, Name: "x.mp3"}, track.Info{Title: "T\n\u202eU", Artist: "A\x00"}, "T U"},
		"by name":      {track.Media{Size: 1, Name: "../../x.y.mp3"}, track.Info{}, "x.y"},
		"by no name":   {track.Media{Size: 1, MIME: "video/mp4"}, track.Info{Title: " \u200b"}, "Video file"},
		"hostile":      {track.Media{Size: 1, Name: `..\..\"><b>x</b>.mp3`}, track.Info{}, `b>`},
		"empty":        {track.Media{Size: 0}, track.Info{}, wordsEmptyFile},
		"negative":     {track.Media{Size: -5}, track.Info{}, wordsEmptyFile},
		"5 GB":         {track.Media{Size: 5 << 30}, track.Info{}, "That file has 5120 MB; I download at most 300 MB."},
		"picture":      {track.Media{Size: 1, MIME: "image/png"}, track.Info{}, "That is a picture. Reply to music or a video."},
		"days":         {track.Media{Size: 1}, track.Info{Length: 48 * time.Hour}, "That is longer than 4 hours, which is the most that I play."},
		"back in time": {track.Media{Size: 1}, track.Info{Title: "T", Length: -time.Hour}, "T"},
	} {
		tracks, err := f.Resolve(t.Context(), track.Request{Media: &c.media, Info: c.info, Words: "/etc/passwd"})
		if err != nil {
			require.Equal(t, c.want, refusal(t, err), name)
			continue
		}
		require.Equal(t, c.want, tracks[0].Title, name)
		require.GreaterOrEqual(t, tracks[0].Length, time.Duration(0))
		require.NotContains(t, tracks[0].Artist, "\x00")
	}
}

func prepare(t *testing.T, f *fixture, m *track.Media) (string, func()) {
	t.Helper()
	src, release, err := f.Prepare(t.Context(), track.Track{Origin: track.Origin{Media: m}}, nil)
	require.NoError(t, err)
	file, ok := src.(media.File)
	require.True(t, ok)
	return file.Path, release
}

func TestFilesOfMessagesAreStoredUnderOurNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	for _, name := range []string{"../../x.mp3", "/etc/x", `..\x`, "a\x00b", ".", "..", "", strings.Repeat("n", 5000), "-i", "concat:x"} {
		path, release := prepare(t, f, f.telegram.add(name, []byte("content of "+name)))
		require.Equal(t, f.dir, filepath.Dir(path), name)
		require.Regexp(t, `^media-[A-Z2-7]{26}$`, filepath.Base(path))
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "content of "+name, string(content))
		release()
		release()
	}
}

func TestAFileIsDownloadedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	m := f.telegram.add("x", []byte("xx"))
	a, release := prepare(t, f, m)
	release()
	b, release := prepare(t, f, m)
	release()
	require.Equal(t, a, b)
	require.Equal(t, 1, f.telegram.calls)
}

func TestOneDownloadOfAnAccountAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	var all sync.WaitGroup
	for i := range 8 {
		m := f.telegram.add(itoa(i), []byte("xx"))
		all.Go(func() {
			_, release, err := f.Prepare(t.Context(), track.Track{Origin: track.Origin{Media: m}}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	all.Wait()
	require.Equal(t, 1, f.telegram.most)
}

func TestDownloadsReportProgress(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	var seen [][2]int64
	_, release, err := f.Prepare(t.Context(), track.Track{Origin: track.Origin{Media: f.telegram.add("x", make([]byte, 10))}},
		func(done, total int64) { seen = append(seen, [2]int64{done, total}) })
	require.NoError(t, err)
	release()
	require.Equal(t, [][2]int64{{5, 10}, {10, 10}}, seen)
}

func TestACancelledDownloadLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	f.telegram.hold, f.telegram.began = make(chan struct{}), make(chan struct{}, 9)
	m := f.telegram.add("x", make([]byte, 1000))
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	for range 2 { // one downloads, one waits
		go func() {
			_, release, err := f.Prepare(ctx, track.Track{Origin: track.Origin{Media: m}}, nil)
			if release != nil {
				t.Error("a release without a source")
			}
			failed <- err
		}()
	}
	<-f.telegram.began
	require.NotEmpty(t, f.left(t))
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Empty(t, f.left(t))

	f.telegram.hold = nil
	_, release := prepare(t, f, m)
	release()
}

func TestDownloadsThatFailLeaveNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{stall: 50 * time.Millisecond}, "")
	m := f.telegram.add("x", make([]byte, 1000))
	track := track.Track{Origin: track.Origin{Media: m}}

	f.telegram.failed = telegram.ErrGone
	_, _, err := f.Prepare(t.Context(), track, nil)
	require.Contains(t, refusal(t, err), "gone")
	f.telegram.failed = errors.New("anything")
	_, _, err = f.Prepare(t.Context(), track, nil)
	require.ErrorIs(t, err, f.telegram.failed)
	require.Contains(t, refusal(t, err), "whole file")
	f.telegram.failed = &groupcall.Flood{Wait: 38 * time.Second}
	_, _, err = f.Prepare(t.Context(), track, nil)
	require.Contains(t, refusal(t, err), "38")
	f.telegram.failed = &fs.PathError{Op: "write", Path: "/secret", Err: syscall.ENOSPC}
	_, _, err = f.Prepare(t.Context(), track, nil)
	require.Contains(t, refusal(t, err), "room")
	require.NotContains(t, refusal(t, err), "secret")
	f.telegram.failed = nil

	f.telegram.hold, f.telegram.began = make(chan struct{}), make(chan struct{}, 9)
	_, _, err = f.Prepare(t.Context(), track, nil)
	require.ErrorIs(t, err, errStalled)
	refusal(t, err)
	f.telegram.hold = nil

	short := *m
	short.Size = 2000
	track.Origin.Media = &short
	_, _, err = f.Prepare(t.Context(), track, nil)
	require.Contains(t, refusal(t, err), "whole file")
	short.Size = 500
	_, _, err = f.Prepare(t.Context(), track, nil)
	require.Contains(t, refusal(t, err), "whole file", "it is longer than it was said to be")
	short.Size = 1 << 40
	_, _, err = f.Prepare(t.Context(), track, nil)
	refusal(t, err)
	require.Empty(t, f.left(t))
}

func TestADownloadIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	f.telegram.failed, f.telegram.fails = errors.New("5 parts failed"), 2
	_, release := prepare(t, f, f.telegram.add("x", []byte("content")))
	release()
	require.Equal(t, 3, f.telegram.calls)

	f.telegram.failed, f.telegram.calls = telegram.ErrGone, 0
	_, _, err := f.Prepare(t.Context(), track.Track{Origin: track.Origin{Media: f.telegram.add("y", []byte("y"))}}, nil)
	require.Error(t, err)
	require.Equal(t, 1, f.telegram.calls, "it would be of no use")
}

func TestPagesAreDownloaded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, `[ $mode = version ] || { echo media >"$paths/1.opus"; echo "$paths/1.opus"; }`)
	page := track.Track{Origin: track.Origin{Page: "https://site.example/v"}}
	src, release, err := f.Prepare(t.Context(), page, nil)
	require.NoError(t, err)
	require.Equal(t, f.dir, filepath.Dir(src.(media.File).Path))
	release()
	page.Video = true
	src, release, err = f.Prepare(t.Context(), page, nil)
	require.NoError(t, err)
	require.True(t, src.Tracks().Has(gotgcall.TrackVideo))
	release()
	require.Len(t, f.left(t), 2, "sound alone is another file")
	require.Len(t, f.fake.Calls(t), 3)

	f.fake.Do(t, `echo /etc/hostname`)
	page.Origin.Page += "2"
	_, _, err = f.Prepare(t.Context(), page, nil)
	refusal(t, err)
	require.Len(t, f.left(t), 2)
}

// A page's file that grows without a word of its size is stopped.
func TestAPageThatFillsTheDiskIsStopped(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{MaxPage: 1 << 20}, `[ $mode = version ] || { head -c 3000000 /dev/zero >"$paths/part"; sleep 1000; }`)
	_, _, err := f.Prepare(t.Context(), track.Track{Origin: track.Origin{Page: "https://site.example/v"}}, nil)
	require.Equal(t, "That is too large for me.", refusal(t, err))
	require.Empty(t, f.left(t))
}

func TestAddressesArePlayedWithoutADownload(t *testing.T) {
	t.Parallel()
	f := newFixture(t, Config{}, "")
	src, release, err := f.Prepare(t.Context(), track.Track{Origin: track.Origin{URL: f.url + "/a b"[:2]}}, nil)
	require.NoError(t, err)
	release()
	require.Equal(t, f.url+"/a", src.(media.URL).Address)
	// What an older version has stored is looked at again.
	for _, address := range []string{"file:///etc/passwd", "http://10.0.0.1/", "rtmp://example.com/", "/etc/passwd", "http://a:b@example.com/"} {
		_, _, err = f.Prepare(t.Context(), track.Track{Origin: track.Origin{URL: address}}, nil)
		refusal(t, err)
		_, _, err = f.Prepare(t.Context(), track.Track{Origin: track.Origin{Page: address}}, nil)
		refusal(t, err)
	}
	_, _, err = f.Prepare(t.Context(), track.Track{}, nil)
	require.Error(t, err)
}

func TestTheLibraryIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	library := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(library, "jazz"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(library, "jazz", "a b.mp3"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("/etc/hostname", filepath.Join(library, "link")))
	require.NoError(t, os.Symlink("/etc", filepath.Join(library, "etc")))
	f := newFixture(t, Config{Library: library, Owners: []int64{7}}, "")
	tracks, err := f.ask(t, "library:jazz/a b.mp3")
	require.NoError(t, err)
	require.Equal(t, "a b", tracks[0].Title)
	src, release, err := f.Prepare(t.Context(), tracks[0], nil)
	require.NoError(t, err)
	release()
	require.Equal(t, filepath.Join(library, "jazz", "a b.mp3"), src.(media.File).Path)

	for _, name := range []string{"/etc/passwd", "../x", "link", "etc/hostname", "jazz", "jazz/../../x", "missing", "", "."} {
		_, err := f.ask(t, "library:"+name)
		refusal(t, err)
	}
	tracks[0].By.ID = 8
	_, _, err = f.Prepare(t.Context(), tracks[0], nil)
	refusal(t, err)
	for _, by := range []int64{0, 8} {
		_, err = f.Resolve(t.Context(), track.Request{Words: "library:jazz/a b.mp3", By: track.User{ID: by}})
		require.Contains(t, refusal(t, err), "owner")
	}
	_, err = newFixture(t, Config{Owners: []int64{7}}, "").ask(t, "library:jazz/a b.mp3")
	refusal(t, err)
}
