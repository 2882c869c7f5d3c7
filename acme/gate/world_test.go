package gate

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// world is a DNS in memory: what each name holds, and how well it is proven. Names
// that it does not hold do not exist. It wants to be asked past every cache, and can
// fail before having looked or after.
type world struct {
	t      testing.TB
	sets   map[string]*dnssec.Answer // by "name. TYPE"
	slow   map[string]time.Duration  // by "name. TYPE": until it is answered
	mu     sync.Mutex                // guards asked
	asked  []string
	before error // returned without looking
	after  error // returned with the answer
	nobody bool  // answers nil
	also   func(*dnssec.Answer)
}

func (w *world) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	name := q.Name.String()
	if normal, ok := dnssec.Normal(name); !ok || normal != name {
		w.t.Errorf("asked for %q, which is no name", name)
	}
	if !q.Bounded || q.MaxAge != 0 || !q.At.IsZero() {
		w.t.Errorf("asked for %s in what is cached, or as of another time: %+v", name, q)
	}
	what := name + " " + dns.Type(q.Type).String()
	w.mu.Lock()
	w.asked = append(w.asked, what)
	w.mu.Unlock()
	if d := w.slow[what]; d > 0 {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, false, ctx.Err()
	case w.before != nil:
		return nil, false, w.before
	case w.nobody && q.Type == caa.Type:
		return nil, false, nil
	}
	a := dnssec.Answer{Name: name, Type: q.Type, Security: dnssec.Secure, Kind: dnssec.NoName, Zone: "."}
	if known := w.sets[name+" "+dns.Type(q.Type).String()]; known != nil {
		a = *known
	}
	a.Fetched, a.Until = now, now.Add(5*time.Minute)
	if w.also != nil && q.Type == caa.Type {
		w.also(&a)
	}
	return &a, false, w.after
}

// put has a name answer a question for one type with zone-file lines, the last of
// which may stand at another name where those before lead to it.
func (w *world) put(name string, rrtype uint16, lines ...string) *dnssec.Answer {
	w.t.Helper()
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			w.t.Fatal(err)
		}
		rrs = append(rrs, rr)
	}
	a := &dnssec.Answer{Name: name, Type: rrtype, Security: dnssec.Secure, Kind: dnssec.NoData, Zone: ".", AnswerSection: dnssec.PackRecords(rrs)}
	if a.Data = a.AnswerSection.RDATA(rrtype); len(a.Data) > 0 {
		a.Kind = dnssec.Positive
	}
	w.sets[name+" "+dns.Type(rrtype).String()] = a
	return a
}

func (w *world) remove(name string, rrtype uint16) {
	delete(w.sets, name+" "+dns.Type(rrtype).String())
}

func (w *world) tlsa(name string, t thumbprint.Thumbprint) *dnssec.Answer {
	w.t.Helper()
	return w.put(name, dnssec.TypeTLSA, record.Presentation(name, 300, t))
}

// caa puts the CAA set of a name in: `0 issue "ca.example"`.
func (w *world) caa(name string, records ...string) *dnssec.Answer {
	w.t.Helper()
	var lines []string
	for _, r := range records {
		lines = append(lines, name+" 300 IN CAA "+r)
	}
	return w.put(name, caa.Type, lines...)
}

var now = time.Date(2026, 11, 22, 6, 35, 0, 0, time.UTC)

const (
	account = "https://ca.example:8256/acme/acct/7"
	optIn   = `0 issue "ca.example; validationmethods=ca-cnf-01"`
	optInW  = `0 issuewild "ca.example; validationmethods=ca-cnf-01"`
)

// keyNamed is a thumbprint of its own for each letter.
func keyNamed(letter string) thumbprint.Thumbprint {
	t, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, []byte(strings.Repeat(letter, 32)))
	if err != nil {
		panic(err)
	}
	return t
}

var ours, theirs = keyNamed("a"), keyNamed("b")

// scene is one claim and the world that it is judged in. Unless it is changed, all of the claim holds.
type scene struct {
	t        testing.TB
	ctx      context.Context
	world    *world
	verifier verifier.Config
	lie      func(*verifier.Verdict, *error) // what becomes of the verifier's word
	config   Config
	claim    acme.Claim
}

// Confirm is the verifier's, but for the lie.
func (s *scene) Confirm(ctx context.Context, subject string, c thumbprint.Confirmation, f verifier.Freshness) (verifier.Verdict, error) {
	real, err := verifier.New(s.verifier)
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := real.Confirm(ctx, subject, c, f)
	if s.lie != nil {
		s.lie(&v, &err)
	}
	return v, err
}

func (s *scene) judge() *acme.Problem {
	s.t.Helper()
	s.config.Confirmer, s.config.Source = s, s.world
	g, err := New(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	return g.Judge(s.ctx, &s.claim)
}

func newScene(t testing.TB, i acme.Identifier, method string) *scene {
	w := &world{t: t, sets: map[string]*dnssec.Answer{}}
	w.tlsa("jwk.cnf."+i.Domain()+".", ours)
	return &scene{
		t: t, ctx: t.Context(), world: w,
		verifier: verifier.Config{Source: w, Now: func() time.Time { return now }},
		config:   Config{Identities: []string{"ca.example"}},
		claim:    acme.Claim{Identifier: i, Keys: []thumbprint.Thumbprint{ours}, Method: method, Account: account},
	}
}

var (
	www  = acme.Identifier{Type: acme.TypeDNS, Value: "www.vendor.example"}
	wild = acme.Identifier{Type: acme.TypeDNS, Value: "*.www.vendor.example"}
	ip4  = acme.Identifier{Type: acme.TypeIP, Value: "192.0.2.1"}
	ip6  = acme.Identifier{Type: acme.TypeIP, Value: "2001:db8::1"}
)

const (
	wwwName = "www.vendor.example."
	wwwKey  = "jwk.cnf.www.vendor.example."
	ip4Name = "1.2.0.192.in-addr.arpa."
)

// challenged is the precondition of a challenge for a name: nobody restricts it by CAA.
func challenged(t testing.TB) *scene { return newScene(t, www, acme.MethodHTTP) }

// opted is a name whose own CAA set lets the record suffice.
func opted(t testing.TB) *scene {
	s := newScene(t, www, acme.MethodCNF)
	s.world.caa(wwwName, optIn)
	return s
}

// granted is one whose record suffices by the operator's word.
func granted(t testing.TB) *scene {
	s := newScene(t, www, acme.MethodCNF)
	s.claim.Granted = true
	return s
}

// starred is a wildcard that opts in.
func starred(t testing.TB) *scene {
	s := newScene(t, wild, acme.MethodCNF)
	s.world.caa(wwwName, optInW)
	return s
}

// addressed is an address whose reverse name opts in.
func addressed(t testing.TB) *scene {
	s := newScene(t, ip4, acme.MethodCNF)
	s.world.caa(ip4Name, optIn)
	return s
}
