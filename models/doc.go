// Package models holds the errors, states and counters that all packages of gotgcall
// share. It imports the standard library only.
//
// Package gotgcall has an alias for each of them; programs import that one.
package models
