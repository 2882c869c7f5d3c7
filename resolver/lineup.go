package resolver

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// upstream is one that a question is put to: a zone's server at an address, or a
// forwarder, reached as it says.
type upstream struct {
	at  netip.AddrPort
	via *forwarder
}

// String names it for people.
func (u upstream) String() string {
	if u.via != nil {
		return u.via.String()
	}
	return u.at.String()
}

// lineup hands out those that may be asked for a cut: the known addresses by
// cost, then those that must be looked up first, then what referrals said
// beyond their zone, then the silent ones once more. Forwarders are all known.
type lineup struct {
	w      *walk
	cut    *cut
	queue  []upstream
	silent []upstream
	names  []string // servers without a known address
	spare  bool     // the last resort was added
	seen   map[netip.AddrPort]bool
	round  int
	rounds int // how often one that stays silent is asked
}

func (w *walk) lineup(c *cut) *lineup {
	l := &lineup{w: w, cut: c, rounds: rounds}
	if c.forwards() {
		l.spare = true
		for _, s := range c.servers {
			if w.r.reachable(s.via.Address.Addr()) {
				l.queue = append(l.queue, upstream{s.via.Address, s.via})
			}
		}
		l.sort()
		l.explore()
		return l
	}
	l.seen = map[netip.AddrPort]bool{}
	var glued []string
	for _, s := range c.servers {
		l.add(s.addrs)
		if len(s.addrs) == 0 {
			l.names = append(l.names, s.name)
		} else if !c.fixed {
			glued = append(glued, s.name)
		}
	}
	rand.Shuffle(len(l.names), func(i, j int) { l.names[i], l.names[j] = l.names[j], l.names[i] })
	// Glue may be wrong: the names are looked up when all else fails.
	l.names = append(l.names, glued...)
	l.sort()
	l.explore()
	return l
}

func (l *lineup) add(addrs []netip.Addr) {
	for _, a := range addrs {
		ap := netip.AddrPortFrom(a, l.w.r.cfg.ServerPort)
		if !l.seen[ap] && l.w.r.reachable(a) {
			l.seen[ap] = true
			l.queue = append(l.queue, upstream{at: ap})
		}
	}
}

// sort puts the cheap ones first; equal servers in random order, so that an
// attacker cannot know which is asked (RFC 5452 §5), equal forwarders in the
// operator's.
func (l *lineup) sort() {
	if !l.cut.forwards() {
		rand.Shuffle(len(l.queue), func(i, j int) { l.queue[i], l.queue[j] = l.queue[j], l.queue[i] })
	}
	slices.SortStableFunc(l.queue, func(a, b upstream) int {
		return int(l.w.r.facts.get(a.at).cost() - l.w.r.facts.get(b.at).cost())
	})
}

// explored is how many line-ups go by for one that begins with another server than
// the quickest: who was slow or silent once may be the better one now.
const explored = 32

// explore puts one by chance first, now and then. One that was found silent has its
// turn only when it was left alone for a while, and with one question at a time.
func (l *lineup) explore() {
	if len(l.queue) < 2 || !l.w.r.chance(explored) {
		return
	}
	if u := l.queue[1+rand.IntN(len(l.queue)-1)]; l.w.r.facts.probe(u.at) {
		l.prefer(u.at)
	}
}

func (l *lineup) next() (upstream, int, bool) {
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
			if l.cut.zone.Name == "." { // primed with addresses that nobody signs
				for _, s := range l.w.r.hinted() {
					l.add(s.addrs)
				}
			}
			l.sort()
			continue
		}
		if len(l.silent) == 0 || l.round+1 >= l.rounds {
			return upstream{}, 0, false
		}
		l.round++
		l.queue, l.silent = l.silent, nil
	}
	u := l.queue[0]
	l.queue = l.queue[1:]
	return u, l.round, true
}

// prefer puts an address first, if it is among those that are known.
func (l *lineup) prefer(at netip.AddrPort) {
	i := slices.IndexFunc(l.queue, func(u upstream) bool { return u.at == at })
	if i > 0 {
		u := l.queue[i]
		copy(l.queue[1:i+1], l.queue[:i])
		l.queue[0] = u
	}
}

func (l *lineup) again(u upstream) { l.silent = append(l.silent, u) }

// reachable reports whether an address is of a family that is turned on.
func (r *Resolver) reachable(a netip.Addr) bool {
	if a.Unmap().Is4() {
		return !r.cfg.NoIPv4
	}
	return !r.cfg.NoIPv6
}
