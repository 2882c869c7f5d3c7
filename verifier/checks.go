package verifier

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cnfd/credential"
)

// Checks is a set of the checks of a token that are made only where the caller or
// the configuration asks for them. The zero value is none.
type Checks uint8

// The checks.
const (
	CheckSignature  Checks = 1 << iota // the issuer has signed it (RFC 7515, RFC 9052)
	CheckKeyBinding                    // the holder presents it here and now (RFC 9901 §7.3)
	CheckDPoP                          // the holder has signed this request (RFC 9449)
	CheckMTLS                          // the client's certificate is the one that it names (RFC 8705)
)

var checkWords = [...]string{"signature", "key_binding", "dpop", "mtls"}

// ParseCheck reads the word of one check: signature, key_binding, dpop or mtls.
func ParseCheck(word string) (Checks, error) {
	for i, w := range checkWords {
		if w == word {
			return 1 << i, nil
		}
	}
	return 0, errors.New("no check of that name: want " + strings.Join(checkWords[:], ", "))
}

// String returns the words with commas between them; "" for none.
func (c Checks) String() string {
	var words []string
	for i, w := range checkWords {
		if c&(1<<i) != 0 {
			words = append(words, w)
		}
	}
	return strings.Join(words, ",")
}

// owed reports whether the caller has said what only it knows of the checks that
// it asks for. What the holder must bring, a proof or a certificate, may be
// missing: that is a verdict.
func (q *Request) owed() error {
	missing := func(check, what string) error {
		return &Error{Problem: Malformed, Where: "check", Detail: fmt.Sprintf("%s needs %s", check, what)}
	}
	bare := q.Input == InputClaims
	switch {
	case q.Checks&CheckSignature != 0 && bare:
		return missing("signature", "the token: claims hold no signature")
	case q.Checks&CheckKeyBinding != 0 && bare:
		return missing("key_binding", "the token: claims hold no key binding")
	case q.Checks&CheckDPoP != 0 && (bare || q.Input == InputCWT):
		return missing("dpop", "the token as text: a proof is made over the text that was sent (RFC 9449 §4.2)")
	case q.Checks&CheckKeyBinding != 0 && (q.Audience == "" || q.Nonce == ""):
		return missing("key_binding", "aud and nonce: who the holder presents it to, and the nonce that the holder was given")
	case q.Checks&CheckDPoP != 0 && (q.DPoP.Method == "" || q.DPoP.URL == ""):
		return missing("dpop", "htm and htu: the method and the URL of the request that the proof came with")
	case q.Checks&CheckDPoP != 0 && !absolute(q.DPoP.URL):
		return missing("dpop", "as htu the whole URL of the request, of http or https with its host, as its client has it")
	}
	return nil
}

// absolute reports whether it is the URL of a request, and not a path alone, which no
// proof is for. What follows the scheme may be the client's doing, and is judged with it.
func absolute(url string) bool {
	scheme, rest, _ := strings.Cut(url, "://")
	return rest != "" && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http"))
}

// wanted is what is asked of a token: by the caller, by the configuration of
// everybody's tokens and by that of its issuer's.
type wanted struct {
	q        *Request
	now      time.Time
	checks   Checks
	audience string
	issuer   *Issuer // nil where it is not configured
}

func (w *wanted) nothing() bool { return w.checks == 0 && w.audience == "" }

func (v *Verifier) wanted(q *Request, c *credential.Credential, now time.Time) wanted {
	w := wanted{q: q, now: now, checks: q.Checks | v.checks, audience: q.Audience}
	if w.issuer = v.issuers[string(c.Issuer)]; w.issuer != nil {
		w.checks |= w.issuer.Checks
		if w.audience == "" {
			w.audience = w.issuer.Audience
		}
	}
	return w
}
