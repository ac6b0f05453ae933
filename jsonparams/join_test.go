package jsonparams_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const fingerprint = "3A:9C:01:F2:77:5E:B0:44:8D:19:6A:CF:E3:20:58:91:0B:D4:7F:2C:A6:35:EE:68:13:92:FB:4D:07:C1:5A:8E"

func join() jsonparams.Join {
	return jsonparams.Join{
		AudioSSRC:   1203948571,
		Layers:      []jsonparams.Layer{{SSRC: 1203948572, RTX: 1203948573}, {SSRC: 1203948574, RTX: 1203948575}, {SSRC: 1203948576, RTX: 1203948577}},
		Ufrag:       "hT4z",
		Pwd:         "q0Xv7LmZr2KsT9bWcYd4Ne1H",
		Fingerprint: fingerprint,
	}
}

func TestJoinPayloadIsGolden(t *testing.T) {
	t.Parallel()
	audioOnly := join()
	audioOnly.Layers = nil
	for name, j := range map[string]jsonparams.Join{"testdata/join.json": join(), "testdata/join_audio.json": audioOnly} {
		got, err := j.Encode()
		require.NoError(t, err)
		if *update {
			require.NoError(t, os.WriteFile(name, []byte(got+"\n"), 0o600))
		}
		want, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), got+"\n", name)
	}
}

func TestJoinRefusesSSRCsTheServerWouldMisread(t *testing.T) {
	t.Parallel()
	for _, bad := range []uint32{0, 1 << 31, 1<<32 - 1} {
		audio := join()
		audio.AudioSSRC = bad
		video := join()
		video.Layers[2].SSRC = bad
		rtx := join()
		rtx.Layers[0].RTX = bad
		for _, j := range []jsonparams.Join{audio, video, rtx} {
			_, err := j.Encode()
			require.ErrorIs(t, err, models.ErrInternal, "ssrc %d", bad)
		}
	}
}
