// Package playtest holds a source for tests, whose length, speed and end the test
// chooses.
package playtest
