package gate_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"cnfd/acme"
	"cnfd/acme/caa"
	"cnfd/acme/gate"
	"cnfd/dnssec"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// bounded refuses to answer what may rest on old records, or on old keys.
type bounded struct {
	verifier.Source
	t *testing.T

	mu    sync.Mutex // guards what follows
	types map[uint16]int
}

func (b *bounded) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	b.mu.Lock()
	b.types[q.Type]++
	b.mu.Unlock()
	if !q.Bounded || q.MaxAge != 0 || q.ChainAge != acme.ChainAge {
		b.t.Errorf("%s %s may be as old as %s, and its chain %s", q.Name, dns.TypeToString[q.Type], q.MaxAge, q.ChainAge)
	}
	return b.Source.Lookup(ctx, q)
}

// TestEachQuestionIsBounded: neither what is asked nor the keys that prove it may come from long ago.
func TestEachQuestionIsBounded(t *testing.T) {
	s := newHouse(t).site("x")
	opts(s)
	source := &bounded{Source: s.resolver, t: t, types: map[uint16]int{}}
	s.verifies.Source = source
	v, err := verifier.New(s.verifies)
	if err != nil {
		t.Fatal(err)
	}
	if s.gate, err = gate.New(gate.Config{Confirmer: v, Source: source, Identities: []string{"ca.example"}}); err != nil {
		t.Fatal(err)
	}
	s.holds(t)
	if source.types[dns.TypeTLSA] == 0 || source.types[caa.Type] == 0 {
		t.Errorf("asked for %v", source.types)
	}
}

// TestTheChainIsAsYoung: a domain whose registry takes its DS away is believed for a minute, and not for the hour that its keys are cached.
func TestTheChainIsAsYoung(t *testing.T) {
	s := newHouse(t).site("x")
	opts(s)
	s.holds(t)
	s.take("example.", vendor, dns.TypeDS)
	s.clock.Add(int64(acme.ChainAge.Seconds()) - 10)
	s.holds(t)
	s.clock.Add(11)
	name, _ := dnssec.NameOf(s.key())
	if a, _, err := s.resolver.Lookup(t.Context(), dnssec.Question{Name: name, Type: dns.TypeTLSA, Bounded: true}); err != nil || a.Security != dnssec.Secure {
		t.Fatalf("the set-up is wrong: the keys are cached no more: %v %v", a, err)
	}
	if p := s.gate.Judge(t.Context(), &s.claim); p == nil || p.Kind != acme.DNS || !strings.Contains(p.Detail, "(insecure") {
		t.Errorf("%v", p)
	}
}
