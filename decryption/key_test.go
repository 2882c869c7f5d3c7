package decryption_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"

	"cnfd/decryption"
)

func TestParseReadsKeysOfEveryForm(t *testing.T) {
	m := loadMade(t)
	set := func(names ...string) string {
		var keys []string
		for _, n := range names {
			keys = append(keys, string(m.Keys[n]))
		}
		return `{"keys":[` + strings.Join(keys, ",") + `]}`
	}
	pemFile := func(name string) string {
		text, err := os.ReadFile("../thumbprint/keyfile/testdata/" + name + ".pem")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const coseOct = "a3010420506162630405060708090a0b0c0d0e0f100241ff"
	signs := strings.Replace(string(m.Keys["p256"]), "{", `{"use":"sig",`, 1)
	for _, c := range []struct{ claim, file, want string }{
		{"a JWK", string(m.Keys["p256"]), `[EC P-256 "p256"]`},
		{"a JWK after a byte order mark", "\ufeff" + string(m.Keys["x25519"]) + "\n", `[OKP X25519 "x25519"]`},
		{"an RSA JWK", string(m.Keys["rsa"]), `[RSA 2048 "rsa"]`},
		{"a symmetric JWK without a name", `{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZg"}`, `[oct]`},
		{"a JWK Set", set("p384", "oct64", "p521"), `[EC P-384 "p384" oct "oct64" EC P-521 "p521"]`},
		{"a JWK Set with a key that signs", `{"keys":[` + signs + `,` + string(m.Keys["oct16"]) + `]}`, `[oct "oct16"]`},
		{"PKCS #8 of RSA", pemFile("rsa2048.pkcs8"), `[RSA 2048]`},
		{"PKCS #1", pemFile("rsa2048.pkcs1"), `[RSA 2048]`},
		{"PKCS #8 of P-256", pemFile("p256.pkcs8"), `[EC P-256]`},
		{"SEC 1", pemFile("p256.sec1"), `[EC P-256]`},
		{"PKCS #8 of X25519", pemFile("x25519.pkcs8"), `[OKP X25519]`},
		{"several blocks", pemFile("p384.pkcs8") + pemFile("p521.pkcs8") + pemFile("p256.public"), `[EC P-384 EC P-521]`},
		{"a COSE_Key", string(octets(t, coseOct)), `[oct "\xff"]`},
		{"a COSE_Key in hexadecimal", strings.ToUpper(coseOct) + "\n", `[oct "\xff"]`},
		{"a COSE_KeySet", string(octets(t, "82"+coseOct+coseOct)), `[oct "\xff" oct "\xff"]`},
		{"a COSE_Key on P-256", string(coseOf(t, m, "p256", "")), `[EC P-256]`},
		{"a COSE_Key on X25519", string(coseOf(t, m, "x25519", "")), `[OKP X25519]`},
		{"a COSE_Key of RSA", string(coseOf(t, m, "rsa", "")), `[RSA 2048]`},
		{"a COSE_Key for ECDH-ES+HKDF-256", string(coseOf(t, m, "p256", "033818")), `[EC P-256]`},
		{"a COSE_Key for decrypting", string(coseOf(t, m, "p256", "048107")), `[EC P-256]`},
	} {
		keys, err := decryption.Parse([]byte(c.file))
		if got := fmt.Sprint(keys); err != nil || got != c.want {
			t.Errorf("%s: got %s %v", c.claim, got, err)
		}
	}
}

// coseOf writes a JWK as a COSE_Key, with more parameters in hexadecimal.
func coseOf(t testing.TB, m made, name, more string) []byte {
	t.Helper()
	var jwk map[string]string
	if err := json.Unmarshal(m.Keys[name], &jwk); err != nil {
		t.Fatal(err)
	}
	b := func(name string) []byte {
		octets, err := base64.RawURLEncoding.DecodeString(jwk[name])
		if err != nil {
			t.Fatal(err)
		}
		return octets
	}
	var key headers
	switch jwk["kty"] {
	case "EC":
		key = headers{1: 2, -1: 1, -2: b("x"), -3: b("y"), -4: b("d")}
	case "OKP":
		key = headers{1: 1, -1: 4, -2: b("x"), -4: b("d")}
	case "RSA":
		key = headers{1: 3, -1: b("n"), -2: b("e"), -3: b("d"), -4: b("p"), -5: b("q"), -6: b("dp"), -7: b("dq"), -8: b("qi")}
	}
	text := encode(t, key)
	if more != "" {
		text[0]++
	}
	return append(text, octets(t, more)...)
}

// What was encrypted to a key opens with that key, in whatever form it is read.
func TestTheFormOfAKeyDoesNotMatter(t *testing.T) {
	m := loadMade(t)
	for _, v := range m.JWE {
		if v.Key != "p256" && v.Key != "x25519" && v.Key != "rsa" {
			continue
		}
		if got, err := keys(t, coseOf(t, m, v.Key, "")).OpenJWE([]byte(v.Compact)); err != nil || len(got) == 0 {
			t.Errorf("%s with a COSE_Key: %v", v.Alg, err)
		}
	}
	for _, v := range m.COSE {
		if v.Key != "p256" {
			continue
		}
		k := keys(t, coseOf(t, m, v.Key, "033818"))
		if _, err := k.OpenCOSE(octets(t, v.Message)); err != nil {
			t.Errorf("%s: %v", v.Alg, err)
		}
		if _, err := k.OpenJWE([]byte(m.JWE[4].Compact)); !closed(err) {
			t.Errorf("a key for COSE's key agreement alone opens a JWE: %v", err)
		}
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for alg, key := range map[jwa.KeyEncryptionAlgorithm]interface{ Public() any }{jwa.RSA_OAEP_256: withPublic{rsaKey, rsaKey.Public()}, jwa.ECDH_ES_A256KW: withPublic{ecKey, ecKey.Public()}} {
		text, err := jwe.Encrypt([]byte("x"), jwe.WithKey(alg, key.Public()))
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key.(withPublic).private)
		if err != nil {
			t.Fatal(err)
		}
		file := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if got, err := keys(t, file).OpenJWE(text); err != nil || string(got) != "x" {
			t.Errorf("%s with PEM: %q %v", alg, got, err)
		}
	}
}

type withPublic struct{ private, public any }

func (w withPublic) Public() any { return w.public }

func TestParseRefuses(t *testing.T) {
	m := loadMade(t)
	pemOf := func(name string) string {
		text, err := os.ReadFile("../thumbprint/keyfile/testdata/" + name + ".pem")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	change := func(key, from, to string) string {
		return strings.Replace(string(m.Keys[key]), from, to, 1)
	}
	with := func(key, member string) string { return change(key, "{", "{"+member+",") }
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	p256 := string(m.Keys["p256"])
	const noFormat = "key file: not in a format that is known: JWK, JWK Set, PEM or COSE_Key"
	const notOurs = "its public key is not that of the private key in it"
	for _, c := range []struct{ claim, file, want string }{
		{"nothing", " \n", "key file: empty"},
		{"a megabyte and more", strings.Repeat(" ", 1<<20+1), "key file: over 1 MiB"},
		{"words", "hello", noFormat},
		{"DER", "0\x00", noFormat},
		{"an empty set", `{"keys":[]}`, "key file: no key in it"},
		{"JSON that is no key", `{}`, "jwk: kty is missing"},
		{"a public JWK", string(m.JWK), "jwk: a public key, which decrypts nothing: give the private one"},
		{"a JWK that signs", with("p256", `"use":"sig"`), "jwk.use: not enc: not a key to decrypt with"},
		{"a JWK for other operations", with("p256", `"key_ops":["sign"]`), "jwk.key_ops: neither decrypt, unwrapKey, deriveKey nor deriveBits: not a key to decrypt with"},
		{"a JWK for ES256", with("p256", `"alg":"ES256"`), "jwk.alg: not an algorithm that is decrypted with here"},
		{"a JWK for RSA1_5", with("rsa", `"alg":"RSA1_5"`), "jwk.alg: not an algorithm that is decrypted with here"},
		{"a member twice", with("p256", `"d":"AA"`), "json.d: given twice"},
		{"a long d", change("p256", `"d": "`, `"d":"AAAA`), "jwk: its d is no private key of EC P-256"},
		{"half a character of d", change("p256", `"d": "`, `"d":"AA`), "jwk.d: not base64url without padding"},
		{"y of another key", flip(p256, "y"), "jwk.x: not, with y, a point on the curve P-256"},
		{"d that is not its own", flip(p256, "d"), "jwk: " + notOurs},
		{"d of X25519 that is not its own", flip(string(m.Keys["x25519"]), "d"), "jwk: " + notOurs},
		{"a prime that is not its own", flip(string(m.Keys["rsa"]), "p"), "jwk: its secret numbers are not those of its modulus"},
		{"RSA without primes", strings.NewReplacer(`"p"`, `"p_"`, `"q"`, `"q_"`).Replace(string(m.Keys["rsa"])), "jwk: an RSA private key without its two primes: write them too"},
		{"RSA of three primes", with("rsa", `"oth":[]`), "jwk.oth: an RSA key of more than two primes"},
		{"a symmetric key of an odd length", `{"kty":"oct","k":"AAAA"}`, "jwk: a symmetric key of a length that no algorithm here has: 16, 24, 32 or 64 octets"},
		{"Ed25519", `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "jwk: OKP Ed25519: not a key to decrypt with: RSA, P-256, P-384, P-521, X25519 or a symmetric one"},
		{"a bad key in a set", `{"keys":[` + p256 + `,` + flip(p256, "d") + `]}`, "jwks.keys[1]: " + notOurs},
		{"a set of public keys", `{"keys":[` + string(m.JWK) + `]}`, "jwks.keys[0]: a public key, which decrypts nothing: give the private one"},
		{"an encrypted key", pemOf("refused_encrypted_pkcs8"), "pem[0] ENCRYPTED PRIVATE KEY: encrypted: decrypt it first (openssl pkey)"},
		{"a key encrypted the old way", pemOf("refused_encrypted_sec1"), "pem[0] EC PRIVATE KEY: encrypted: decrypt it first (openssl pkey)"},
		{"a short RSA key", pemOf("refused_rsa1024"), "pem[0] PRIVATE KEY.n: not a modulus of 2048 to 8192 bits"},
		{"a public key", pemOf("p256.public"), "pem[0] PUBLIC KEY: not a private key, and nothing else decrypts: give that one"},
		{"PEM without an end", "-----BEGIN PRIVATE KEY-----\nMAA=\n", "pem: a block that is not whole"},
		{"PEM of something else", strings.ReplaceAll(pemOf("p256.public"), "PUBLIC", "PRIVATE"), "pem[0] PRIVATE KEY: not the private key that it says it is, or on no curve that is known here: P-256, P-384, P-521 or X25519"},
		{"secp256k1", pemOf("secp256k1.pkcs8"), "pem[0] PRIVATE KEY: not the private key that it says it is, or on no curve that is known here: P-256, P-384, P-521 or X25519"},
		{"PEM of Ed25519", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "pem[0] PRIVATE KEY: not a key to decrypt with: RSA, P-256, P-384, P-521 or X25519"},
		{"a public COSE_Key", string(octets(t, m.COSEKey)), "cose_key: a public key, which decrypts nothing: give the private one"},
		{"a COSE_Key for ES256", string(coseOf(t, m, "p256", "0326")), "cose_key.3: not an algorithm that is decrypted with here"},
		{"a COSE_Key that signs", string(coseOf(t, m, "p256", "048101")), "cose_key.4: no operation of decrypting: not a key to decrypt with"},
		{"operations that are no array", string(coseOf(t, m, "p256", "044104")), "cose_key.4: no operation of decrypting: not a key to decrypt with"},
		{"a COSE_Key and more", string(append(coseOf(t, m, "p256", ""), 0)), "cose_key: 1 bytes of extraneous data starting at index " + fmt.Sprint(len(coseOf(t, m, "p256", "")))},
		{"a bad one in a COSE_KeySet", hex.EncodeToString(append([]byte{0x81}, encode(t, headers{1: 9})...)), "cose_keys[0].1: not a key type that is known: 1 (OKP), 2 (EC2), 3 (RSA) or 7 (AKP)"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			keys, err := decryption.Parse([]byte(c.file))
			if err == nil || err.Error() != c.want || keys != nil {
				t.Errorf("got %v %v", keys, err)
			}
		})
	}
}

// flip changes one bit of a member of a JWK.
func flip(jwk, member string) string {
	var m map[string]any
	if err := json.Unmarshal([]byte(jwk), &m); err != nil {
		panic(err)
	}
	octets, _ := base64.RawURLEncoding.DecodeString(m[member].(string))
	octets[len(octets)/2] ^= 2
	m[member] = b64(octets)
	text, _ := json.Marshal(m)
	return string(text)
}

// No way of printing a key tells what is secret of it, and no error does.
func TestNothingSecretIsPrinted(t *testing.T) {
	m := loadMade(t)
	var all []decryption.Key
	var secrets []string
	for _, file := range m.Keys {
		some, err := decryption.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
		var jwk map[string]string
		if err := json.Unmarshal(file, &jwk); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"d", "p", "q", "k"} {
			if octets, _ := base64.RawURLEncoding.DecodeString(jwk[member]); len(octets) > 0 {
				secrets = append(secrets, jwk[member][4:12], hex.EncodeToString(octets)[8:20], fmt.Sprint(octets[4:8])[1:12], fmt.Sprintf("%d", octets[4:8]))
			}
		}
	}
	k, err := decryption.New(all)
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	for _, v := range []any{k, *k, all, all[0], &all[0], struct{ K any }{k}, struct{ k *decryption.Keys }{k}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		text, _ := json.Marshal(v)
		printed.Write(text)
	}
	for name := range m.Keys {
		for _, member := range []string{"d", "p", "q", "k"} {
			if strings.Contains(string(m.Keys[name]), `"`+member+`":`) {
				_, err := decryption.Parse([]byte(strings.Replace(string(m.Keys[name]), `"`+member+`": "`, `"`+member+`": "=`, 1)))
				fmt.Fprintln(&printed, err)
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(printed.String(), secret) {
			at := strings.Index(printed.String(), secret)
			t.Fatalf("%s is among what is printed: …%.60s", secret, printed.String()[max(0, at-40):])
		}
	}
	if !strings.Contains(printed.String(), `EC P-256 "p256"`) || len(secrets) < 9*4 {
		t.Error("nothing was printed, or nothing looked for")
	}
}
