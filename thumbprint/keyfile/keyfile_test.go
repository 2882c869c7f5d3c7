package keyfile_test

import (
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"cnfd/thumbprint"
	"cnfd/thumbprint/keyfile"
)

// expected is what openssl says of the keys in testdata.
type expected struct {
	JKT         map[string]string `json:"jkt"`
	Certificate map[string]string `json:"certificate"`
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func glob(t testing.TB, pattern string, least int) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < least {
		t.Fatalf("%s: %d files, want %d: %v", pattern, len(names), least, err)
	}
	return names
}

func TestParseReadsWhatOpenSSLWrites(t *testing.T) {
	var want expected
	if err := json.Unmarshal(read(t, "testdata/expected.json"), &want); err != nil {
		t.Fatal(err)
	}
	for _, name := range glob(t, "testdata/[^r]*.pem", 20) {
		check(t, name, want)
	}
	for _, name := range glob(t, "testdata/rsa2048*.pem", 5) {
		check(t, name, want)
	}
}

func check(t *testing.T, name string, want expected) {
	file := read(t, name)
	key, kind, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".pem"), ".")
	var der []byte
	for rest := file; len(rest) > 0; { // the last block: EC PARAMETERS may come first
		var block *pem.Block
		block, rest = pem.Decode(rest)
		der = block.Bytes
	}
	for form, written := range map[string][]byte{
		"PEM":                   file,
		"PEM after other text":  append([]byte("subject=CN = vendor.example\n"), file...),
		"DER":                   der,
		"DER in base64":         []byte(base64.StdEncoding.EncodeToString(der)),
		"DER in base64url":      []byte(base64.RawURLEncoding.EncodeToString(der) + "\n"),
		"DER in hexadecimal":    []byte(hex.EncodeToString(der)),
		"DER in broken base64":  []byte(strings.Join(strings.SplitAfter(base64.StdEncoding.EncodeToString(der), "A"), "\n")),
		"DER in upper-case hex": []byte(strings.ToUpper(hex.EncodeToString(der))),
	} {
		t.Run(filepath.Base(name)+" "+form, func(t *testing.T) {
			entries, err := keyfile.Parse(written)
			if err != nil || len(entries) != 1 {
				t.Fatalf("%d entries, %v", len(entries), err)
			}
			e := entries[0]
			if got := e.Key.JKT(thumbprint.SHA256).Base64(); e.Err != nil || got != want.JKT[key] {
				t.Errorf("got %s %v, want %s", got, e.Err, want.JKT[key])
			}
			if private := !strings.Contains(kind, "public") && kind != "certificate"; e.Private != private {
				t.Errorf("private: %t", e.Private)
			}
			digest := ""
			if kind == "certificate" {
				digest = want.Certificate[key]
			}
			if got := e.Certificate.Hex(); got != digest || digest != "" && e.Certificate.Kind() != thumbprint.Certificate {
				t.Errorf("certificate: %s, want %s", got, digest)
			}
		})
	}
}

func TestParseReadsAllOfABundle(t *testing.T) {
	var bundle []byte
	names := []string{"p256.params_sec1", "ed25519.certificate", "refused_rsa1024", "rsa2048.public"}
	for _, name := range names {
		bundle = append(bundle, read(t, "testdata/"+name+".pem")...)
	}
	entries, err := keyfile.Parse(bundle)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, e := range entries {
		if (e.Err != nil) != (i == 2) || e.Key.IsZero() != (i == 2) {
			t.Errorf("%s: %v", names[i], e.Err)
		}
	}
	if got, want := entries[2].Err.Error(), "pem[3] PRIVATE KEY.n: not a modulus of 2048 to 8192 bits"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

type vector struct {
	Name, Kind, Hash string
	Input            json.RawMessage
	CBOR             string `json:"cbor_hex"`
	Thumbprint       string `json:"thumbprint_hex"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	var all []vector
	if err := json.Unmarshal(read(t, "../testdata/thumbprints.json"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestParseReadsTheVectors(t *testing.T) {
	for _, v := range vectors(t) {
		var forms [][]byte
		switch v.Kind {
		case "jwk":
			forms = [][]byte{v.Input, append([]byte("\ufeff \n"), v.Input...), []byte(`{"keys":[` + string(v.Input) + `]}`)}
		case "cose_key":
			octets, err := hex.DecodeString(v.CBOR)
			if err != nil {
				t.Fatal(err)
			}
			forms = [][]byte{octets, []byte(v.CBOR), []byte(base64.RawURLEncoding.EncodeToString(octets)), append([]byte{0x81}, octets...)}
		default:
			continue
		}
		h, err := thumbprint.ParseHash(v.Hash)
		if err != nil {
			t.Fatal(err)
		}
		for i, form := range forms {
			entries, err := keyfile.Parse(form)
			if err != nil || len(entries) != 1 || entries[0].Err != nil {
				t.Errorf("%s: form %d: %v", v.Name, i, err)
				continue
			}
			got := entries[0].Key.JKT(h)
			if v.Kind == "cose_key" {
				got = entries[0].Key.CKT(h)
			}
			if got.Hex() != v.Thumbprint || entries[0].Private != entries[0].Key.Private() {
				t.Errorf("%s: form %d: got %s", v.Name, i, got.Hex())
			}
		}
	}
}

func TestParseReadsMLDSAFromDER(t *testing.T) {
	arcs := map[string]int{"ML-DSA-44": 17, "ML-DSA-65": 18, "ML-DSA-87": 19}
	seed := make([]byte, 32)
	read := 0
	for _, v := range vectors(t) {
		var k struct{ Kty, Alg, Pub string }
		if v.Kind != "jwk" || json.Unmarshal(v.Input, &k) != nil || k.Kty != "AKP" {
			continue
		}
		read++
		pub, err := base64.RawURLEncoding.DecodeString(k.Pub)
		if err != nil {
			t.Fatal(err)
		}
		type algorithm struct{ OID asn1.ObjectIdentifier }
		oid := algorithm{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, arcs[k.Alg]}}
		type pkcs8 struct {
			Version   int
			Algorithm algorithm
			Key       []byte
		}
		inner, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, Bytes: seed})
		if err != nil {
			t.Fatal(err)
		}
		// RFC 9964 Appendix A makes its keys of a seed of zeros.
		for form, value := range map[string]any{
			"public": struct {
				Algorithm algorithm
				Key       asn1.BitString
			}{oid, asn1.BitString{Bytes: pub, BitLength: 8 * len(pub)}},
			"private": pkcs8{0, oid, inner},
		} {
			der, err := asn1.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			entries, err := keyfile.Parse(der)
			if err != nil || entries[0].Private != (form == "private") || entries[0].Key.JKT(thumbprint.SHA256).Hex() != v.Thumbprint {
				t.Errorf("%s, %s: %v %v", v.Name, form, err, entries)
			}
		}
	}
	if read != 3 {
		t.Errorf("%d keys, want 3", read)
	}
}

func TestParseKeepsNames(t *testing.T) {
	jwks := `{"keys":[
		{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"\u0066irst","d":"AA"},
		{"kty":"OKP","crv":"Ed25519","x":"AA","kid":"second"},
		{"kty":"EC","crv":"P-256","kid":7}
	],"more":{}}`
	entries, err := keyfile.Parse([]byte(jwks))
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if e := entries[0]; e.KID != "first" || !e.Private || e.Err != nil {
		t.Errorf("first: %q %t %v", e.KID, e.Private, e.Err)
	}
	for i, want := range map[int]string{1: "jwks.keys[1].x: not the 32 octets of Ed25519", 2: "jwks.keys[2]: x is missing"} {
		if e := entries[i]; e.Err == nil || e.Err.Error() != want || !e.Key.IsZero() || e.KID != map[int]string{1: "second"}[i] {
			t.Errorf("got %q %v, want %s", e.KID, e.Err, want)
		}
	}
	ed := hexOctets(t, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	for want, kid := range map[string]any{"a name": []byte("a name"), "text": "text", "00ff": []byte{0, 0xff}, "": 1} {
		file, err := cbor.Marshal(map[int]any{1: 1, -1: 6, -2: ed, 2: kid})
		if err != nil {
			t.Fatal(err)
		}
		entries, err := keyfile.Parse(file)
		if err != nil || entries[0].KID != want {
			t.Errorf("%q: %v %v", want, entries, err)
		}
	}
}

func hexOctets(t testing.TB, s string) []byte {
	t.Helper()
	octets, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

func TestParseRefuses(t *testing.T) {
	const ed = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
	file := func(name string) string { return string(read(t, "testdata/"+name+".pem")) }
	for _, c := range []struct{ claim, file, want string }{
		{"nothing", "", "key file: empty"},
		{"white space", " \n", "key file: empty"},
		{"a line of prose", "my key", "key file: not in a format that is known: JWK, JWK Set, PEM, DER or COSE_Key"},
		{"an SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA me@host", "key file: not in a format that is known: JWK, JWK Set, PEM, DER or COSE_Key"},
		{"a token", "eyJhbGciOiJFUzI1NiJ9.e30.AA", "key file: not in a format that is known: JWK, JWK Set, PEM, DER or COSE_Key"},
		{"a file without end", strings.Repeat("A", 1<<20+1), "key file: over 1 MiB"},
		{"an empty set", `{"keys":[]}`, "key file: no key in it"},
		{"a set that is no array", `{"keys":{}}`, "json.keys: not an array"},
		{"a set twice", `{"keys":[],"keys":[]}`, "json.keys: given twice"},
		{"broken JSON", `{"kty":"EC"`, "json.kty: no comma or closing bracket after a value"},
		{"a JWK of no kind", `{}`, "jwk: kty is missing"},
		{"a set of bad keys", `{"keys":[{"kty":"oct"}]}`, "jwks.keys[0]: k is missing"},
		{"an empty COSE map", "a0", "cose_key: kty (1) is missing"},
		{"an empty COSE set", "80", "key file: no key in it"},
		{"a COSE set of a bad key", "81a0", "cose_keys[0]: kty (1) is missing"},
		{"a COSE_Key and more", "a3010120062158 20" + ed + "00", ""},
		{"a DER of nothing", "3000", "der: neither a public key, a private key nor a certificate that is known"},
		{"DER and more", "300030", "der: neither a public key, a private key nor a certificate that is known"},
		{"PEM of nothing known", "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", "pem: no block that holds a key"},
		{"PEM without an end", "-----BEGIN PUBLIC KEY-----\nMAA=\n", "pem[0]: not a whole PEM block"},
		{"PEM of another structure than its label", strings.ReplaceAll(file("p256.pkcs8"), "PRIVATE", "PUBLIC"), "pem[0] PUBLIC KEY: not the DER of what it should be"},
		{"an encrypted key", file("refused_encrypted_pkcs8"), "pem[0] ENCRYPTED PRIVATE KEY: encrypted: decrypt it first, or give the public key (openssl pkey -pubout)"},
		{"a key encrypted the old way", file("refused_encrypted_sec1"), "pem[0] EC PRIVATE KEY: encrypted: decrypt it first, or give the public key (openssl pkey -pubout)"},
		{"an OpenSSH key", "-----BEGIN OPENSSH PRIVATE KEY-----\nMAA=\n-----END OPENSSH PRIVATE KEY-----\n", "pem[0] OPENSSH PRIVATE KEY: in OpenSSH's own format: convert it first (ssh-keygen -e -m PKCS8)"},
		{"a certificate request", file("refused_request"), "pem[0] CERTIFICATE REQUEST: not read: give the public key (openssl … -pubkey)"},
		{"parameters alone", file("refused_parameters_only"), "pem: no block that holds a key"},
		{"a curve by its parameters", file("refused_explicit"), "pem[0] PUBLIC KEY: an elliptic curve given by its parameters: only a named curve is known"},
		{"a compressed point", file("refused_compressed"), "pem[0] PUBLIC KEY: not an uncompressed point: write it as one (openssl ec -conv_form uncompressed)"},
		{"an unknown curve", file("refused_brainpool"), "pem[0] PUBLIC KEY: not on a curve that is known: P-256, P-384, P-521 or secp256k1"},
		{"a short RSA key", file("refused_rsa1024"), "pem[0] PRIVATE KEY.n: not a modulus of 2048 to 8192 bits"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			entries, err := keyfile.Parse([]byte(c.file))
			if err == nil || c.want != "" && err.Error() != c.want {
				t.Errorf("got %v %v, want %s", entries, err, c.want)
			}
		})
	}
}
