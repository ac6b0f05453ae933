package vp8

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestStartsKeyFrame(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		payload []byte
		want    bool
	}{
		"key frame":                {[]byte{0x10, 0x00}, true},
		"delta frame":              {[]byte{0x10, 0x01}, false},
		"middle of a frame":        {[]byte{0x00, 0x00}, false},
		"second partition":         {[]byte{0x11, 0x00}, false},
		"15-bit picture id":        {[]byte{0x90, 0x80, 0x81, 0x23, 0x00}, true},
		"7-bit picture id, delta":  {[]byte{0x90, 0x80, 0x01, 0x01}, false},
		"all fields":               {[]byte{0x90, 0xf0, 0x81, 0x23, 0x05, 0x20, 0x00}, true},
		"nothing":                  {nil, false},
		"descriptor alone":         {[]byte{0x10}, false},
		"extension cut off":        {[]byte{0x90}, false},
		"extension without frame":  {[]byte{0x90, 0x80, 0x81, 0x23}, false},
		"extension with no fields": {[]byte{0x90, 0x00, 0x00}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, test.want, StartsKeyFrame(test.payload))
		})
	}
}
