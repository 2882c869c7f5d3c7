package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// subjects are the domains whose JWT and CWT every internet confirms before anything is changed.
// Each is a zone, and what happens to it is its name.
var subjects = []string{
	"steady.example.",
	"deleted.example.", "deleted3.example.",
	"replaced.example.",
	"ds-broken.example.", "ds-removed.example.", "stripped.example.",
	"wildcard.example.", "delegated.example.", "crowded.example.",
	"alias.example.", "alias-out.example.",
	"two-ds.example.",
	"forged.example.", "unsealed.example.", "withheld.example.", "lapsed.example.", "rekeyed.example.",
}

// An internet is a root, the TLD example. and the zones below it, each tier a server of its own on its own
// address, with a chain of trust from the root's keys down to every leaf.
type internet struct {
	trust
	root, tld, leaf *host
	zones           map[string]*zone
}

// tiers says which software serves what.
type tiers struct{ root, tld, leaf software }

// newInternet starts the servers of an internet on addresses 127.number.0.x and waits until all of it is served and signed.
func newInternet(t testing.TB, number int, kinds tiers) *internet {
	t.Helper()
	lab(t)
	net := network(t, number)
	in := &internet{
		trust: trust{net: net, hints: []string{net + "1"}},
		root:  newHost(t, kinds.root, net+"1"),
		tld:   newHost(t, kinds.tld, net+"2"),
		leaf:  newHost(t, kinds.leaf, net+"3"),
		zones: map[string]*zone{},
	}
	in.plan(t)
	for _, h := range []*host{in.root, in.tld, in.leaf} {
		h.launch(t)
	}
	for _, h := range []*host{in.root, in.tld, in.leaf} {
		h.awaitZones(t)
	}
	in.chain(t)
	return in
}

// plan lays out the zones and their delegations; the DS records follow when there are keys.
func (in *internet) plan(t testing.TB) {
	algorithms := []uint8{dns.ECDSAP256SHA256, dns.ED25519, dns.RSASHA256, dns.ECDSAP384SHA384}
	root := in.add(t, in.root, ".", dns.RSASHA256)
	example := in.add(t, in.tld, "example.", dns.ECDSAP256SHA256)
	root.brief, example.brief, example.nsec3 = false, false, true
	for i, name := range append(slices.Clone(subjects), keyZone, "target.example.", "cnf.delegated.example.", "plain.example.") {
		in.add(t, in.leaf, name, algorithms[i%len(algorithms)])
	}
	in.zones["deleted3.example."].nsec3 = true
	in.zones["plain.example."].unsigned = true
	for name, z := range in.zones {
		if name != "." {
			parent := in.zones[in.parent(name)]
			parent.records = append(parent.records, z.set(name, dns.TypeNS)...)
			parent.records = append(parent.records, z.set(z.under("ns"), dns.TypeA)...)
		}
	}
	for _, k := range tokens(t) {
		in.publish(t, k)
	}
}

func (in *internet) add(t testing.TB, h *host, name string, algorithm uint8) *zone {
	z := newZone(t, name, h.addr, algorithm)
	h.zones = append(h.zones, z)
	in.zones[name] = z
	return z
}

// parent returns the name of the zone that delegates the zone called name.
func (in *internet) parent(name string) string {
	for {
		i, end := dns.NextLabel(name, 0)
		if name = name[i:]; end || name == "" {
			return "."
		}
		if in.zones[name] != nil {
			return name
		}
	}
}

// holder returns the host of the zone called name.
func (in *internet) holder(name string) *host {
	for _, h := range []*host{in.root, in.tld, in.leaf} {
		if slices.Contains(h.zones, in.zones[name]) {
			return h
		}
	}
	return nil
}

// publish puts the record of a token's key where the story of its domain wants it.
func (in *internet) publish(t testing.TB, k token) {
	owner, z := k.owner(), in.zones[k.domain()]
	switch {
	case strings.HasPrefix(k.Name, "stranger "):
		return
	case k.domain() == guest:
		z = in.zones["example."]
	case k.domain() == "wildcard.example." && k.Format == "cwt":
		owner = "*." + k.domain() // the JWT's own record stays beside it
	case k.domain() == "delegated.example." && k.Format == "jwt":
		z = in.zones["cnf.delegated.example."]
	}
	z.records = append(z.records, tlsa(t, owner, k.Thumbprint))
	for domain, target := range map[string]string{"alias.example.": "target.example.", "alias-out.example.": "plain.example."} {
		if k.domain() == domain && k.Format == "jwt" {
			in.zones[target].records = append(in.zones[target].records, tlsa(t, "jwk.cnf."+target, k.Thumbprint))
		}
	}
}

func tlsa(t testing.TB, owner, thumbprint string) dns.RR {
	return records(t, owner+" TLSA 255 255 255 "+thumbprint)[0]
}

// chain puts the DS of every signed zone into its parent, the parents' own last, and keeps that of the root.
func (in *internet) chain(t testing.TB) {
	t.Helper()
	add := map[string][]dns.RR{}
	for name, z := range in.zones {
		if z.unsigned {
			continue
		}
		ds := in.holder(name).ds(t, z)
		if name == "." {
			in.anchor = ds
			continue
		}
		add[in.parent(name)] = append(add[in.parent(name)], ds...)
	}
	for parent, ds := range add {
		in.holder(parent).edit(t, in.zones[parent], nil, ds)
	}
}
