package possession_test

import (
	"strings"
	"testing"

	"cnfd/possession"
)

// TestProofNonce: what a proof claims is what DPoP then holds it to, and what DPoP cannot read claims nothing.
func TestProofNonce(t *testing.T) {
	for _, c := range []struct {
		claim string
		nonce any
		want  string
	}{
		{"none", nil, ""}, {"one", "eyJ7S_zG.eyJH0-Z.HX4w-7v", "eyJ7S_zG.eyJH0-Z.HX4w-7v"}, {"one with escapes", "a\"\n☕", "a\"\n☕"}, {"an empty one", "", ""},
	} {
		r := newRequest(t)
		r.payload = with(r.payload, "nonce", c.nonce)
		proof := []byte(r.h.sign(t, r.header, r.payload))
		got, err := possession.ProofNonce(proof)
		if err != nil || got != c.want {
			t.Errorf("%s: %q %v", c.claim, got, err)
		}
		r.terms.Nonce = got
		if err := judge(proof, &r.terms); err != nil {
			t.Errorf("%s: judged by its own: %v", c.claim, err)
		}
		r.terms.Nonce = "another"
		if err := judge(proof, &r.terms); err == nil {
			t.Errorf("%s: taken for another", c.claim)
		}
	}
	r := newRequest(t)
	r.payload = with(r.payload, "nonce", 7)
	for claim, proof := range map[string]string{
		"no text": r.h.sign(t, r.header, r.payload), "no proof": "a.b.c", "nothing": "", "too long": strings.Repeat("a", possession.MaxProof+1),
	} {
		if got, err := possession.ProofNonce([]byte(proof)); err == nil || got != "" {
			t.Errorf("%s: %q %v", claim, got, err)
		}
	}
}
