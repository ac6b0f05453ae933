// Package models holds what every other package of gotgcall speaks of: the
// errors, the states and the events. It imports the standard library only.
//
// The root package aliases all of it; programs import that one.
package models
