// Package gogramcalls plays into Telegram group calls with a gogram client.
package gogramcalls
