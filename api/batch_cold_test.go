package api

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"cnfd/dnssec"
	"cnfd/resolver"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// meeting answers no question for a record before so many are asked at once.
type meeting struct {
	open  chan struct{}
	mu    sync.Mutex // guards below
	names map[string]bool
}

func (m *meeting) Exchange(ctx context.Context, _ netip.AddrPort, _ string, q *dns.Msg) (*dns.Msg, error) {
	if q.Question[0].Qtype == dns.TypeTLSA {
		m.mu.Lock()
		m.names[strings.ToLower(q.Question[0].Name)] = true
		if len(m.names) == maxWaiting {
			close(m.open)
		}
		m.mu.Unlock()
		select {
		case <-m.open:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r := new(dns.Msg)
	r.SetRcode(q, dns.RcodeServerFailure)
	return r, nil
}

// The resolver asks a baton when it is done before it waits: what a batch needs to
// be looked up is looked up at once.
func TestBatchAsksTheDNSTogether(t *testing.T) {
	m := &meeting{open: make(chan struct{}), names: map[string]bool{}}
	r, err := resolver.New(resolver.Config{Now: clock, Exchanger: m, Anchors: &dnssec.Anchors{}, Forwarders: []resolver.Forwarder{{Network: "udp", Address: netip.MustParseAddrPort("192.0.2.1:53")}}})
	must(t, err)
	defer r.Close(context.Background())
	v, err := verifier.New(verifier.Config{Source: r, Now: clock})
	must(t, err)
	h := newHandler(t, Config{Verifier: v})
	var body strings.Builder
	for i := range maxWaiting {
		body.WriteString(strings.Replace(goodItem, "vendor.", fmt.Sprintf("a%d.", i), 1) + "\n")
	}
	list, _ := answers(t, send(h, "POST", "/v1/verify/batch", body.String(), asLines))
	for i, a := range list {
		if a.Outcome != "unproven" {
			t.Errorf("item %d: %s", i, a)
		}
	}
	select {
	case <-m.open:
	default:
		t.Errorf("%d of %d were asked for together", len(m.names), maxWaiting)
	}
}
