package signaling_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/gotgcall/gotgcall/internal/sfu/signaling"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestAnswerHasProductionsShape(t *testing.T) {
	t.Parallel()
	facts := signaling.Answer{
		Ufrag: "4kq7a1hm92c0de", Pwd: "2rk0s8vx61tm5bq3zd7wy9ncaf",
		Fingerprint: "B1:07:5C:E9:44:D0:2A:96:8F:33:7D:18:C6:51:EB:0E:99:42:AD:F8:6B:25:73:1C:DE:80:4F:B7:12:E5:A9:60",
		IP:          "127.0.0.1", Port: 32001, CandidateIDs: [2]string{"5b1c0e7a94d23f8866ab01ce", "7e44b90d12aa63c05f9e8d21"},
		Setup: signaling.SetupActive, Video: true, Endpoint: "9f3c71d2", Sources: []int32{-1530219874},
	}
	full, noVideo := facts, facts
	full.UnroutableIPv6 = true
	noVideo.Video = false
	bare := noVideo
	bare.OmitAudio, bare.OmitRTCPMux, bare.OmitXMLNS = true, true, true
	for name, facts := range map[string]signaling.Answer{"full": full, "no_video": noVideo, "bare": bare} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, err := facts.Encode()
			require.NoError(t, err)
			var got bytes.Buffer
			require.NoError(t, json.Indent(&got, []byte(answer), "", "  "))
			got.WriteByte('\n')
			golden := filepath.Join("testdata", "answer_"+name+".json")
			if *update {
				require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.String())
		})
	}
}
