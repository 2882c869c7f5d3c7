package decryption_test

import (
	"encoding/json"
	"testing"

	"cnfd/thumbprint"
)

// TestWhatPythonEncrypted opens messages of every algorithm of COSE that another
// implementation made from the RFCs, testdata/make.py, and names the key in them as
// that does. With another key, or a bit of the ciphertext flipped, they stay closed.
func TestWhatPythonEncrypted(t *testing.T) {
	m := load[struct {
		CKT     string
		COSEKey string `json:"cose_key"`
		Keys    map[string]json.RawMessage
		COSE    []struct{ Alg, To, Key, Message string }
	}](t, "testdata/made_by_python.json")
	strangers := loadMade(t)
	seen := map[string]bool{}
	for _, v := range m.COSE {
		seen[v.Alg], seen[v.To], seen[v.Key] = true, true, true
		t.Run(v.Alg+" "+v.To+" "+v.Key, func(t *testing.T) {
			read := func(message string, file json.RawMessage) (thumbprint.Confirmation, error) {
				return thumbprint.FromCOSE(cnfCOSE(t, message), thumbprint.Options{Opener: keys(t, file)})
			}
			c, err := read(v.Message, m.Keys[v.Key])
			if err != nil || c.Encrypted || c.Method != thumbprint.MethodEncryptedCOSEKey || c.Thumbprint.Hex() != m.CKT {
				t.Fatalf("got %v %v", c, err)
			}
			closed := thumbprint.Confirmation{Method: thumbprint.MethodEncryptedCOSEKey, Encrypted: true}
			if c, err := read(v.Message, strangers.Keys[v.Key]); err != nil || c != closed {
				t.Errorf("with a stranger's key: %v %v", c, err)
			}
			flipped := octets(t, v.Message)
			flipped[50] ^= 1 // of the ciphertext, which is longer than all before it
			c, err = thumbprint.FromCOSE(append([]byte{0xa1, 0x02}, flipped...), thumbprint.Options{Opener: keys(t, m.Keys[v.Key])})
			if err != nil || c != closed {
				t.Errorf("flipped: %v %v", c, err)
			}
			if plaintext, err := keys(t, m.Keys[v.Key]).OpenCOSE(octets(t, v.Message)); err != nil || string(plaintext) != string(octets(t, m.COSEKey)) {
				t.Errorf("got %x %v", plaintext, err)
			}
		})
	}
	for _, name := range []string{
		"A128GCM", "A192GCM", "A256GCM", "ChaCha20/Poly1305", "AES-CCM-16-64-128", "AES-CCM-64-128-256",
		"", "direct", "A128KW", "A192KW", "A256KW", "ECDH-ES+HKDF-256", "p256", "p384", "p521", "x25519",
	} {
		if !seen[name] {
			t.Errorf("nothing was made of %q", name)
		}
	}
}
