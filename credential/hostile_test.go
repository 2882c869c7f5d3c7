package credential_test

import (
	"testing"

	"cnfd/credential"
)

// TestLookAlikesOfAnAudience: a claim that another reader takes for aud is no aud
// here, and hides none.
func TestLookAlikesOfAnAudience(t *testing.T) {
	const others = `"aud":"https://w.example",`
	read := func(aud string) (credential.Credential, error) {
		return credential.ParseClaims([]byte(`{"sub":"a",`+aud+cnf+`}`), nil)
	}
	c, err := read(others)
	check(t, err)
	if named, present := c.For("https://v.example"); named || !present {
		t.Errorf("before anything is flipped: %v %v", named, present)
	}
	for _, twin := range []string{`"AUD"`, `"Aud"`, `"\u0061Ud"`} {
		for _, aud := range []string{twin + `:"https://v.example",` + others, others + twin + `:"https://v.example",`, twin + `:"https://v.example",`} {
			c, err := read(aud)
			if is := outcome(t, c, err); len(is) < 9 || is[:9] != "malformed" {
				t.Errorf("%s: %s", aud, is)
			}
		}
	}
	if _, err := read(others + `"aud":"https://v.example",`); err == nil {
		t.Error("two audiences, one after the other")
	}
}
