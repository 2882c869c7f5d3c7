package thumbprint_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"cnfd/thumbprint"
)

// opener gives one answer to every message, and remembers the last message.
type opener struct {
	key   string
	err   error
	asked *string
}

func (o opener) OpenJWE(compact []byte) ([]byte, error) { return o.open(compact) }
func (o opener) OpenCOSE(message []byte) ([]byte, error) {
	return o.open([]byte(hex.EncodeToString(message)))
}

func (o opener) open(message []byte) ([]byte, error) {
	*o.asked = string(message)
	return []byte(o.key), o.err
}

// coseMessage is a COSE_Encrypt0 that nobody has the key of.
const coseMessage = "8343a1010aa1054d636898994ff0ec7bfcf6d3f95b4a00000000000000000000"

func TestAnOpenersAnswerIsTheClaims(t *testing.T) {
	const coseEC = "a401022001215820d7cc072de2205bdc1537a543d53c60a6acb62eccd890c7fa27c9e354089bbe13225820f95e1d4b851a2cc80fff87d8e23f22afb725d535e515d020731e79a3b4e47120"
	cose, err := hex.DecodeString(coseEC)
	if err != nil {
		t.Fatal(err)
	}
	unknown := errors.New("whatever it is that is not of this package")
	refused := &thumbprint.Error{Rule: thumbprint.NotReducible, Where: "header.alg", What: "no"}
	whole := &thumbprint.Error{Rule: thumbprint.Malformed, What: "no"}
	private := ecKey[:len(ecKey)-1] + `,"d":"` + dSecret + `"}`
	for _, c := range []struct {
		claim     string
		jwk, cose string
		err       error
		encrypted bool
		rule      thumbprint.Rule
		jwkErr    string
		coseErr   string
	}{
		{"a key", ecKey, string(cose), nil, false, 0, "", ""},
		{"a key and an error: the error counts", ecKey, string(cose), unknown, true, 0, "", ""},
		{"no key opens it", "", "", unknown, true, 0, "", ""},
		{"it may not be opened", "", "", refused, false, thumbprint.NotReducible, "cnf.jwe.header.alg: no", "8.2.header.alg: no"},
		{"it is no such message", "", "", whole, false, thumbprint.Malformed, "cnf.jwe: no", "8.2: no"},
		{"nothing in it", "", "", nil, false, thumbprint.Malformed, "cnf.jwe: ends too early", "8.2: empty"},
		{"no key in it", `"x"`, "\x01", nil, false, thumbprint.Malformed, "cnf.jwe: not an object", "8.2: not a map, as a COSE_Key is"},
		{"something after it", ecKey + "x", string(cose) + "\x00", nil, false, thumbprint.Malformed, "cnf.jwe: trailing data", "8.2: 1 bytes of extraneous data starting at index 75"},
		{"a private key", private, string([]byte{0xa5}) + string(cose[1:]) + "\x23\x41\x01", nil, false, thumbprint.PrivateKey,
			"cnf.jwe: holds a private key: send the public part only, and take the private key for exposed",
			"8.2: holds a private key: send the public part only, and take the private key for exposed"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			asked := ""
			check := func(got thumbprint.Confirmation, err error, method thumbprint.Method, want string, sum string) {
				t.Helper()
				if want != "" {
					var e *thumbprint.Error
					if !errors.As(err, &e) || e.Rule != c.rule || e.Error() != want || got != (thumbprint.Confirmation{}) {
						t.Errorf("%s: got %v %v, want %s", method, got, err, want)
					}
					return
				}
				if err != nil || got.Encrypted != c.encrypted || got.Method != method || got.Thumbprint.IsZero() != c.encrypted || !c.encrypted && got.Thumbprint.Hex() != sum {
					t.Errorf("%s: got %v %v", method, got, err)
				}
			}
			got, err := thumbprint.FromJOSE([]byte(`{"jwe":"`+jwe+`"}`), thumbprint.Options{Opener: opener{c.jwk, c.err, &asked}})
			check(got, err, thumbprint.MethodJWE, c.jwkErr, hex7800)
			if asked != jwe {
				t.Errorf("asked to open %q", asked)
			}
			message, _ := hex.DecodeString("a102" + coseMessage)
			got, err = thumbprint.FromCOSE(message, thumbprint.Options{Opener: opener{c.cose, c.err, &asked}})
			check(got, err, thumbprint.MethodEncryptedCOSEKey, c.coseErr, "58cffeb77aaffb08d271f12f8791eed30fb0b8106063df71e6871fc8cd56128f")
			if asked != coseMessage {
				t.Errorf("asked to open %q", asked)
			}
		})
	}
}

// What is no message at all, or stands beside an open key, is nobody's to open.
func TestAnOpenerIsNotAskedInVain(t *testing.T) {
	asked := ""
	o := thumbprint.Options{Opener: opener{ecKey, nil, &asked}}
	for _, cnf := range []string{`{"jwe":"e30"}`, `{"jwe":"` + jwe + `","jwk":` + ecKey + `}`, `{"jwe":"` + jwe + `","jkt":"AA"}`, `{"jwk":` + ecKey + `}`} {
		_, _ = thumbprint.FromJOSE([]byte(cnf), o)
		if asked != "" {
			t.Errorf("%s: asked to open %q", cnf, asked)
		}
	}
	message, _ := hex.DecodeString("a202d2" + coseMessage + "0540")
	if _, err := thumbprint.FromCOSE(message, o); err == nil || asked != "" {
		t.Errorf("%v, asked to open %q", err, asked)
	}
}
