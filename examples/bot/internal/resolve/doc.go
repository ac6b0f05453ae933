// Package resolve turns what chat members send into tracks, and tracks into playable
// sources. It is the only place that looks at their text, and everything in it is taken
// for hostile:
//
//   - A text is an http or https address, words to search for, or refused. It is never a
//     file's name, an option or an address of another kind. Only the bot's owner may name
//     files, of one directory.
//   - Addresses are asked for, and played, under the policy of package guard.
//   - Files of messages are downloaded under names of ours; see package files.
//   - Pages and searches go through package ytdlp.
//
// What is downloaded is played by [gotgcall.FromFile], which opens nothing that a
// playlist or script in it names. Every error that a user can do something about is a
// [track.Refusal].
package resolve
