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
	ds       *dns.Msg // where the referral has no DS, or there is none
	servers  []server // that it refers to
	holds    bool     // the zone itself, in whose place it answers
	foreign  bool     // this machine has no way to addresses of the family
}

// hearAbove has each server of the zone above say how it delegates, since a verifier
// elsewhere may hear another than the first that is heard here.
func (l *roll) hearAbove(h *hop, up *cut) {
	ctx, cancel := context.WithTimeout(l.ctx, eachAbove)
	defer cancel()
	apart := func(f func(w *walk)) {
		w := l.walk()
		w.ctx = ctx
		f(w)
		w.giveUpEarly(0)
	}
	if len(up.servers) > maxEachNames {
		h.found = tooMany(fmt.Sprintf("%s has more than %d name servers", up.zone.Name, maxEachNames))
		return
	}
	at := make([][]netip.Addr, len(up.servers))
	spread(len(at), func(i int) {
		if at[i] = up.servers[i].addrs; len(at[i]) == 0 {
			apart(func(w *walk) { at[i] = w.addresses(up.servers[i].name, up) })
		}
	})
	h.parents = l.parents(h, up, at)
	spread(len(h.parents), func(i int) {
		apart(func(w *walk) { w.heardOf(up, h.parents[i], h.Zone) })
	})
}

// parents are the servers of the zone above at their addresses, those first that have
// been quick.
func (l *roll) parents(h *hop, up *cut, at [][]netip.Addr) (all []*delegating) {
	known := map[netip.Addr]bool{}
	for i, s := range up.servers {
		addrs := slices.DeleteFunc(slices.Clone(at[i]), func(a netip.Addr) bool { return !l.r.reachable(a) })
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
	if len(all) > maxEachAddresses {
		h.found = tooMany(fmt.Sprintf("the name servers of %s have more than %d addresses", up.zone.Name, maxEachAddresses))
		return nil
	}
	cost := func(d *delegating) int {
		return int(l.r.facts.get(netip.AddrPortFrom(d.Address, l.r.cfg.ServerPort)).cost())
	}
	slices.SortStableFunc(all, func(a, b *delegating) int { return cost(a) - cost(b) })
	return all
}

// heardOf asks one server of the zone above how it delegates a child.
func (w *walk) heardOf(up *cut, d *delegating, child string) {
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
	if up.zone.Security == dnssec.Secure && (d.referral == nil || !slices.ContainsFunc(msg.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeDS })) {
		var trouble dnssec.Trouble
		if d.ds, trouble, _ = w.hear(up, d.Address, child, dns.TypeDS, fewRounds); d.ds == nil {
			d.Heard, d.Trouble = false, trouble
		}
	}
}

// bestOf follows the referral that proves the zone best, where they differ: what its
// servers say is then seen, whichever of the parent's servers was the quickest.
func (w *walk) bestOf(h *hop, up *cut) (found bool) {
	rank := map[dnssec.Security]int{dnssec.Secure: 3, dnssec.Insecure: 2, dnssec.Bogus: 1}
	var each []*delegating
	for _, d := range h.parents {
		if d.referral != nil && d.Heard && !slices.ContainsFunc(each, d.refersLike) {
			each = append(each, d)
		}
	}
	for _, d := range each {
		next, held := w.followed(up, d, h.Zone, len(each) > 1)
		if !held || found && rank[next.zone.Security] <= rank[h.at.zone.Security] {
			continue
		}
		if h.at, found = next, true; next.zone.Security == dnssec.Secure {
			break
		}
	}
	if found {
		h.at, h.above = w.keep(h.at), w.nearest(dnssec.Parent(h.Zone), dns.TypeNS)
	}
	return found
}

// followed is where a referral leads. One of several may lead to servers that are no
// more, and leaves time for the others.
func (w *walk) followed(up *cut, d *delegating, child string, several bool) (*cut, bool) {
	if several {
		ctx := w.ctx
		defer func() { w.ctx = ctx }()
		var cancel context.CancelFunc
		w.ctx, cancel = context.WithTimeout(ctx, eachTry)
		defer cancel()
	}
	return w.descend(up, d.referral, child, nil)
}

// refersLike reports whether two referrals are to the same servers with the same DS
// records, proven or not.
func (d *delegating) refersLike(o *delegating) bool {
	ds := func(d *delegating) []string {
		var out []string
		for _, rr := range d.referral.Ns {
			if ds, ok := rr.(*dns.DS); ok {
				out = append(out, textOf(ds))
			}
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(d.NS, o.NS) && slices.Equal(ds(d), ds(o))
}

// textOf is a DS record as in a zone file.
func textOf(ds *dns.DS) string {
	return fmt.Sprintf("%d %d %d %s", ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToLower(ds.Digest))
}

// agree judges what the servers of the zone above have said, and tells where they do
// not agree. It returns the zone's servers with those that any of them refers to. Who
// was silent refers nobody anywhere, and is no difference.
func (l *roll) agree(h *hop, servers []server) []server {
	up := h.above
	h.Above = up.zone.Name
	// An anchor for the zone takes the place of what its parent proves.
	proven := up.zone.Security == dnssec.Secure && l.r.anchors.Load().At(h.Zone) == nil && !l.walk().negative(h.Zone)
	heard := map[string]bool{}
	for i, d := range h.parents {
		switch {
		case !d.Heard || d.Trouble.Text != "":
		case proven:
			l.walk().proves(up, d, h.Zone)
		case d.referral == nil && !d.holds:
			d.Trouble = dnssec.Trouble{Text: "does not delegate " + h.Zone}
		}
		if d.Trouble.Budget && h.found.Trouble.Text == "" {
			h.found = lost(d.Trouble) // what one of them may cost, each of them may
			return servers
		}
		// Somebody has delegated the zone, or nobody would be asked: who does not differs.
		h.Parted = h.Parted || d.Heard && d.Trouble.Text != "" ||
			slices.ContainsFunc(h.parents[:i], func(o *delegating) bool { return o.Heard && d.Heard && !o.Same(&d.Delegator) })
		heard[d.Name] = heard[d.Name] || d.Heard
		if d.holds {
			h.apart = append(h.apart, &polled{Server: dnssec.Server{Name: d.Name, Address: d.Address}})
		}
		servers = together(servers, d.servers)
	}
	for _, d := range h.parents {
		if !d.foreign || !heard[d.Name] {
			h.Parents = append(h.Parents, d.Delegator)
		}
	}
	return servers
}

// proves judges what a server of a Secure zone above says of the DS records.
func (w *walk) proves(up *cut, d *delegating, child string) {
	msg := d.ds
	if msg == nil {
		msg = d.referral
	}
	del := w.judgeDelegation(up, child, msg)
	switch del.Cut {
	case dnssec.CutSecure:
		for _, ds := range del.Trust.DS {
			d.DS = append(d.DS, textOf(ds))
		}
		slices.Sort(d.DS)
		d.DS = slices.Compact(d.DS)
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

// sides tells which servers the zone above names alone, and which the zone itself.
func (h *hop) sides(all []*polled) {
	var above, within []string
	for _, p := range h.Parents {
		above = append(above, p.NS...)
	}
	for _, s := range all {
		for _, n := range s.named {
			within = append(within, n.name)
		}
	}
	if len(above) == 0 || len(within) == 0 {
		return // one of the two names nobody: the other is no difference
	}
	h.OnlyAbove, h.OnlyWithin = without(above, within), without(within, above)
}

// without are the names that others do not have, each once and in order.
func without(names, others []string) []string {
	out := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(others, n) })
	slices.Sort(out)
	return slices.Compact(out)
}
