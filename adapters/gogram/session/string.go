package session

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/amarnathcjd/gogram/telegram"
)

// ErrString is returned for a text that is no session string.
var ErrString = errors.New("not a session string of gogram, Telethon or Pyrogram")

const authKeySize = 256

// The sizes of a Pyrogram session, from the oldest form to that of version 2.
const (
	pyrogram1Size  = 1 + 1 + authKeySize + 4 + 1     // data centre, test, key, user, bot
	pyrogram1bSize = 1 + 1 + authKeySize + 8 + 1     // with 64-bit users
	pyrogram2Size  = 1 + 4 + 1 + authKeySize + 8 + 1 // with the app's id
)

// The sizes of a Telethon session, which holds an IPv4 or IPv6 address.
const (
	telethon4Size = 1 + 4 + 2 + authKeySize
	telethon6Size = 1 + 16 + 2 + authKeySize
)

// Normalize returns a session string of gogram, Telethon or Pyrogram in gogram's form.
// It fails with [ErrString], and for sessions of Telegram's test servers.
func Normalize(s string) (string, error) {
	s = strings.TrimSpace(s)
	var old telegram.Session
	if err := old.Decode(s); err == nil {
		if len(old.Key) != authKeySize || old.Hostname == "" {
			return "", ErrString
		}
		return s, nil
	}
	if raw, ok := strings.CutPrefix(s, "1"); ok {
		if data, err := decodeBase64(raw); err == nil && (len(data) == telethon4Size || len(data) == telethon6Size) {
			return encode(int(data[0]), 0, data[len(data)-authKeySize:])
		}
	}
	data, err := decodeBase64(s)
	if err != nil {
		return "", ErrString
	}
	switch len(data) {
	case pyrogram1Size, pyrogram1bSize:
		if data[1] != 0 {
			return "", errTestServers
		}
		return encode(int(data[0]), 0, data[2:2+authKeySize])
	case pyrogram2Size:
		if data[5] != 0 {
			return "", errTestServers
		}
		return encode(int(data[0]), int32(binary.BigEndian.Uint32(data[1:])), data[6:6+authKeySize])
	}
	return "", ErrString
}

var errTestServers = errors.New("this session is of Telegram's test servers")

// decodeBase64 accepts URL-safe base64 with and without padding.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
}

// encode returns gogram's form. The address is that of the data centre: the one in a
// Telethon session may be years old.
func encode(dc int, appID int32, key []byte) (string, error) {
	address := telegram.ResolveDataCenterIP(dc, false, false)
	if dc < 1 || dc > 5 || address == "" {
		return "", fmt.Errorf("%w: data centre %d", ErrString, dc)
	}
	s := telegram.Session{Key: key, Hostname: address, AppID: appID}
	return s.Encode(), nil
}

// appIDOf returns the app's id in a session of gogram's form, 0 where it has none.
func appIDOf(s string) int32 {
	var decoded telegram.Session
	if decoded.Decode(s) != nil {
		return 0
	}
	return decoded.AppID
}
