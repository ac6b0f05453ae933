// Package bot is the music bot: it takes commands and presses of buttons, keeps a queue
// for each chat, plays it into the chat's call and shows it on one card.
package bot
