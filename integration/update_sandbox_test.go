package integration

import (
	"fmt"
	"net/netip"
	"testing"

	"cnfd/publish"

	"github.com/miekg/dns"
)

func TestUpdateSandbox(t *testing.T) {
	t.Parallel()
	n := newTree(t, 134)
	at := func(zone string) netip.Addr {
		for _, z := range n.Zones() {
			if z.Name == zone {
				return z.Servers[0].Addr()
			}
		}
		t.Fatalf("no zone %s", zone)
		return netip.Addr{}
	}
	name, algorithm, secret := n.TSIG()
	w := &writable{zone: "leaving.example.", otherZone: "vendor.example.", alias: "alias.cnf.leaving.example.", takesEmpty: true, odd: anyOctets}
	w.key = fmt.Sprintf("key %q { algorithm %s; secret %q; };", name, algorithm, secret)
	server := at(w.zone)
	w.server, w.stranger = server.String()+":53", n.Hints()[0].Addresses[0].String()+":53"
	w.want = map[string]expected{"the server has other zones, and the zone is not told": {publish.NotAuth, "not authoritative for"}} // a root refers
	if err := n.Replace(w.zone, w.alias+" 300 IN CNAME ns."+w.zone); err != nil {
		t.Fatal(err)
	}
	w.fail = func(t *testing.T) {
		err := n.Tamper(server, func(_ string, _, r *dns.Msg) *dns.Msg { r.Rcode = dns.RcodeServerFailure; return r })
		if err != nil {
			t.Fatal(err)
		}
	}
	w.prove(t)
}
