package weakkey_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"cnfd/acme/weakkey"
)

// seeded gives a key that is the same each time.
func seeded(n byte) ed25519.PublicKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
}

func sumOf(t testing.TB, public crypto.PublicKey) string {
	t.Helper()
	info, err := x509.MarshalPKIXPublicKey(public)
	check(t, err)
	sum := sha256.Sum256(info)
	return hex.EncodeToString(sum[:])
}

func TestParseBlocklist(t *testing.T) {
	a, b := sumOf(t, seeded(1)), sumOf(t, seeded(2))
	for _, c := range []struct {
		name, file string
		keys       int
		want       string // in the error
	}{
		{"nothing", "", 0, ""},
		{"comments and empty lines", "# keys\n\n  \n#\n", 0, ""},
		{"one key, no end of line", a, 1, ""},
		{"two keys", a + "\n" + b + "\n", 2, ""},
		{"a key twice", a + "\n" + a + "\n", 1, ""},
		{"upper case", strings.ToUpper(a) + "\n" + a + "\n", 1, ""},
		{"lines as Windows ends them", a + "\r\n" + b + "\r\n", 2, ""},
		{"a comment behind a key", "  " + a + " # printer\n", 1, ""},
		{"63 digits", a + "\n" + b[1:] + "\n", 0, "line 2: want the 64 hex digits"},
		{"the first 30 digits", "#\n\n" + a[:30], 0, "line 3: want the 64 hex digits"},
		{"what sha256sum prints", a + "  -\n", 0, "line 1: want the 64 hex digits"},
		{"no hex", a[:63] + "g\n", 0, "line 1: not a SHA-256 in hex"},
		{"two on a line", a + " " + b, 0, "line 1"},
		{"a sum across two lines", a[:32] + "\n" + a[32:], 0, "line 1"},
		{"a byte order mark", "\ufeff" + a, 0, "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list, err := weakkey.ParseBlocklist([]byte(c.file))
			wants(t, err, c.want)
			if list.Len() != c.keys {
				t.Errorf("%d keys, want %d", list.Len(), c.keys)
			}
			if (list == nil) != (c.want != "") {
				t.Error("a list and an error, or neither")
			}
		})
	}
}

func TestHolds(t *testing.T) {
	var text strings.Builder
	for n := range byte(100) {
		fmt.Fprintln(&text, sumOf(t, seeded(n)))
	}
	list, err := weakkey.ParseBlocklist([]byte(text.String()))
	check(t, err)
	for n := range byte(200) {
		held, err := list.Holds(seeded(n))
		check(t, err)
		if held != (n < 100) {
			t.Errorf("key %d: %v", n, held)
		}
	}
	var none *weakkey.Blocklist
	if held, err := none.Holds(seeded(0)); held || err != nil {
		t.Errorf("a nil list: %v, %v", held, err)
	}
	for _, list := range []*weakkey.Blocklist{nil, list, {}} {
		for _, public := range []crypto.PublicKey{nil, "key"} {
			if _, err := list.Holds(public); err == nil {
				t.Errorf("%T: not refused", public)
			}
		}
	}
}

// FuzzParseBlocklist: what is read has as many keys as it has different lines with
// a sum, and holds exactly those.
func FuzzParseBlocklist(f *testing.F) {
	a := sumOf(f, seeded(1))
	for _, text := range []string{"", a, "# x\n" + a + " # y\r\n" + strings.ToUpper(a), a[:40], a + a, "\n\n\x00"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		list, err := weakkey.ParseBlocklist(file)
		lines := map[string]bool{}
		for line := range strings.Lines(string(file)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				lines[strings.ToLower(line)] = true
			}
		}
		for line := range lines {
			if sum, bad := hex.DecodeString(line); (bad != nil || len(sum) != 32) && err == nil {
				t.Fatalf("%q was read", line)
			}
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "blocklist: line ") {
				t.Fatal(err)
			}
			return
		}
		if list.Len() != len(lines) {
			t.Fatalf("%d keys of %d lines", list.Len(), len(lines))
		}
		if held, err := list.Holds(seeded(1)); err != nil || held != lines[a] {
			t.Fatalf("%v, %v", held, err)
		}
	})
}
