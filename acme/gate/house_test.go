package gate_test

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/acme/gate"
	"cnfd/dnssec"
	"cnfd/internal/sandbox"
	"cnfd/record"
	"cnfd/resolver"
	"cnfd/thumbprint"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// house is a signed Internet with a resolver, a verifier and a gate in front of it,
// as a server has them. What is published there, the gate must see at once.
type house struct {
	*sandbox.Internet
	t        testing.TB
	clock    atomic.Int64 // seconds that everybody's clock is ahead
	resolver *resolver.Resolver
	resolves resolver.Config
	verifies verifier.Config
	gate     *gate.Gate
}

func (h *house) now() time.Time { return time.Now().Add(time.Duration(h.clock.Load()) * time.Second) }

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t}
	var err error
	if h.Internet, err = sandbox.Start(sandbox.Config{Now: h.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	anchors, err := dnssec.ParseAnchors([]string{h.Anchor()})
	if err != nil {
		t.Fatal(err)
	}
	h.resolves = resolver.Config{Now: h.now, Anchors: &anchors, ServerPort: uint16(h.Port()), AllowLocalServers: true}
	for _, hint := range h.Hints() {
		h.resolves.Hints = append(h.resolves.Hints, resolver.Hint(hint))
	}
	h.verifies = verifier.Config{Now: h.now}
	h.open()
	return h
}

// open makes resolver, verifier and gate of what is configured.
func (h *house) open() {
	h.t.Helper()
	var err error
	if h.resolver, err = resolver.New(h.resolves); err != nil {
		h.t.Fatal(err)
	}
	h.verifies.Source = h.resolver
	v, err := verifier.New(h.verifies)
	if err != nil {
		h.t.Fatal(err)
	}
	if h.gate, err = gate.New(gate.Config{Confirmer: v, Source: h.resolver, Identities: []string{"ca.example"}}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) put(apex string, lines ...string) {
	h.t.Helper()
	if err := h.Replace(apex, lines...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) take(apex, name string, rrtype uint16) {
	h.t.Helper()
	if err := h.Remove(apex, name, rrtype); err != nil {
		h.t.Fatal(err)
	}
}

// servers are those of a zone.
func (h *house) servers(apex string) (out []netip.Addr) {
	for _, z := range h.Zones() {
		if z.Name == apex {
			for _, s := range z.Servers {
				out = append(out, s.Addr())
			}
		}
	}
	return out
}

// tamper has the servers of a zone answer questions of one type as f says.
func (h *house) tamper(apex string, rrtype uint16, f func(q, r *dns.Msg) *dns.Msg) {
	h.t.Helper()
	for _, s := range h.servers(apex) {
		err := h.Tamper(s, func(_ string, q, r *dns.Msg) *dns.Msg {
			if len(q.Question) != 1 || q.Question[0].Qtype != rrtype {
				return r
			}
			return f(q, r)
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

const (
	vendor  = "vendor.example."
	account = "https://ca.example:8256/acme/acct/7"
	optsIn  = `300 IN CAA 0 issue "ca.example; validationmethods=ca-cnf-01"`
)

func keyNamed(letter string) thumbprint.Thumbprint {
	k, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, []byte(strings.Repeat(letter, 32)))
	if err != nil {
		panic(err)
	}
	return k
}

var ours, theirs = keyNamed("a"), keyNamed("b")

// site is one domain of the vendor's zone, host.rN.vendor.example, and a claim on it.
type site struct {
	*house
	name, above string // with the trailing dot
	claim       acme.Claim
}

func (h *house) site(label string) *site {
	above := label + "." + vendor
	s := &site{house: h, name: "host." + above, above: above}
	s.claim = acme.Claim{
		Identifier: acme.Identifier{Type: acme.TypeDNS, Value: strings.TrimSuffix(s.name, ".")},
		Keys:       []thumbprint.Thumbprint{ours}, Method: acme.MethodHTTP, Account: account,
	}
	s.publish(ours)
	return s
}

func (s *site) key() string { return "jwk.cnf." + s.name }

func (s *site) publish(k thumbprint.Thumbprint) {
	s.t.Helper()
	s.put(vendor, record.Presentation(s.key(), 300, k))
}

// permits has the site's CAA set name us; opts has it opt in.
func permits(s *site) { s.put(vendor, s.name+` 300 IN CAA 0 issue "ca.example"`) }

func opts(s *site) {
	s.put(vendor, s.name+" "+optsIn)
	s.claim.Method = acme.MethodCNF
}

func challenge(*site) {}

func grants(s *site) { s.claim.Method, s.claim.Granted = acme.MethodCNF, true }

// restrict puts a CAA set at the site's name.
func restrict(records ...string) func(*site) {
	return func(s *site) {
		var lines []string
		for _, r := range records {
			lines = append(lines, s.name+" 300 IN CAA "+r)
		}
		s.put(vendor, lines...)
	}
}

// leads makes the site's own name an alias.
func leads(target string) func(*site) {
	return func(s *site) {
		s.take(vendor, s.name, caa.Type)
		s.put(vendor, s.name+" 300 IN CNAME "+target)
	}
}

func (s *site) holds(t *testing.T) {
	t.Helper()
	if p := s.gate.Judge(t.Context(), &s.claim); p != nil {
		t.Fatalf("before: %v", p)
	}
}

func (s *site) refused(t *testing.T, kind acme.Kind, passing bool, says string) {
	t.Helper()
	p := s.gate.Judge(t.Context(), &s.claim)
	if p == nil {
		t.Fatal("nothing stands against it")
	}
	if p.Kind != kind || p.Passing != passing || !strings.Contains(p.Detail, says) || p.Identifier == nil || *p.Identifier != s.claim.Identifier {
		t.Errorf("%v, passing %v, of %v; want %s, passing %v, %q", p, p.Passing, p.Identifier, kind, passing, says)
	}
}
