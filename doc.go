// Package gotgcall streams audio and video into Telegram group calls.
package gotgcall
