// Package groupcall keeps a user account in the group calls of its chats: it finds,
// joins, connects and mirrors state, and comes back with the place kept after a loss.
// It knows Telegram only by the interface [Account].
package groupcall
