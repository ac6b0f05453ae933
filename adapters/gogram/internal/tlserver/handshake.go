package tlserver

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// handshake is what a connection remembers while a key is made.
// https://core.telegram.org/mtproto/auth_key
type handshake struct {
	nonce, serverNonce, newNonce []byte
	secret                       *big.Int
}

// The factors of every pq.
const factorP, factorQ = 1<<30 - 35, 1<<30 + 3

const generator = 2

// prime is that of RFC 3526, group 14.
var prime, _ = new(big.Int).SetString(""+
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"+
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"+
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"+
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"+
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"+
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"+
	"3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)

var errHandshake = errors.New("broken handshake")

// PublicKey returns the key that a client must hold to make an auth key here.
func (s *Server) PublicKey() *rsa.PublicKey { return &s.privateKey().PublicKey }

func (s *Server) privateKey() *rsa.PrivateKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rsaKey == nil {
		var err error
		if s.rsaKey, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			panic(err)
		}
	}
	return s.rsaKey
}

// handshake takes a message without a key.
func (c *conn) handshake(frame []byte) error {
	size := int(binary.LittleEndian.Uint32(frame[8:]))
	if size > len(frame)-12 {
		return errShort
	}
	v, _, err := c.s.schema.decode(frame[12 : 12+size])
	if err != nil {
		return err
	}
	request, _ := v.(M)
	var answer M
	switch request["_"] {
	case "req_pq", "req_pq_multi":
		answer = c.resPQ(request)
	case "req_DH_params":
		if answer, err = c.serverDH(request); err != nil {
			c.s.t.Logf("tlserver: %v", err) // gogram drops the zeros before numbers
			answer, err = c.failed("server_DH_params_fail", "new_nonce_hash"), nil
		}
	case "set_client_DH_params":
		if answer, err = c.setDH(request); err != nil {
			c.s.t.Logf("tlserver: %v", err)
			answer, err = c.failed("dh_gen_fail", "new_nonce_hash3"), nil
		}
	default:
		err = fmt.Errorf("%w: not a method of the handshake", errHandshake)
	}
	if err != nil {
		return err
	}
	body, err := c.s.schema.encode(answer)
	if err != nil {
		return err
	}
	out := make([]byte, 8)
	out = binary.LittleEndian.AppendUint64(out, uint64(c.s.messageID(1)))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(body)))
	c.writeFrame(append(out, body...))
	return nil
}

// failed is an answer that ends a handshake.
func (c *conn) failed(name, hash string) M {
	return M{"_": name, "nonce": c.shake.nonce, "server_nonce": c.shake.serverNonce, hash: make([]byte, 16)}
}

func (c *conn) resPQ(request M) M {
	c.shake = handshake{nonce: request["nonce"].([]byte), serverNonce: make([]byte, 16)}
	_, _ = rand.Read(c.shake.serverNonce)
	c.shake.serverNonce[0] |= 1 // the client drops leading zeros
	pq := new(big.Int).Mul(big.NewInt(factorP), big.NewInt(factorQ))
	return M{
		"_": "resPQ", "nonce": c.shake.nonce, "server_nonce": c.shake.serverNonce, "pq": pq.Bytes(),
		"server_public_key_fingerprints": []any{fingerprint(c.s.schema, c.s.PublicKey())},
	}
}

func fingerprint(s *schema, key *rsa.PublicKey) int64 {
	e := &encoder{schema: s}
	e.bytes(key.N.Bytes())
	e.bytes(big.NewInt(int64(key.E)).Bytes())
	sum := sha1.Sum(e.out)
	return int64(binary.LittleEndian.Uint64(sum[12:]))
}

func (c *conn) serverDH(request M) (M, error) {
	sealed, key := new(big.Int).SetBytes(request["encrypted_data"].([]byte)), c.s.privateKey()
	if sealed.Cmp(key.N) >= 0 {
		return nil, fmt.Errorf("%w: the block is no residue", errHandshake)
	}
	block := new(big.Int).Exp(sealed, key.D, key.N).FillBytes(make([]byte, 256))[1:]
	v, rest, err := c.s.schema.decode(block[20:])
	if err != nil {
		return nil, fmt.Errorf("%w: the block does not decode", errHandshake)
	}
	inner, _ := v.(M)
	sum := sha1.Sum(block[20 : len(block)-len(rest)])
	if inner["_"] != "p_q_inner_data" || !bytes.Equal(sum[:], block[:20]) {
		return nil, fmt.Errorf("%w: the block's hash is wrong", errHandshake)
	}
	c.shake.newNonce = inner["new_nonce"].([]byte)
	if c.shake.secret, err = rand.Int(rand.Reader, prime); err != nil {
		return nil, err
	}
	text, err := c.s.schema.encode(M{
		"_": "server_DH_inner_data", "nonce": c.shake.nonce, "server_nonce": c.shake.serverNonce,
		"g": generator, "dh_prime": prime.Bytes(),
		"g_a":         new(big.Int).Exp(big.NewInt(generator), c.shake.secret, prime).Bytes(),
		"server_time": int(time.Now().Unix()),
	})
	if err != nil {
		return nil, err
	}
	sum = sha1.Sum(text)
	text = append(sum[:], text...)
	text = append(text, make([]byte, (16-len(text)%16)%16)...)
	aesKey, iv := c.shake.keys()
	return M{
		"_": "server_DH_params_ok", "nonce": c.shake.nonce, "server_nonce": c.shake.serverNonce,
		"encrypted_answer": encryptIGE(aesKey, iv, text),
	}, nil
}

// keys derives the temporary AES key and vector.
func (h *handshake) keys() (key, iv []byte) {
	ns := sha1.Sum(append(append([]byte(nil), h.newNonce...), h.serverNonce...))
	sn := sha1.Sum(append(append([]byte(nil), h.serverNonce...), h.newNonce...))
	nn := sha1.Sum(append(append([]byte(nil), h.newNonce...), h.newNonce...))
	key = append(append(key, ns[:]...), sn[:12]...)
	iv = append(append(append(iv, sn[12:]...), nn[:]...), h.newNonce[:4]...)
	return key, iv
}

// salt is the first of the new key.
func (h *handshake) salt() int64 {
	var b [8]byte
	subtle.XORBytes(b[:], h.newNonce[:8], h.serverNonce[:8])
	return int64(binary.LittleEndian.Uint64(b[:]))
}

func (c *conn) setDH(request M) (M, error) {
	sealed := request["encrypted_data"].([]byte)
	if c.shake.secret == nil || len(sealed) < 32 || len(sealed)%16 != 0 {
		return nil, fmt.Errorf("%w: set_client_DH_params out of turn", errHandshake)
	}
	aesKey, iv := c.shake.keys()
	v, _, err := c.s.schema.decode(decryptIGE(aesKey, iv, sealed)[20:])
	if err != nil {
		return nil, fmt.Errorf("%w: client_DH_inner_data does not decode", errHandshake)
	}
	inner, _ := v.(M)
	theirs, ok := inner["g_b"].([]byte)
	if !ok {
		return nil, fmt.Errorf("%w: no g_b", errHandshake)
	}
	key := new(big.Int).Exp(new(big.Int).SetBytes(theirs), c.shake.secret, prime).Bytes()
	answer, hash, number := "dh_gen_ok", "new_nonce_hash1", byte(1)
	if len(key) != 256 { // the client would use it as it is
		answer, hash, number = "dh_gen_retry", "new_nonce_hash2", 2
	} else if !c.s.take(key, c.shake.salt()) {
		return nil, fmt.Errorf("%w: as the test wants it", errHandshake)
	}
	aux := sha1.Sum(key)
	sum := sha1.Sum(append(append(append([]byte(nil), c.shake.newNonce...), number), aux[:8]...))
	return M{"_": answer, "nonce": c.shake.nonce, "server_nonce": c.shake.serverNonce, hash: sum[4:]}, nil
}

// take takes a key in, unless the exchange is to fail.
func (s *Server) take(key []byte, salt int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures > 0 {
		s.failures--
		return false
	}
	s.keys[keyID(key)] = authKey{key, salt}
	return true
}
