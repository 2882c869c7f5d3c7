package issuers_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cnfd/credential"
	"cnfd/issuers"
	"cnfd/signature"
	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"
)

// FuzzParse: whatever an issuer publishes, its set is of public keys that sign,
// and each is one that the reader of key files finds there too. Reading it twice
// gives it twice, and reading it alters nothing.
func FuzzParse(f *testing.F) {
	f.Add([]byte(rfc7517A1))
	f.Add([]byte(rfc9052C71))
	f.Add(octets(f, rfc9052C71))
	f.Add([]byte(`{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","key_ops":["verify"],"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},` + ed25519of8037 + `]}`))
	names, err := filepath.Glob("../thumbprint/keyfile/testdata/*.pem")
	check(f, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		check(f, err)
		f.Add(text)
	}
	key, jwk, _ := sdCWT(f)
	f.Add(key)
	f.Add([]byte(jwk))
	f.Fuzz(func(t *testing.T, file []byte) {
		before := bytes.Clone(file)
		set, wrong, err := issuers.Read(file)
		if !bytes.Equal(before, file) {
			t.Fatal("the file was altered")
		}
		for _, e := range append(wrong, err) {
			if e != nil && strings.ContainsAny(e.Error(), "\n\r\x00") {
				t.Fatalf("not one line: %q", e)
			}
		}
		if (err == nil) == (len(set) == 0) || err != nil && wrong != nil || len(set) > 100 {
			t.Fatalf("%d keys, %v, %v", len(set), wrong, err)
		}
		again, err := issuers.Parse(file)
		if describe(again) != describe(set) || (err == nil) != (len(set) > 0) {
			t.Fatalf("%s, then %s", describe(set), describe(again))
		}
		if err != nil {
			return
		}
		entries, err := keyfile.Parse(file)
		if err != nil {
			t.Fatalf("no key for the reader of key files: %v", err)
		}
		for i := range set {
			k := &set[i]
			if k.Key.IsZero() || k.Key.Private() || k.Key.Symmetric() || k.Key.Public() == nil {
				t.Fatalf("key %d: not a public key", i)
			}
			is := func(e keyfile.Entry) bool {
				return e.Err == nil && e.Key.JKT(thumbprint.SHA256) == k.Key.JKT(thumbprint.SHA256)
			}
			if !slices.ContainsFunc(entries, func(e keyfile.Entry) bool { return is(e) && !e.Private }) {
				t.Fatalf("key %d: not among those of the file", i)
			}
			if slices.ContainsFunc(entries, func(e keyfile.Entry) bool { return is(e) && e.Private }) {
				t.Fatalf("key %d: its private half stands in the file", i)
			}
			for _, a := range k.Algorithms {
				if !a.Fits(k.Key) {
					t.Fatalf("key %d: %s does not fit it", i, a)
				}
			}
		}
	})
}

// FuzzJudge: whatever stands in a token, it is signed only where a key of the set
// verifies one of its signatures, asked for here in another way; and what the
// issuer is held to only takes away.
func FuzzJudge(f *testing.F) {
	m := loadMade(f)
	set := append(m.set(f), issuers.Set{}...)
	for _, one := range m.Tokens {
		f.Add([]byte(one.Named), uint8(0))
		f.Add([]byte(one.Nameless), uint8(1))
	}
	for _, token := range m.Embedded {
		f.Add([]byte(token), uint8(2))
	}
	f.Add([]byte(m.Confused[0]), uint8(3))
	key, _, token := sdCWT(f)
	kid := append([]byte{0x02, 0x78, 0x20}, "https://issuer.example/cwk3.cbor"...)
	set = append(set, parse(f, append([]byte{0xa5}, bytes.Replace(key[1:], kid, nil, 1)...))...)
	f.Add(token, uint8(0))
	f.Add(append([]byte{0xd8, 61}, token...), uint8(4))
	f.Fuzz(func(t *testing.T, token []byte, held uint8) {
		c, err := credential.Parse(token, nil)
		if err != nil {
			if c, err = credential.ParseCWT(token, nil); err != nil {
				return
			}
		}
		err = issuers.Judge(&c, set, nil)
		var e *issuers.Error
		if err != nil && (!errors.As(err, &e) || e.Rule.String() == "" || e.What == "" || strings.ContainsAny(e.What, "\n\r\x00")) {
			t.Fatalf("not an error of this package: %v", err)
		}
		signed, ok := c.Signed()
		verifies := false
		for _, s := range signed.Signatures {
			for _, k := range set {
				verifies = verifies || signature.Verify(s.Algorithm, k.Key, s.Octets, s.Value) == nil
			}
		}
		if err == nil && !(ok && verifies) {
			t.Fatal("taken for signed, and no key has signed it")
		}
		terms := issuers.Terms{Algorithms: []signature.Algorithm{signature.Algorithm(held % 20)}, Types: []string{"at+jwt", ""}}
		if issuers.Judge(&c, set, &terms) == nil && err != nil {
			t.Fatalf("held to more it is signed: %v", err)
		}
		if issuers.Judge(&c, nil, nil) == nil {
			t.Fatal("signed by nobody")
		}
		if len(signed.Signatures) > 0 && err == nil {
			// The same signature over nothing of it.
			if one := signed.Signatures[0]; signature.Verify(one.Algorithm, set[0].Key, []byte("x"), one.Value) == nil {
				t.Fatal("a signature of anything")
			}
		}
	})
}
