package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
)

// holderKey is the key that a JWT confirms, as a file.
func holderKey(t testing.TB, jwt []byte) []byte {
	t.Helper()
	parts := strings.Split(string(jwt), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts of a JWT", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Cnf struct{ JWK json.RawMessage }
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Cnf.JWK == nil {
		t.Fatalf("no key: %v", err)
	}
	return claims.Cnf.JWK
}
