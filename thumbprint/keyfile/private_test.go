package keyfile_test

import (
	"bytes"
	"encoding/pem"
	"testing"

	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"
)

// A file whose two halves are of different keys must not lead anybody to publish
// a key that nobody has.
func TestParseRefusesAPublicKeyThatIsNotThePrivateOnes(t *testing.T) {
	for _, name := range []string{"p256.sec1", "p256.pkcs8", "p384.pkcs8", "p521.pkcs8", "secp256k1.pkcs8", "secp256k1.sec1"} {
		block, _ := pem.Decode(read(t, "testdata/"+name+".pem"))
		der := bytes.Clone(block.Bytes)
		der[len(der)-1] ^= 1 // the last octet of the public key
		if entries, err := keyfile.Parse(der); err == nil || err.Error() != "key: the public key in the file is not that of the private key in it" {
			t.Errorf("%s: %v %v", name, entries, err)
		}
	}
	block, _ := pem.Decode(read(t, "testdata/rsa2048.pkcs1.pem"))
	der := bytes.Clone(block.Bytes)
	der[20] ^= 1 // in the modulus
	if entries, err := keyfile.Parse(der); err == nil || err.Error() != "key: the primes in the file are not those of its modulus" {
		t.Errorf("RSA: %v %v", entries, err)
	}
}

func TestParseReadsOneAsymmetricKey(t *testing.T) {
	// RFC 8410 §10.3: with attributes, and the public key beside the private one.
	const private = "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhCoB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
	const public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" // §10.1
	a, err := keyfile.Parse([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	b, err := keyfile.Parse([]byte(public))
	if err != nil || a[0].Key.JKT(thumbprint.SHA256) != b[0].Key.JKT(thumbprint.SHA256) || !a[0].Private || b[0].Private {
		t.Errorf("%v: not the same key", err)
	}
	const other = "xZuA="
	if entries, err := keyfile.Parse([]byte(private[:len(private)-len(other)] + other)); err == nil || err.Error() != "key: the public key in the file is not that of the private key in it" {
		t.Errorf("another public key beside it: %v %v", entries, err)
	}
}

// FuzzParse holds Parse to this: no panic, and either an error or keys that have
// thumbprints.
func FuzzParse(f *testing.F) {
	for _, name := range glob(f, "testdata/*.pem", 30) {
		file := read(f, name)
		f.Add(file)
		if block, _ := pem.Decode(file); block != nil {
			f.Add(block.Bytes)
		}
	}
	for _, v := range vectors(f) {
		if v.Kind == "jwk" {
			f.Add([]byte(v.Input))
			f.Add([]byte(`{"keys":[` + string(v.Input) + `]}`))
		}
		if v.CBOR != "" {
			f.Add([]byte(v.CBOR))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		entries, err := keyfile.Parse(file)
		if err != nil {
			if entries != nil {
				t.Fatal("entries and an error")
			}
			return
		}
		usable := 0
		for _, e := range entries {
			if e.Err == nil {
				usable++
			}
			if e.Key.IsZero() != (e.Err != nil) || e.Key.JKT(1).IsZero() != (e.Err != nil) || e.Key.CKT(1).IsZero() != (e.Err != nil) {
				t.Fatalf("a key without a thumbprint or an error with one: %v", e.Err)
			}
			if e.Key.Private() && !e.Private {
				t.Fatal("a private key goes unsaid")
			}
		}
		if usable == 0 {
			t.Fatal("no key and no error")
		}
	})
}
