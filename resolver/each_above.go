package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// delegating is what one server of the zone above says of the delegation. It belongs
// to whoever asks it.
type delegating struct {
	dnssec.Delegator
	referral *dns.Msg
	servers  []server // that it refers to
	holds    bool     // the zone itself, in whose place it answers
	foreign  bool     // this machine has no way to addresses of the family
}

// hearAbove has each server of the zone above say how it delegates, since a verifier
// elsewhere may hear another than the one that was heard here. It returns the servers
// that any of them refers to, beside those that are known. Who is silent refers nobody
// anywhere, and is no difference.
func (l *roll) hearAbove(h *hop, servers []server) []server {
	up := h.above
	if up == nil || up.forwards() || up.zone.Security != dnssec.Secure && up.zone.Security != dnssec.Insecure {
		return servers
	}
	ctx, cancel := context.WithTimeout(l.ctx, eachAbove)
	defer cancel()
	w := l.walk()
	w.ctx = ctx
	all := w.parents(h, up)
	if h.found.Trouble.Text != "" {
		return servers
	}
	// An anchor for the zone takes the place of what its parent proves.
	proven := up.zone.Security == dnssec.Secure && l.r.anchors.Load().At(h.Zone) == nil && !w.negative(h.Zone)
	spread(len(all), func(i int) {
		w := l.walk()
		w.ctx = ctx
		w.heardOf(up, all[i], h.Zone, proven)
		if all[i].Trouble.Budget {
			l.purse.empty() // what one of them may cost, each of them may
		}
	})
	h.Above = up.zone.Name
	heard := map[string]bool{}
	for i, d := range all {
		h.Parted = h.Parted || slices.ContainsFunc(all[:i], func(o *delegating) bool { return o.Heard && d.Heard && !o.Same(&d.Delegator) })
		heard[d.Name] = heard[d.Name] || d.Heard
		if d.Trouble.Budget && h.found.Trouble.Text == "" {
			h.found = lost(d.Trouble)
		}
		if d.holds {
			h.apart = append(h.apart, &polled{Server: dnssec.Server{Name: d.Name, Address: d.Address}})
		}
		servers = together(servers, d.servers)
	}
	for _, d := range all {
		if !d.foreign || !heard[d.Name] {
			h.Parents = append(h.Parents, d.Delegator)
		}
	}
	if h.Parted {
		l.walk().bestOf(h, up, all)
	}
	return servers
}

// parents are the addresses of the servers of the zone above, those first that have
// been quick.
func (w *walk) parents(h *hop, up *cut) (all []*delegating) {
	if len(up.servers) > maxEachNames {
		h.found = tooMany(fmt.Sprintf("%s has more than %d name servers", up.zone.Name, maxEachNames))
		return nil
	}
	known := map[netip.Addr]bool{}
	for _, s := range up.servers {
		addrs := s.addrs
		if len(addrs) == 0 {
			addrs = w.addresses(s.name, up)
		}
		addrs = slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return !w.r.reachable(a) })
		if len(addrs) == 0 {
			all = append(all, &delegating{Delegator: dnssec.Delegator{Name: s.name, Trouble: dnssec.Trouble{Text: "no address of it can be asked"}}})
		}
		for _, a := range addrs {
			if a = a.Unmap(); !known[a] {
				known[a] = true
				all = append(all, &delegating{Delegator: dnssec.Delegator{Name: s.name, Address: a}})
			}
		}
	}
	w.giveUpEarly(0)
	if len(all) > maxEachAddresses {
		h.found = tooMany(fmt.Sprintf("the name servers of %s have more than %d addresses", up.zone.Name, maxEachAddresses))
		return nil
	}
	cost := func(d *delegating) int {
		return int(w.r.facts.get(netip.AddrPortFrom(d.Address, w.r.cfg.ServerPort)).cost())
	}
	slices.SortStableFunc(all, func(a, b *delegating) int { return cost(a) - cost(b) })
	return all
}

// heardOf asks one server of the zone above how it delegates a child. proven: it is to
// prove the DS records, or that there are none.
func (w *walk) heardOf(up *cut, d *delegating, child string, proven bool) {
	if d.Trouble.Text != "" {
		return
	}
	var msg *dns.Msg
	if msg, d.Trouble, d.foreign = w.hear(up, d.Address, child, dns.TypeA, fewRounds); msg == nil {
		return
	}
	r := up.classify(msg, child, dns.TypeA)
	switch {
	case r.lame != "":
		d.Trouble = dnssec.Trouble{Text: r.lame}
		return
	case r.class == referral && r.child != child:
		d.Heard, d.Trouble = true, dnssec.Trouble{Text: "refers to servers of " + r.child}
		return
	case r.class == referral:
		d.referral, d.servers = msg, w.r.serversIn(msg.Ns, msg.Extra, child, up.zone.Name)
		for _, s := range d.servers {
			d.NS = append(d.NS, s.name)
		}
		slices.Sort(d.NS)
		d.NS = slices.Compact(d.NS)
	default:
		d.holds = within(msg, child)
	}
	d.Heard = true
	switch {
	case proven:
		w.provenBy(up, d, child)
	case d.referral == nil && !d.holds:
		d.Trouble = dnssec.Trouble{Text: "does not delegate " + child}
	}
}

// provenBy asks for the DS records, where the referral does not prove them.
func (w *walk) provenBy(up *cut, d *delegating, child string) {
	var del dnssec.Delegation
	if d.referral != nil {
		del = up.zone.Delegation(child, d.referral, w.terms)
	}
	if del.Cut == dnssec.CutUnproven && w.budget.Exhausted == "" {
		msg, trouble, _ := w.hear(up, d.Address, child, dns.TypeDS, fewRounds)
		if msg == nil {
			d.Heard, d.Trouble = false, trouble
			return
		}
		del = up.zone.Delegation(child, msg, w.terms)
	}
	switch del.Cut {
	case dnssec.CutSecure:
		for _, ds := range del.Trust.DS {
			d.DS = append(d.DS, fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToLower(ds.Digest)))
		}
		slices.Sort(d.DS)
	case dnssec.CutInsecure:
		d.DS = []string{}
	case dnssec.NoCut, dnssec.NoCutNoName:
		d.Trouble = dnssec.Trouble{Text: "does not delegate " + child}
	default:
		d.Trouble = del.Trouble
	}
}

// within reports whether an answer with authority is from a zone or from below it.
func within(msg *dns.Msg, zone string) bool {
	return len(msg.Answer) > 0 || slices.ContainsFunc(msg.Ns, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeSOA && dnssec.IsSubdomain(dnssec.Canonical(rr.Header().Name), zone)
	})
}

// bestOf proves the zone by the delegation that proves it best, where they differ: what
// its servers say is then seen, whichever of the parent's servers was heard first.
func (w *walk) bestOf(h *hop, up *cut, all []*delegating) {
	defer w.giveUpEarly(0)
	var tried [][]string
	for _, d := range all {
		if h.at.zone.Security == dnssec.Secure || w.over() {
			return
		}
		if d.referral == nil || d.Trouble.Text != "" || slices.ContainsFunc(tried, func(ds []string) bool { return slices.Equal(ds, d.DS) }) {
			continue
		}
		tried = append(tried, d.DS)
		if next, held := w.descend(up, d.referral, h.Zone, nil); held && next.zone.Security == dnssec.Secure {
			h.at = w.keep(next)
		}
	}
}

// together are servers with those that others name, each once with all its addresses.
func together(servers, more []server) []server {
	out := slices.Clone(servers)
	for _, m := range more {
		i := slices.IndexFunc(out, func(s server) bool { return s.name == m.name })
		if i < 0 {
			out = append(out, m)
			continue
		}
		addrs := slices.Clone(out[i].addrs)
		for _, a := range m.addrs {
			if !slices.Contains(addrs, a) {
				addrs = append(addrs, a)
			}
		}
		out[i].addrs = addrs
	}
	return out
}
