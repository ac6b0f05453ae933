package ffmpeg

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// hardware are the encoders of H.264.
func hardware() []media.VideoEncoder {
	return []media.VideoEncoder{
		media.H264, media.H264OpenH264, media.H264NVENC, media.H264VAAPI, media.H264QSV, media.H264AMF,
		media.H264VideoToolbox, media.H264V4L2M2M,
	}
}

// TestEncodersHaveTheOptionsThatTheyAreGiven: as far as the ffmpeg at hand has the
// encoder, whose own help lists them.
func TestEncodersHaveTheOptionsThatTheyAreGiven(t *testing.T) {
	t.Parallel()
	b, err := Inspect(t.Context(), "ffmpeg")
	require.NoError(t, err)
	general := []string{"-bf", "-sc_threshold", "-threads"}
	for _, encoder := range append(hardware(), media.VP8) {
		if b.RequireVideo(encoder) != nil {
			continue
		}
		t.Run(string(encoder), func(t *testing.T) {
			t.Parallel()
			help, err := exec.Command("ffmpeg", "-hide_banner", "-h", "encoder="+encoderName(encoder)).Output()
			require.NoError(t, err)
			args := realtimeArgs(encoder)
			for i := 0; i < len(args); i += 2 {
				option, _, _ := strings.Cut(args[i], ":")
				if option != "-profile" && !slices.Contains(general, option) {
					require.Contains(t, string(help), "  "+option+" ", "%s", encoder)
				}
			}
		})
	}
}

// TestMissingEncoderIsNamed, with a way to get it.
func TestMissingEncoderIsNamed(t *testing.T) {
	t.Parallel()
	b, err := Inspect(t.Context(), script(t, says("5.1", opus, vpx)))
	require.NoError(t, err)
	require.NoError(t, b.RequireVideo(media.VP8))
	for _, encoder := range hardware() {
		err := b.RequireVideo(encoder)
		require.ErrorIs(t, err, models.ErrFFmpegSpawn)
		require.ErrorContains(t, err, "without "+encoderName(encoder))
		require.ErrorContains(t, err, "a build with", encoder)
	}
	require.NoError(t, Build{}.RequireVideo(media.H264NVENC), "nothing is known of it")
}
