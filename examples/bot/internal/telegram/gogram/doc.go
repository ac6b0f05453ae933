// Package gogram is a [telegram.Messenger] over a gogram client. It sends raw requests
// only: text is never parsed as markup, no address is fetched to send it, and what a
// server answers is taken for what it is, not for what it should be.
package gogram
