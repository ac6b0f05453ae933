package source_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// dashOf are the options that make a DASH presentation of a movie.
func dashOf(path string, more ...string) []string {
	args := []string{"-i", path, "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "dash", "-seg_duration", "4"}
	return append(append(args, more...), "list.mpd")
}

// textSet is subtitles, which ffmpeg would open.
const textSet = `<AdaptationSet id="9" contentType="text" mimeType="text/vtt" lang="en"><Representation id="9" bandwidth="1"><BaseURL>x.vtt</BaseURL></Representation></AdaptationSet>`

func TestDASHPlaysAndSeeks(t *testing.T) {
	t.Parallel()
	path := programme(t)
	template := segmented(t, "dash", dashOf(path))
	list, err := os.ReadFile(filepath.Join(template, "list.mpd"))
	require.NoError(t, err)
	elsewhere := folder(t, template)
	url := withList(t, template, map[string]string{
		"/text.mpd": strings.Replace(string(list), "</Period>", textSet+"</Period>", 1),
		"/dir/absolute.mpd": strings.NewReplacer("</Period>", textSet+"</Period>",
			"<Period", "<BaseURL>"+elsewhere+"/</BaseURL><Period").Replace(string(list)),
	})
	for name, address := range map[string]string{
		"template": url + "/list.mpd?token=s3cret",
		"text":     url + "/text.mpd",
		"absolute": url + "/dir/absolute.mpd",
	} {
		for _, position := range []time.Duration{0, 15 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				stream := openAt(t, media.FromURL(address, media.EncodeOptions{Tracks: media.TrackVideo}), position)
				require.Equal(t, both, stream.Tracks())
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				requireTones(t, frames, position, programmeLength-position)
				requireCounters(t, of(media.TrackVideo, frames), position, programmeLength)
			})
		}
	}
}

// inPeriods returns the address of a description of three periods, each with a folder
// and times of its own.
func inPeriods(t *testing.T, more ...string) string {
	path := programme(t)
	var runs [][]string
	for i := range 3 {
		part := []string{
			"-ss", fmt.Sprint(12 * i), "-t", "12", "-i", path, "-map", "0:v", "-map", "0:a", "-c:v", "libx264", "-g", "50", "-c:a", "aac",
			"-f", "dash", "-seg_duration", "4", "-init_seg_name", fmt.Sprintf("%d-init-$RepresentationID$.m4s", i),
			"-media_seg_name", fmt.Sprintf("%d-$RepresentationID$-$Number$.m4s", i),
			"-single_file_name", fmt.Sprintf("%d-$RepresentationID$.mp4", i),
		}
		runs = append(runs, append(append(part, more...), fmt.Sprintf("%d.mpd", i)))
	}
	dir := segmented(t, "dash-periods"+strings.Join(more, ""), runs...)
	var periods []string
	var head string
	for i := range 3 {
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.mpd", i)))
		require.NoError(t, err)
		before, rest, _ := strings.Cut(string(text), "<Period")
		period, _, _ := strings.Cut(rest, "</MPD>")
		head = before
		periods = append(periods, `<Period duration="PT12S"`+strings.Replace(period, `start="PT0.0S"`, "", 1))
	}
	head = regexp.MustCompile(`mediaPresentationDuration="[^"]*"`).ReplaceAllString(head, `mediaPresentationDuration="PT36S"`)
	return withList(t, dir, map[string]string{"/list.mpd": head + strings.Join(periods, "") + "</MPD>"}) + "/list.mpd?token=s3cret"
}

func TestPeriodsOfDASHArePlayedOneAfterAnother(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{
		"template": nil,
		"timeline": {"-use_timeline", "1"},
		"list":     {"-use_template", "0"},
		"ranges":   {"-use_template", "0", "-single_file", "1"},
	} {
		for _, position := range []time.Duration{0, 5 * time.Second, 17 * time.Second, 30 * time.Second} {
			t.Run(fmt.Sprint(name, "/", position), func(t *testing.T) {
				t.Parallel()
				stream := openAt(t, media.FromURL(inPeriods(t, more...), media.EncodeOptions{Tracks: media.TrackVideo}), position)
				frames, end := readAll(t, stream)
				require.Equal(t, io.EOF, end)
				requireTones(t, frames, position, programmeLength-position)
				requireCountersNear(t, of(media.TrackVideo, frames), position, programmeLength)
			})
		}
	}
}

func TestDASHOfMissingFragmentsIsNoNaturalEnd(t *testing.T) {
	t.Parallel()
	dir := segmented(t, "dash", dashOf(programme(t)))
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".m4s") && strings.Contains(r.URL.Path, "chunk") && !strings.Contains(r.URL.Path, "00001") {
			http.NotFound(w, r)
			return
		}
		http.FileServer(http.Dir(dir)).ServeHTTP(w, r)
	})
	frames, end := readAll(t, open(t, media.FromURL(url+"/list.mpd", media.EncodeOptions{Tracks: media.TrackVideo})))
	require.Greater(t, len(frames), 100)
	require.ErrorIs(t, end, models.ErrFile)
	require.ErrorContains(t, end, "404 Not Found")
}

func TestRadioListsLeadToTheStream(t *testing.T) {
	t.Parallel()
	path := song(t)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/radio.pls":
			fmt.Fprint(w, lines("[playlist]", "NumberOfEntries=3", "File1=/gone.mp3", "File2=file:///etc/passwd", "File3=song.mp3?token=s3cret"))
		case "/radio.m3u":
			fmt.Fprint(w, lines("#EXTM3U", "#EXTINF:-1,Radio", "http://"+r.Host+"/radio.pls"))
		case "/bare.m3u":
			fmt.Fprint(w, lines("http://"+r.Host+"/song.mp3"))
		case "/loop.m3u":
			fmt.Fprint(w, lines("http://"+r.Host+"/loop.m3u"))
		case "/files.m3u":
			fmt.Fprint(w, lines("#EXTM3U", "file://"+path))
		case "/song.mp3":
			http.ServeFile(w, r, path)
		default:
			http.NotFound(w, r)
		}
	})
	for _, name := range []string{"radio.pls", "radio.m3u", "bare.m3u"} {
		requireContiguous(t, play(t, media.FromURL(url+"/"+name, media.EncodeOptions{})), 1500*time.Millisecond)
	}
	require.ErrorIs(t, openError(t, media.FromURL(url+"/loop.m3u", media.EncodeOptions{})), models.ErrFile)
	require.ErrorContains(t, openError(t, media.FromURL(url+"/files.m3u", media.EncodeOptions{})), `"file"`)
}
