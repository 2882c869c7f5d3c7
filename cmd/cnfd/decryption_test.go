package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/thumbprint"
)

// TestKeyFiles holds that the keys of every file are there, and that a file which
// gives none keeps the whole from starting.
func TestKeyFiles(t *testing.T) {
	var made struct {
		Keys map[string]json.RawMessage
		JWE  []struct{ Alg, Enc, Key, Compact string }
	}
	text, err := os.ReadFile("../../decryption/testdata/made.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := file("one.jwk", made.Keys["p256"])
	set := file("set.jwks", fmt.Appendf(nil, `{"keys":[%s,%s]}`, made.Keys["rsa"], made.Keys["oct16"]))
	for _, tt := range []struct {
		claim string
		paths []string
		opens string // names of keys, those of whose messages are opened
		err   string // how the error ends
	}{
		{"no file", nil, "", ""},
		{"a file", []string{one}, "p256", ""},
		{"several files, one of several keys", []string{set, one}, "p256 rsa oct16", ""},
		{"a file that is not there", []string{one, filepath.Join(dir, "none")}, "", "no such file or directory; the path is not repeated here, it may be a key"},
		{"a directory", []string{one, dir}, "", ": a directory: name a file in it"},
		{"an empty file", []string{one, file("empty", nil)}, "", "/empty: key file: empty"},
		{"a file that is too long", []string{file("long", append(make([]byte, maxKeyFile), made.Keys["p256"]...))}, "", "/long: key file: over 1 MiB"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			opener, err := openerOf(&config.Config{DecryptionKeys: tt.paths}, slog.New(slog.DiscardHandler))
			if tt.err != "" {
				if place := fmt.Sprintf("decryption_keys[%d]: ", len(tt.paths)-1); err == nil || opener != nil || !strings.HasPrefix(err.Error(), place) || !strings.HasSuffix(err.Error(), tt.err) {
					t.Errorf("%v, %v", opener, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range made.JWE {
				_, err := opener.OpenJWE([]byte(v.Compact))
				if opens := strings.Contains(tt.opens, v.Key); opens != (err == nil) {
					t.Errorf("%s %s for %s: %v", v.Alg, v.Enc, v.Key, err)
				}
			}
			var refused *thumbprint.Error
			if _, err := opener.OpenJWE([]byte("eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMTI4R0NNIn0.AA.AA.AA.AA")); !errors.As(err, &refused) || refused.Rule != thumbprint.NotReducible {
				t.Errorf("RSA1_5: %v", err)
			}
		})
	}
}
