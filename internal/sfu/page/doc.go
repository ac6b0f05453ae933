// Package page serves web pages of this machine to its own user. Their addresses hold a
// random token, and no other site can send them a request. [Open] serves a page on which a
// browser hears and sees a call of package sfu.
package page
