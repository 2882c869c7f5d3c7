package main

import (
	"encoding/base64"
	"strings"
	"testing"
)

// TestMACIsNoFlag: certbot takes the key as an argument, in base64url.
func TestMACIsNoFlag(t *testing.T) {
	for _, tc := range []struct {
		claim string
		drawn []byte // the first octet, draw by draw
		draws int
	}{
		{"another digit", []byte{0x00, 0x00}, 1},
		{"the digit before -", []byte{61<<2 | 3, 0x00}, 1},
		{"the digit after it", []byte{63 << 2, 0x00}, 1},
		{"-", []byte{62 << 2, 0x00}, 2},
		{"- again", []byte{62<<2 | 3, 62 << 2, 0x00}, 3},
	} {
		draws := 0
		key := newMAC(func(key []byte) (int, error) {
			key[0], key[31] = tc.drawn[draws], 1
			draws++
			return len(key), nil
		})
		if text := base64.RawURLEncoding.EncodeToString(key); draws != tc.draws || len(key) != 32 || key[31] != 1 || strings.HasPrefix(text, "-") {
			t.Errorf("%s: %s after %d draws", tc.claim, text, draws)
		}
	}
}
