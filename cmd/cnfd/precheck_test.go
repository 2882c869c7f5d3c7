package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// holderKey is confirmedKey where there must be one.
func holderKey(t testing.TB, jwt []byte) []byte {
	t.Helper()
	key, err := confirmedKey(jwt)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// confirmedKey is the key that a JWT confirms, as a file.
func confirmedKey(jwt []byte) ([]byte, error) {
	parts := strings.Split(string(jwt), ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%d parts of a JWT", len(parts))
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var claims struct {
		Cnf struct{ JWK json.RawMessage }
	}
	if err := json.Unmarshal(payload, &claims); err != nil || claims.Cnf.JWK == nil {
		return nil, fmt.Errorf("no key: %w", err)
	}
	return claims.Cnf.JWK, nil
}
