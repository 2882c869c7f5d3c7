package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// described is a request whose answer is held to the description.
type described struct {
	method, target, path string // path: as the description has it
	status               int
	config               Config
	body                 string
	headers              []string
}

// requests are those, at least one for each answer that is described.
func requests(t *testing.T) []described {
	real := Config{Verifier: newReal(t, nil).Verifier}
	refuting := confirmed()
	refuting.Reason, refuting.Detail, refuting.Testing = verifier.Bogus, "d", true
	refuting.DNS.Security, refuting.DNS.Trouble = dnssec.Bogus, dnssec.Trouble{Code: 6, Text: "t"}
	with := func(v verifier.Verdict) Config { return Config{Verifier: &fakeVerifier{verdict: v}} }
	fails := func(err error) Config {
		return Config{Verifier: &fakeVerifier{err: err}, Prechecker: &fakePrechecker{err: err}, Resolver: &fakeResolver{err: err, ready: err}}
	}
	gone := fails(&Busy{What: "too much"})
	mine := fails(&Busy{What: "too much of you", Caller: true})
	broken := fails(errors.New("no memory"))
	open := Config{Purge: PurgeAll}
	prechecks := Config{Prechecker: &fakePrechecker{verdict: confirmed()}}
	rr, err := dns.NewRR("a.example. 300 IN TLSA 255 255 255 00")
	must(t, err)
	answer := &dnssec.Answer{Name: "a.example.", Type: dns.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: "example.", Fetched: at, Until: at, AnswerSection: dnssec.PackRecords([]dns.RR{rr})}
	odd := *answer
	odd.Security, odd.Wildcard, odd.Trouble = dnssec.Bogus, true, dnssec.Trouble{Code: 6, Text: "t"}
	chain := []dnssec.Link{
		{Zone: ".", Security: "secure", How: "trust anchor", Keys: []string{"257 13 1"}, Until: "2026-11-22T06:40:00Z"},
		{Zone: "example.", Security: "bogus", How: "DS 1", Servers: []string{"ns.example. 192.0.2.1"}, Trouble: "no DNSKEY"},
	}
	resolves := Config{Testing: true, Resolver: &fakeResolver{answer: answer, chain: chain}}
	resolvesOdd := Config{Resolver: &fakeResolver{answer: &odd, chain: chain}}
	over := make(chan struct{})
	close(over)
	ending := Config{Stopping: over}
	counts := Config{Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { plain(w, "x 1\n") })}
	slow := "slow"
	big := `{"token":"` + strings.Repeat("x", MaxBody) + `"}`
	urn := strings.Replace(goodItem, "https://", "urn:x:", 1)
	inCBOR := "Accept: application/cbor"
	const verify, batch, precheck, resolve, purge = "/v1/verify", "/v1/verify/batch", "/v1/precheck", "/v1/resolve", "/v1/cache/purge"
	list := []described{
		{"POST", verify, verify, 200, real, goodItem, []string{asJSON}},
		{"POST", verify, verify, 200, real, goodItem, []string{asJSON, inCBOR}},
		{"POST", verify + "?max_age=1&time=false&aud=a", verify, 200, with(refuting), goodItem, []string{asJSON}},
		{"POST", batch, batch, 200, real, goodItem + "\n{\n" + urn + "\n" + big, []string{asLines}},
		{"POST", batch, batch, 200, real, goodItem + "\n{\n", []string{asLines, "Accept: application/cbor-seq"}},
		{"POST", batch, batch, 200, gone, goodItem, []string{asLines}},
		{"POST", batch, batch, 200, ending, slow, []string{asLines}},
		{"POST", batch + "?x=1", batch, 400, real, goodItem, []string{asLines}},
		{"POST", batch, batch, 415, real, goodItem, []string{asJSON}},
		{"POST", precheck, precheck, 200, prechecks, `{"subject":"https://vendor.example","cnf":{}}`, []string{asJSON}},
		{"GET", resolve + "?name=a.example", resolve, 200, resolves, "", nil},
		{"GET", resolve + "?name=a.example", resolve, 200, resolves, "", []string{inCBOR}},
		{"GET", resolve + "?name=a.example", resolve, 200, resolvesOdd, "", nil},
		{"GET", resolve, resolve, 400, resolves, "", nil},
		{"GET", resolve + "?name=a", resolve, 500, broken, "", nil},
		{"GET", resolve + "?name=a", resolve, 503, gone, "", nil},
		{"GET", resolve + "?name=a", resolve, 429, mine, "", nil},
		{"POST", purge, purge, 204, open, `{"name":"a."}`, []string{asJSON}},
		{"POST", purge, purge, 403, real, `{"name":"a."}`, []string{asJSON}},
		{"POST", purge, purge, 400, open, `{}`, []string{asJSON}},
		{"POST", purge, purge, 415, open, `{}`, nil},
		{"POST", purge, purge, 413, open, big, []string{asJSON}},
		{"POST", purge, purge, 408, open, slow, []string{asJSON}},
		{"POST", purge, purge, 422, open, `{"subject":"urn:x:y"}`, []string{asJSON}},
		{"POST", purge, purge, 500, Config{Purge: PurgeAll, Resolver: panicking{}}, `{"name":"a."}`, []string{asJSON}},
		{"GET", "/healthz", "/healthz", 200, real, "", nil},
		{"GET", "/readyz", "/readyz", 200, real, "", nil},
		{"GET", "/readyz", "/readyz", 503, broken, "", nil},
		{"GET", "/metrics", "/metrics", 200, counts, "", nil},
		{"GET", "/metrics", "/metrics", 403, Config{Metrics: counts.Metrics, MetricsOnUnix: true}, "", nil},
		{"GET", "/metrics", "/metrics", 404, real, "", nil},
		{"GET", "/openapi.json", "/openapi.json", 200, real, "", nil},
	}
	for _, path := range []string{verify, precheck} {
		p := func(c Config) Config {
			if c.Prechecker == nil {
				c.Prechecker = &fakePrechecker{verdict: confirmed()}
			}
			return c
		}
		malformed := p(fails(&verifier.Error{Problem: verifier.Malformed}))
		list = append(list,
			described{"POST", path, path, 200, p(real), "a.b.c", []string{asJWT}},
			described{"POST", path, path, 400, p(real), "{", []string{asJSON}},
			described{"POST", path, path, 400, malformed, "a.b.c", []string{asJWT}},
			described{"POST", path, path, 408, p(real), slow, []string{asJSON}},
			described{"POST", path, path, 413, p(real), big, []string{asJSON}},
			described{"POST", path, path, 415, p(real), "", nil},
			described{"POST", path, path, 422, p(fails(&verifier.Error{Problem: verifier.NotDerivable})), "a.b.c", []string{asJWT}},
			described{"POST", path, path, 422, p(fails(&verifier.Error{Problem: verifier.NotReducible})), "a.b.c", []string{asJWT}},
			described{"POST", path, path, 429, mine, goodItem, []string{asJSON}},
			described{"POST", path, path, 500, broken, goodItem, []string{asJSON}},
			described{"POST", path, path, 503, gone, goodItem, []string{asJSON}},
		)
	}
	list[len(list)-11].config.Verifier = &fakeVerifier{verdict: confirmed()} // a.b.c is no token
	list[len(list)-22].config.Verifier = &fakeVerifier{verdict: confirmed()}
	for _, path := range []string{verify, batch, precheck, purge} {
		list = append(list, described{"PUT", path, path, 405, real, "", nil})
	}
	for _, path := range []string{resolve, "/healthz", "/readyz", "/openapi.json"} {
		list = append(list, described{"POST", path, path, 405, real, "", nil})
	}
	return append(list, described{"POST", "/metrics", "/metrics", 405, counts, "", nil})
}

// panicking is a resolver with a bug.
type panicking struct{}

func (panicking) Explain(context.Context, dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	panic("p")
}
func (panicking) Drop(string) int             { panic("p") }
func (panicking) Ready(context.Context) error { return nil }

// late is a body that does not arrive in time.
type late struct{}

func (late) Read([]byte) (int, error) { return 0, context.DeadlineExceeded }
