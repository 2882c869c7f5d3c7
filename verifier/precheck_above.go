package verifier

import (
	"fmt"
	"slices"
	"strings"

	"cnfd/dnssec"
)

// parted is what each server of the zone above says of the delegation, where they do
// not say the same: those first that stand against the most.
func parted(h *dnssec.Hop, limit int) string {
	names, keys := false, false // what differs
	for i := range h.Parents {
		for j := range h.Parents[:i] {
			p, q := &h.Parents[i], &h.Parents[j]
			if p.Heard && q.Heard && p.Trouble.Text == "" && q.Trouble.Text == "" {
				names = names || p.NS != nil && q.NS != nil && !slices.Equal(p.NS, q.NS)
				keys = keys || !slices.Equal(p.DS, q.DS)
			}
		}
	}
	says := make([]string, len(h.Parents))
	for i := range h.Parents {
		says[i] = delegating(&h.Parents[i], names || !keys, keys || !names)
	}
	var list []string
	proves := func(i int) int {
		if h.Parents[i].Trouble.Text != "" {
			return 0
		}
		return 1
	}
	for _, i := range fewFirst(says, proves) {
		list = append(list, whose(h.Parents[i].Name, h.Parents[i].Address)+": "+says[i])
	}
	text := "the servers of " + plainName(h.Above) + " do not all delegate " + plainName(h.Zone) + " alike: "
	return text + bounded(list, limit-len(text))
}

// delegating is how one server of the zone above delegates, in words: to whom, and with
// which DS records.
func delegating(p *dnssec.Delegator, names, keys bool) string {
	if !p.Heard || p.Trouble.Text != "" {
		return shortened(p.Trouble.Text, maxSaying)
	}
	var parts []string
	switch {
	case p.NS == nil:
		parts = append(parts, "holds the zone itself")
	case names:
		to := make([]string, len(p.NS))
		for i, n := range p.NS {
			to[i] = plainName(n)
		}
		parts = append(parts, "to "+strings.Join(to, " and "))
	}
	switch {
	case !keys || p.DS == nil:
	case len(p.DS) == 0:
		parts = append(parts, "without DS")
	default:
		ds := make([]string, len(p.DS))
		for i, one := range p.DS {
			ds[i] = shortDS(one)
		}
		parts = append(parts, "DS "+strings.Join(ds, " and "))
	}
	return shortened(strings.Join(parts, ", "), maxSaying)
}

// shortDS is a DS record of which a person sees which one it is: its key tag, its
// algorithms, and the beginning of its digest.
func shortDS(ds string) string {
	const most = 8
	at := strings.LastIndexByte(ds, ' ') + 1
	if len(ds) <= at+most {
		return ds
	}
	return ds[:at+most] + "…"
}

// oddities are what there is to warn of, and decides nothing: name servers that one side
// alone names, and servers of the zones above that were not heard.
func oddities(hops []dnssec.Hop) (odd []string) {
	for i := range hops {
		h := &hops[i]
		for _, n := range h.OnlyAbove {
			odd = append(odd, fmt.Sprintf("%s is named for %s by %s alone", plainName(n), plainName(h.Zone), plainName(h.Above)))
		}
		for _, n := range h.OnlyWithin {
			odd = append(odd, fmt.Sprintf("%s is named for %s by the zone alone, and not by %s", plainName(n), plainName(h.Zone), plainName(h.Above)))
		}
		if h.Parted {
			continue // there each is named
		}
		for j := range h.Parents {
			if p := &h.Parents[j]; !p.Heard {
				odd = append(odd, "not heard of the zone above: "+whose(p.Name, p.Address)+": "+shortened(p.Trouble.Text, maxSaying))
			}
		}
	}
	return odd
}
