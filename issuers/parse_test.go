package issuers_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	koblitz "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"cnfd/issuers"
	"cnfd/thumbprint"
)

// describe tells a set in a line: kind, name, and what each key is for.
func describe(set issuers.Set) string {
	var all []string
	for _, k := range set {
		one := k.Key.Algorithm()
		if k.KID != "" {
			one += " " + strconv.Quote(k.KID)
		}
		for _, a := range k.Algorithms {
			one += " " + a.String()
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

// TestPublished: the key sets of RFC 7517, RFC 8037 and RFC 9052, and what openssl
// writes.
func TestPublished(t *testing.T) {
	for _, c := range []struct{ source, file, want, jkt string }{
		{"RFC 7517 A.1, one key of which is to encrypt", rfc7517A1, `RSA 2048 "2011-04-29" RS256`, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		{"RFC 8037 A.2", ed25519of8037, `OKP Ed25519`, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
		{"RFC 9052 C.7.1, in octets", string(octets(t, rfc9052C71)), rfc9052Keys, ""},
		{"RFC 9052 C.7.1, in hexadecimal", rfc9052C71, rfc9052Keys, ""},
		{"RFC 9052 C.7.1, in upper case and on several lines", "\n" + strings.ToUpper(strings.ReplaceAll(rfc9052C71, " ", "")) + "\r\n", rfc9052Keys, ""},
	} {
		t.Run(c.source, func(t *testing.T) {
			set := parse(t, c.file)
			if got := describe(set); got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
			if c.jkt != "" && set[0].Key.JKT(thumbprint.SHA256).Base64() != c.jkt {
				t.Errorf("thumbprint %s", set[0].Key.JKT(thumbprint.SHA256).Base64())
			}
		})
	}
	for name, want := range map[string]string{
		"p256.public": "EC P-256", "p256.certificate": "EC P-256", "p384.public": "EC P-384", "p521.public": "EC P-521", "secp256k1.public": "EC secp256k1",
		"secp256k1.certificate": "EC secp256k1", "ed25519.public": "OKP Ed25519", "ed25519.certificate": "OKP Ed25519", "ed448.public": "OKP Ed448", "ed448.certificate": "OKP Ed448",
		"rsa2048.public": "RSA 2048", "rsa2048.certificate": "RSA 2048", "rsa2048.pkcs1_public": "RSA 2048",
	} {
		if got := describe(parse(t, pemFile(t, name))); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	// A key that its own file says is for RSASSA-PSS alone.
	for name, want := range map[string]string{
		"pss.public": "RSA 2048 PS256 PS384 PS512", "pss.certificate": "RSA 2048 PS256 PS384 PS512", "rsa_signed_by_pss.certificate": "RSA 2048",
	} {
		text, err := os.ReadFile(filepath.Join("testdata/openssl", name+".pem"))
		check(t, err)
		if got := describe(parse(t, text)); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	bundle := slices.Concat([]byte("our keys\n"), pemFile(t, "p256.public"), pemFile(t, "rsa2048.certificate"), pemFile(t, "ed448.public"))
	if got := describe(parse(t, bundle)); got != "EC P-256, RSA 2048, OKP Ed448" {
		t.Errorf("several: %s", got)
	}
}

func pemFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../thumbprint/keyfile/testdata", name+".pem"))
	check(t, err)
	return text
}

// TestPassedOver: a set keeps its other keys, whatever stands beside them. Each
// case adds one key to the set of one; what is wrong with it is told where it is
// wrong, and what is for something else is not.
func TestPassedOver(t *testing.T) {
	const good = `{"kty":"OKP","crv":"Ed25519","kid":"good","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	const p256 = `"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"`
	for _, c := range []struct {
		claim, key string
		kept       bool
		wrong      string // what is said of it, "" for nothing
	}{
		{"another key", `{` + p256 + `}`, true, ""},
		{"one of the same name", `{` + p256 + `,"kid":"good"}`, true, ""},
		{"use sig", `{` + p256 + `,"use":"sig"}`, true, ""},
		{"key_ops verify", `{` + p256 + `,"key_ops":["sign","verify"]}`, true, ""},
		{"alg that fits", `{` + p256 + `,"alg":"ES256"}`, true, ""},
		{"a member that nobody knows, a certificate that nobody looks at", `{` + p256 + `,"x5c":["!"],"x5u":1,"iat":1}`, true, ""},
		{"an empty kid", `{` + p256 + `,"kid":""}`, true, ""},

		{"use enc", `{` + p256 + `,"use":"enc"}`, false, ""},
		{"use in another case", `{` + p256 + `,"use":"SIG"}`, false, ""},
		{"key_ops without verify", `{` + p256 + `,"key_ops":["deriveKey"]}`, false, ""},
		{"key_ops empty", `{` + p256 + `,"key_ops":[]}`, false, ""},
		{"alg to encrypt", `{` + p256 + `,"alg":"ECDH-ES"}`, false, ""},
		{"alg of an HMAC", `{` + p256 + `,"alg":"HS256"}`, false, ""},
		{"alg none", `{` + p256 + `,"alg":"none"}`, false, ""},
		{"alg empty", `{` + p256 + `,"alg":""}`, false, ""},
		{"a type that nobody knows", `{"kty":"PQ","x":"AA"}`, false, ""},
		{"a curve that signs nothing", `{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`, false, ""},

		{"alg of another type", `{` + p256 + `,"alg":"ES384"}`, false, "jwks.keys[1]: alg: ES384 is not for this key, which is EC P-256"},
		{"alg of another type, EdDSA", `{` + p256 + `,"alg":"EdDSA"}`, false, "alg: EdDSA"},
		{"a private key", `{` + p256 + `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, false, "a private key"},
		{"a private key to encrypt", `{` + p256 + `,"use":"enc","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, false, "a private key"},
		{"a private key that is none", `{` + p256 + `,"d":0}`, false, "a private key"},
		{"a symmetric key", `{"kty":"oct","k":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, false, "a symmetric key"},
		{"a symmetric key to encrypt", `{"kty":"oct","use":"enc","k":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, false, "a symmetric key"},
		{"off its curve", `{` + strings.Replace(p256, "f83O", "f83P", 1) + `}`, false, "jwks.keys[1].x: not, with y, a point"},
		{"cut short", `{` + strings.Replace(p256, "f83O", "f83", 1) + `}`, false, "jwks.keys[1].x"},
		{"no kty", `{"crv":"P-256"}`, false, "kty is missing"},
		{"a curve that nobody knows", `{"kty":"EC","crv":"BP-256","x":"AA","y":"AA"}`, false, "crv"},
		{"a kid that is no text", `{` + p256 + `,"kid":1}`, false, "jwks.keys[1].kid"},
		{"a use that is no text", `{` + p256 + `,"use":null}`, false, "use"},
		{"key_ops that are no list", `{` + p256 + `,"key_ops":"verify"}`, false, "key_ops"},
		{"a member in another case", `{` + p256 + `,"Alg":"ES256"}`, false, "Alg"},
		{"no object", `"key"`, false, "not an object"},
		{"an RSA exponent that no library takes", `{"kty":"RSA","e":"AQAAAAAB","n":"` + base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, append(make([]byte, 254), 1)...)) + `"}`, false, "no library"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			set, wrong, err := issuers.Read([]byte(`{"keys":[` + good + `]}`))
			if err != nil || len(wrong) > 0 || describe(set) != `OKP Ed25519 "good"` {
				t.Fatal(set, wrong, err)
			}
			set, wrong, err = issuers.Read([]byte(`{"keys":[` + good + `,` + c.key + `]}`))
			if err != nil || (len(set) == 2) != c.kept || set[0].KID != "good" {
				t.Fatalf("%s, %v", describe(set), err)
			}
			switch {
			case c.wrong == "" && len(wrong) > 0, c.wrong != "" && len(wrong) != 1, c.wrong != "" && !strings.Contains(wrong[0].Error(), c.wrong):
				t.Errorf("said %v, want %q", wrong, c.wrong)
			case len(wrong) > 0 && (strings.Contains(wrong[0].Error(), "jpsQ") || !strings.HasPrefix(wrong[0].Error(), "jwks.keys[1]")):
				t.Errorf("said %v", wrong)
			}
			// Alone it is the error.
			for _, file := range []string{c.key, `{"keys":[` + c.key + `]}`} {
				set, err := issuers.Parse([]byte(file))
				if (err == nil) != c.kept || (len(set) == 1) != c.kept {
					t.Errorf("alone: %s, %v", describe(set), err)
				}
				if err != nil && (!strings.Contains(err.Error(), strings.TrimPrefix(c.wrong, "jwks.keys[1]")) && file[0] == '{' || strings.Contains(err.Error(), "jpsQ")) {
					t.Errorf("alone: %v", err)
				}
			}
		})
	}
}

// TestPassedOverInCOSE, likewise (RFC 9052 §7: each key of a set for itself).
func TestPassedOverInCOSE(t *testing.T) {
	good := "a4 01 01 02 44 676f6f64 20 06 21 58 20 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
	p256 := "01 02 20 01 21 58 20 65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d 22 58 20 1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c"
	for _, c := range []struct {
		claim, key string
		kept       bool
		wrong      string
	}{
		{"another key", "a4" + p256, true, ""},
		{"its own algorithm", "a5 03 26" + p256, true, ""},
		{"to verify", "a5 04 82 01 02" + p256, true, ""},
		{"a name in text", "a5 02 61 78" + p256, true, ""},
		{"a parameter that nobody knows", "a5 18 64 f6" + p256, true, ""},

		{"to sign", "a5 04 81 01" + p256, false, ""},
		{"to derive keys", "a5 04 81 07" + p256, false, ""},
		{"verify in text", "a5 04 81 66 766572696679" + p256, false, ""},
		{"an algorithm of key agreement", "a5 03 38 18" + p256, false, ""},
		{"an algorithm in text", "a5 03 65 4553323536" + p256, false, ""},
		{"a type that nobody knows", "a1 01 05", false, ""},
		{"a type in text", "a1 01 61 78", false, ""},
		{"a curve that signs nothing", "a3 01 01 20 04 21 58 20 " + strings.Repeat("09", 32), false, ""},

		{"another key's algorithm", "a5 03 38 22" + p256, false, "cose_keys[1]: alg: ES384 is not"},
		{"a private key", "a5" + p256 + "23 58 20 aff907c99f9ad3aae6c4cdf21122bce2bd68b5283e6907154ad911840fa208cf", false, "a private key"},
		{"a symmetric key", "a2 01 04 20 44 aff907c9", false, "a symmetric key"},
		{"off its curve", "a4" + strings.Replace(p256, "65ed", "65ee", 1), false, "cose_keys[1].-2: not"},
		{"no type", "a1 20 01", false, "kty (1) is missing"},
		{"a parameter twice", "a5 01 02" + p256, false, "cose_keys[1]"},
		{"a tag", "c0 a4" + p256, false, "cose_keys[1]"},
		{"indefinite", "bf" + p256 + "ff", false, "cose_keys[1]"},
		{"no map", "f6", false, "cose_keys[1]"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			set, wrong, err := issuers.Read(octets(t, "81"+good))
			if err != nil || len(wrong) > 0 || describe(set) != `OKP Ed25519 "good"` {
				t.Fatal(describe(set), wrong, err)
			}
			set, wrong, err = issuers.Read(octets(t, "82"+good+c.key))
			if err != nil || (len(set) == 2) != c.kept || set[0].KID != "good" {
				t.Fatalf("%s, %v", describe(set), err)
			}
			if c.wrong == "" && len(wrong) > 0 || c.wrong != "" && (len(wrong) != 1 || !strings.Contains(wrong[0].Error(), c.wrong)) {
				t.Errorf("said %v, want %q", wrong, c.wrong)
			}
			if set, err := issuers.Parse(octets(t, "81"+c.key)); (err == nil) != c.kept {
				t.Errorf("alone: %s, %v", describe(set), err)
			}
		})
	}
}

// TestExposed: a private key in the file takes its public half out of it too,
// wherever that stands. The others stay.
func TestExposed(t *testing.T) {
	const public = `{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	const private = `{"kty":"OKP","crv":"Ed25519","kid":"b","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`
	const other = `{"kty":"EC","crv":"P-256","kid":"c","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	set, wrong, err := issuers.Read([]byte(`{"keys":[` + public + `,` + other + `]}`))
	if err != nil || len(wrong) > 0 || len(set) != 2 {
		t.Fatal(describe(set), wrong, err)
	}
	for _, keys := range []string{public + `,` + private + `,` + other, private + `,` + public + `,` + other} {
		set, wrong, err = issuers.Read([]byte(`{"keys":[` + keys + `]}`))
		if err != nil || len(wrong) != 2 || describe(set) != `EC P-256 "c"` {
			t.Error(describe(set), wrong, err)
		}
		if said := fmt.Sprint(wrong); !strings.Contains(said, "exposed") || strings.Contains(said, "nWGx") {
			t.Errorf("said %s", said)
		}
	}
	if set, err := issuers.Parse([]byte(`{"keys":[` + public + `,` + private + `]}`)); err == nil || strings.Contains(err.Error(), "nWGx") {
		t.Error(describe(set), err)
	}
	for _, name := range []string{"p256.pkcs8", "p256.sec1", "rsa2048.pkcs8", "rsa2048.pkcs1", "ed25519.pkcs8", "ed448.pkcs8"} {
		key := pemFile(t, name)
		set, err := issuers.Parse(key)
		if err == nil || !strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %s, %v", name, describe(set), err)
		}
		kind, _, _ := strings.Cut(name, ".")
		if set, err := issuers.Parse(slices.Concat(pemFile(t, kind+".public"), key)); err == nil {
			t.Errorf("%s beside its public key: %s", name, describe(set))
		}
	}
	if set := parse(t, slices.Concat(pemFile(t, "p384.public"), pemFile(t, "p256.pkcs8"))); describe(set) != "EC P-384" {
		t.Errorf("beside another: %s", describe(set))
	}
}

// TestNoKeys: files without a key that can be used, and what bounds them.
func TestNoKeys(t *testing.T) {
	jwk := func(i int) string {
		return fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":"%d","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, i)
	}
	jwks := func(n int) string {
		var all []string
		for i := range n {
			all = append(all, jwk(i))
		}
		return `{"keys":[` + strings.Join(all, ",") + `]}`
	}
	key := octets(t, "a3 01 01 20 06 21 58 20 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	cose := func(n int) string { return string([]byte{0x98, byte(n)}) + strings.Repeat(string(key), n) }
	pem := func(n int) string { return strings.Repeat(string(pemFile(t, "ed25519.public")), n) }
	for claim, of := range map[string]func(int) string{"a JWK Set": jwks, "a COSE_KeySet": cose, "PEM": pem} {
		if set := parse(t, of(100)); len(set) != 100 {
			t.Errorf("%s of 100: %d", claim, len(set))
		}
		if set, err := issuers.Parse([]byte(of(101))); err == nil || !strings.Contains(err.Error(), "100") {
			t.Errorf("%s of 101: %d, %v", claim, len(set), err)
		}
	}
	if len(parse(t, jwk(1)+strings.Repeat(" ", 1<<20-len(jwk(1))))) != 1 {
		t.Error("1 MiB")
	}
	if len(parse(t, "\ufeff"+jwk(1))) != 1 {
		t.Error("a byte-order mark")
	}
	for claim, file := range map[string]string{
		"nothing": "", "blanks": " \n", "over 1 MiB": jwk(1) + strings.Repeat(" ", 1<<20), "an empty set": `{"keys":[]}`, "an empty object": `{}`, "an empty COSE_KeySet": "\x80",
		"cut short": jwk(1)[:60], "something after it": jwk(1) + "x", "keys that are no list": `{"keys":{}}`, "keys twice": `{"keys":[` + jwk(1) + `],"keys":[]}`,
		"keys in another case": `{"Keys":[` + jwk(1) + `]}`, "a list of keys": `[` + jwk(1) + `]`, "a web page": "<!DOCTYPE html><title>404</title>",
		"a certificate in base64": "MIIB", "hexadecimal of something else": "deadbeef", "deep": `{"keys":[` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `]}`,
		"half a PEM": string(pemFile(t, "p256.public")[:80]), "a request": string(pemFile(t, "refused_request")), "a curve by its parameters": string(pemFile(t, "refused_explicit")),
		"an encrypted key": string(pemFile(t, "refused_encrypted_pkcs8")), "a short RSA key": string(pemFile(t, "refused_rsa1024")), "a key to agree with": string(pemFile(t, "x25519.public")),
		"COSE with octets to spare": string(key) + "\x00", "COSE cut short": string(key[:20]), "an indefinite COSE_KeySet": "\x9f" + string(key) + "\xff", "a tag": "\xd2" + string(key),
	} {
		if set, err := issuers.Parse([]byte(file)); err == nil || set != nil || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %s, %v", claim, describe(set), err)
		}
	}
	// A file cut in the middle of a block loses its end, and says so.
	whole := append(pemFile(t, "p256.public"), pemFile(t, "p384.public")...)
	set, wrong, err := issuers.Read(whole[:len(whole)-40])
	if err != nil || describe(set) != "EC P-256" || len(wrong) != 1 {
		t.Error(describe(set), wrong, err)
	}
}

// TestKindsOfCircl and decred, which no library of tokens here signs with: read as
// JWK and COSE_Key, and one octet of what is signed is enough to change.
func TestKindsOfCircl(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	ed := ed448.NewKeyFromSeed(make([]byte, ed448.SeedSize))
	edPublic := ed.Public().(ed448.PublicKey)
	pqPublic, pq := mldsa44.NewKeyFromSeed(new([mldsa44.SeedSize]byte))
	k := secp256k1.PrivKeyFromBytes([]byte{1})
	point := k.PubKey().SerializeUncompressed()
	signPQ := func(octets []byte) []byte {
		sig := make([]byte, mldsa44.SignatureSize)
		check(t, mldsa44.SignTo(pq, octets, nil, false, sig))
		return sig
	}
	signK := func(octets []byte) []byte {
		sum := sha256.Sum256(octets)
		return koblitz.SignCompact(k, sum[:], true)[1:]
	}
	set := parse(t, `{"keys":[{"kty":"OKP","crv":"Ed448","x":"`+b64(edPublic)+`"},
		{"kty":"AKP","alg":"ML-DSA-44","kid":"pq","pub":"`+b64(pqPublic.Bytes())+`"},
		{"kty":"AKP","alg":"SLH-DSA-SHA2-128s","pub":"AA"},
		{"kty":"EC","crv":"secp256k1","alg":"ES256K","x":"`+b64(point[1:33])+`","y":"`+b64(point[33:])+`"}]}`)
	if got := describe(set); got != `OKP Ed448, AKP ML-DSA-44 "pq" ML-DSA-44, EC secp256k1 ES256K` {
		t.Error(got)
	}
	cose := parse(t, bytes.Join([][]byte{octets(t, "81 a3 01 07 03 38 2f 20 59 0520"), pqPublic.Bytes()}, nil))
	if got := describe(cose); got != "AKP ML-DSA-44 ML-DSA-44" {
		t.Error(got)
	}
	for alg, sign := range map[string]func([]byte) []byte{
		"EdDSA": func(octets []byte) []byte { return ed448.Sign(ed, octets, "") },
		"Ed448": func(octets []byte) []byte { return ed448.Sign(ed, octets, "") }, "ML-DSA-44": signPQ, "ES256K": signK,
	} {
		input := b64([]byte(`{"alg":"`+alg+`"}`)) + "." + b64([]byte(claims))
		token := input + "." + b64(sign([]byte(input)))
		wants(t, issuers.Judge(read(t, token), set, nil), 0)
		wants(t, issuers.Judge(read(t, token), set[:0], nil), issuers.NoKey)
		wants(t, issuers.Judge(read(t, flip(t, token, 9)), set, nil), issuers.Signature)
		wants(t, issuers.Judge(read(t, input+"."+b64(sign([]byte(input+"x")))), set, nil), issuers.Signature)
	}
}

const (
	ed25519of8037 = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc7517A1     = `{"keys":
      [
        {"kty":"EC",
         "crv":"P-256",
         "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
         "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
         "use":"enc",
         "kid":"1"},

        {"kty":"RSA",
         "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
         "e":"AQAB",
         "alg":"RS256",
         "kid":"2011-04-29"}
      ]
    }`
	rfc9052Keys = `EC P-256 "meriadoc.brandybuck@buckland.example", EC P-256 "11", EC P-521 "bilbo.baggins@hobbiton.example", EC P-256 "peregrin.took@tuckborough.example"`
)

// rfc9052C71 is the COSE_KeySet of public keys of RFC 9052 C.7.1.
var rfc9052C71 = func() string {
	key := func(kid, crv, size, x, y string) string {
		name := hex.EncodeToString([]byte(kid))
		head := fmt.Sprintf("02 58%02x", len(kid))
		return "a5 20" + crv + "21" + size + x + "22" + size + y + "01 02" + head + name
	}
	return "84" +
		key("meriadoc.brandybuck@buckland.example", "01", "5820", "65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d", "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c") +
		key("11", "01", "5820", "bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff", "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e") +
		key("bilbo.baggins@hobbiton.example", "03", "5842", "0072992cb3ac08ecf3e5c63dedec0d51a8c1f79ef2f82f94f3c737bf5de7986671eac625fe8257bbd0394644caaa3aaf8f27a4585fbbcad0f2457620085e5c8f42ad", "01dca6947bce88bc5790485ac97427342bc35f887d86d65a089377e247e60baa55e4e8501e2ada5724ac51d6909008033ebc10ac999b9d7f5cc2519f3fe1ea1d9475") +
		key("peregrin.took@tuckborough.example", "01", "5820", "98f50a4ff6c05861c8860d13a638ea56c3f5ad7590bbfbf054e1c7b4d91d6280", "f01400b089867804b8e9fc96c3932161f1934f4223069170d924b7e03bf822bb")
}()
