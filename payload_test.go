package gotgcall_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
)

var updatePayload = flag.Bool("update-payload", false, "rewrite the join payload's golden file")

// TestCreateCallPayloadIsGolden: but for credentials, fingerprint and SSRCs the join
// payload is the same for each call. Those have one form.
func TestCreateCallPayloadIsGolden(t *testing.T) {
	t.Parallel()
	client, err := gotgcall.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	payload, err := client.CreateCall(1)
	require.NoError(t, err)

	var drawn struct {
		SSRC         uint32
		Ufrag, Pwd   string
		Fingerprints []struct{ Fingerprint string }
	}
	require.NoError(t, json.Unmarshal([]byte(payload), &drawn))
	ssrc, err := client.AudioSSRC(1)
	require.NoError(t, err)
	require.Equal(t, ssrc, drawn.SSRC)
	require.Regexp(t, `^[A-Za-z0-9+/]{16}$`, drawn.Ufrag)
	require.Regexp(t, `^[A-Za-z0-9+/]{32}$`, drawn.Pwd)
	require.Len(t, drawn.Fingerprints, 1)
	require.Regexp(t, `^[0-9A-F]{2}(:[0-9A-F]{2}){31}$`, drawn.Fingerprints[0].Fingerprint)

	got := strings.NewReplacer(
		strconv.Quote(drawn.Ufrag), `"UFRAG"`, strconv.Quote(drawn.Pwd), `"PWD"`,
		strconv.Quote(drawn.Fingerprints[0].Fingerprint), `"FINGERPRINT"`,
	).Replace(payload)
	number := regexp.MustCompile(`[:,\[]\d+`)
	got = number.ReplaceAllStringFunc(got, func(s string) string {
		n, err := strconv.ParseUint(s[1:], 10, 32)
		require.NoError(t, err)
		if offset := uint32(n) - ssrc; offset <= 6 {
			return s[:1] + "SSRC+" + strconv.Itoa(int(offset))
		}
		return s
	}) + "\n"
	const golden = "testdata/createcall.txt"
	if *updatePayload {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}
