// Package service is the whole bot but for the accounts: it opens the store, the
// directory of downloads and the ways out to the Internet, runs the bot, and closes
// everything in order.
package service
