package sfu

import (
	"net"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGateKeepsTheRoleOfItsMode(t *testing.T) {
	t.Parallel()
	const pwd = "our-password-of-26-letters"
	client := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4000}
	now := time.Unix(100, 0)
	check := func(role stun.Setter, password string) []byte {
		msg, err := stun.Build(stun.BindingRequest, stun.TransactionID, stun.NewUsername("a:b"), role,
			stun.NewShortTermIntegrity(password), stun.Fingerprint)
		require.NoError(t, err)
		return msg.Raw
	}
	failure := func(code stun.ErrorCode) []byte {
		msg, err := stun.Build(stun.TransactionID, stun.BindingError,
			stun.ErrorCodeAttribute{Code: code, Reason: []byte("x")}, stun.Fingerprint)
		require.NoError(t, err)
		return msg.Raw
	}
	for name, test := range map[string]struct {
		mode   ICEMode
		silent bool
		data   []byte
		early  bool // within the window of errors
		pass   bool
		answer stun.MessageClass
		code   stun.ErrorCode
	}{
		"media":                             {data: []byte{0x80, 111}, pass: true},
		"garbage":                           {data: make([]byte, 20), pass: true},
		"controlling meets controlled":      {data: check(ice.AttrControlled(1), pwd), pass: true},
		"controlling meets controlling":     {data: check(ice.AttrControlling(1), pwd), pass: true},
		"controlled meets controlling":      {mode: Controlled, data: check(ice.AttrControlling(1), pwd), pass: true},
		"controlled meets controlled":       {mode: Controlled, data: check(ice.AttrControlled(1), pwd), answer: stun.ClassErrorResponse, code: stun.CodeRoleConflict},
		"old controlled meets controlled":   {mode: Controlled, silent: true, data: check(ice.AttrControlled(1), pwd)},
		"old controlled meets controlling":  {mode: Controlled, silent: true, data: check(ice.AttrControlling(1), pwd), pass: true},
		"old controlling meets controlling": {silent: true, data: check(ice.AttrControlling(1), pwd)},
		"old controlling meets controlled":  {silent: true, data: check(ice.AttrControlled(1), pwd), pass: true},
		"lite meets controlling":            {mode: Lite, data: check(ice.AttrControlling(1), pwd), pass: true},
		"lite meets controlled":             {mode: Lite, data: check(ice.AttrControlled(1), pwd), answer: stun.ClassSuccessResponse},
		"lite meets another password":       {mode: Lite, data: check(ice.AttrControlled(1), "x"), pass: true},
		"join not propagated yet":           {data: check(ice.AttrControlling(1), pwd), early: true, answer: stun.ClassErrorResponse, code: stun.CodeUnauthorized},
		"487 to controlled":                 {mode: Controlled, data: failure(stun.CodeRoleConflict)},
		"487 to controlling":                {data: failure(stun.CodeRoleConflict), pass: true},
		"another failure to controlled":     {mode: Controlled, data: failure(stun.CodeBadRequest), pass: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newSTUNGate(Config{ICE: test.mode, DropRoleConflicts: test.silent, AnswerErrorsFor: time.Second}, identity{ufrag: "a", pwd: pwd}, now)
			at := now.Add(time.Minute)
			if test.early {
				at = now.Add(time.Millisecond)
			}
			pass, reply := g.inspect(test.data, client, at)
			assert.Equal(t, test.pass, pass)
			if test.pass || reply == nil {
				assert.Nil(t, reply)
				return
			}
			msg := &stun.Message{Raw: reply}
			require.NoError(t, msg.Decode())
			assert.Equal(t, test.answer, msg.Type.Class)
			if test.code != 0 {
				var code stun.ErrorCodeAttribute
				require.NoError(t, code.GetFrom(msg))
				assert.Equal(t, test.code, code.Code)
			} else {
				var mapped stun.XORMappedAddress
				require.NoError(t, mapped.GetFrom(msg))
				assert.Equal(t, 4000, mapped.Port)
			}
		})
	}
}
