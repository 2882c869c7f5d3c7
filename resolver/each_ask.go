package resolver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// polled is what one server says at one address. It belongs to whoever asks it.
type polled struct {
	dnssec.Server
	finding  dnssec.Finding
	answered bool     // finding is there
	foreign  bool     // this machine has no way to addresses of the family
	also     []string // other servers at the address
	named    []server // those of the zone, as this one has them
}

// ask asks one server what it says of the hop's name, and which servers the zone has.
func (l *roll) ask(h *hop, s *polled) {
	if s.Trouble.Text != "" {
		return
	}
	if !l.r.reachable(s.Address) {
		s.foreign, s.Trouble = true, dnssec.Trouble{Text: "its address family is turned off (resolver.ipv4, resolver.ipv6)"}
		return
	}
	w := l.walk()
	s.finding, s.Trouble, s.foreign = w.alone(h.at, s.Address, h.Name, l.rrtype)
	if s.Trouble.Budget {
		l.purse.empty() // what one of them may cost, each of them may
	}
	if s.Trouble.Text != "" {
		return
	}
	s.answered, s.finding = true, w.explained(s.finding)
	s.Answer = w.compose(h.Name, l.rrtype, s.finding, h.at)
	s.Trouble = s.finding.Trouble
	if h.at.fixed {
		return // the operator says whom to ask
	}
	f, trouble, _ := w.alone(h.at, s.Address, h.Zone, dns.TypeNS)
	if s.named = namedIn(f, h.at.zone); len(s.named) > 0 || s.finding.Security == dnssec.Bogus {
		return
	}
	// There may be a server that nobody tells of.
	s.answered, s.Answer, s.Trouble = false, nil, trouble
	if !trouble.Budget {
		s.Trouble.Text = "does not prove which servers the zone has"
	}
}

// alone asks one server and nobody else, again while it stays silent, and judges what
// it says as one of the zone's servers. foreign: this machine has no way there.
func (w *walk) alone(c *cut, to netip.Addr, name string, rrtype uint16) (f dnssec.Finding, trouble dnssec.Trouble, foreign bool) {
	msg, trouble, foreign := w.hear(c, to, name, rrtype, rounds)
	if msg != nil {
		f, trouble = w.judged(c, msg, name, rrtype)
	}
	return f, trouble, foreign
}

// hear asks one server so often; what it says is not nil, or there is a trouble.
func (w *walk) hear(c *cut, to netip.Addr, name string, rrtype uint16, rounds int) (msg *dns.Msg, trouble dnssec.Trouble, foreign bool) {
	at := upstream{at: netip.AddrPortFrom(to, w.r.cfg.ServerPort)}
	var err error
	for round := range rounds {
		if w.ctx.Err() != nil {
			return nil, dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: w.whyOver(), Unreachable: true}, false
		}
		if msg, err = w.exchange(at, name, rrtype, round, c.zone.Security == dnssec.Secure); err == nil {
			return msg, dnssec.Trouble{}, false
		}
		if err == errBudget {
			return nil, w.budget.Trouble(), false
		}
		if foreign = noWay(to, err); foreign {
			break
		}
	}
	return nil, dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: plain(err), Unreachable: true}, foreign
}

// judged is what a message of one server proves, or what is wrong with it: of a zone's
// server an answer with authority is wanted, whatever else may prove.
func (w *walk) judged(c *cut, msg *dns.Msg, name string, rrtype uint16) (dnssec.Finding, dnssec.Trouble) {
	r := c.classify(msg, name, rrtype)
	switch {
	case r.lame != "":
		return dnssec.Finding{}, dnssec.Trouble{Text: r.lame, Lame: true}
	case r.class == referral:
		return dnssec.Finding{}, dnssec.Trouble{Text: "refers to servers of " + r.child, Lame: true}
	}
	f := w.judge(c, r.msg, name, rrtype)
	if f.Kind == dnssec.NoAnswer {
		if f.Trouble.Text == "" {
			f.Trouble.Text = "says nothing of use"
		}
		return dnssec.Finding{}, f.Trouble
	}
	return f, dnssec.Trouble{}
}

// noWay reports whether this machine, and nobody on the way, says that it cannot send
// to an IPv6 address: it has no such addresses or routes itself.
func noWay(to netip.Addr, err error) bool {
	if !to.Is6() {
		return false
	}
	for _, none := range []error{syscall.ENETUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT} {
		if errors.Is(err, none) {
			return true
		}
	}
	return false
}

// compare says what the servers come to: what all of them say, or that they differ.
// One that cannot be asked differs from those that can; where none can, nothing is
// known. IPv6 addresses on a machine without IPv6 do not count, of a server that has
// answered at another.
func (l *roll) compare(h *hop, all []*polled) {
	six := false // something came back by IPv6
	var heard []string
	for _, s := range all {
		if s.answered {
			six = six || s.Address.Is6()
			heard = append(append(heard, s.Name), s.also...)
		}
	}
	var first *polled
	var why []string
	for _, s := range all {
		s.Skipped = s.foreign && slices.Contains(heard, s.Name) && (!six || !l.r.reachable(s.Address))
		switch {
		case s.Trouble.Budget && h.found.Trouble.Text == "":
			h.found = lost(s.Trouble)
		case s.answered && first == nil:
			first = s
		case s.answered:
			h.Differ = h.Differ || !first.finding.Same(&s.finding, l.rrtype)
		}
		if !s.answered && len(why) < 4 {
			why = append(why, spoken(s))
		}
		h.Differ = h.Differ || !s.answered && !s.Skipped
	}
	switch {
	case h.found.Trouble.Budget:
		h.Differ = false
	case first == nil:
		h.Differ = false
		h.found = lost(unreachableTrouble(h.at, h.Name, l.rrtype, why))
		h.found.Trouble.Lame = slices.ContainsFunc(all, func(s *polled) bool { return s.Trouble.Lame })
	case h.Differ:
		l.serials(h, all)
		h.found = lost(dnssec.Trouble{Text: "the servers of " + h.Zone + " do not all say the same of " + h.Name})
	default:
		h.found = shortest(all, first)
	}
	if h.Parted && h.found.Kind != dnssec.NoAnswer && h.found.Security != dnssec.Bogus {
		h.found = lost(dnssec.Trouble{Text: "the servers of " + h.Above + " do not all delegate " + h.Zone + " alike"})
	}
	for _, s := range all {
		h.Servers = append(h.Servers, s.Server)
	}
}

// spoken is a server with its trouble.
func spoken(s *polled) string {
	if !s.Address.IsValid() {
		return s.Name + ": " + s.Trouble.Text
	}
	return fmt.Sprintf("%s %s: %s", strings.TrimSuffix(s.Name, "."), s.Address, s.Trouble.Text)
}

// shortest is what all servers say, for as long as each of them says that it is true.
func shortest(all []*polled, first *polled) dnssec.Finding {
	f := first.finding
	for _, s := range all {
		if s.answered {
			f.TTL, f.Until = min(f.TTL, s.finding.TTL), sooner(f.Until, s.finding.Until)
		}
	}
	return f
}

// serials asks those that answered which copy of the zone they have.
func (l *roll) serials(h *hop, all []*polled) {
	spread(len(all), func(i int) {
		s := all[i]
		if !s.answered {
			return
		}
		f, trouble, _ := l.walk().alone(h.at, s.Address, h.Zone, dns.TypeSOA)
		if trouble.Text != "" || f.Kind != dnssec.Positive {
			return
		}
		for _, rr := range f.Answer {
			if soa, ok := rr.(*dns.SOA); ok {
				s.Serial, s.HasSerial = soa.Serial, true
			}
		}
	})
}

// answer makes an answer of what is known of the hop, as resolve does.
func (h *hop) answer(w *walk, rrtype uint16) *dnssec.Answer {
	if w.negative(h.Name) && h.found.Kind != dnssec.NoAnswer {
		h.found.Security, h.found.Trouble = dnssec.Insecure, dnssec.Trouble{Text: "a negative trust anchor covers " + h.Name}
	}
	a := w.compose(h.Name, rrtype, h.found, h.at)
	w.override(a)
	return a
}
