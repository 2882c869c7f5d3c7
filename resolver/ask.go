package resolver

import (
	"fmt"
	"slices"
	"strings"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// rounds is how often a server that stays silent is asked for one thing, and fewRounds
// where there is more to be tried than that thing.
const (
	rounds    = 3
	fewRounds = 2
)

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
	// strained tells that a server was of no use before, silent that none said anything.
	strained, silent bool
	// lame is an answer without authority, where there was one: all that a zone
	// has whose servers are caches, and never enough for one that is signed.
	lame *reply
}

// ask puts a question to the servers of a zone until accept takes a reply.
// accept takes one that has no authority (reply.lame) only where it is proven.
// It is the only loop over the network. Silent servers are asked again with longer
// waits; servers that said something of no use are not.
func (w *walk) ask(c *cut, name string, rrtype uint16, accept func(*reply) bool) asked {
	return w.askOf(w.lineup(c), c, name, rrtype, accept)
}

func (w *walk) askOf(line *lineup, c *cut, name string, rrtype uint16, accept func(*reply) bool) asked {
	out := asked{silent: true}
	var why []string
	complain := func(u upstream, what string) {
		if said := u.String() + what; !slices.Contains(why, said) {
			why = append(why, said)
		}
	}
	if i := w.isEarly(name, rrtype); i >= 0 {
		line.prefer(w.early[i].to)
	}
	refused := 0
	for {
		who, round, ok := line.next()
		if !ok {
			break
		}
		if w.ctx.Err() != nil {
			why = append(why, w.whyOver())
			break
		}
		msg, err := w.exchange(who, name, rrtype, round, c.keyed || c.zone.Security == dnssec.Secure)
		if err == errBudget {
			out.trouble = w.spent(c, name, rrtype, why)
			return out
		}
		if err != nil {
			complain(who, ": "+plain(err))
			line.again(who)
			continue
		}
		out.silent = false
		r := c.classify(msg, name, rrtype)
		if r.class == lame {
			complain(who, " "+r.lame)
			continue
		}
		if accept(&r) {
			out.reply, out.usable, out.ok, out.strained = r, true, true, len(why) > 0
			return out
		}
		if r.lame != "" {
			complain(who, " "+r.lame)
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
		if len(why) == 0 {
			why = w.localAt(c)
		}
		out.trouble = unreachableTrouble(c, name, rrtype, why)
		out.trouble.Lame = !out.silent && !c.forwards()
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
