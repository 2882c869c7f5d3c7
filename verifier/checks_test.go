package verifier

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"cnfd/issuers"
)

// TestChecks: everything that may be checked of a token confirms, and with one
// thing changed it gives that reason; a check that comes out badly asks no DNS, and
// no proof is used up unless the record has confirmed.
func TestChecks(t *testing.T) {
	for _, c := range heldFlips {
		t.Run(c.claim, func(t *testing.T) {
			h := newHeld(t)
			c.flip(h)
			before := len(h.proofs.taken)
			q := h.present()
			d, err := h.verifier().Verify(context.Background(), q)
			must(t, err)
			if d.Reason != c.want || !strings.HasPrefix(d.Detail, c.detail) || (c.detail == "") != (d.Detail == "") {
				t.Fatalf("%v, %q; want %v, %q", d.Reason, d.Detail, c.want, c.detail)
			}
			tokenAlone := c.want >= Expired && c.want <= AudienceMismatch && c.want != DPoPReplayed || c.want == Unreachable
			if d.Asked == tokenAlone {
				t.Errorf("the DNS was asked: %v", d.Asked)
			}
			took := len(h.proofs.taken) > before
			if h.config.Proofs != nil && d.Outcome() != Confirmed && c.want != TooCostly && took {
				t.Error("a proof was used up")
			}
			all := d.Signature == Valid && d.KeyBinding == Valid && d.DPoP == Valid && d.MTLS == Valid && d.Time == Checked
			if (d.Outcome() == Confirmed) && !all {
				t.Errorf("confirmed with %+v", d)
			}
			if c.want >= DPoPInvalid && c.want <= DPoPReplayed && d.DPoP != NotChecked || c.want == SignatureInvalid && d.Signature != NotChecked {
				t.Errorf("what does not hold is said to: %+v", d)
			}
			var said map[string]any
			must(t, json.Unmarshal(d.AppendJSON(nil, ""), &said))
			for name, check := range map[string]Check{"signature": d.Signature, "key_binding": d.KeyBinding, "dpop": d.DPoP, "mtls": d.MTLS} {
				if said[name] != check.String() {
					t.Errorf("%s: %v", name, said[name])
				}
			}
			if detail, there := said["detail"]; there != (d.Detail != "") || there && detail != d.Detail {
				t.Errorf("detail: %v", said["detail"])
			}
		})
	}
}

// TestUnaskedChecks: what nobody asks for is not looked at, and the verdict says so.
func TestUnaskedChecks(t *testing.T) {
	for _, c := range heldFlips {
		h := newHeld(t)
		c.flip(h)
		h.request.Checks, h.request.Audience = 0, ""
		d, err := h.verifier().Verify(context.Background(), h.present())
		must(t, err)
		if d.Signature != NotChecked || d.KeyBinding != NotChecked || d.DPoP != NotChecked || d.MTLS != NotChecked || len(h.keys.asked) > 0 {
			t.Errorf("%s: %+v", c.claim, d)
		}
		if d.Reason >= SignatureInvalid && d.Reason <= AudienceMismatch {
			t.Errorf("%s: %v", c.claim, d.Reason)
		}
	}
}

// TestConfiguredChecks: what is configured is checked though nobody asks, of
// everybody's tokens or of an issuer's.
func TestConfiguredChecks(t *testing.T) {
	for _, c := range heldFlips {
		if c.claim == "a certificate that nobody has vouched for" || c.claim == "a credential for nobody, unbound" {
			continue // they change what is asked for
		}
		for _, ofIssuer := range []bool{false, true} {
			h := newHeld(t)
			if ofIssuer {
				h.config.Issuers[0].Checks, h.config.Issuers[0].Audience = h.request.Checks, h.request.Audience
				h.request.Audience = ""
			} else {
				h.config.Checks = h.request.Checks
			}
			h.request.Checks = 0
			c.flip(h)
			another := h.claims["iss"] != issuerName || len(h.config.Issuers) == 0
			d, err := h.verifier().Verify(context.Background(), h.present())
			must(t, err)
			if want := c.want; ofIssuer && another {
				// An issuer's own checks are not those of a token that names another.
				if d.Reason != RecordMatches || d.Signature != NotChecked {
					t.Errorf("%s: %v, signature %v", c.claim, d.Reason, d.Signature)
				}
			} else if d.Reason != want {
				t.Errorf("%s: %v (%s), want %v", c.claim, d.Reason, d.Detail, want)
			}
		}
	}
}

// TestEncryptedKeyChecks: what an unknown key has signed cannot be said, what the
// issuer has signed can.
func TestEncryptedKeyChecks(t *testing.T) {
	for _, c := range []struct {
		want Reason
		flip func(*held)
	}{
		{Undecryptable, func(*held) {}},
		{SignatureInvalid, func(h *held) { h.issuer = newPerson(h.t) }},
		{AudienceMismatch, func(h *held) { h.claims["aud"] = "https://other.example" }},
		{Expired, func(h *held) { h.claims["exp"] = 1 }},
		// Its holder may have bound it to this audience, or nobody is there who could.
		{Undecryptable, func(h *held) { delete(h.claims, "aud") }},
		{AudienceMismatch, func(h *held) {
			delete(h.claims, "aud")
			h.request.Checks &^= CheckKeyBinding
		}},
	} {
		h := newHeld(t)
		var sealed object
		must(t, json.Unmarshal([]byte(encryptedCnf), &sealed))
		h.claims["cnf"], h.claims["aud"] = sealed, audience
		h.request.Checks &^= CheckMTLS
		c.flip(h)
		d, err := h.verifier().Verify(context.Background(), h.present())
		must(t, err)
		if d.Reason != c.want || d.KeyBinding != NotChecked || d.DPoP != NotChecked || len(h.proofs.taken) > 0 {
			t.Errorf("%v (%s), want %v", d.Reason, d.Detail, c.want)
		}
	}
}

// TestMissingKey: keys that lack the one a token names are asked for again, once.
func TestMissingKey(t *testing.T) {
	h := newHeld(t)
	h.header["kid"] = "second"
	second := h.keys.keys[0]
	second.KID = "second"
	first := second
	first.KID = "first"
	h.keys.keys, h.keys.later = issuers.Set{first}, issuers.Set{first, second}
	d, err := h.verifier().Verify(context.Background(), h.present())
	must(t, err)
	if d.Reason != RecordMatches || len(h.keys.asked) != 2 || h.keys.asked[0] || !h.keys.asked[1] {
		t.Fatalf("%v (%s), asked %v", d.Reason, d.Detail, h.keys.asked)
	}
	h.keys.later, h.keys.asked = h.keys.keys, nil
	d, err = h.verifier().Verify(context.Background(), h.present())
	must(t, err)
	if d.Reason != SignatureInvalid || len(h.keys.asked) != 2 {
		t.Fatalf("%v (%s), asked %v", d.Reason, d.Detail, h.keys.asked)
	}
	// Where they cannot be asked for, only a name that they lack is left open.
	h.keys.failing = errors.New("connection refused")
	if d, err = h.verifier().Verify(context.Background(), h.present()); err != nil || d.Reason != Unreachable {
		t.Errorf("a key that is missing: %v (%s), %v", d.Reason, d.Detail, err)
	}
	h.header["kid"], h.dpop["jti"] = "first", "2"
	if d, err = h.verifier().Verify(context.Background(), h.present()); err != nil || d.Reason != RecordMatches {
		t.Errorf("a key that is there: %v (%s), %v", d.Reason, d.Detail, err)
	}
	h.issuer = newPerson(t)
	if d, err = h.verifier().Verify(context.Background(), h.present()); err != nil || d.Reason != SignatureInvalid {
		t.Errorf("%v (%s), %v", d.Reason, d.Detail, err)
	}
}

// TestTheSameKeysAreTriedOnce: a stranger's token costs one look where the issuer has
// no newer keys, and two where it has.
func TestTheSameKeysAreTriedOnce(t *testing.T) {
	h := newHeld(t)
	h.request.Checks, h.issuer = CheckSignature, newPerson(t)
	q, v := h.present(), h.verifier()
	cost := func(later issuers.Set) float64 {
		h.keys.later = later
		return testing.AllocsPerRun(10, func() {
			h.keys.asked = h.keys.asked[:0]
			if d, err := v.Verify(context.Background(), q); err != nil || d.Reason != SignatureInvalid || len(h.keys.asked) != 2 {
				t.Fatalf("%v, %v, asked %v", d.Reason, err, h.keys.asked)
			}
		})
	}
	twice, once := cost(append(issuers.Set{}, h.keys.keys...)), cost(h.keys.keys)
	if once > twice-10 {
		t.Errorf("%v allocations with the same keys, %v with newer ones", once, twice)
	}
}

// TestNoCheckIsPassedOver: one that nobody knows confirms nothing.
func TestNoCheckIsPassedOver(t *testing.T) {
	for unknown := Checks(1 << 4); unknown != 0; unknown <<= 1 {
		h := newHeld(t)
		h.request.Checks |= unknown
		if d, err := h.verifier().Verify(context.Background(), h.present()); err != nil || d.Outcome() != Unproven {
			t.Errorf("%v: %v, %v", unknown, d.Reason, err)
		}
	}
}

// TestOwed: what only the caller can say is an error where it is missing.
func TestOwed(t *testing.T) {
	for claim, c := range map[string]struct {
		flip func(*Request)
		want string
	}{
		"nothing":                     {func(*Request) {}, ""},
		"no audience":                 {func(q *Request) { q.Audience = "" }, "check: key_binding needs aud and nonce"},
		"no nonce":                    {func(q *Request) { q.Nonce = "" }, "check: key_binding needs aud and nonce"},
		"no method":                   {func(q *Request) { q.DPoP.Method = "" }, "check: dpop needs htm and htu"},
		"no address":                  {func(q *Request) { q.DPoP.URL = "" }, "check: dpop needs htm and htu"},
		"a path for an address":       {func(q *Request) { q.DPoP.URL = "/a" }, "check: dpop needs as htu the whole URL"},
		"a host for an address":       {func(q *Request) { q.DPoP.URL = "rp.example/a" }, "check: dpop needs as htu the whole URL"},
		"another scheme":              {func(q *Request) { q.DPoP.URL = "ftp://rp.example/a" }, "check: dpop needs as htu the whole URL"},
		"nothing behind the scheme":   {func(q *Request) { q.DPoP.URL = "https://" }, "check: dpop needs as htu the whole URL"},
		"an octet no URL has":         {func(q *Request) { q.DPoP.URL = "https://rp.example/a%" }, ""}, // the client's, and a verdict
		"claims, of a signature":      {func(q *Request) { q.Input, q.Bytes, q.Checks = InputClaims, []byte(claims), CheckSignature }, "check: signature needs the token"},
		"claims, of a key binding":    {func(q *Request) { q.Input, q.Bytes, q.Checks = InputClaims, []byte(claims), CheckKeyBinding }, "check: key_binding needs the token"},
		"claims, of a proof":          {func(q *Request) { q.Input, q.Bytes, q.Checks = InputClaims, []byte(claims), CheckDPoP }, "check: dpop needs the token"},
		"claims, of a certificate":    {func(q *Request) { q.Input, q.Bytes, q.Checks, q.Audience = InputClaims, []byte(claims), CheckMTLS, "" }, ""},
		"no audience for a signature": {func(q *Request) { q.Audience, q.Checks = "", CheckSignature }, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			q := newHeld(t)
			r := q.present()
			c.flip(r)
			_, err := q.verifier().Verify(context.Background(), r)
			var e *Error
			if c.want == "" {
				must(t, err)
			} else if !errors.As(err, &e) || e.Problem != Malformed || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestCertificateOfTheRecord: a certificate that the record itself confirms needs
// no signature; one of another does not do.
func TestCertificateOfTheRecord(t *testing.T) {
	const name = "x5t#s256.cnf.vendor.example."
	for _, another := range []bool{false, true} {
		h := newHeld(t)
		h.config.Credential.Confirmation.X5T = true
		x5t := sha256.Sum256(h.der)
		h.source.answers[name] = present(name, tlsa(255, 255, 255, hex.EncodeToString(x5t[:])))
		delete(h.claims["cnf"].(object), "jwk")
		h.request.Checks, h.request.Audience = CheckMTLS, ""
		if another {
			h.der = newHeld(t).der
		}
		d, err := h.verifier().Verify(context.Background(), h.present())
		must(t, err)
		if want := map[bool]Reason{false: RecordMatches, true: MTLSMismatch}[another]; d.Reason != want || (d.MTLS == Valid) == another {
			t.Errorf("%v (%s), mtls %v", d.Reason, d.Detail, d.MTLS)
		}
	}
}

// TestCallerGone: a caller that has gone gets its context's end, and no verdict.
func TestCallerGone(t *testing.T) {
	h := newHeld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h.keys.err = ctx.Err()
	if d, err := h.verifier().Verify(ctx, h.present()); !errors.Is(err, context.Canceled) || d.Outcome() != Unproven {
		t.Errorf("%v, %v", d.Reason, err)
	}
}
