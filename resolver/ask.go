package resolver

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// rounds is how often a server that stays silent is asked for one thing.
const rounds = 3

// maxServers bounds the name-server names that are kept of a delegation (PowerDNS: 13 NS).
const maxServers = 20

// maxRefused is how many servers are believed in their agreement: where so many
// give an answer that does not prove right the others are not asked as well, else
// a broken zone with many servers would use the whole budget up.
const maxRefused = 4

// asked is the outcome of asking a zone's servers: the reply that was accepted,
// or the last one that was at least usable, or none and why.
type asked struct {
	reply   reply
	ok      bool // accepted
	usable  bool // reply is there
	trouble dnssec.Trouble
	// lame is an answer without authority, where there was one: all that a zone
	// has whose servers are caches, and never enough for one that is signed.
	lame *reply
}

// ask puts a question to the servers of a zone until accept takes a reply.
// accept takes one that has no authority (reply.lame) only where it is proven.
// This and askForwarders are the only loops over the network. Silent servers are asked again with longer
// waits; servers that said something of no use are not.
func (w *walk) ask(c *cut, name string, rrtype uint16, accept func(*reply) bool) asked {
	if c.forwards() {
		return w.askForwarders(c, name, rrtype, accept)
	}
	var out asked
	var why []string
	line := w.lineup(c)
	refused := 0
	for {
		addr, round, ok := line.next()
		if !ok {
			break
		}
		if w.ctx.Err() != nil {
			why = append(why, "time is up")
			break
		}
		msg, err := w.exchange(addr, name, rrtype, round, c.keyed || c.zone.Security == dnssec.Secure)
		if err == errBudget {
			out.trouble = w.spent(c, name, rrtype, why)
			return out
		}
		if err != nil {
			why = append(why, fmt.Sprintf("%s: %s", addr, plain(err)))
			line.again(addr)
			continue
		}
		r := classify(msg, c.zone.Name, name, rrtype)
		if r.class == lame {
			why = append(why, fmt.Sprintf("%s %s", addr, r.lame))
			continue
		}
		if accept(&r) {
			out.reply, out.usable, out.ok = r, true, true
			return out
		}
		if r.lame != "" {
			why = append(why, fmt.Sprintf("%s %s", addr, r.lame))
			if out.lame == nil && r.class == answer {
				out.lame = &r
			}
			continue
		}
		out.reply, out.usable = r, true
		if refused++; refused == maxRefused {
			break
		}
	}
	if w.budget.Exhausted != "" {
		out.trouble = w.spent(c, name, rrtype, why)
	} else if !out.usable {
		out.trouble = unreachableTrouble(c, name, rrtype, why)
	}
	return out
}

// spent is the trouble of a question whose budget is spent. Where nobody was
// heard the names are not to blame, but the way to their servers.
func (w *walk) spent(c *cut, name string, rrtype uint16, why []string) dnssec.Trouble {
	if !w.budget.Heard() {
		return unreachableTrouble(c, name, rrtype, why)
	}
	return w.budget.Trouble()
}

func unreachableTrouble(c *cut, name string, rrtype uint16, why []string) dnssec.Trouble {
	who := "server of " + c.zone.Name
	if c.forwards() {
		who = "forwarder"
	}
	text := fmt.Sprintf("no %s answers for %s %s", who, name, dns.Type(rrtype))
	if len(why) == 0 {
		why = []string{"none of its name servers has an address"}
	}
	if len(why) > 4 {
		why = append(why[:4:4], "…")
	}
	return dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: text + ": " + strings.Join(why, "; "), Unreachable: true}
}

// plain shortens a network error to what a person needs.
func plain(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	return s
}

// lineup hands out the addresses of a zone's servers: the known ones by cost,
// then those that must be looked up first, then what referrals said beyond
// their zone, then the silent ones once more.
type lineup struct {
	w      *walk
	cut    *cut
	queue  []netip.AddrPort
	silent []netip.AddrPort
	names  []string // servers without a known address
	spare  bool     // the last resort was added
	seen   map[netip.AddrPort]bool
	round  int
}

func (w *walk) lineup(c *cut) *lineup {
	l := &lineup{w: w, cut: c, seen: map[netip.AddrPort]bool{}}
	for _, s := range c.servers {
		l.add(s.addrs)
		if len(s.addrs) == 0 {
			l.names = append(l.names, s.name)
		} else if !c.fixed {
			// The glue may be wrong: the name is looked up when all else fails.
			defer func() { l.names = append(l.names, s.name) }()
		}
	}
	rand.Shuffle(len(l.names), func(i, j int) { l.names[i], l.names[j] = l.names[j], l.names[i] })
	l.sort()
	return l
}

func (l *lineup) add(addrs []netip.Addr) (added bool) {
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a, l.w.r.cfg.ServerPort)
		if !l.seen[ap] && l.w.r.reachable(a) {
			l.seen[ap] = true
			l.queue = append(l.queue, ap)
			added = true
		}
	}
	return added
}

// sort puts cheap servers first; equal ones in random order, so that an
// attacker cannot know which is asked (RFC 5452 §5).
func (l *lineup) sort() {
	rand.Shuffle(len(l.queue), func(i, j int) { l.queue[i], l.queue[j] = l.queue[j], l.queue[i] })
	slices.SortStableFunc(l.queue, func(a, b netip.AddrPort) int {
		return int(l.w.r.facts.get(a).cost() - l.w.r.facts.get(b).cost())
	})
}

func (l *lineup) next() (netip.AddrPort, int, bool) {
	for len(l.queue) == 0 {
		if len(l.names) > 0 {
			name := l.names[0]
			l.names = l.names[1:]
			l.add(l.w.addresses(name, l.cut))
			l.sort()
			continue
		}
		if !l.spare {
			l.spare = true
			for _, s := range l.cut.servers {
				l.add(s.offered)
				l.add(l.w.glueOf(s.name))
			}
			l.sort()
			continue
		}
		if len(l.silent) == 0 || l.round+1 == rounds {
			return netip.AddrPort{}, 0, false
		}
		l.round++
		l.queue, l.silent = l.silent, nil
	}
	a := l.queue[0]
	l.queue = l.queue[1:]
	return a, l.round, true
}

func (l *lineup) again(a netip.AddrPort) { l.silent = append(l.silent, a) }

// reachable reports whether an address is of a family that is turned on.
func (r *Resolver) reachable(a netip.Addr) bool {
	if a.Unmap().Is4() {
		return !r.cfg.NoIPv4
	}
	return !r.cfg.NoIPv6
}
