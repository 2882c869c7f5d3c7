package possession_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"cnfd/credential"
	"cnfd/possession"
	"cnfd/thumbprint"
)

// TestProofsMadeElsewhere holds proofs of npm's jose, by every algorithm that it has.
func TestProofsMadeElsewhere(t *testing.T) {
	var made struct {
		Token  string
		Proofs []struct{ Alg, JKT, Proof string }
	}
	file, err := os.ReadFile("testdata/made/dpop.json")
	check(t, err)
	check(t, json.Unmarshal(file, &made))
	if len(made.Proofs) != 11 {
		t.Fatalf("%d proofs", len(made.Proofs))
	}
	for i, c := range made.Proofs {
		t.Run(c.Alg, func(t *testing.T) {
			r := possession.Request{
				Confirmed: jkt(t, c.JKT), Method: "POST", URL: "https://vendor.example:443/token?x", Token: []byte(made.Token),
				Nonce: "n-1", Now: time.Unix(1795349000, 0),
			}
			wants(t, judge([]byte(c.Proof), &r), 0)
			r.Confirmed = jkt(t, made.Proofs[(i+1)%len(made.Proofs)].JKT)
			wants(t, judge([]byte(c.Proof), &r), possession.Key)
			r.Confirmed = jkt(t, c.JKT)
			dot := strings.LastIndexByte(c.Proof, '.') + 1
			flipped := []byte(c.Proof)
			if flipped[dot+4] == 'A' {
				flipped[dot+4] = 'B'
			} else {
				flipped[dot+4] = 'A'
			}
			wants(t, judge(flipped, &r), possession.Signature)
			r.Now = r.Now.Add(time.Hour)
			wants(t, judge([]byte(c.Proof), &r), possession.Time)
		})
	}
}

// TestKeyBindingsMadeElsewhere holds the presentations of npm's @sd-jwt/sd-jwt-vc
// and of RFC 9901 that credential has.
func TestKeyBindingsMadeElsewhere(t *testing.T) {
	type presented struct{ name, token, nonce, aud string }
	var all []presented
	var made struct {
		Tokens []struct{ Name, Presented string }
	}
	file, err := os.ReadFile("../credential/testdata/made/sd-jwt-vc.json")
	check(t, err)
	check(t, json.Unmarshal(file, &made))
	if len(made.Tokens) != 8 {
		t.Fatalf("%d tokens", len(made.Tokens))
	}
	for _, c := range made.Tokens {
		all = append(all, presented{c.Name, c.Presented, "n-0S6_WzA2Mj", "https://verifier.example"})
	}
	for _, name := range []string{"5.2", "8.2-kb"} {
		file, err := os.ReadFile("../credential/testdata/rfc9901/" + name + ".txt")
		check(t, err)
		all = append(all, presented{"RFC 9901 " + name, strings.TrimSpace(string(file)), "1234567890", "https://verifier.example.org"})
	}
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			c, err := credential.Parse([]byte(p.token), nil)
			check(t, err)
			key, ok := c.Key(nil)
			kb, bound := c.KeyBinding()
			if !ok || bound == (p.name == "no key binding") {
				t.Fatalf("key %v, key binding %v", ok, bound)
			}
			at := time.Unix(1795349000, 0)
			if strings.HasPrefix(p.name, "RFC") {
				at = time.Unix(1748361941, 0)
			}
			terms := possession.Presentation{Confirmed: c.Confirmation.Thumbprint, Key: key, Nonce: p.nonce, Audience: p.aud, Now: at}
			if !bound {
				wants(t, possession.KeyBinding(kb, &terms), possession.Missing)
				return
			}
			wants(t, possession.KeyBinding(kb, &terms), 0)
			other := terms
			other.Nonce = "another"
			wants(t, possession.KeyBinding(kb, &other), possession.Nonce)
			other = terms
			other.Audience = "https://another.example"
			wants(t, possession.KeyBinding(kb, &other), possession.Audience)
			other = terms
			other.Now = at.Add(time.Hour)
			wants(t, possession.KeyBinding(kb, &other), possession.Time)
			// A disclosure taken away: the rest was not what the holder signed for.
			jwt, rest, _ := strings.Cut(p.token, "~")
			_, rest, _ = strings.Cut(rest, "~")
			kb.Presented = []byte(jwt + "~" + strings.TrimSuffix(rest, string(kb.JWT)))
			wants(t, possession.KeyBinding(kb, &terms), possession.Hash)
		})
	}
}

func jkt(t *testing.T, text string) thumbprint.Thumbprint {
	t.Helper()
	sum, err := base64.RawURLEncoding.DecodeString(text)
	check(t, err)
	j, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, sum)
	check(t, err)
	return j
}
