package resolver_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver"

	"github.com/miekg/dns"
)

// offline is a machine without a network.
type offline struct{}

func (offline) Exchange(context.Context, netip.AddrPort, string, *dns.Msg) (*dns.Msg, error) {
	return nil, errors.New("network is unreachable")
}

// TestOffline: a machine that hears nobody has no question that costs too much,
// however often it tried.
func TestOffline(t *testing.T) {
	r, err := resolver.New(resolver.Config{Now: time.Now, Exchanger: offline{}})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		a := ask(t, r, "jwk.cnf.vendor.example.", dns.TypeTLSA)
		if a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable || a.Trouble.Budget || a.Trouble.Code != dnssec.CodeNoReachable {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		r.Drop(".")
	}
}
