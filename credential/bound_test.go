package credential_test

import (
	"testing"

	"cnfd/credential"
)

// TestDPoPBound: a jkt binds wherever it stands in cnf, and nothing else does.
func TestDPoPBound(t *testing.T) {
	const (
		jkt = `"jkt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"`
		kid = `"kid":"urn:ietf:params:oauth:jwk-thumbprint:sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"`
	)
	for _, c := range []struct {
		name, claims string
		want         bool
	}{
		{"alone", `"cnf":{` + jkt + `}`, true},
		{"before another", `"cnf":{` + jkt + `,` + kid + `}`, true},
		{"behind another", `"cnf":{` + kid + `,` + jkt + `}`, true},
		{"with an escape", `"cnf":{"\u006akt":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}`, true},
		{"another member", `"cnf":{` + kid + `}`, false},
		{"elsewhere", jkt + `,"cnf":{` + kid + `}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseClaims([]byte(`{"sub":"https://vendor.example",`+c.claims+`}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got.DPoPBound() != c.want {
				t.Errorf("bound: %t", !c.want)
			}
		})
	}
}
