package session

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"math/big"
	"sync"
	"testing"

	"github.com/gotgcall/gotgcall/adapters/gogram/internal/tlserver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The prime is that of RFC 3526, group 14, as Telegram's a safe one.
var safePrime, _ = new(big.Int).SetString(""+
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"+
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"+
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"+
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"+
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"+
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718"+
	"3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF", 16)

// verifier is Telegram's side of a password. https://core.telegram.org/api/srp
type verifier struct {
	salt1, salt2 []byte
	v, k         *big.Int

	mu sync.Mutex
	b  *big.Int
	gb []byte
}

func hash(parts ...[]byte) []byte {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return sum[:]
}

func number(b []byte) *big.Int { return new(big.Int).SetBytes(b) }

func padded(n *big.Int) []byte { return n.FillBytes(make([]byte, 256)) }

func power(base, exponent *big.Int) *big.Int { return new(big.Int).Exp(base, exponent, safePrime) }

var generator = big.NewInt(2)

func newVerifier(t *testing.T, password string) *verifier {
	t.Helper()
	s := &verifier{salt1: []byte("the first salt"), salt2: []byte("the second salt")}
	inner := hash(s.salt2, hash(s.salt1, []byte(password), s.salt1), s.salt2)
	stretched, err := pbkdf2.Key(sha512.New, string(inner), s.salt1, 100_000, 64)
	require.NoError(t, err)
	s.v = power(generator, number(hash(s.salt2, stretched, s.salt2)))
	s.k = number(hash(padded(safePrime), padded(generator)))
	return s
}

// challenge answers account.getPassword.
func (s *verifier) challenge(*tlserver.Request) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b, _ = rand.Int(rand.Reader, safePrime)
	gb := new(big.Int).Mul(s.k, s.v)
	gb.Add(gb, power(generator, s.b)).Mod(gb, safePrime)
	s.gb = padded(gb)
	return M{
		"_": "account.password", "has_password": true, "srp_id": int64(1), "srp_B": s.gb, "hint": "a pet",
		"current_algo": M{
			"_":     "passwordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow",
			"salt1": s.salt1, "salt2": s.salt2, "g": 2, "p": padded(safePrime),
		},
	}
}

// check reports whether auth.checkPassword proves the password.
func (s *verifier) check(r *tlserver.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	proof := r.Args["password"].(M)
	a, _ := proof["A"].([]byte)
	u := number(hash(a, s.gb))
	key := hash(padded(power(new(big.Int).Mul(number(a), power(s.v, u)), s.b)))
	mixed := make([]byte, 32)
	subtle.XORBytes(mixed, hash(padded(safePrime)), hash(padded(generator)))
	want := hash(mixed, hash(s.salt1), hash(s.salt2), a, s.gb, key)
	return bytes.Equal(want, proof["M1"].([]byte))
}

func TestLoginWithPassword(t *testing.T) {
	t.Parallel()
	s, tg := stranger(t)
	scriptLogin(s, "12345")
	s.On("auth.signIn", func(*tlserver.Request) any { return Error{Code: 401, Message: "SESSION_PASSWORD_NEEDED"} })
	v := newVerifier(t, "rex")
	s.On("account.getPassword", v.challenge)
	s.On("auth.checkPassword", func(r *tlserver.Request) any {
		if !v.check(r) {
			return Error{Code: 400, Message: "PASSWORD_HASH_INVALID"}
		}
		s.On("updates.getState", somebody)
		s.Self(user(7, false))
		return M{"_": "auth.authorization", "user": user(7, false)}
	})
	ask, asked := answers("49151", "12345", "wrong", "rex")
	require.NoError(t, Login(t.Context(), tg, ask))
	assert.Equal(t, int64(7), tg.Me().ID)
	q := (*asked)[2]
	assert.True(t, q.Secret)
	assert.Contains(t, q.Text, `"a pet"`)
}
