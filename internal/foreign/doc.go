// Package foreign tries the library and its test server against WebRTC stacks that
// nobody here wrote: a Telegram group-call client of the npm registry, on libwebrtc,
// and Chromium.
//
// It is a module of its own, so that a browser's driver is no dependency of the
// library. Its tests skip where node, its packages or Chromium are missing, unless
// FOREIGN_REQUIRED is set.
package foreign
