package gotgcall_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gotgcall/gotgcall"
)

// The public API, pinned at compile time: a program written against it builds.
var (
	_ func(...gotgcall.Option) (*gotgcall.Client, error) = gotgcall.New

	_ func(*gotgcall.Client, int64) (uint32, error)                                                   = (*gotgcall.Client).AudioSSRC
	_ func(*gotgcall.Client) map[int64]gotgcall.CallInfo                                              = (*gotgcall.Client).Calls
	_ func(*gotgcall.Client) error                                                                    = (*gotgcall.Client).Close
	_ func(*gotgcall.Client, int64, string) error                                                     = (*gotgcall.Client).Connect
	_ func(*gotgcall.Client, int64) (string, error)                                                   = (*gotgcall.Client).CreateCall
	_ func(*gotgcall.Client, int64) (gotgcall.MediaState, error)                                      = (*gotgcall.Client).GetState
	_ func(*gotgcall.Client, int64) (bool, error)                                                     = (*gotgcall.Client).Mute
	_ func(*gotgcall.Client, func(chatID int64, info gotgcall.NetworkInfo))                           = (*gotgcall.Client).OnConnectionChange
	_ func(*gotgcall.Client, func(chatID int64, t gotgcall.StreamType, d gotgcall.Device, err error)) = (*gotgcall.Client).OnStreamEnd
	_ func(*gotgcall.Client, int64) (bool, error)                                                     = (*gotgcall.Client).Pause
	_ func(*gotgcall.Client, int64) (bool, error)                                                     = (*gotgcall.Client).Resume
	_ func(*gotgcall.Client, int64, gotgcall.Source) error                                            = (*gotgcall.Client).SetStreamSources
	_ func(*gotgcall.Client, int64, string) error                                                     = (*gotgcall.Client).StartRTMP
	_ func(*gotgcall.Client, int64) error                                                             = (*gotgcall.Client).Stop
	_ func(*gotgcall.Client, int64) (uint64, error)                                                   = (*gotgcall.Client).Time
	_ func(*gotgcall.Client, int64) (bool, error)                                                     = (*gotgcall.Client).Unmute
	_ func(string, gotgcall.EncodeOptions) gotgcall.Source                                            = gotgcall.FromFile
	_ func(string, gotgcall.EncodeOptions) gotgcall.Source                                            = gotgcall.FromURL
	_ func(string, gotgcall.Track) gotgcall.Source                                                    = gotgcall.FromShell
	_ func(string, string) gotgcall.Source                                                            = gotgcall.FromShells
	_ func(int) gotgcall.Option                                                                       = gotgcall.WithDTLSCertPool
	_ func(int) gotgcall.Option                                                                       = gotgcall.WithDispatchBuffer
	_ func(string) gotgcall.Option                                                                    = gotgcall.WithFFmpegPath
	_ func(*slog.Logger) gotgcall.Option                                                              = gotgcall.WithLogger
	_ func() gotgcall.Option                                                                          = gotgcall.WithSharedUDPMux
	_ gotgcall.SeekableSource                                                                         = gotgcall.FromFile("", gotgcall.EncodeOptions{}).(gotgcall.SeekableSource)
	_                                                                                                 = gotgcall.EncodeOptions{VideoBitrateKbps: 1, VideoWidth: 1, VideoHeight: 1, VideoFPS: 1, AudioBitrateKbps: 1, AudioChannels: 1, Tracks: gotgcall.TrackAudio}
	_                                                                                                 = gotgcall.MediaState{Muted: true, Paused: true, VideoStopped: true, PresentationPaused: true}
	_                                                                                                 = gotgcall.NetworkInfo{State: gotgcall.Connected}
	_                                                                                                 = gotgcall.CallInfo{CaptureTimeMs: 1}
)

func TestEnumsKeepTheirValuesAndNames(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"connecting", "connected", "failed", "closed", "timeout", "disconnected", "ConnState(6)"} {
		require.Equal(t, want, gotgcall.ConnState(i).String())
	}
	require.Equal(t, []gotgcall.ConnState{0, 1, 2, 3, 4, 5}, []gotgcall.ConnState{
		gotgcall.Connecting, gotgcall.Connected, gotgcall.Failed, gotgcall.Closed, gotgcall.Timeout, gotgcall.Disconnected,
	})
	require.EqualValues(t, 0, gotgcall.Audio)
	require.EqualValues(t, 1, gotgcall.Video)
	require.EqualValues(t, 0, gotgcall.Microphone)
	require.EqualValues(t, 1, gotgcall.Camera)
	require.EqualValues(t, 1, gotgcall.TrackAudio)
	require.EqualValues(t, 2, gotgcall.TrackVideo)
	require.Equal(t, "audio", gotgcall.Audio.String())
	require.Equal(t, "video", gotgcall.Video.String())
	require.Equal(t, "microphone", gotgcall.Microphone.String())
	require.Equal(t, "camera", gotgcall.Camera.String())
	require.Equal(t, "audio+video", both.String())
}

func TestErrorsAreDistinct(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, err := range []error{
		gotgcall.ErrConnectionExists, gotgcall.ErrConnectionNotFound, gotgcall.ErrConnectionTimeout, gotgcall.ErrConnectionFailed,
		gotgcall.ErrInvalidParams, gotgcall.ErrFFmpegSpawn, gotgcall.ErrFFmpegCrashed, gotgcall.ErrFile, gotgcall.ErrClosed,
		gotgcall.ErrInternal, gotgcall.ErrNotConnected, gotgcall.ErrWrongMode, gotgcall.ErrUnsupportedCallMode, gotgcall.ErrStopped,
	} {
		require.False(t, seen[err.Error()], "%v", err)
		seen[err.Error()] = true
	}
}
