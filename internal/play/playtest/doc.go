// Package playtest holds a source whose length, speed and end a test chooses, for
// the tests of what plays sources.
package playtest
