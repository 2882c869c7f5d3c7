package decryption_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cnfd/decryption"
	"cnfd/thumbprint"
)

// holds checks what OpenJWE and OpenCOSE promise of every error.
func holds(t *testing.T, err, without error) {
	t.Helper()
	var e, w *thumbprint.Error
	switch {
	case without == nil:
		t.Fatal("opened without a key")
	case errors.As(without, &w) && (!errors.As(err, &e) || *e != *w):
		t.Fatalf("refused without a key (%v) and not with one (%v)", without, err)
	case err == nil || closed(err):
		if !closed(without) {
			t.Fatalf("not refused with a key, and without one %v", without)
		}
	case !errors.As(err, &e) || e.Rule == 0 || e.What == "":
		t.Fatalf("not an error of this package: %v", err)
	case strings.ContainsAny(err.Error(), "\n\r\x00"):
		t.Fatalf("not one line: %q", err)
	}
}

// FuzzJWE opens what somebody made, with keys and without, and follows it into
// the claim: the key that comes out is a public one.
func FuzzJWE(f *testing.F) {
	m := loadMade(f)
	k := m.all(f)
	for _, v := range m.JWE {
		f.Add(v.Compact)
	}
	f.Add(m.Private.JWE)
	f.Add(m.Symmetric.JWE)
	f.Add(message(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2000000000}`, 24, 12, 3, 16))
	f.Add(message(`{"alg":"A128KW","enc":"A128GCM","zip":"DEF"}`, 0, 12, 3, 16))
	f.Fuzz(func(t *testing.T, compact string) {
		_, err := k.OpenJWE([]byte(compact))
		_, without := (*decryption.Keys)(nil).OpenJWE([]byte(compact))
		holds(t, err, without)
		quoted, _ := json.Marshal(compact)
		c, cnfErr := thumbprint.FromJOSE([]byte(`{"jwe":`+string(quoted)+`}`), thumbprint.Options{Opener: k})
		if cnfErr == nil && c.Encrypted != c.Thumbprint.IsZero() {
			t.Fatalf("neither open nor closed: %v", c)
		}
		if cnfErr == nil && !c.Encrypted && (err != nil || c.Thumbprint.Base64() != m.JKT) {
			t.Fatalf("a key that nobody encrypted: %v", c)
		}
	})
}

// FuzzCOSE does the same with COSE_Encrypt0 and COSE_Encrypt.
func FuzzCOSE(f *testing.F) {
	m := loadMade(f)
	k := m.all(f)
	for _, v := range m.COSE {
		f.Add(octets(f, v.Message))
	}
	f.Add(octets(f, m.Private.COSE))
	f.Add(octets(f, m.Symmetric.COSE))
	f.Add(encode(f, seal(f, []byte(cek), nil, array{[]byte{}, headers{1: -3}, wrapped(f, cek)})))
	want, err := thumbprint.OfCOSEKey(octets(f, m.COSEKey), thumbprint.SHA256)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		_, err := k.OpenCOSE(message)
		_, without := (*decryption.Keys)(nil).OpenCOSE(message)
		holds(t, err, without)
		c, cnfErr := thumbprint.FromCOSE(append([]byte{0xa1, 0x02}, message...), thumbprint.Options{Opener: k})
		if cnfErr == nil && (c.Encrypted != c.Thumbprint.IsZero() || !c.Encrypted && (err != nil || c.Thumbprint != want)) {
			t.Fatalf("a key that nobody encrypted: %v %v", c, err)
		}
	})
}

// FuzzParse holds Parse to this: no panic, and either an error or keys.
func FuzzParse(f *testing.F) {
	m := loadMade(f)
	for name, file := range m.Keys {
		f.Add([]byte(file))
		f.Add([]byte(`{"keys":[` + string(file) + `]}`))
		if !strings.HasPrefix(name, "oct") && name != "p384" && name != "p521" {
			f.Add(coseOf(f, m, name, ""))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, err := decryption.Parse(file)
		if (err == nil) == (len(keys) == 0) {
			t.Fatalf("%v and %v", keys, err)
		}
		if _, err := decryption.New(keys); err != nil {
			t.Fatal(err)
		}
	})
}
