package jsonparams_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/jsonparams"
	"github.com/gotgcall/gotgcall/models"
)

func answer(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/answer.json")
	require.NoError(t, err)
	return string(b)
}

func TestDecodeReadsAProductionAnswer(t *testing.T) {
	t.Parallel()
	r, err := jsonparams.Decode(answer(t))
	require.NoError(t, err)
	require.Equal(t, &jsonparams.Response{
		Transport: jsonparams.Transport{
			Ufrag:       "4kq7a1hm92c0de",
			Pwd:         "2rk0s8vx61tm5bq3zd7wy9ncaf",
			Fingerprint: "B1:07:5C:E9:44:D0:2A:96:8F:33:7D:18:C6:51:EB:0E:99:42:AD:F8:6B:25:73:1C:DE:80:4F:B7:12:E5:A9:60",
			Candidates: []jsonparams.Candidate{
				{Foundation: "1", Component: 1, Priority: 2130706431, Addr: netip.MustParseAddrPort("[2001:67c:4e8:f004::1f]:32001"), Type: "host"},
				{Foundation: "2", Component: 1, Priority: 2130706431, Addr: netip.MustParseAddrPort("91.108.13.55:32001"), Type: "host"},
			},
		},
		Opus: 111, VP8: 100, RTX: 101, H264: 104, H264RTX: 105,
	}, r)
}

// TestDecodeAcceptsWhatServersSend edits the production answer into other forms
// that were seen.
func TestDecodeAcceptsWhatServersSend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		old, new string
		check    func(*testing.T, *jsonparams.Response)
	}{
		{"port as a number", `"port":"32001"`, `"port":32001`, nil},
		{"priority as a number", `"priority":"2130706431"`, `"priority":1`, func(t *testing.T, r *jsonparams.Response) {
			require.EqualValues(t, 1, r.Transport.Candidates[0].Priority)
		}},
		{"no audio", `"audio"`, `"audio-of-another-name"`, func(t *testing.T, r *jsonparams.Response) { require.EqualValues(t, 111, r.Opus) }},
		{"no video", `"video"`, `"video-of-another-name"`, func(t *testing.T, r *jsonparams.Response) { require.EqualValues(t, 100, r.VP8) }},
		{"unknown keys", `"rtcp-mux"`, `"x":[{}],"rtcp-mux"`, nil},
		{"stream is false", `{
  "transport"`, `{"stream":false,"rtmp":null,"transport"`, nil},
		{"stream is null", `{
  "transport"`, `{"stream":null,"transport"`, nil},
		{"setup passive", `"setup":"active"`, `"setup":"passive"`, func(t *testing.T, r *jsonparams.Response) { require.True(t, r.Transport.Passive) }},
		{"no setup", `"setup":"active",`, ``, func(t *testing.T, r *jsonparams.Response) { require.False(t, r.Transport.Passive) }},
		{"lower-case fingerprint", `B1:07:5C`, `b1:07:5c`, func(t *testing.T, r *jsonparams.Response) {
			require.True(t, strings.HasPrefix(r.Transport.Fingerprint, "B1:07:5C"))
		}},
		{"another hash first", `"fingerprints": [`, `"fingerprints": [{"hash":"sha-1","fingerprint":"00"},`, nil},
		{"a tcp candidate too", `"candidates": [`, `"candidates": [{"protocol":"tcp","ip":"1.2.3.4","port":"9"},`, func(t *testing.T, r *jsonparams.Response) {
			require.Len(t, r.Transport.Candidates, 2)
		}},
		{"type local", `"type":"host"`, `"type":"local"`, func(t *testing.T, r *jsonparams.Response) {
			require.Equal(t, "host", r.Transport.Candidates[0].Type)
		}},
		{"candidate of ip and port", `"generation":"0","component":"1","protocol":"udp","port":"32001","ip":"91.108.13.55","foundation":"2","id":"7e44b90d12aa63c05f9e8d21","priority":"2130706431","type":"host","network":"0"`, `"ip":"91.108.13.55","port":"1"`, func(t *testing.T, r *jsonparams.Response) {
			require.Equal(t, jsonparams.Candidate{Foundation: "2", Component: 1, Priority: 2130706431, Addr: netip.MustParseAddrPort("91.108.13.55:1"), Type: "host"}, r.Transport.Candidates[1])
		}},
		{"codec under another id", `"id":100,"name":"VP8"`, `"id":"120","name":"vp8"`, func(t *testing.T, r *jsonparams.Response) {
			require.EqualValues(t, 120, r.VP8)
			require.EqualValues(t, 121, r.RTX, "no rtx names it: the next id")
		}},
		{"H.264 under another id", `"id":104`, `"id":"98"`, func(t *testing.T, r *jsonparams.Response) {
			require.Equal(t, [2]uint8{98, 99}, [2]uint8{r.H264, r.H264RTX}, "no rtx names it: the next id")
		}},
		{"no H.264", `"H264"`, `"H265"`, func(t *testing.T, r *jsonparams.Response) {
			require.Zero(t, r.H264)
			require.Zero(t, r.H264RTX)
		}},
		{"H.264 under the id of another codec", `"id":104`, `"id":111`, func(t *testing.T, r *jsonparams.Response) { require.Zero(t, r.H264) }},
		{"rtx under another id", `"id":101`, `"id":99`, func(t *testing.T, r *jsonparams.Response) { require.EqualValues(t, 99, r.RTX) }},
		{"ids that collide", `"id":111`, `"id":100`, func(t *testing.T, r *jsonparams.Response) {
			require.EqualValues(t, 111, r.Opus)
			require.EqualValues(t, 100, r.VP8)
		}},
		{"an id out of range", `"id":111`, `"id":5`, func(t *testing.T, r *jsonparams.Response) { require.EqualValues(t, 111, r.Opus) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			blob := strings.ReplaceAll(answer(t), c.old, c.new)
			require.NotEqual(t, answer(t), blob, "the edit must hit")
			r, err := jsonparams.Decode(blob)
			require.NoError(t, err)
			if c.check != nil {
				c.check(t, r)
			}
		})
	}
}

// TestDecodeLeavesOutWhatItCannotUse: a candidate that cannot be read costs only
// itself.
func TestDecodeLeavesOutWhatItCannotUse(t *testing.T) {
	t.Parallel()
	want, err := jsonparams.Decode(answer(t))
	require.NoError(t, err)
	for _, odd := range []string{
		`{"ip":"relay.example.org","port":"1"}`,
		`{"ip":"fe80::1%eth0","port":"1"}`,
		`{"ip":"1.2.3.4","port":"0"}`,
		`{"ip":"1.2.3.4","port":70000}`,
		`{"ip":"1.2.3.4","port":{}}`,
		`{"ip":"1.2.3.4","port":"1","type":"passive-tcp"}`,
		`{"ip":"1.2.3.4","port":"1","priority":"99999999999"}`,
		`{"ip":"1.2.3.4","port":"1","component":-1}`,
		`{"ip":7,"port":"1"}`,
		`"candidate:1 1 udp 1 1.2.3.4 1 typ host"`,
		`[]`,
	} {
		blob := strings.Replace(answer(t), `"candidates": [`, `"candidates": [`+odd+`,`, 1)
		require.NotEqual(t, answer(t), blob, "the edit must hit")
		got, err := jsonparams.Decode(blob)
		require.NoError(t, err, odd)
		require.Equal(t, want, got, odd)
	}
}

func TestDecodeKeepsFewOfManyCandidates(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"ip":"1.2.3.4","port":"1"},{"ip":"?"},`, 3000)
	r, err := jsonparams.Decode(strings.Replace(answer(t), `"candidates": [`, `"candidates": [`+many, 1))
	require.NoError(t, err)
	require.Len(t, r.Transport.Candidates, 32)
}

func TestDecodeRefusesMalformedAnswers(t *testing.T) {
	t.Parallel()
	edit := func(old, replacement string) string { return strings.ReplaceAll(answer(t), old, replacement) }
	for name, blob := range map[string]string{
		"empty":                 "",
		"null":                  "null",
		"no keys":               "{}",
		"not json":              "hello",
		"an array":              "[]",
		"cut off":               answer(t)[:400],
		"too large":             `{"x":"` + strings.Repeat("a", 1<<20) + `"}`,
		"an error":              `{"error":"GROUPCALL_INVALID"}`,
		"no ufrag":              edit(`"ufrag"`, `"u"`),
		"short pwd":             edit(`2rk0s8vx61tm5bq3zd7wy9ncaf`, `short`),
		"no fingerprint":        edit(`"sha-256"`, `"sha-1"`),
		"fingerprint cut":       edit(`:60"`, `"`),
		"fingerprint not hex":   edit(`B1:07`, `ZZ:07`),
		"newline in ufrag":      edit(`4kq7a1hm92c0de`, `4kq7\r\na=candidate`),
		"blank in pwd":          edit(`2rk0s8vx61tm5bq3zd7wy9ncaf`, `2rk0s8vx61tm5bq3 zd7wy9ncaf`),
		"no candidates":         edit(`"candidates"`, `"c"`),
		"no address":            edit(`"ip":`, `"address":`),
		"port 0":                edit(`"port":"32001"`, `"port":"0"`),
		"port 70000":            edit(`"port":"32001"`, `"port":70000`),
		"port as an object":     edit(`"port":"32001"`, `"port":{}`),
		"unknown type":          edit(`"type":"host"`, `"type":"x"`),
		"priority beyond range": edit(`"priority":"2130706431"`, `"priority":"99999999999"`),
		"tcp only":              edit(`"protocol":"udp"`, `"protocol":"tcp"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := jsonparams.Decode(blob)
			require.ErrorIs(t, err, models.ErrInvalidParams)
			require.NotErrorIs(t, err, models.ErrUnsupportedCallMode)
		})
	}
}

func TestDecodeNamesModesWithoutTransport(t *testing.T) {
	t.Parallel()
	for blob, word := range map[string]string{
		`{"stream": true}`:                  "broadcast",
		`{"stream": true, "rtmp": true}`:    "RTMP",
		`{"rtmp": false, "stream": true}`:   "broadcast",
		`{"stream": true, "transport": {}}`: "broadcast",
	} {
		_, err := jsonparams.Decode(blob)
		require.ErrorIs(t, err, models.ErrUnsupportedCallMode, blob)
		require.ErrorContains(t, err, word)
	}
}

// FuzzDecode looks for panics, and for accepted answers that could break out of
// an SDP line. It is worth much: the input comes from the network as it is.
func FuzzDecode(f *testing.F) {
	f.Add(answer(f))
	f.Add(`{"stream":true}`)
	f.Add(`{"transport":{"candidates":[{"port":1e3}]}}`)
	f.Fuzz(func(t *testing.T, blob string) {
		r, err := jsonparams.Decode(blob)
		if err != nil {
			return
		}
		require.NotEmpty(t, r.Transport.Candidates)
		fields := []string{r.Transport.Ufrag, r.Transport.Pwd, r.Transport.Fingerprint}
		for _, c := range r.Transport.Candidates {
			require.True(t, c.Addr.IsValid())
			require.NotZero(t, c.Addr.Port())
			fields = append(fields, c.Foundation, c.Type)
		}
		for _, s := range fields {
			require.NotEmpty(t, s)
			require.False(t, strings.ContainsAny(s, " \r\n\t\x00"), "%q", s)
		}
		require.NotEqual(t, r.Opus, r.VP8)
		require.NotEqual(t, r.VP8, r.RTX)
	})
}
