package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// A wish is a token to be made by tokens/jose.mjs (formats jwt, sd-jwt) or tokens/cwt.py (cwt).
type wish struct {
	Name    string `json:"name"`
	Format  string `json:"format"`
	Key     string `json:"key"`    // P-256, P-384, Ed25519, RSA
	Method  string `json:"method"` // jwk, jkt, jwe; 1, 5, 323
	Subject string `json:"subject"`
	Exp     int64  `json:"exp,omitempty"`
	Nbf     int64  `json:"nbf,omitempty"`
}

// A token and the thumbprint of its key in hexadecimal, both as the other library made them.
type token struct {
	wish
	Token      string `json:"token"`
	Thumbprint string `json:"thumbprint"`
}

// domain is the subject's host, as a name of the DNS.
func (k token) domain() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(k.Subject, "https://"), "/")
	return host + "."
}

// owner is the name where the record of the token's key lives, as the draft has it.
func (k token) owner() string {
	if k.Format == "cwt" {
		return k.Method + ".8." + k.domain()
	}
	return k.Method + ".cnf." + k.domain()
}

// keyZone is where the tokens of every kind of key have their records.
const keyZone = "keys.example."

// guest is a domain that is not a zone: its records are in the zone of its parent.
const guest = "guest.example."

// wishes are the tokens of one JWT and one CWT for each zone, those of every kind of key, and those judged by time.
func wishes() (all []wish) {
	for _, z := range append(slices.Clone(subjects), guest) {
		subject := "https://" + z[:len(z)-1]
		all = append(all,
			wish{Name: z + " jwt", Format: "jwt", Key: "P-256", Method: "jwk", Subject: subject},
			wish{Name: z + " cwt", Format: "cwt", Key: "P-256", Method: "1", Subject: subject})
	}
	for format, methods := range map[string][]string{"jwt": {"jwk", "jkt", "jwe"}, "sd-jwt": {"jwk"}, "cwt": {"1", "5", "323"}} {
		for _, method := range methods {
			for _, key := range []string{"P-256", "P-384", "Ed25519", "RSA"} {
				all = append(all, wish{Name: format + " " + method + " " + key, Format: format, Key: key, Method: method,
					Subject: "https://keys.example/users/7"})
			}
		}
	}
	now := time.Now().Unix()
	for _, format := range []string{"jwt", "cwt"} {
		method := map[string]string{"jwt": "jwk", "cwt": "1"}[format]
		all = append(all,
			wish{Name: "expired " + format, Format: format, Key: "P-256", Method: method, Subject: "https://steady.example", Exp: now - 3600},
			wish{Name: "early " + format, Format: format, Key: "P-256", Method: method, Subject: "https://steady.example", Nbf: now + 3600},
			wish{Name: "in time " + format, Format: format, Key: "P-256", Method: method, Subject: "https://steady.example", Exp: now + 36000, Nbf: now - 3600},
			wish{Name: "stranger " + format, Format: format, Key: "P-256", Method: method, Subject: "https://steady.example"})
	}
	return all
}

// made is every token of this run, by name. Making them is the business of the two scripts alone.
var made = sync.OnceValues(func() (map[string]token, error) {
	scripts := map[string][]string{
		"jose": {"node", "jose.mjs"},
		"cwt":  {"/usr/bin/python3", "cwt.py"},
	}
	asked := map[string][]wish{}
	all := map[string]token{}
	for _, w := range wishes() {
		script := "jose"
		if w.Format == "cwt" {
			script = "cwt"
		}
		asked[script] = append(asked[script], w)
		all[w.Name] = token{wish: w}
	}
	for script, argv := range scripts {
		stdin, err := json.Marshal(asked[script])
		if err != nil {
			return nil, err
		}
		stdout, err := try("tokens", string(stdin), argv...)
		if err != nil {
			return nil, err
		}
		var got map[string]token
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			return nil, err
		}
		for name, k := range got {
			k.wish = all[name].wish
			all[name] = k
		}
	}
	return all, nil
})

// tokens returns the tokens of this run, or skips the test naming what makes them and is not there.
func tokens(t testing.TB) map[string]token {
	t.Helper()
	testneeds.Binary(t, "node", "nodejs")
	if _, err := os.Stat(filepath.Join("tokens", "node_modules", "jose")); err != nil {
		testneeds.Lacking(t, "npm's jose is missing: (cd integration/tokens && npm ci)")
	}
	if _, err := try("", "", "/usr/bin/python3", "-c", "import cbor2, cryptography"); err != nil {
		testneeds.Lacking(t, "Python libraries are missing: apt-get install python3-cbor2 python3-cryptography")
	}
	all, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
