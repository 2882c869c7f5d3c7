package decryption_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cnfd/decryption"
	"cnfd/thumbprint"
)

// made are messages by implementations that are not this one: testdata/make.mjs.
type made struct {
	JWK     json.RawMessage
	JKT     string
	COSEKey string `json:"cose_key"`
	Keys    map[string]json.RawMessage
	JWE     []struct{ Alg, Enc, Key, Compact string }
	COSE    []struct{ Alg, To, Key, Message string }
	Private struct{ JWE, COSE string }
	// Symmetric holds a symmetric key, encrypted.
	Symmetric struct{ JKT, JWE, COSE string }
}

func load[T any](t testing.TB, file string) (v T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func loadMade(t testing.TB) made { return load[made](t, "testdata/made.json") }

// keys reads key files, each into the same Keys.
func keys(t testing.TB, files ...[]byte) *decryption.Keys {
	t.Helper()
	var all []decryption.Key
	for _, file := range files {
		some, err := decryption.Parse(file)
		if err != nil {
			t.Fatalf("%v", err)
		}
		all = append(all, some...)
	}
	k, err := decryption.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (m *made) all(t testing.TB) *decryption.Keys {
	var files [][]byte
	for _, k := range m.Keys {
		files = append(files, k)
	}
	return keys(t, files...)
}

func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cnfJWE and cnfCOSE are claims that hold a message.
func cnfJWE(compact string) []byte { return []byte(`{"jwe":"` + compact + `"}`) }

func cnfCOSE(t testing.TB, message string) []byte {
	return append([]byte{0xa1, 0x02}, octets(t, message)...)
}

func TestWhatOthersEncryptedToUsNamesTheKeyThatTheyEncrypted(t *testing.T) {
	m := loadMade(t)
	all := m.all(t)
	if len(m.JWE) < 4*16 || len(m.COSE) < 30 {
		t.Fatalf("only %d and %d messages", len(m.JWE), len(m.COSE))
	}
	for _, v := range m.JWE {
		t.Run(v.Alg+" "+v.Enc+" "+v.Key, func(t *testing.T) {
			for _, k := range []*decryption.Keys{all, keys(t, m.Keys[v.Key])} {
				c, err := thumbprint.FromJOSE(cnfJWE(v.Compact), thumbprint.Options{Opener: k})
				if err != nil || c.Encrypted || c.Method != thumbprint.MethodJWE || c.Thumbprint.Base64() != m.JKT {
					t.Errorf("got %v %v", c, err)
				}
			}
			none, err := thumbprint.FromJOSE(cnfJWE(v.Compact), thumbprint.Options{Opener: keys(t)})
			if err != nil || none != (thumbprint.Confirmation{Method: thumbprint.MethodJWE, Encrypted: true}) {
				t.Errorf("without a key: %v %v", none, err)
			}
		})
	}
	want, err := thumbprint.OfCOSEKey(octets(t, m.COSEKey), thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range m.COSE {
		t.Run(v.Alg+" "+v.To+" "+v.Key, func(t *testing.T) {
			for _, k := range []*decryption.Keys{all, keys(t, m.Keys[v.Key])} {
				c, err := thumbprint.FromCOSE(cnfCOSE(t, v.Message), thumbprint.Options{Opener: k})
				if err != nil || c != (thumbprint.Confirmation{Method: thumbprint.MethodEncryptedCOSEKey, Thumbprint: want}) {
					t.Errorf("got %v %v", c, err)
				}
			}
			none, err := thumbprint.FromCOSE(cnfCOSE(t, v.Message), thumbprint.Options{Opener: keys(t)})
			if err != nil || none != (thumbprint.Confirmation{Method: thumbprint.MethodEncryptedCOSEKey, Encrypted: true}) {
				t.Errorf("without a key: %v %v", none, err)
			}
		})
	}
}

func TestMessagesThatOthersHavePublished(t *testing.T) {
	type vector struct {
		Name, Message, Plaintext string
		Key                      json.RawMessage
	}
	published := load[struct{ COSE, JWE []vector }](t, "testdata/published.json")
	for _, v := range published.JWE {
		got, err := keys(t, v.Key).OpenJWE([]byte(v.Message))
		if err != nil || string(got) != v.Plaintext {
			t.Errorf("%s: got %q %v", v.Name, got, err)
		}
	}
	for _, v := range published.COSE {
		got, err := keys(t, v.Key).OpenCOSE(octets(t, v.Message))
		if err != nil || string(got) != v.Plaintext {
			t.Errorf("%s: got %q %v", v.Name, got, err)
		}
	}
	if len(published.JWE) < 6 || len(published.COSE) < 18 {
		t.Errorf("only %d and %d", len(published.JWE), len(published.COSE))
	}
}

// RFC 8747 §3.3 encrypts a symmetric key, in a map that is not in deterministic
// order, to the key of RFC 8392 A.2.2.
func TestTheExampleOfRFC8747IsOpenedAndRefused(t *testing.T) {
	const message = "8343a1010aa1054d636898994ff0ec7bfcf6d3f95b58300573318a3573eb983e55a7c2f06cadd0796c9e584f1d0e3ea8c5b052592a8b2694be9654f0431f38d5bbc8049fa7f13f"
	k := keys(t, octets(t, "a3010420506162630405060708090a0b0c0d0e0f10030a"))
	if plaintext, err := k.OpenCOSE(octets(t, message)); err != nil || hex.EncodeToString(plaintext[:5]) != "a303050104" {
		t.Fatalf("%x %v", plaintext, err)
	}
	_, err := thumbprint.FromCOSE(cnfCOSE(t, message), thumbprint.Options{Opener: k})
	refusedFor(t, err, thumbprint.NotReducible, "8.2.1: a symmetric key, whose published hash lets anybody try guesses offline: use a key pair, or turn on record.symmetric")
	c, err := thumbprint.FromCOSE(cnfCOSE(t, message), thumbprint.Options{Opener: k, Symmetric: true})
	if err != nil || c.Method != thumbprint.MethodEncryptedCOSEKey || c.Thumbprint.Hex() != "2da55879ba557c46a6c173659ee9b97b03e67edfa755b64825742287692291bc" {
		t.Errorf("allowed: %v %v", c, err)
	}
	k = keys(t, octets(t, "a3010420506162630405060708090a0b0c0d0e0f11030a"))
	if c, err := thumbprint.FromCOSE(cnfCOSE(t, message), thumbprint.Options{Opener: k}); err != nil || !c.Encrypted {
		t.Errorf("with another key: %v %v", c, err)
	}
}

// refusedFor holds an error to a rule and a text.
func refusedFor(t *testing.T, err error, rule thumbprint.Rule, text string) {
	t.Helper()
	var e *thumbprint.Error
	if !errors.As(err, &e) || e.Rule != rule || e.Error() != text {
		t.Errorf("got %v, want %s %s", err, rule, text)
	}
}

// RFC 7517 Appendix C encrypts a private key, under a password: each of the two
// is a reason to refuse it.
func TestTheExampleOfRFC7517IsRefusedForTwoReasons(t *testing.T) {
	type vector struct {
		Name      string
		Input     json.RawMessage
		Plaintext json.RawMessage
	}
	for _, v := range load[[]vector](t, "../thumbprint/testdata/thumbprints.json") {
		if v.Name != "rfc7517-C-jwe-jwk" {
			continue
		}
		cnf := []byte(`{"jwe":` + string(v.Input) + `}`)
		_, err := thumbprint.FromJOSE(cnf, thumbprint.Options{Opener: keys(t)})
		refusedFor(t, err, thumbprint.NotReducible, "cnf.jwe.header.alg: PBES2, under a password that can be guessed, at a cost that the sender sets (RFC 7518 §8.8): use RSA-OAEP-256 or ECDH-ES")
		_, err = thumbprint.FromJOSE([]byte(`{"jwk":`+string(v.Plaintext)+`}`), thumbprint.Options{})
		refusedFor(t, err, thumbprint.PrivateKey, "cnf.jwk: holds a private key: send the public part only, and take the private key for exposed")
		return
	}
	t.Fatal("not among the vectors")
}

func TestWhatComesOutIsJudgedAsAKeyInTheClear(t *testing.T) {
	m := loadMade(t)
	o := thumbprint.Options{Opener: m.all(t)}
	const exposed = ": holds a private key: send the public part only, and take the private key for exposed"
	const guesses = ": a symmetric key, whose published hash lets anybody try guesses offline: use a key pair, or turn on record.symmetric"
	_, err := thumbprint.FromJOSE(cnfJWE(m.Private.JWE), o)
	refusedFor(t, err, thumbprint.PrivateKey, "cnf.jwe"+exposed)
	_, err = thumbprint.FromCOSE(cnfCOSE(t, m.Private.COSE), o)
	refusedFor(t, err, thumbprint.PrivateKey, "8.2"+exposed)
	_, err = thumbprint.FromJOSE(cnfJWE(m.Symmetric.JWE), o)
	refusedFor(t, err, thumbprint.NotReducible, "cnf.jwe.kty"+guesses)
	_, err = thumbprint.FromCOSE(cnfCOSE(t, m.Symmetric.COSE), o)
	refusedFor(t, err, thumbprint.NotReducible, "8.2.1"+guesses)

	o.Symmetric = true
	if c, err := thumbprint.FromJOSE(cnfJWE(m.Symmetric.JWE), o); err != nil || c.Thumbprint.Base64() != m.Symmetric.JKT {
		t.Errorf("a symmetric key that is allowed: %v %v", c, err)
	}
	if _, err := thumbprint.FromCOSE(cnfCOSE(t, m.Symmetric.COSE), o); err != nil {
		t.Errorf("a symmetric key that is allowed: %v", err)
	}
	_, err = thumbprint.FromJOSE(cnfJWE(m.Private.JWE), o)
	refusedFor(t, err, thumbprint.PrivateKey, "cnf.jwe"+exposed)
}

func TestMembersBesideAnOpenedKeyMustNameIt(t *testing.T) {
	m := loadMade(t)
	o := thumbprint.Options{Opener: m.all(t)}
	const uri = "urn:ietf:params:oauth:jwk-thumbprint:sha-256:"
	const other = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
	claim := func(member string) []byte {
		return []byte(`{"jwe":"` + m.JWE[0].Compact + `",` + member + `}`)
	}
	for member, method := range map[string]thumbprint.Method{
		`"jkt":"` + m.JKT + `"`:       thumbprint.MethodJKT, // before jwe in the order of the methods
		`"kid":"` + uri + m.JKT + `"`: thumbprint.MethodJWE,
		`"kid":"opaque"`:              thumbprint.MethodJWE,
	} {
		c, err := thumbprint.FromJOSE(claim(member), o)
		if err != nil || c.Encrypted || c.Method != method || c.Thumbprint.Base64() != m.JKT {
			t.Errorf("%s: %v %v", member, c, err)
		}
	}
	_, err := thumbprint.FromJOSE(claim(`"jkt":"`+other+`"`), o)
	refusedFor(t, err, thumbprint.Malformed, "cnf.jkt: not the thumbprint of the key in jwe")
	_, err = thumbprint.FromJOSE(claim(`"kid":"`+uri+other+`"`), o)
	refusedFor(t, err, thumbprint.Malformed, "cnf.kid: not the thumbprint URI of the key in jwe")
	_, err = thumbprint.FromJOSE(claim(`"jwk":`+string(m.JWK)), o)
	refusedFor(t, err, thumbprint.Malformed, "cnf: more than one of jwk, jwe and jku")

	sealed := m.COSE[0].Message
	ckt, _ := thumbprint.OfCOSEKey(octets(t, m.COSEKey), thumbprint.SHA256)
	jkt, _ := thumbprint.OfJWK(m.JWK, thumbprint.SHA256)
	for _, c := range []struct{ label, digest, want string }{
		{"05", ckt.Hex(), ""},
		{"190143", jkt.Hex(), ""},
		{"05", jkt.Hex(), "8.5: not the thumbprint of the key in 2"},
		{"190143", ckt.Hex(), "8.323: not the thumbprint, as a JWK, of the key in 2"},
	} {
		got, err := thumbprint.FromCOSE(octets(t, "a202"+sealed+c.label+"5820"+c.digest), o)
		if c.want == "" && (err != nil || got.Thumbprint != ckt || got.Method != thumbprint.MethodEncryptedCOSEKey) {
			t.Errorf("%s: %v %v", c.label, got, err)
		}
		if c.want != "" {
			refusedFor(t, err, thumbprint.Malformed, c.want)
		}
	}
	_, err = thumbprint.FromCOSE(octets(t, "a202"+sealed+"01"+m.COSEKey), o)
	if err == nil || !strings.Contains(err.Error(), "both 1 and 2") {
		t.Errorf("both: %v", err)
	}
}
