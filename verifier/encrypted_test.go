package verifier

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"cnfd/decryption"
	"cnfd/dnssec"
	"cnfd/thumbprint"
)

// sealed are keys that npm's jose and cose-js encrypted: ../decryption/testdata/make.mjs.
type sealed struct {
	JWK       json.RawMessage
	COSEKey   string `json:"cose_key"`
	Keys      map[string]json.RawMessage
	JWE       []struct{ Alg, Enc, Key, Compact string }
	COSE      []struct{ Alg, To, Key, Message string }
	Private   struct{ JWE string }
	Symmetric struct{ JKT, JWE string }
}

func loadSealed(t testing.TB) (m sealed) {
	t.Helper()
	text, err := os.ReadFile("../decryption/testdata/made.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// holds makes the opener of the keys that are named.
func (m *sealed) holds(t testing.TB, names ...string) *decryption.Keys {
	t.Helper()
	var all []decryption.Key
	for _, name := range names {
		some, err := decryption.Parse(m.Keys[name])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
	}
	k, err := decryption.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (m *sealed) jwe(t testing.TB, alg, enc, key string) string {
	t.Helper()
	for _, v := range m.JWE {
		if v.Alg == alg && v.Enc == enc && v.Key == key {
			return v.Compact
		}
	}
	t.Fatalf("no JWE of %s %s for %s", alg, enc, key)
	return ""
}

func (m *sealed) cose(t testing.TB, alg, to, key string) []byte {
	t.Helper()
	for _, v := range m.COSE {
		if v.Alg == alg && v.To == to && v.Key == key {
			octets, err := hex.DecodeString(v.Message)
			if err != nil {
				t.Fatal(err)
			}
			return octets
		}
	}
	t.Fatalf("no message of %s %s for %s", alg, to, key)
	return nil
}

func jweClaims(compact string) string {
	return `{"sub":"` + subject + `","cnf":{"jwe":"` + compact + `"}}`
}

func sealedCWT(message []byte) string {
	return string(bytes.Join([][]byte{{0xa2, 0x02, 0x60 + byte(len(subject))}, []byte(subject), {0x08, 0xa1, 0x02}, message}, nil))
}

// flipTag changes one bit of the first octet of a JWE's tag.
func flipTag(t testing.TB, compact string) string {
	t.Helper()
	cut := strings.LastIndexByte(compact, '.') + 1
	tag, err := base64.RawURLEncoding.DecodeString(compact[cut:])
	if err != nil {
		t.Fatal(err)
	}
	tag[0] ^= 1
	return compact[:cut] + b64(string(tag))
}

const (
	jweOwner  = "jwe.cnf.vendor.example."
	coseOwner = "2.8.vendor.example."
)

// sealedScene confirms: a claim set with a JWE for p256, which the verifier holds, and the
// record of the key inside; the same key for a CWT.
func sealedScene(t testing.TB, m *sealed) *scene {
	t.Helper()
	jkt, err := thumbprint.OfJWK(m.JWK, thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(m.COSEKey)
	if err != nil {
		t.Fatal(err)
	}
	ckt, err := thumbprint.OfCOSEKey(key, thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	s := newScene()
	s.source.answers = map[string]*dnssec.Answer{
		jweOwner:  present(jweOwner, tlsa(255, 255, 255, jkt.Hex())),
		coseOwner: present(coseOwner, tlsa(255, 255, 255, ckt.Hex())),
	}
	s.claims = jweClaims(m.jwe(t, "ECDH-ES+A128KW", "A128GCM", "p256"))
	s.config.Credential.Confirmation.Opener = m.holds(t, "p256")
	return s
}

// asCWT turns a scene's token into a CWT with the same key for the same recipient.
func (s *scene) asCWT(t testing.TB, m *sealed) {
	s.request.Input = InputCWT
	s.claims = sealedCWT(m.cose(t, "AES-CCM-16-64-128", "ECDH-ES+HKDF-256", "p256"))
}

func TestAKeyThatIsEncryptedForThisVerifier(t *testing.T) {
	m := loadSealed(t)
	for _, c := range []struct {
		claim string
		flip  func(*scene)
		want  Reason
		asked string // "" where the DNS is not asked
	}{
		{"confirms", func(*scene) {}, RecordMatches, jweOwner},
		{"confirms in a JWT", func(s *scene) { s.request.Input, s.claims = InputJWT, compact(s.claims) }, RecordMatches, jweOwner},
		{"confirms in a CWT", func(s *scene) { s.asCWT(t, &m) }, RecordMatches, coseOwner},
		{"confirms with other keys beside the recipient's", func(s *scene) {
			s.config.Credential.Confirmation.Opener = m.holds(t, "rsa", "p384", "p256", "oct16")
		}, RecordMatches, jweOwner},

		{"no key at all", func(s *scene) { s.config.Credential.Confirmation.Opener = m.holds(t) }, Undecryptable, ""},
		{"no opener", func(s *scene) { s.config.Credential.Confirmation.Opener = nil }, Undecryptable, ""},
		{"another recipient's key", func(s *scene) { s.config.Credential.Confirmation.Opener = m.holds(t, "p384") }, Undecryptable, ""},
		{"another recipient's message", func(s *scene) { s.claims = jweClaims(m.jwe(t, "ECDH-ES+A128KW", "A128GCM", "p384")) }, Undecryptable, ""},
		{"a flipped octet of the tag", func(s *scene) {
			s.claims = jweClaims(flipTag(t, m.jwe(t, "ECDH-ES+A128KW", "A128GCM", "p256")))
		}, Undecryptable, ""},
		{"another recipient's key, of a CWT", func(s *scene) {
			s.asCWT(t, &m)
			s.config.Credential.Confirmation.Opener = m.holds(t, "p521")
		}, Undecryptable, ""},
		{"a flipped octet of the tag, in a CWT", func(s *scene) {
			// cose-js puts the recipients behind the ciphertext, whose last octets are its tag.
			s.asCWT(t, &m)
			at := strings.Index(s.claims, "\x81\x83\x44\xa1\x01\x38\x18") - 1
			octets := []byte(s.claims)
			octets[at] ^= 1
			s.claims = string(octets)
		}, Undecryptable, ""},

		{"the record names another key", func(s *scene) { s.source.answers[jweOwner].Data = [][]byte{theirs} }, RecordDiffers, jweOwner},
		{"the record is published for a key in the clear", func(s *scene) {
			s.source.answers[owner] = s.source.answers[jweOwner]
			delete(s.source.answers, jweOwner)
		}, RecordAbsent, jweOwner},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := sealedScene(t, &m)
			c.flip(s)
			v, err := s.ask(t)
			if err != nil || v.Reason != c.want {
				t.Fatalf("%v, %v; want %v", v.Reason, err, c.want)
			}
			want := thumbprint.MethodJWE
			if s.request.Input == InputCWT {
				want = thumbprint.MethodEncryptedCOSEKey
			}
			if v.Method != want || v.Thumbprint.IsZero() != (c.want == Undecryptable) {
				t.Errorf("method %v, thumbprint %v", v.Method, v.Thumbprint)
			}
			switch {
			case c.asked == "" && len(s.source.asked) > 0, c.asked != "" && (len(s.source.asked) != 1 || s.source.asked[0].Name.String() != c.asked):
				t.Errorf("asked %v, want %q", s.source.asked, c.asked)
			}
		})
	}
}

// What may not be opened with any key, and what may not come out, is no question at all.
func TestWhatIsRefusedOfAnEncryptedKey(t *testing.T) {
	m := loadSealed(t)
	parts := strings.Split(m.jwe(t, "ECDH-ES+A128KW", "A128GCM", "p256"), ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	// header puts members before those of the token that confirms.
	header := func(members string) string {
		return strings.Join(append([]string{b64(`{` + members + `,` + string(text[1:]))}, parts[1:]...), ".")
	}
	rsa15 := strings.Join([]string{b64(`{"alg":"RSA1_5","enc":"A128GCM"}`), b64(strings.Repeat("\x00", 256)), b64(strings.Repeat("\x00", 12)), b64("x"), b64(strings.Repeat("\x00", 16))}, ".")
	pbes2 := strings.Join([]string{b64(`{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2s":"AAAAAAAAAAA","p2c":1000000}`), b64(strings.Repeat("\x00", 24)), b64(strings.Repeat("\x00", 12)), b64("x"), b64(strings.Repeat("\x00", 16))}, ".")
	for _, c := range []struct {
		claim, compact, rule string
		want                 Problem
	}{
		{"RSA1_5", rsa15, "RSA1_5", NotReducible},
		{"PBES2", pbes2, "PBES2", NotReducible},
		{"zip", header(`"zip":"DEF"`), "zip", NotReducible},
		{"crit", header(`"crit":["x"],"x":1`), "crit", NotReducible},
		{"a symmetric key inside", m.Symmetric.JWE, "symmetric", NotReducible},
		{"a private key inside", m.Private.JWE, "private", Malformed},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := sealedScene(t, &m)
			s.config.Credential.Confirmation.Opener = m.holds(t, "p256", "rsa", "oct16")
			if v, err := s.ask(t); err != nil || v.Reason != RecordMatches {
				t.Fatalf("before the flip: %v, %v", v.Reason, err)
			}
			s.source.asked = nil
			s.claims = jweClaims(c.compact)
			_, err := s.ask(t)
			var e *Error
			if !errors.As(err, &e) || e.Problem != c.want || !strings.HasPrefix(e.Where, "claims.cnf.jwe") || !strings.Contains(e.Error(), c.rule) {
				t.Errorf("%v", err)
			}
			if len(s.source.asked) > 0 {
				t.Errorf("asked %v", s.source.asked)
			}
		})
	}
}

// A symmetric key confirms where the operator allows it, encrypted as in the clear.
func TestASymmetricKeyThatIsEncryptedWhereAllowed(t *testing.T) {
	m := loadSealed(t)
	sum, err := base64.RawURLEncoding.DecodeString(m.Symmetric.JKT)
	if err != nil {
		t.Fatal(err)
	}
	s := sealedScene(t, &m)
	s.claims = jweClaims(m.Symmetric.JWE)
	s.source.answers[jweOwner] = present(jweOwner, tlsa(255, 255, 255, hex.EncodeToString(sum)))
	s.config.Credential.Confirmation.Opener = m.holds(t, "oct16")
	s.config.Credential.Confirmation.Symmetric = true
	if v, err := s.ask(t); err != nil || v.Reason != RecordMatches {
		t.Errorf("allowed: %v, %v", v.Reason, err)
	}
	s.config.Credential.Confirmation.Symmetric = false
	var e *Error
	if _, err := s.ask(t); !errors.As(err, &e) || e.Problem != NotReducible {
		t.Errorf("not allowed: %v", err)
	}
}

// Whoever has an opener pays nothing for it where nothing is encrypted.
func TestAnOpenerCostsATokenInTheClearNothing(t *testing.T) {
	s := newScene()
	s.source.quiet = true
	m := loadSealed(t)
	s.config.Credential.Confirmation.Opener = m.holds(t, "p256")
	s.source.answers["1.8.vendor.example."] = present("1.8.vendor.example.", ours)
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []*Request{{Input: InputClaims, Bytes: []byte(claims)}, {Input: InputCWT, Bytes: cwtClaims}} {
		if n := testing.AllocsPerRun(200, func() {
			if got, err := v.Verify(t.Context(), q); err != nil || got.Record.Usable != 1 {
				t.Fatal(got.Reason, err)
			}
		}); n != 0 {
			t.Errorf("input %d: %v allocations", q.Input, n)
		}
	}
}
