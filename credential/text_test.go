package credential_test

import (
	"strings"
	"testing"

	"cnfd/credential"
)

// TestTextIsNoCWT: who sends text where octets are read is told so, and which type it has; octets that are neither
// have the reason of their own.
func TestTextIsNoCWT(t *testing.T) {
	const said = "cwt: text, and no CBOR: a JWT has the type application/jwt"
	for _, tt := range []struct {
		claim, octets string
		text          bool
	}{
		{"a JWT", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", true},
		{"a JWT in a file", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln\r\n", true},
		{"an SD-JWT", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln~WyJhIl0~", true},
		{"JSON", `{"token": "a"}`, true},
		{"octets that are no CBOR", "\xd2\x84\x1c", false},
		{"a claims map with more after it", "\xa0a", false},
	} {
		_, err := credential.ParseCWT([]byte(tt.octets), nil)
		if err == nil || strings.HasPrefix(err.Error(), said) != tt.text {
			t.Errorf("%s: %v", tt.claim, err)
		}
	}
}
