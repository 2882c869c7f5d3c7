package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestACMEWithoutTheInternet has a server that reaches no root: its domain's zone is a stub with an anchor of its own (docs/acme.md). The CAA
// set at the zone's apex is what keeps the search for one from going on above, where nothing can be proven.
func TestACMEWithoutTheInternet(t *testing.T) {
	t.Parallel()
	s := newACMEScene(t, 216, "challenge")
	a := s.actor(t, acmeClients(t)["lego"], 0, "lego", "http-01")
	s.grants(t, a, a.client.obtain)
	apex := publishingDomain + ` 300 CAA 0 issue "` + acmeIdentity + `"`
	s.update(t, "add "+apex)
	ds := s.zones["."].set(publishingDomain, dns.TypeDS)
	if len(ds) != 1 || len(s.anchor) != 1 {
		t.Fatalf("%d DS records, %d anchors", len(ds), len(s.anchor))
	}
	hints := "root_hints: [{name: ns., addresses: [%s]}]"
	line := func(rr dns.RR) string { return "'" + strings.ReplaceAll(rr.String(), "\t", " ") + "'" }
	s.reconfigure(t, "trust_anchors:\n    - '"+s.anchor[0].String()+"'", "trust_anchors: [none]")
	s.reconfigure(t, fmt.Sprintf(hints, strings.Join(s.hints, ", ")), fmt.Sprintf(hints, s.net+"250")+
		fmt.Sprintf("\n  stubs: [{zone: %s, addresses: [%s], trust_anchors: [%s]}]", strings.TrimSuffix(publishingDomain, "."), s.leaf.addr, line(ds[0])))
	s.grants(t, a, a.client.obtain)
	s.update(t, "delete "+publishingDomain+" CAA")
	s.refusesAt(t, a, "the CAA records of example. cannot be proven")
	s.update(t, "add "+apex)
	s.grants(t, a, a.client.obtain)
}
