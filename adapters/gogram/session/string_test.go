package session

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/amarnathcjd/gogram/telegram"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func authKey() []byte {
	key := make([]byte, authKeySize)
	for i := range key {
		key[i] = byte(i*7 + 3)
	}
	return key
}

func concat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestStringsOfOtherLibrariesAreUnderstood(t *testing.T) {
	t.Parallel()
	key := authKey()
	appID := binary.BigEndian.AppendUint32(nil, 123456)
	url := base64.URLEncoding
	own := (&telegram.Session{Key: key, Hostname: "149.154.167.91:443", AppID: 9}).Encode()
	for _, c := range []struct {
		name, in, address string
		appID             int32
	}{
		{"gogram", own, "149.154.167.91:443", 9},
		{"gogram with blanks around", " " + own + "\n", "149.154.167.91:443", 9},
		{"Telethon", "1" + url.EncodeToString(concat([]byte{4, 149, 154, 167, 92, 1, 187}, key)), "149.154.167.91:443", 0},
		{"Telethon over IPv6", "1" + url.EncodeToString(concat([]byte{5}, make([]byte, 16), []byte{1, 187}, key)), "91.108.56.151:443", 0},
		{"Pyrogram 1", strings.TrimRight(url.EncodeToString(concat([]byte{2, 0}, key, make([]byte, 4), []byte{0})), "="), "149.154.167.50:443", 0},
		{"Pyrogram 1.4", strings.TrimRight(url.EncodeToString(concat([]byte{1, 0}, key, make([]byte, 8), []byte{0})), "="), "149.154.175.58:443", 0},
		{"Pyrogram 2", strings.TrimRight(url.EncodeToString(concat([]byte{3}, appID, []byte{0}, key, make([]byte, 8), []byte{0})), "="), "149.154.175.100:443", 123456},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := Normalize(c.in)
			require.NoError(t, err)
			var got telegram.Session
			require.NoError(t, got.Decode(s))
			assert.Equal(t, key, got.Key)
			assert.Equal(t, c.address, got.Hostname)
			assert.Equal(t, c.appID, got.AppID)
		})
	}
}

func TestOtherTextsAreNoSession(t *testing.T) {
	t.Parallel()
	url := base64.RawURLEncoding
	short := (&telegram.Session{Key: []byte("short"), Hostname: "149.154.167.91:443"}).Encode()
	for name, s := range map[string]string{
		"nothing":             "",
		"a bot token":         "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"a word":              "hello",
		"gogram, cut":         short[:len(short)-3],
		"gogram, short key":   short,
		"a data centre of 9":  "1" + url.EncodeToString(concat([]byte{9, 1, 2, 3, 4, 1, 187}, authKey())),
		"Pyrogram, test mode": url.EncodeToString(concat([]byte{2, 1}, authKey(), make([]byte, 5))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Normalize(s)
			assert.Error(t, err)
		})
	}
}

func TestSessionFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "user.session")
	s := (&telegram.Session{Key: authKey(), Hostname: "149.154.167.91:443"}).Encode()
	require.NoError(t, Save(path, s))
	require.NoError(t, Save(path, s), "over an older one")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1, "no temporary file stays")

	got, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, s, got)

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = Load(path)
	require.ErrorIs(t, err, ErrExposed)
	assert.NotContains(t, err.Error(), s)
}

func TestNewNeedsAnApp(t *testing.T) {
	t.Parallel()
	_, err := New(Config{})
	require.ErrorIs(t, err, ErrApp)
	_, err = New(Config{AppID: 1, AppHash: "h", Session: "junk"})
	require.ErrorIs(t, err, ErrString)
}

func TestConfigHidesItsSecrets(t *testing.T) {
	t.Parallel()
	c := Config{AppID: 1, AppHash: "hash-secret", Session: "session-secret", Name: "user"}
	assert.NotContains(t, c.String()+c.LogValue().String(), "secret")
}
