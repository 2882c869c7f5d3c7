package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/verifier"
)

// source is a DNS in memory with one record: every other name does not exist.
type source struct {
	name string
	data []byte
}

func (s *source) Lookup(_ context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	a := &dnssec.Answer{
		Name: q.Name.String(), Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName, Rcode: 3,
		Zone: "example.", Fetched: at.Add(-13 * time.Second), Until: at.Add(287 * time.Second),
	}
	if a.Name == s.name {
		a.Zone = "vendor.example."
		a.Kind, a.Rcode, a.Data = dnssec.Positive, 0, [][]byte{s.data}
	}
	return a, true, nil
}

const (
	// RFC 7800 §3.2's key; its thumbprint as the draft prints it.
	publicJWK = `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}`
	publicSum = "80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"
	// RFC 7517 §A.2's private key.
	privateD   = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"
	privateJWK = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"` + privateD + `"}`
)

// newReal is the API over the real verifier.
func newReal(t testing.TB, log *slog.Logger) *handler {
	t.Helper()
	sum, err := hex.DecodeString(publicSum)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verifier.New(verifier.Config{
		Source: &source{name: "jwk.cnf.vendor.example.", data: append([]byte{255, 255, 255}, sum...)},
		Now:    clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return newHandler(t, Config{Verifier: v, Log: log}).(*handler)
}

func unsigned(claims string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(`{"alg":"ES256"}`)) + "." + b64([]byte(claims)) + "." + b64(make([]byte, 64))
}

func TestVerdictsOfTheRealVerifier(t *testing.T) {
	h := newReal(t, nil)
	claims := `{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}`
	for _, tt := range []struct{ claim, body, kind, outcome, reason string }{
		{"claims whose key is published", `{"claims":` + claims + `}`, asJSON, "confirmed", "record_matches"},
		{"a token in JSON", `{"token":"` + unsigned(claims) + `"}`, asJSON, "confirmed", "record_matches"},
		{"a token alone", unsigned(claims), asJWT, "confirmed", "record_matches"},
		{"another subject", `{"claims":` + strings.Replace(claims, "vendor.", "other.", 1) + `}`, asJSON, "refuted", "record_absent"},
		{"a token that has expired", `{"claims":{"exp":1,` + claims[1:] + `}`, asJSON, "refuted", "expired"},
		{"a token that has expired, time off", `{"time":false,"claims":{"exp":1,` + claims[1:] + `}`, asJSON, "confirmed", "record_matches"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			r := send(h, "POST", "/v1/verify", tt.body, tt.kind)
			body := text(t, r)
			var v struct{ Outcome, Reason string }
			if err := json.Unmarshal([]byte(body), &v); err != nil || r.StatusCode != 200 || v.Outcome != tt.outcome || v.Reason != tt.reason {
				t.Errorf("got %d %s", r.StatusCode, body)
			}
		})
	}
}

// The envelope only delimits claims; what is wrong in them the verifier finds.
func TestClaimsAreJudgedInTheirEnvelope(t *testing.T) {
	h := newReal(t, nil)
	for _, tt := range []struct{ claim, claims, detail string }{
		{"invalid UTF-8", "{\"sub\":\"\xff\"}", "claims.sub: "},
		{"a member twice", `{"sub":"https://vendor.example","sub":"https://vendor.example"}`, "claims.sub: "},
		{"a brace too few inside", `{"sub":"https://vendor.example","cnf":{"jwk":[}]}`, "claims.cnf.jwk"},
		{"a number that is none", `{"sub":"https://vendor.example","iat":01}`, "claims.iat: "},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			p := wantProblem(t, send(h, "POST", "/v1/verify", `{"claims":`+tt.claims+`}`, asJSON), 400, "malformed")
			if !strings.Contains(p.Detail, tt.detail) {
				t.Errorf("detail %q, want %q in it", p.Detail, tt.detail)
			}
		})
	}
}

func TestAPrivateKeyIsRefusedAndNeverRepeated(t *testing.T) {
	claims := `{"sub":"https://vendor.example","cnf":{"jwk":` + privateJWK + `}}`
	d, err := base64.RawURLEncoding.DecodeString(privateD)
	if err != nil {
		t.Fatal(err)
	}
	// {2: "https://vendor.example", 8: {1: {1: 2, -1: 1, -2: x, -3: y, -4: d}}}
	x, y := strings.Repeat("\x11", 32), strings.Repeat("\x22", 32)
	cwt := "\xa2\x02\x76https://vendor.example\x08\xa1\x01\xa5\x01\x02\x20\x01\x21\x58\x20" + x + "\x22\x58\x20" + y + "\x23\x58\x20" + string(d)
	for _, tt := range []struct{ claim, body, kind string }{
		{"in claims", `{"claims":` + claims + `}`, asJSON},
		{"in a token in JSON", `{"token":"` + unsigned(claims) + `"}`, asJSON},
		{"in a JWT", unsigned(claims), asJWT},
		{"in an SD-JWT", unsigned(claims) + "~", "Content-Type: application/dc+sd-jwt"},
		{"in a CWT", cwt, "Content-Type: application/cwt"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			var log strings.Builder
			h := newReal(t, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			p := wantProblem(t, send(h, "POST", "/v1/verify", tt.body, tt.kind), 400, "malformed")
			if !strings.Contains(p.Detail, "private") {
				t.Errorf("detail %q does not say what is wrong", p.Detail)
			}
			said := p.Detail + p.Title + log.String()
			for _, secret := range []string{privateD[:8], string(d[:8]), hex.EncodeToString(d)[:8]} {
				if strings.Contains(said, secret) {
					t.Errorf("%q is repeated in %q", secret, said)
				}
			}
		})
	}
}

// FuzzVerify holds that any body of any type gets a verdict or a problem, and
// that none confirms a key that is not the published one.
func FuzzVerify(f *testing.F) {
	claims := `{"sub":"https://vendor.example","cnf":{"jwk":` + publicJWK + `}}`
	kinds := []string{asJSON, asJWT, "Content-Type: application/dc+sd-jwt", "Content-Type: application/cwt"}
	f.Add(byte(0), []byte(`{"claims":`+claims+`,"max_age":1,"time":false}`))
	f.Add(byte(0), []byte(`{"token":"`+unsigned(claims)+`"}`))
	f.Add(byte(1), []byte(unsigned(claims)))
	f.Add(byte(2), []byte(unsigned(claims)+"~"))
	f.Add(byte(3), []byte("\xa2\x02\x76https://vendor.example\x08\xa1\x05\x58\x20"+strings.Repeat("\x11", 32)))
	h := newReal(f, nil)
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		r := send(h, "POST", "/v1/verify", string(body), kinds[int(kind)%len(kinds)])
		doc := text(t, r)
		var v struct {
			Type, Outcome, ID string
			Thumbprint        struct{ Hex string }
		}
		if err := json.Unmarshal([]byte(doc), &v); err != nil || len(v.ID) != 26 {
			t.Fatalf("%d %q: %v", r.StatusCode, doc, err)
		}
		switch {
		case r.StatusCode == 200 && v.Outcome == "confirmed" && v.Thumbprint.Hex != publicSum:
			t.Fatalf("confirmed another key: %s", doc)
		case r.StatusCode == 200 && v.Outcome == "", r.StatusCode >= 500, r.StatusCode != 200 && v.Type == "":
			t.Fatalf("%d %s", r.StatusCode, doc)
		}
	})
}
