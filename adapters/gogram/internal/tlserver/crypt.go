package tlserver

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
)

// sender is the x of MTProto 2.0's key derivation.
type sender int

const (
	fromClient sender = 0
	fromServer sender = 8
)

// keyID is the id of an auth key on the wire.
func keyID(key []byte) [8]byte {
	sum := sha1.Sum(key)
	return [8]byte(sum[12:20])
}

// messageKey returns the middle of the hash over a part of the key and the padded text.
func messageKey(key, text []byte, x sender) []byte {
	h := sha256.New()
	h.Write(key[88+x : 88+x+32])
	h.Write(text)
	return h.Sum(nil)[8:24]
}

// aesKeys derives the AES key and vector of one message.
func aesKeys(key, msgKey []byte, x sender) (aesKey, iv []byte) {
	a := sha256.Sum256(append(append([]byte(nil), msgKey...), key[x:x+36]...))
	b := sha256.Sum256(append(append([]byte(nil), key[40+x:40+x+36]...), msgKey...))
	aesKey = append(append(append(aesKey, a[:8]...), b[8:24]...), a[24:]...)
	iv = append(append(append(iv, b[:8]...), a[8:24]...), b[24:]...)
	return aesKey, iv
}

// seal pads and encrypts a message of the server.
func seal(key, text []byte) []byte {
	pad := 12 + (16-(len(text)+12)%16)%16
	padding := make([]byte, pad)
	_, _ = rand.Read(padding)
	text = append(text, padding...)
	msgKey := messageKey(key, text, fromServer)
	aesKey, iv := aesKeys(key, msgKey, fromServer)
	id := keyID(key)
	return append(append(id[:], msgKey...), encryptIGE(aesKey, iv, text)...)
}

// open decrypts what follows the id of the key in a message of the client.
func open(key, sealed []byte) ([]byte, error) {
	if len(sealed) < 16+32 || len(sealed)%16 != 0 {
		return nil, errShort
	}
	msgKey := sealed[:16]
	aesKey, iv := aesKeys(key, msgKey, fromClient)
	text := decryptIGE(aesKey, iv, sealed[16:])
	if subtle.ConstantTimeCompare(msgKey, messageKey(key, text, fromClient)) == 0 {
		return nil, errors.New("wrong message key")
	}
	return text, nil
}

func encryptIGE(key, iv, text []byte) []byte { return ige(key, iv, text, cipher.Block.Encrypt, 0, 16) }

func decryptIGE(key, iv, text []byte) []byte { return ige(key, iv, text, cipher.Block.Decrypt, 16, 0) }

// ige chains blocks: each is mixed with the output before it, then with the input.
// The vector holds the first output and the first input, in the order of encryption.
func ige(key, iv, text []byte, crypt func(cipher.Block, []byte, []byte), outAt, inAt int) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // of a wrong size: our mistake
	}
	out := make([]byte, len(text))
	lastOut, lastIn := iv[outAt:outAt+16], iv[inAt:inAt+16]
	for i := 0; i+16 <= len(text); i += 16 {
		in, to := text[i:i+16], out[i:i+16]
		subtle.XORBytes(to, in, lastOut)
		crypt(block, to, to)
		subtle.XORBytes(to, to, lastIn)
		lastOut, lastIn = to, in
	}
	return out
}
