// Package scenario holds the tests of the whole bot: with real clients of the library,
// real ffmpeg and real connections to the servers of a telegramtest.World, in which
// users type commands and hear what plays.
//
// Each scenario runs in calm and in bad weather. Its test begins so:
//
//	func TestScenario01_PlayAReply(t *testing.T) {
//		inEveryWeather(t, func(t *testing.T, s *stage) {
//			chat, call := s.newChat("Friends")
//			s.start()
//			ann := chat.User("Ann")
//			ann.Replies(ann.Sends(s.song("Song", 3*time.Second, 440)), "/play")
//			s.hears(call, 440)
//
// The stage is torn down at the end of the test, which then fails for whatever the bot did
// that Telegram does not allow.
package scenario
