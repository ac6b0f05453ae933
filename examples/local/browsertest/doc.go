// Package browsertest tries the demo in Chromium: its page is used as a person uses it, and
// libwebrtc judges what the library sends. It is a separate module, so that a browser's
// driver is no dependency of the library.
package browsertest
