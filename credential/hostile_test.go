package credential_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

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

// TestNothingOfAKeyIsDisclosed: an SD-CWT's cnf is read as the issuer has signed
// it; what a disclosure would put into it, an element of an encrypted key among
// it, is no part of it.
func TestNothingOfAKeyIsDisclosed(t *testing.T) {
	const sealed = "08 a1 02 83 43a10101 a1054c000000000000000000000000 "
	const ciphertext = "5820 0000000000000000000000000000000000000000000000000000000000000000"
	for _, c := range []struct{ name, claims, want string }{
		{"in the clear", "a3 02 61 61" + sealed + ciphertext + "1901f4 81 d83c @0", "a 2"},
		{"disclosed", "a2 02 61 61" + sealed + "d83c @0", "malformed sd_claims[0]: nothing in the token refers to it"},
		{"withheld", "a3 02 61 61" + sealed + "d83c 41ff" + "1901f4 81 d83c @0", "malformed claims.8.2: CBOR tag isn't allowed"},
	} {
		got, err := credential.ParseCWT(sdCWT(t, es256Header, c.claims, "82"+salt+ciphertext), nil)
		if is := outcome(t, got, err); is != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, is, c.want)
		}
	}
}

// TestOneTextOfOctets: what nobody decodes before it is checked has one text all the
// same, so that one signature, or one disclosure, cannot be sent in two.
func TestOneTextOfOctets(t *testing.T) {
	jwt := compact(es256, `{"sub":"a",`+cnf+`}`)
	jwt = jwt[:strings.LastIndexByte(jwt, '.')+1]
	for text, want := range map[string]bool{
		"AA": true, "AAA": true, "AAAA": true, "AAAAAA": true,
		"AB": false, "AAB": false, "AAAAAB": false, "AAAAAAB": false, "AAAA=": false, "AAA=": false, "AA==": false,
		"AA A": false, "AA\n": false, "AA+/": false, "A": false, "AAAAA": false, "": false,
	} {
		for place, token := range map[string]string{
			"signature": jwt + text, "key binding": jwt + "AAAA~" + text + "." + text + "." + text, "its signature": jwt + "AAAA~AAAA.AAAA." + text,
		} {
			if place == "its signature" && text == "" || place == "key binding" && text == "" {
				continue // cut short, which others hold
			}
			c, err := credential.ParseJWT([]byte(token), nil)
			if is := outcome(t, c, err); (is == "a jkt") != want || !want && !strings.HasPrefix(is, "malformed") {
				t.Errorf("%s %q: %s", place, text, is)
			}
		}
	}
}

// subjectByOthers gives the sub of an SD-CWT's claims map as other code has it, which
// puts what is disclosed in place and refuses nothing; not read where it cannot read
// a claim that nobody asks for.
func subjectByOthers(t *testing.T, claims []byte, disclosures ...[]byte) (sub any, there, read bool) {
	t.Helper()
	of := map[string][]any{}
	for _, d := range disclosures {
		var parts []any
		sum := sha256.Sum256(bstr(d))
		if cbor.Unmarshal(d, &parts) == nil {
			of[string(sum[:])] = parts
		}
	}
	var whole map[any]any
	if cbor.Unmarshal(claims, &whole) != nil {
		return nil, false, false
	}
	digests, _ := whole[cbor.SimpleValue(59)].([]any)
	for _, digest := range digests {
		octets, _ := digest.([]byte)
		if parts := of[string(octets)]; len(parts) == 3 {
			if _, twice := whole[parts[2]]; twice {
				t.Fatalf("%x: a claim twice", claims)
			}
			whole[parts[2]] = parts[1]
		}
	}
	sub, there = whole[uint64(2)]
	return sub, there, true
}
