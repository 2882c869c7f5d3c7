package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// hop is what the servers of one name's zone say of it. found is what all of them say,
// or why nothing is known.
type hop struct {
	dnssec.Hop
	at        *cut
	above     *cut // that delegates it; nil: none does
	parents   []*delegating
	found     dnssec.Finding
	forwarded bool
	apart     []*polled // servers of the zone above that hold the zone, whoever names them
}

// zoneOf finds where a name lies, by asking for it. Silent servers get a part of the
// time, so that some is left to ask each of them.
func (w *walk) zoneOf(name string, rrtype uint16) (f dnssec.Finding, c *cut) {
	ctx := w.ctx
	defer func() { w.ctx = ctx }()
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithTimeout(ctx, eachWay)
	defer cancel()
	defer w.giveUpEarly(0)
	if c = w.nearest(name, rrtype); !c.forwards() {
		f, c = w.find(name, rrtype)
	}
	return f, c
}

// hop finds the zone of a name anew, and asks all its servers.
func (l *roll) hop(way *walk, name string) *hop {
	h := &hop{Hop: dnssec.Hop{Name: name}}
	var servers []server
	for tries := 0; ; tries++ { // once more from above, where what is remembered is a ghost
		h.found, h.at = way.zoneOf(name, l.rrtype)
		h.Zone = h.at.zone.Name
		if h.at.forwards() {
			h.forwarded = true
			h.found = lost(dnssec.Trouble{Text: "the servers of " + name + " cannot be asked: questions are handed on to forwarders", Unreachable: true})
			return h
		}
		if h.found.Trouble.Budget && h.found.Kind == dnssec.NoAnswer {
			return h
		}
		var gone bool
		h.found = dnssec.Finding{}
		if servers, gone = l.serversNow(h); !gone || tries > 0 {
			break
		}
	}
	if h.found.Trouble.Text == "" && h.above != nil {
		servers = l.agree(h, servers)
	}
	if h.found.Trouble.Text != "" {
		return h
	}
	switch z := h.at.zone; z.Security {
	case dnssec.Secure, dnssec.Insecure:
		l.compare(h, l.askAll(h, servers))
	default: // nothing that its servers say could be worth anything
		h.found = lost(z.Trouble)
		if z.Security == dnssec.Bogus {
			h.found.Security = dnssec.Bogus
		}
	}
	return h
}

// serversNow are the servers that the parent names now, and where they are; of a zone
// whose servers are configured those, and of one that lies hidden on its parent's
// those that it names itself. The zone of the hop is proven anew on the way; where
// that cannot be done h.found says why. gone: the parent proves that it delegates
// the zone no more, and the zone is forgotten.
func (l *roll) serversNow(h *hop) (now []server, gone bool) {
	w := l.walk() // what silent servers have cost on the way is not the others' to bear
	defer w.giveUpEarly(0)
	c := h.at
	h.above, h.parents = nil, nil
	name := c.zone.Name
	if name == "." || c.fixed {
		return c.servers, false
	}
	p := w.nearest(dnssec.Parent(name), dns.TypeNS)
	if p.forwards() || stuck(p) {
		h.found = lost(p.zone.Trouble)
		return nil, false
	}
	if l.hearAbove(h, p); h.found.Trouble.Text != "" {
		return nil, false
	}
	if w.bestOf(h, p) {
		return h.at.servers, false
	}
	// Those that were silent may speak when they are asked again, or elsewhere.
	got := w.referral(p, name)
	switch {
	case got.ok:
		if next, held := w.descend(p, got.reply.msg, name, nil); held {
			h.at, h.above = w.keep(next), w.nearest(dnssec.Parent(name), dns.TypeNS)
			return h.at.servers, false
		}
	case !got.usable:
		h.found = lost(got.trouble)
		return nil, false
	}
	return w.hiddenNow(h)
}

// hiddenNow are the servers of a zone whose parent's servers show no referral, since
// they hold both, or because it delegates the zone no more.
func (w *walk) hiddenNow(h *hop) (now []server, gone bool) {
	c := h.at
	name := c.zone.Name
	f, at := w.find(name, dns.TypeDS)
	if at.zone.Security == dnssec.Secure {
		switch del := w.delegationFrom(at, name, f); del.Cut {
		case dnssec.CutSecure, dnssec.CutInsecure:
			next := &cut{servers: c.servers, until: c.until, granted: c.granted, rooted: at.rooted}
			next.zone = w.proveChild(next, at, name, del)
			h.at, h.above = next, at
		case dnssec.NoCut, dnssec.NoCutNoName:
			delete(w.cuts, name)
			w.r.cache.Drop(cutKey(name))
			h.found = lost(dnssec.Trouble{Text: at.zone.Name + " delegates " + name + " no more"})
			return nil, true
		default:
			h.found = lost(del.Trouble)
			return nil, false
		}
	}
	if f, at := w.find(name, dns.TypeNS); at.zone.Name == name && !at.forwards() {
		if own := namedIn(f, at.zone); len(own) > 0 {
			return own, false
		}
	}
	return c.servers, false
}

// namedIn are the servers that a zone's own NS set names, where it is as good as the
// zone is: proven, if that is signed.
func namedIn(f dnssec.Finding, z *dnssec.Zone) []server {
	if f.Kind != dnssec.Positive || f.Security != z.Security {
		return nil
	}
	var out []server
	for _, rr := range f.Answer {
		if ns, ok := rr.(*dns.NS); ok {
			out = append(out, server{name: dnssec.Canonical(ns.Ns)})
		}
	}
	return out
}

// askAll asks the servers, and those that they name beside themselves.
func (l *roll) askAll(h *hop, todo []server) []*polled {
	var all []*polled
	var names []string
	known := map[netip.Addr]*polled{}
	for first := true; len(todo) > 0; first = false {
		for _, s := range todo {
			names = append(names, s.name)
		}
		if len(names) > maxEachNames {
			h.found = tooMany(fmt.Sprintf("%s has more than %d name servers", h.Zone, maxEachNames))
			return all
		}
		found := l.whereabouts(h, todo)
		if first {
			found = append(found, h.apart...)
		}
		var round []*polled
		for _, s := range found {
			if one := known[s.Address]; one != nil {
				one.also = append(one.also, s.Name)
				continue
			}
			if s.Address.IsValid() {
				known[s.Address] = s
			}
			round = append(round, s)
		}
		all = append(all, round...)
		if len(all) > maxEachAddresses {
			h.found = tooMany(fmt.Sprintf("the name servers of %s have more than %d addresses", h.Zone, maxEachAddresses))
			return all
		}
		spread(len(round), func(i int) { l.ask(h, round[i]) })
		todo = nil
		for _, s := range round {
			for _, named := range s.named {
				if !slices.Contains(names, named.name) && !slices.ContainsFunc(todo, func(t server) bool { return t.name == named.name }) {
					todo = append(todo, named)
				}
			}
		}
	}
	h.sides(all)
	return all
}

func tooMany(what string) dnssec.Finding {
	return lost(dnssec.Trouble{Text: "asking every server costs too much: " + what, Budget: true})
}

// whereabouts are the addresses of servers: where the delegation says that they are,
// and where their names lead now.
func (l *roll) whereabouts(h *hop, servers []server) []*polled {
	found := make([][]*polled, len(servers))
	spread(len(servers), func(i int) {
		s := servers[i]
		for _, a := range s.addrs {
			found[i] = append(found[i], &polled{Server: dnssec.Server{Name: s.name, Address: a.Unmap()}})
		}
		if !h.at.fixed || len(s.addrs) == 0 {
			found[i] = append(found[i], l.led(s.name, len(s.addrs) > 0)...)
		}
	})
	return slices.Concat(found...)
}

// led are the addresses that a server's name leads to. Where they cannot be had, or
// there are none and no glue either, that is what is known of the server.
func (l *roll) led(name string, glued bool) []*polled {
	var out []*polled
	var trouble dnssec.Trouble
	for _, rrtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		w := l.walk()
		a := w.answer(name, rrtype, nil)
		w.giveUpEarly(0)
		if failed(a) && !trouble.Budget {
			trouble = a.Trouble
		}
		for _, addr := range addressesOf(a) {
			s := &polled{Server: dnssec.Server{Name: name, Address: addr}}
			if !l.r.mayAsk(addr) {
				s.Trouble = dnssec.Trouble{Text: "a local address, which is not asked (resolver.allow_local_servers)"}
			}
			out = append(out, s)
		}
	}
	if trouble.Text == "" && len(out) == 0 && !glued {
		trouble.Text = "its name leads to no address"
	}
	if trouble.Text != "" {
		out = append(out, &polled{Server: dnssec.Server{Name: name, Trouble: trouble}})
	}
	return out
}

// addressesOf reads every address of an answer that is not Bogus, those too that no
// server is asked at.
func addressesOf(a *dnssec.Answer) []netip.Addr {
	if a.Security == dnssec.Bogus {
		return nil
	}
	var out []netip.Addr
	for _, rr := range a.AnswerSection.RRs() {
		if addr := addressOf(rr); addr.IsValid() {
			out = append(out, addr.Unmap())
		}
	}
	return out
}
