package verifier

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// maxDetail bounds the Detail of a precheck, in octets: what name servers are called,
// and how many there are, others decide.
const maxDetail = 1000

// detailOf says for people what the servers said: how many they were where all say the
// same, else each by itself; before that how the zone above delegates, where its servers
// do not agree, and after it what is odd and decides nothing.
func detailOf(e *dnssec.Each, t thumbprint.Thumbprint) string {
	if e.Forwarded {
		return "the zone's name servers cannot be asked: questions are handed on to forwarders (resolver.mode: forward), whose answers may be old"
	}
	if len(e.Hops) == 0 {
		return ""
	}
	return shortened(detailed(e, t), maxDetail-len("…"))
}

func detailed(e *dnssec.Each, t thumbprint.Thumbprint) string {
	last := &e.Hops[len(e.Hops)-1]
	fine := alike(e)
	var about, end string
	if len(e.Hops) > 1 && (last.Parted || !fine) {
		about = "for the alias's " + plainName(last.Name) + ": "
	}
	if odd := oddities(e.Hops); len(odd) > 0 {
		end = "; " + bounded(odd, maxDetail/4)
	}
	if last.Parted {
		about += parted(last, maxDetail/2)
		if len(last.Servers) == 0 {
			return about + end
		}
		about += "; "
	}
	room := maxDetail - len(about) - len(end)
	if fine {
		return about + summary(e.Hops, room) + end
	}
	return about + oneByOne(last, t, room) + end
}

// alike reports whether the servers of the last zone all say the same of the record,
// and something of use.
func alike(e *dnssec.Each) bool {
	a, h := e.Answer, &e.Hops[len(e.Hops)-1]
	switch {
	case a == nil, a.Security == dnssec.Bogus, h.Differ:
		return false
	case h.Parted: // which is all that is wrong with the answer, or there is none
		return !a.Trouble.Unreachable && !a.Trouble.Budget
	}
	return !e.Differ && a.Kind != dnssec.NoAnswer
}

// oneByOne is what each server of a zone says, those first that stand against the most.
func oneByOne(h *dnssec.Hop, t thumbprint.Thumbprint, limit int) string {
	says := make([]string, len(h.Servers))
	for i := range h.Servers {
		says[i] = saying(&h.Servers[i], t)
	}
	list := make([]string, 0, len(says))
	for _, i := range fewFirst(says, func(i int) int { return holds(&h.Servers[i]) }) {
		s := &h.Servers[i]
		text := whose(s.Name, s.Address) + ": " + says[i]
		if s.HasSerial {
			text += fmt.Sprintf(", serial %d", s.Serial)
		}
		list = append(list, text)
	}
	return bounded(list, limit)
}

// fewFirst orders those who say something: first who stands against the most, and where
// it is one against one, by weight.
func fewFirst(says []string, weight func(i int) int) []int {
	count := map[string]int{}
	order := make([]int, len(says))
	for i, s := range says {
		count[s]++
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if d := count[says[i]] - count[says[j]]; d != 0 {
			return d
		}
		return weight(i) - weight(j)
	})
	return order
}

// summary is what there is to say of servers that all say the same.
func summary(hops []dnssec.Hop, limit int) string {
	asked := 0
	var skipped []string
	for _, h := range hops {
		for i := range h.Servers {
			if s := &h.Servers[i]; s.Skipped {
				skipped = append(skipped, whose(s.Name, s.Address)+": "+shortened(s.Trouble.Text, maxSaying))
			} else {
				asked++
			}
		}
	}
	text := fmt.Sprintf("name servers were asked at %d addresses, and all say the same", asked)
	if asked == 1 {
		text = "the one address of the zone's name servers was asked"
	}
	if len(skipped) > 0 {
		text += "; not asked: "
		text += bounded(skipped, limit-len(text))
	}
	return text
}

// saying is what one server says of the record, in words.
func saying(s *dnssec.Server, t thumbprint.Thumbprint) string {
	a := s.Answer
	switch {
	case s.Skipped:
		return "not asked, " + shortened(s.Trouble.Text, maxSaying)
	case a == nil:
		return shortened(s.Trouble.Text, maxSaying)
	case a.Security == dnssec.Bogus:
		return "bogus, " + shortened(a.Trouble.Text, maxSaying)
	}
	text := "an alias"
	switch n := len(a.Data); {
	case a.Kind != dnssec.Positive:
		text = "no record"
	case n == 1:
		text = "1 record"
	case n > 1:
		text = fmt.Sprintf("%d records", n)
	}
	if len(a.Data) > 0 {
		if record.Match(t, a.Data).Matches {
			text += " with this key"
		} else {
			text += " without this key"
		}
	}
	if a.Wildcard {
		text += ", from a wildcard"
	}
	if a.Security != dnssec.Secure {
		text += ", " + a.Security.String()
	}
	return text
}

// maxSaying bounds what is said of one server's trouble, in octets.
const maxSaying = 160

// holds orders servers that disagree one against one: first who has less.
func holds(s *dnssec.Server) int {
	if s.Answer == nil {
		return -1
	}
	return len(s.Answer.Data)
}

// whose names a server's address.
func whose(server string, address netip.Addr) string {
	name := plainName(server)
	if !address.IsValid() {
		return name
	}
	return name + " " + address.String()
}

// plainName is a domain name as people write it; the root is a dot.
func plainName(name string) string {
	if name == "." {
		return name
	}
	return shortened(strings.TrimSuffix(name, "."), 100)
}

// shortened is text with a mark where its end is cut off. Names and troubles are ASCII
// but for our own words, and the encoder replaces what is no UTF-8.
func shortened(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// bounded joins what fits, and counts the rest.
func bounded(list []string, limit int) string {
	var b strings.Builder
	for i, one := range list {
		if b.Len()+len(one)+len("; and 99 more") > limit && i > 0 {
			return fmt.Sprintf("%s; and %d more", b.String(), len(list)-i)
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one)
	}
	return b.String()
}
