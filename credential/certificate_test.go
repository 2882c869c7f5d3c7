package credential_test

import (
	"testing"

	"cnfd/credential"
	"cnfd/thumbprint"
)

// TestCertificate: the certificate is the one that the token names, beside a key
// too and whether or not it may stand for one; RFC 8705 §3.1's own with its
// stray trailing bits among them.
func TestCertificate(t *testing.T) {
	const digest = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"
	const sum = "6f070ad1eb1cdc0082dc3076639fe5112b1713ca3d96d734e4ef3d8dd37e760d"
	key := `"jkt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"`
	for _, c := range []struct{ name, cnf, want string }{
		{"beside a key", `{` + key + `,"x5t#S256":"` + digest + `"}`, sum},
		{"before a key", `{"x5t#S256":"` + digest + `",` + key + `}`, sum},
		{"with an escape", `{` + key + `,"x5t\u0023S256":"` + digest + `"}`, sum},
		{"none", `{` + key + `}`, ""},
		{"another digest", `{` + key + `,"x5t":"` + digest + `"}`, ""},
		{"too short", `{` + key + `,"x5t#S256":"` + digest[:42] + `"}`, ""},
		{"no text", `{` + key + `,"x5t#S256":[]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseClaims([]byte(`{"sub":"https://vendor.example","cnf":`+c.cnf+`}`), nil)
			if err != nil && c.name != "no text" {
				t.Fatal(err)
			}
			x5t := got.Certificate()
			if c.want == "" && !x5t.IsZero() || c.want != "" && (x5t.Hex() != c.want || x5t.Kind() != thumbprint.Certificate) {
				t.Errorf("got %s", x5t.Hex())
			}
		})
	}
}
