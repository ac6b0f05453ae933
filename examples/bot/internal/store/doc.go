// Package store keeps what a bot knows of its chats in one file: for each chat a few
// JSON values by name.
package store
