package verifier

import (
	"fmt"
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
// same, else each by itself, those first that stand against the most.
func detailOf(e *dnssec.Each, t thumbprint.Thumbprint) string {
	if e.Forwarded {
		return "the zone's name servers cannot be asked: questions are handed on to forwarders (resolver.mode: forward), whose answers may be old"
	}
	if len(e.Hops) == 0 {
		return ""
	}
	a := e.Answer
	if !e.Differ && a != nil && a.Kind != dnssec.NoAnswer && a.Security != dnssec.Bogus {
		return summary(e.Hops)
	}
	last := e.Hops[len(e.Hops)-1]
	says := make([]string, len(last.Servers))
	count := map[string]int{}
	for i := range last.Servers {
		says[i] = saying(&last.Servers[i], t)
		count[says[i]]++
	}
	order := make([]int, len(says))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		if d := count[says[i]] - count[says[j]]; d != 0 {
			return d
		}
		return holds(&last.Servers[i]) - holds(&last.Servers[j])
	})
	list := make([]string, len(order))
	for at, i := range order {
		s := &last.Servers[i]
		list[at] = whose(s) + ": " + says[i]
		if s.HasSerial {
			list[at] += fmt.Sprintf(", serial %d", s.Serial)
		}
	}
	about := ""
	if len(e.Hops) > 1 {
		about = "for the alias's " + shortened(strings.TrimSuffix(last.Name, "."), 100) + ": "
	}
	return about + bounded(list, maxDetail-len(about))
}

// summary is what there is to say of servers that all say the same.
func summary(hops []dnssec.Hop) string {
	asked := 0
	var skipped []string
	for _, h := range hops {
		for i := range h.Servers {
			if s := &h.Servers[i]; s.Skipped {
				skipped = append(skipped, whose(s)+": "+shortened(s.Trouble.Text, maxSaying))
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
		text += bounded(skipped, maxDetail-len(text))
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
func whose(s *dnssec.Server) string {
	name := shortened(strings.TrimSuffix(s.Name, "."), 100)
	if !s.Address.IsValid() {
		return name
	}
	return name + " " + s.Address.String()
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
