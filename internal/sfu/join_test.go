package sfu_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall/internal/sfu"
	"github.com/gotgcall/gotgcall/internal/sfu/netem"
)

const (
	goodPrint = "3A:9C:01:F2:77:5E:B0:44:8D:19:6A:CF:E3:20:58:91:0B:D4:7F:2C:A6:35:EE:68:13:92:FB:4D:07:C1:5A:8E"
	goodJoin  = `{"ssrc":100,"ufrag":"hT4z","pwd":"q0Xv7LmZr2KsT9bWcYd4Ne1H",` +
		`"fingerprints":[{"hash":"sha-256","fingerprint":"` + goodPrint + `","setup":"passive"}],` +
		`"ssrc-groups":[{"semantics":"SIM","sources":[101,103]},` +
		`{"semantics":"FID","sources":[101,102]},{"semantics":"FID","sources":[103,104]}]}`
	goodGroups = `[{"semantics":"SIM","sources":[101,103]},` +
		`{"semantics":"FID","sources":[101,102]},{"semantics":"FID","sources":[103,104]}]`
)

func TestJoinAcceptsWhatTelegramAccepts(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"three keys of legacy":     strings.Replace(goodJoin, `"ssrc"`, `"payload-types":[{"id":111}],"rtp-hdrexts":[],"x":null,"ssrc"`, 1),
		"negative ssrc":            strings.Replace(goodJoin, `"ssrc":100`, `"ssrc":-5`, 1),
		"largest ssrc":             strings.Replace(goodJoin, `"ssrc":100`, `"ssrc":2147483647`, 1),
		"active":                   strings.Replace(goodJoin, "passive", "active", 1),
		"no groups":                strings.Replace(goodJoin, `,"ssrc-groups":`+goodGroups, "", 1),
		"empty groups":             strings.Replace(goodJoin, goodGroups, "[]", 1),
		"lone FID":                 strings.Replace(goodJoin, goodGroups, `[{"semantics":"FID","sources":[101,102]}]`, 1),
		"as Telegram's clients do": goodJoin,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newSFU(t, sfu.Config{}).Join(context.Background(), payload)
			assert.NoError(t, err)
		})
	}
}

func TestJoinRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	const invalid, duplicate = "DATA_JSON_INVALID", "GROUPCALL_SSRC_DUPLICATE_MUCH"
	for name, test := range map[string]struct {
		old, new, code, detail string
	}{
		"not JSON":             {goodJoin, `{`, invalid, "payload"},
		"trailing data":        {goodJoin, goodJoin + `{}`, invalid, "payload"},
		"not an object":        {goodJoin, `null`, invalid, "not an object"},
		"empty":                {goodJoin, ``, invalid, "payload"},
		"too long":             {goodJoin, `"` + strings.Repeat("x", 1<<16) + `"`, invalid, "bytes"},
		"ssrc missing":         {`"ssrc":100,`, ``, duplicate, "ssrc is missing"},
		"ssrc in capitals":     {`"ssrc":100`, `"SSRC":100`, duplicate, "ssrc is missing"},
		"ssrc 0":               {`"ssrc":100`, `"ssrc":0`, duplicate, "ssrc is 0"},
		"ssrc unsigned":        {`"ssrc":100`, `"ssrc":2147483648`, invalid, "beyond a signed int32"},
		"ssrc too negative":    {`"ssrc":100`, `"ssrc":-2147483649`, invalid, "beyond a signed int32"},
		"ssrc a string":        {`"ssrc":100`, `"ssrc":"100"`, invalid, "not an integer"},
		"ssrc a fraction":      {`"ssrc":100`, `"ssrc":100.5`, invalid, "not an integer"},
		"ufrag missing":        {`"ufrag":"hT4z",`, ``, invalid, "ufrag is missing"},
		"ufrag short":          {`hT4z`, `hT4`, invalid, "ufrag has 3"},
		"ufrag letters":        {`hT4z`, `hT4é`, invalid, "ufrag"},
		"ufrag null":           {`"hT4z"`, `null`, invalid, "ufrag is null"},
		"pwd short":            {`q0Xv7LmZr2KsT9bWcYd4Ne1H`, `q0Xv7LmZr2KsT9bWcYd4N`, invalid, "pwd has 21"},
		"no fingerprints":      {`"fingerprints"`, `"fingerprint"`, invalid, "fingerprints is missing"},
		"fingerprints object":  {`[{"hash"`, `{"hash"`, invalid, ""},
		"lower case":           {goodPrint, strings.ToLower(goodPrint), invalid, "upper-case"},
		"short fingerprint":    {goodPrint, goodPrint[3:], invalid, "upper-case"},
		"sha-1":                {`sha-256`, `sha-1`, invalid, "not sha-256"},
		"actpass":              {`passive`, `actpass`, invalid, "neither active nor passive"},
		"groups null":          {goodGroups, `null`, invalid, "not an array"},
		"groups object":        {goodGroups, `{}`, invalid, "not an array"},
		"semantics":            {`"SIM"`, `"FEC-FR"`, invalid, "neither SIM nor FID"},
		"ssrcs, not sources":   {`"semantics":"SIM","sources"`, `"semantics":"SIM","ssrcs"`, invalid, "sources is missing"},
		"source unsigned":      {`[101,103]`, `[101,3000000000]`, invalid, "beyond a signed int32"},
		"source 0":             {`[103,104]`, `[103,0]`, invalid, "is 0"},
		"FID of audio":         {`[103,104]`, `[100,104]`, invalid, "audio SSRC"},
		"SIM of audio":         {`[101,103]`, `[101,100]`, invalid, "audio SSRC"},
		"FID of three":         {`[103,104]`, `[103,104,105]`, invalid, "not a pair"},
		"RTX shared":           {`[103,104]`, `[103,102]`, duplicate, "twice in FID"},
		"media is its own RTX": {`[103,104]`, `[103,103]`, duplicate, "twice in FID"},
		"SIM twice the same":   {`[101,103]`, `[101,101]`, duplicate, "twice in the SIM"},
		"SIM lists RTX":        {`[101,103]`, `[101,104]`, invalid, "no FID pairs as media"},
		"SIM misses a pair":    {`[101,103]`, `[101]`, invalid, "a SIM of 1 with 2"},
		"SIM empty":            {`[101,103]`, `[]`, invalid, "a SIM of 0"},
		"two SIM":              {`"FID","sources":[103,104]`, `"SIM","sources":[103,104]`, invalid, "second SIM"},
		"FIDs without SIM":     {`{"semantics":"SIM","sources":[101,103]},`, ``, invalid, "without a SIM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payload := strings.Replace(goodJoin, test.old, test.new, 1)
			require.NotEqual(t, goodJoin, payload)
			_, err := newSFU(t, sfu.Config{}).Join(context.Background(), payload)
			var refused *sfu.JoinError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, test.code, refused.Code)
			assert.Contains(t, err.Error(), test.detail)
		})
	}
}

func TestJoinRefusesSSRCOfAnotherParticipant(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{})
	_, err := s.Join(context.Background(), goodJoin)
	require.NoError(t, err)

	// Its audio SSRC is the other's RTX.
	_, err = s.Join(context.Background(), strings.NewReplacer(
		`"ssrc":100`, `"ssrc":104`, `,"ssrc-groups":`+goodGroups, "").Replace(goodJoin))
	require.ErrorContains(t, err, "GROUPCALL_SSRC_DUPLICATE_MUCH")
	p := s.Participant(100)
	p.Kick()
	until(t, "kick", p.Done())
	_, err = s.Join(context.Background(), goodJoin)
	require.NoError(t, err)
	assert.NotSame(t, p, s.Participant(100))
}

func TestJoinAfterCloseIsRefused(t *testing.T) {
	t.Parallel()
	s := newSFU(t, sfu.Config{})
	require.NoError(t, s.Close())
	_, err := s.Join(context.Background(), goodJoin)
	require.ErrorIs(t, err, sfu.ErrClosed)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = s.Join(ctx, goodJoin)
	assert.ErrorIs(t, err, context.Canceled)
}

func TestUnknownParticipantIsNil(t *testing.T) {
	t.Parallel()
	assert.Nil(t, newSFU(t, sfu.Config{}).Participant(1))
}

func TestNewRefusesBadConfig(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sfu.Config{
		"address":  {ListenIP: "localhost"},
		"mode":     {ICE: 7},
		"role":     {DTLSRole: -1},
		"loss":     {Up: netem.Shape{Loss: 1.5}},
		"delay":    {Down: netem.Shape{Delay: -1}},
		"duration": {SilentFor: -1},
		"twice":    {Up: netem.Shape{Duplicate: 2}},
		"overtake": {Down: netem.Shape{Reorder: -1}},
		"queue":    {Up: netem.Shape{Queue: -1}},
		"wait":     {Up: netem.Shape{QueueTime: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sfu.New(cfg)
			assert.Error(t, err)
		})
	}
}

func FuzzJoin(f *testing.F) {
	f.Add(goodJoin)
	f.Add(strings.Replace(goodJoin, goodGroups, `[{"semantics":"FID","sources":[101,102]}]`, 1))
	f.Add(`{"ssrc":0}`)
	f.Add(`null`)
	s, err := sfu.New(sfu.Config{})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	f.Fuzz(func(t *testing.T, payload string) {
		answer, err := s.Join(context.Background(), payload)
		var refused *sfu.JoinError
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("join %q: %v", payload, err)
		}
		if (err == nil) != (answer != "") {
			t.Fatalf("join %q: answer %q with error %v", payload, answer, err)
		}
		for _, p := range s.Participants() {
			p.Kick()
			<-p.Done()
		}
	})
}
