// Package oracle judges what a client sends: every header, number, time stamp and report
// against the rules of Telegram's servers, and afterwards what a receiver could have
// played. It owns no socket, no lock and no goroutine, and decrypts nothing.
package oracle
