package gotgcall

import (
	"context"
	"io"
	"net/netip"

	"github.com/gotgcall/gotgcall/internal/packets"
	"github.com/gotgcall/gotgcall/internal/push"
	"github.com/gotgcall/gotgcall/internal/shared"
	"github.com/gotgcall/gotgcall/media"
	"github.com/gotgcall/gotgcall/models"
)

// The types of packages media and models, under the names that a bot imports.
type (
	// Source describes something that can be played; see [FromFile], [FromURL],
	// [FromShell] and [FromShells].
	Source = media.Source
	// SeekableSource is a Source that can start in the middle.
	SeekableSource = media.SeekableSource
	// Stream is one run of a Source, for programs that bring their own.
	Stream = media.Stream
	// Frame is one Opus packet or one encoded picture of a Stream.
	Frame = media.Frame
	// SourceInfo is what a Source says of itself; see [Client.SourceInfo].
	SourceInfo = media.SourceInfo
	// Sound is how the sources of a call sound; see [Client.SetSound].
	Sound = media.Sound
	// Env holds the settings with which a Source is opened.
	Env = media.Env
	// Track is a set of tracks.
	Track = media.Track
	// URLPolicy decides whether FromURL may connect to an address.
	URLPolicy = media.URLPolicy
	// EncodeOptions holds the bit rates and sizes of FromFile and FromURL.
	EncodeOptions = media.EncodeOptions
	// VideoEncoder is what encodes pictures; see [EncodeOptions].
	VideoEncoder = media.VideoEncoder
	// Codec is how a picture is coded; see [Frame].
	Codec = media.Codec

	// OpusSource is a Source of Opus packets that a program writes; see [FromOpus].
	OpusSource = push.Opus
	// PCMSource is a Source of samples that a program writes; see [FromPCM].
	PCMSource = push.PCM
	// PCMFormat is the format of samples.
	PCMFormat = media.PCMFormat
	// Sink describes where what the others in a call say is put; see [ToFunc] and
	// [ToFiles].
	Sink = media.Sink
	// Writer is one run of a Sink, for programs that bring their own.
	Writer = media.Writer
	// Received is one Opus packet of another participant.
	Received = media.Received
	// Samples is what another participant says, decoded.
	Samples = media.Samples
	// Participant is another participant of a call; see [Client.SetParticipants].
	Participant = models.Participant
	// Speaker is how loud a participant is; see [Client.OnSpeaking].
	Speaker = models.Speaker

	// MediaState holds the flags that a bot mirrors with
	// phone.editGroupCallParticipant; see [Client.OnUpgrade].
	MediaState = models.MediaState
	// NetworkInfo is a state of a connection and its reason; see
	// [Client.OnConnectionChange].
	NetworkInfo = models.NetworkInfo
	// ConnState is the state of a connection.
	ConnState = models.ConnState
	// StreamType is Audio or Video.
	StreamType = models.StreamType
	// Device is Microphone or Camera.
	Device = models.Device
	// CallInfo is one entry of [Client.Calls].
	CallInfo = models.CallInfo
	// Stats holds the counters of a call; see [Client.Stats].
	Stats = models.Stats
	// StreamStats holds the counters of one stream of a call.
	StreamStats = models.StreamStats
	// ICEServer is a STUN or TURN server for WithICEServers.
	ICEServer = models.ICEServer
	// NetworkType is an address family for WithNetworkTypes.
	NetworkType = models.NetworkType
	// FFmpegError is how an ffmpeg process ended, in its own words; get it
	// with errors.As.
	FFmpegError = models.FFmpegError
)

// The tracks of a source.
const (
	TrackAudio = media.TrackAudio
	TrackVideo = media.TrackVideo
)

// The encoders of pictures, which package media documents. All but VP8 make H.264.
const (
	VP8              = media.VP8
	H264             = media.H264
	H264OpenH264     = media.H264OpenH264
	H264NVENC        = media.H264NVENC
	H264VAAPI        = media.H264VAAPI
	H264QSV          = media.H264QSV
	H264AMF          = media.H264AMF
	H264VideoToolbox = media.H264VideoToolbox
	H264V4L2M2M      = media.H264V4L2M2M
)

// The codecs of pictures.
const (
	CodecVP8  = media.CodecVP8
	CodecH264 = media.CodecH264
)

// The kinds of stream and the devices they appear as.
const (
	Audio      = models.Audio
	Video      = models.Video
	Microphone = models.Microphone
	Camera     = models.Camera
)

// The address families of WithNetworkTypes.
const (
	UDP4 = models.UDP4
	UDP6 = models.UDP6
)

// The states of a connection.
const (
	Connecting   = models.Connecting
	Connected    = models.Connected
	Failed       = models.Failed
	Closed       = models.Closed
	Timeout      = models.Timeout
	Disconnected = models.Disconnected
)

// The errors by which a bot decides; package models documents each. They arrive
// wrapped: test them with errors.Is.
var (
	ErrConnectionExists    = models.ErrConnectionExists
	ErrConnectionNotFound  = models.ErrConnectionNotFound
	ErrConnectionTimeout   = models.ErrConnectionTimeout
	ErrConnectionFailed    = models.ErrConnectionFailed
	ErrPublishRefused      = models.ErrPublishRefused
	ErrInvalidParams       = models.ErrInvalidParams
	ErrUnsupportedCallMode = models.ErrUnsupportedCallMode
	ErrFFmpegSpawn         = models.ErrFFmpegSpawn
	ErrFFmpegCrashed       = models.ErrFFmpegCrashed
	ErrFile                = models.ErrFile
	ErrClosed              = models.ErrClosed
	ErrStopped             = models.ErrStopped
	ErrSourceReplaced      = models.ErrSourceReplaced
	ErrStalled             = models.ErrStalled
	ErrSeekUnsupported     = models.ErrSeekUnsupported
	ErrNotPublic           = models.ErrNotPublic
	ErrNoSource            = models.ErrNoSource
	ErrLive                = models.ErrLive
	ErrDurationUnknown     = models.ErrDurationUnknown
	ErrSoundUnsupported    = models.ErrSoundUnsupported
	ErrInternal            = models.ErrInternal
	ErrNotConnected        = models.ErrNotConnected
	ErrWrongMode           = models.ErrWrongMode
)

// FromFile plays a local file. The path is only ever a path: it is never taken
// for a protocol, a pattern or an option, and a playlist file opens nothing else.
func FromFile(path string, opts EncodeOptions) Source { return media.FromFile(path, opts) }

// FromURL plays the media at a network address. It never reads a local file,
// whatever the address serves.
func FromURL(url string, opts EncodeOptions) Source { return media.FromURL(url, opts) }

// PublicOnly is a policy for WithURLPolicy that refuses every address that is not
// of the public internet.
func PublicOnly(ctx context.Context, network string, address netip.AddrPort) error {
	return media.PublicOnly(ctx, network, address)
}

// FromShell plays the standard output of a command. The command line is split on
// blanks outside "…"; no shell is involved. Missing output options of an ffmpeg
// command are filled in.
func FromShell(cmd string, tracks Track) Source { return media.FromShell(cmd, tracks) }

// FromShells plays the standard output of two commands, one for each track, which
// start at once. An empty command leaves its track out.
func FromShells(audioCmd, videoCmd string) Source { return media.FromShells(audioCmd, videoCmd) }

// Repacketized returns a Source that plays another one, of a program's own for example, in
// packets of 40 or 60 ms, and so a call with fewer sends. See [EncodeOptions].PacketMs, with
// which FromFile and FromURL do the same.
//
// Opus packets that follow each other without a gap, and fit a datagram, are put together as
// they are. They are read ahead as far as they are joined; what comes as it is recorded is
// heard up to 40 ms later. Raw frames, for RTMP, stay as they are.
func Repacketized(src Source, packetMs int) Source { return packets.New(src, packetMs) }

// FromReader plays what a reader gives, of the formats that FromFile plays, such as the body
// of a request. One that is no io.Seeker plays once. It cannot be seeked, and an MP4 whose
// index is at its end cannot be played. When the source ends, a reader that is an io.Closer
// and cannot seek is closed; a Read that still hangs is left to itself. It is not for RTMP.
func FromReader(r io.Reader, opts EncodeOptions) Source { return push.NewReader(r, opts) }

// FromOpus returns a Source of the Opus packets that a program gives to its Write. It plays
// in one call at a time. A packet leaves at once if nothing waits before it. While nothing
// is written there is silence, which is no end; Flush drops what has not been played, and
// Close ends the source after it. Write blocks while 30 s are waiting, also where no call
// plays the source; Flush and Close end that.
func FromOpus() *OpusSource { return push.NewOpus() }

// FromPCM is like [FromOpus] for samples, which an ffmpeg encodes by opts: a program that
// speaks. Write takes any number of bytes, at any pace, so io.Copy can feed it. Of opts
// only what is about sound counts; Voice is for speech.
func FromPCM(format PCMFormat, opts EncodeOptions) *PCMSource { return push.NewPCM(format, opts) }

// Shared returns a Source that plays one run of another in any number of chats, of one
// Client or several: a radio in a thousand chats is one connection and one ffmpeg.
//
//	a chat that                begins, or goes on
//	comes first                at the start of the source
//	comes within 4 s of that   at the start
//	comes later                where the others are: with pictures at the last key frame
//	pauses for up to 4 s       where it was
//	pauses for longer          where the others are by then; none of them waits for it
//	leaves                     the others do not notice; with the last one the run ends
//	is lost, and rejoins       where the others are
//	seeks                      [ErrSeekUnsupported], and it plays on
//	sets another sound         [ErrSoundUnsupported], and it plays on
//	comes after the end        at the start, of another run
//
// Each chat gets the end, or the error of a source that fails, when it has played what came
// before. One that cannot be opened fails in each chat that waits for it, and the next one
// tries again. Position counts from where the chat began. RTMP calls share a run among
// themselves.
func Shared(src Source) Source { return shared.New(src) }

// SharedFromStart is like [Shared], but each chat plays all of the source, which has an
// end: a jingle, or the song of the hour. The chats that begin within 4 s of each other
// share a run.
//
//	a chat that                begins, or goes on
//	comes later                at the start, of another run, which the next ones share
//	pauses for up to 4 s       where it was
//	pauses for longer          where it was, with an encoder for itself
//	seeks, or rejoins          at the position, with an encoder for itself
//
// Where an encoder for itself is needed and src is no [SeekableSource], it is as with
// Shared. Position counts from the start of the media.
func SharedFromStart(src Source) Source { return shared.FromStart(src) }

// ToFunc gives each frame that is received to a function, one at a time, on a goroutine
// of the call's.
func ToFunc(f func(Received)) Sink { return media.ToFunc(f) }

// ToFiles records each participant into an Ogg file of a directory, without decoding. The
// files begin at the same instant.
func ToFiles(dir string) Sink { return media.ToFiles(dir) }

// ToPCM decodes what each participant says, and gives it to a function. A [PCMSource] takes
// the same samples.
func ToPCM(f func(Samples), format PCMFormat) Sink { return media.ToPCM(f, format) }
