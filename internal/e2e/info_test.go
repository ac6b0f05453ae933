package e2e_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
	"github.com/gotgcall/gotgcall/internal/e2e/synthetic"
	"github.com/gotgcall/gotgcall/internal/mediatest"
	"github.com/gotgcall/gotgcall/internal/sfu"
)

// TestDurationIsKnownOnceTheSourceIsSet: before the connection is up, for a call of
// either kind.
func TestDurationIsKnownOnceTheSourceIsSet(t *testing.T) {
	t.Parallel()
	path := tones(t, "a.wav", mediatest.AudioSpec{Seconds: 20})
	for name, create := range map[string]func(s *fixture) error{
		"group": func(s *fixture) error { _, err := s.CreateCall(chat); return err },
		"RTMP":  func(s *fixture) error { return s.StartRTMP(chat, "rtmp://127.0.0.1:1/app/key") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFixture(t, sfu.Config{})
			_, err := s.Duration(chat)
			require.ErrorIs(t, err, gotgcall.ErrConnectionNotFound)
			require.NoError(t, create(s))
			_, err = s.Duration(chat)
			require.ErrorIs(t, err, gotgcall.ErrNoSource)
			_, err = s.SourceInfo(chat)
			require.ErrorIs(t, err, gotgcall.ErrNoSource)
			require.NoError(t, s.SetStreamSources(chat, gotgcall.FromFile(path, gotgcall.EncodeOptions{})))
			length, err := s.Duration(chat)
			require.NoError(t, err)
			require.InDelta(t, 20, length.Seconds(), 0.05)
			info, err := s.SourceInfo(chat)
			require.NoError(t, err)
			require.Equal(t, gotgcall.SourceInfo{Duration: length}, info)
			require.NoError(t, s.SeekTo(chat, 10*time.Second))
			again, err := s.Duration(chat)
			require.NoError(t, err)
			require.Equal(t, length, again)
			require.NoError(t, s.Stop(chat))
		})
	}
}

func TestDurationOfASourceThatDoesNotSay(t *testing.T) {
	t.Parallel()
	s := newFixture(t, sfu.Config{})
	_, err := s.CreateCall(chat)
	require.NoError(t, err)
	require.NoError(t, s.SetStreamSources(chat, synthetic.Source{}))
	_, err = s.Duration(chat)
	require.ErrorIs(t, err, gotgcall.ErrDurationUnknown)
	info, err := s.SourceInfo(chat)
	require.NoError(t, err)
	require.Zero(t, info)
}
