package source_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
)

// speech is like a voice: a buzz of 110 Hz through three resonances that move,
// four syllables a second.
const speech = "aevalsrc='0.3*max(0,sin(2*PI*4*t))*(" +
	"exp(-mod(t,1/110)*200)*sin(2*PI*(500+200*sin(3*t))*mod(t,1/110))+" +
	"0.5*exp(-mod(t,1/110)*300)*sin(2*PI*(1500+500*sin(5*t))*mod(t,1/110))+" +
	"0.3*exp(-mod(t,1/110)*400)*sin(2*PI*2500*mod(t,1/110)))':s=48000:d=3"

// materials are sounds that libopus would encode in several modes.
func materials(t *testing.T) map[string]string {
	t.Helper()
	source := func(lavfi string, more ...string) []string {
		return append([]string{"-f", "lavfi", "-i", lavfi}, more...)
	}
	const chord = "aevalsrc='0.2*(sin(2*PI*262*t)+sin(2*PI*330*t)+sin(2*PI*392*t))*exp(-2*mod(t,0.5))" +
		"+0.1*sin(2*PI*65*t)+0.05*(random(0)-0.5)*exp(-20*mod(t,0.25))|0.2*(sin(2*PI*523*t)+sin(2*PI*659*t))*exp(-3*mod(t,0.25))':s=48000:d=3"
	return map[string]string{
		"tone.wav":     fixture(t, "celt_tone.wav", tone("3")...),
		"tone.mp3":     fixture(t, "celt_tone.mp3", tone("3", "-b:a", "128k")...),
		"tone.webm":    fixture(t, "celt_tone.webm", tone("3", "-c:a", "libopus")...),
		"music.flac":   fixture(t, "celt_music.flac", source(chord)...),
		"speech.flac":  fixture(t, "celt_speech.flac", source(speech)...),
		"speech16.wav": fixture(t, "celt_speech16.wav", source(speech, "-ac", "1", "-ar", "16000")...),
		"noise.flac":   fixture(t, "celt_noise.flac", source("anoisesrc=color=pink:amplitude=0.3:d=3")...),
		"silence.flac": fixture(t, "celt_silence.flac", source("anullsrc=r=48000:d=3,atrim=duration=3")...),
	}
}

// celt counts packets by mode: configurations from 16 are CELT's (RFC 6716
// section 3.1).
func celt(frames []media.Frame) (celt, other int) {
	for _, f := range frames {
		if f.Data[0]>>3 >= 16 {
			celt++
		} else {
			other++
		}
	}
	return celt, other
}

// TestSoundIsCodedAsMusic: hybrid packets are noisier, and a change of mode is
// heard.
func TestSoundIsCodedAsMusic(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.FileServer(http.Dir(fixtures.dir)))
	t.Cleanup(server.Close)
	for name, path := range materials(t) {
		for from, source := range map[string]media.Source{
			"file":       media.FromFile(path, media.EncodeOptions{}),
			"URL":        media.FromURL(server.URL+"/"+filepath.Base(path), media.EncodeOptions{}),
			"64k":        media.FromFile(path, media.EncodeOptions{AudioBitrateKbps: 64}),
			"shell":      media.FromShell("ffmpeg -i "+path, media.TrackAudio),
			"shell 96k":  media.FromShell("ffmpeg -i "+path+" -c:a libopus -b:a 96k", media.TrackAudio),
			"shell both": media.FromShell("ffmpeg -i "+path, both),
		} {
			t.Run(name+" from "+from, func(t *testing.T) {
				t.Parallel()
				music, other := celt(play(t, source))
				require.Zero(t, other, "of %d", music+other)
				require.InDelta(t, 150, music, 2)
			})
		}
	}
}

// TestVoiceIsCodedAsSpeech: only such packets carry error correction.
func TestVoiceIsCodedAsSpeech(t *testing.T) {
	t.Parallel()
	path := materials(t)["speech.flac"]
	for _, opts := range []media.EncodeOptions{{Voice: true}, {Voice: true, AudioChannels: 2}, {Voice: true, AudioBitrateKbps: 24}} {
		music, voice := celt(play(t, media.FromFile(path, opts)))
		require.Zero(t, music, "%+v", opts)
		require.InDelta(t, 150, voice, 2)
	}
}
