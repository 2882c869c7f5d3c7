package verifier

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
)

// source is a DNS in memory. It answers the names that it was given, says that
// every other does not exist, remembers what it was asked, and can fail before
// having looked or after.
type source struct {
	answers map[string]*dnssec.Answer
	cached  bool
	asked   []dnssec.Question
	before  error // returned without looking
	after   error // returned with the answer found
	silent  bool  // answers nil
	quiet   bool  // does not remember the questions (for benchmarks)
}

func (s *source) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if !s.quiet {
		s.asked = append(s.asked, q)
	}
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if s.before != nil {
		return nil, false, s.before
	}
	if s.silent {
		return nil, s.cached, s.after
	}
	if a := s.answers[string(q.Name.Bytes())]; a != nil {
		return a, s.cached, s.after
	}
	a := absent(q.Name.String(), dnssec.NoName)
	a.Zone = "example."
	return a, s.cached, s.after
}

const (
	subject = "https://vendor.example"
	owner   = "jwk.cnf.vendor.example."
	zone    = "vendor.example."
	// The key of the draft's example (RFC 7800 §3.2) and its thumbprint, computed
	// apart from this program.
	jwk    = `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}`
	sum    = "80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"
	cnf    = `{"jwk":` + jwk + `}`
	claims = `{"iss":"https://iss.example","sub":"` + subject + `","cnf":` + cnf + `}`

	encryptedCnf = `{"jwe":"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhDQkMtSFMyNTYifQ.AA.AA.AA.AA"}`
)

var now = time.Date(2026, 11, 22, 6, 35, 0, 0, time.UTC)

// tlsa is a record with the three fields and the digest in hex.
func tlsa(usage, selector, matching byte, digest string) []byte {
	octets, err := hex.DecodeString(digest)
	if err != nil {
		panic(err)
	}
	return append([]byte{usage, selector, matching}, octets...)
}

var (
	ours   = tlsa(255, 255, 255, sum)
	theirs = tlsa(255, 255, 255, strings.Repeat("5a", 32))
)

// present is a Secure answer that holds the records.
func present(name string, data ...[]byte) *dnssec.Answer {
	return &dnssec.Answer{
		Name: name, Type: dnssec.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: zone,
		Data: data, Fetched: now.Add(-13 * time.Second), Until: now.Add(287 * time.Second),
	}
}

// absent is a Secure answer that the records do not exist.
func absent(name string, k dnssec.Kind) *dnssec.Answer {
	return &dnssec.Answer{
		Name: name, Type: dnssec.TypeTLSA, Security: dnssec.Secure, Kind: k, Zone: zone,
		Fetched: now.Add(-10 * time.Second), Until: now.Add(50 * time.Second),
	}
}

// scene is one question and the world that it is asked in. The zero changes of
// newScene confirm.
type scene struct {
	source  *source
	answer  *dnssec.Answer // of owner
	config  Config
	request Request
	claims  string
}

func newScene() *scene {
	answer := present(owner, ours)
	s := &scene{
		source: &source{answers: map[string]*dnssec.Answer{owner: answer}, cached: true},
		answer: answer,
		claims: claims,
	}
	s.config = Config{Source: s.source, Now: func() time.Time { return now }}
	s.request = Request{Input: InputClaims}
	return s
}

func (s *scene) ask(t testing.TB) (Verdict, error) {
	t.Helper()
	v, err := New(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.request.Bytes = []byte(s.claims)
	return v.Verify(context.Background(), &s.request)
}

// with puts members into the claims.
func (s *scene) with(members string) {
	s.claims = strings.TrimSuffix(s.claims, "}") + "," + members + "}"
}

// alsoUnderscore turns the second form on, with an answer there.
func (s *scene) alsoUnderscore(a *dnssec.Answer) {
	s.config.Forms = []record.Form{record.Dotted, record.Underscore}
	s.source.answers[a.Name] = a
}
