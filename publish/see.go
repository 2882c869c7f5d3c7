package publish

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"
)

// see makes a SeenSet of what was answered. s has what is known from the entries.
func see(s SeenSet, e *dnssec.Each, now time.Time) SeenSet {
	if e == nil || e.Answer == nil {
		s.Trouble.Text = "nothing was answered"
		return s
	}
	s.Differ, s.Unasked = e.Differ, e.Forwarded
	a := e.Answer
	s.take(a)
	if !s.Unasked {
		s.Negative = negativeIn(a)
	}
	for i := range e.Hops {
		h := &e.Hops[i]
		if i == 0 && s.Zone == "" {
			s.Zone = h.Zone
		}
		if i > 0 {
			s.Aliases = append(s.Aliases, h.Name)
		}
		last := i == len(e.Hops)-1
		if last && h.Parted {
			s.Parents = seeParents(h.Parents)
		}
		servers := inOrder(h.Servers)
		for j := range servers {
			from := &servers[j]
			s.Until = earlier(s.Until, signaturesEnd(from.Answer, now))
			if last {
				s.Servers = append(s.Servers, seeServer(from))
				s.TTL = max(s.TTL, ttlIn(from.Answer))
			}
		}
	}
	if s.Differ && len(s.Parents) == 0 {
		s.hear()
	}
	return s
}

// inOrder are servers by name and address: they are asked in the order in which a
// parent's server happened to name them.
func inOrder(servers []dnssec.Server) []dnssec.Server {
	return slices.SortedStableFunc(slices.Values(servers), func(a, b dnssec.Server) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.Address.Compare(b.Address))
	})
}

// hear notes what the servers say that say anything, where these all say the same.
func (s *SeenSet) hear() {
	var first *SeenServer
	silent := false
	for i := range s.Servers {
		v := &s.Servers[i]
		silent = silent || v.silent()
		switch {
		case !v.said():
		case v.Alias, v.Security != dnssec.Secure && v.Security != dnssec.Insecure, first != nil && !first.same(v):
			return
		default:
			first = v
		}
	}
	if s.Partly = silent && first != nil; !s.Partly {
		return
	}
	for _, r := range first.Records {
		s.Heard = append(s.Heard, s.seeRecord(r.RDATA()))
	}
}

// seeLookup puts what one validating lookup said in the place of what servers could not
// be asked for.
func seeLookup(s SeenSet, a *dnssec.Answer, now time.Time) SeenSet {
	why := s.Trouble
	s.Unasked, s.Differ = true, false
	s.take(a)
	if s.Trouble.Text == "" {
		s.Trouble.Text = why.Text
	}
	s.TTL, s.Negative, s.Until = ttlIn(a), negativeIn(a), signaturesEnd(a, now)
	return s
}

// take copies what an answer says, where it is one to this name and its parts agree.
func (s *SeenSet) take(a *dnssec.Answer) {
	s.Kind, s.Security, s.Wildcard, s.Overridden, s.Trouble, s.Records = dnssec.NoAnswer, dnssec.Indeterminate, false, false, dnssec.Trouble{}, nil
	if a == nil {
		s.Trouble.Text = "nothing was answered"
		return
	}
	s.Trouble = a.Trouble
	if a.Zone != "" && dnssec.IsSubdomain(s.Name, a.Zone) {
		s.Zone = a.Zone
	}
	known := a.Security == dnssec.Secure || a.Security == dnssec.Insecure
	switch {
	case a.Name != s.Name, a.Type != dnssec.TypeTLSA,
		known && a.Kind != dnssec.NoAnswer && (a.Zone == "" || s.Zone != a.Zone),
		known && (a.Kind == dnssec.Positive) != (len(a.Data) > 0):
		s.Trouble.Text = "what was answered is no answer to this question"
		return
	}
	s.Kind, s.Security, s.Wildcard, s.Overridden = a.Kind, a.Security, a.Wildcard, a.Overridden
	if a.Security == dnssec.Bogus {
		return // records that prove to be false are nobody's
	}
	for _, data := range a.Data {
		s.Records = append(s.Records, s.seeRecord(data))
	}
}

func (s *SeenSet) seeRecord(data []byte) SeenRecord {
	r, err := RecordOf(data)
	if err != nil {
		return SeenRecord{Why: err.Error()}
	}
	why := unusable(s.Method, r)
	return SeenRecord{Record: r, Usable: why == "", Why: why, Wanted: why == "" && slices.Contains(s.Wanted, r)}
}

// unusable says why verifiers skip a record; "" where they compare it. Data of 48 or 64
// octets they compare where the credential itself names such a hash, which only one with
// a thumbprint URI does: kid, and 3 (docs/profile.md §2, §3).
func unusable(method string, r Record) string {
	usage, selector, matching, data := r.Fields()
	byURI := method == "kid" || method == "3"
	switch {
	case usage != 255 || selector != 255 || matching != 255:
		return fmt.Sprintf("it begins with %d %d %d, want 255 255 255", usage, selector, matching)
	case len(data) == 32, byURI && (len(data) == 48 || len(data) == 64):
		return ""
	case byURI:
		return fmt.Sprintf("it has %d octets of data, want 32, 48 or 64", len(data))
	}
	return fmt.Sprintf("it has %d octets of data, want 32", len(data))
}

// seeParents says how each server of the zone above delegates.
func seeParents(all []dnssec.Delegator) (parents []SeenParent) {
	for i := range all {
		p := &all[i]
		says := "holds the zone itself"
		switch {
		case p.Trouble.Text != "" || !p.Heard:
			says = orElse(p.Trouble.Text, "nothing was heard")
		case p.NS != nil:
			says = "to " + strings.Join(p.NS, " and ")
		}
		if p.Heard && p.Trouble.Text == "" && p.DS != nil {
			says += ", DS " + orElse(strings.Join(p.DS, " and "), "none")
		}
		parents = append(parents, SeenParent{Server: at(p.Name, p.Address), Says: says})
	}
	return parents
}

// at names one address of a server.
func at(server string, address netip.Addr) string {
	if !address.IsValid() {
		return server
	}
	return server + " " + address.String()
}

func seeServer(from *dnssec.Server) SeenServer {
	s := SeenServer{
		Server: at(from.Name, from.Address), Serial: from.Serial, HasSerial: from.HasSerial,
		Skipped: from.Skipped, Nowhere: !from.Address.IsValid(), Trouble: from.Trouble,
	}
	a := from.Answer
	if a == nil {
		return s
	}
	s.Kind, s.Security, s.Wildcard = a.Kind, a.Security, a.Wildcard
	s.Alias = a.Kind == dnssec.Positive && len(a.Data) == 0 && a.Security != dnssec.Bogus
	if a.Security == dnssec.Bogus {
		return s
	}
	for _, data := range a.Data {
		if r, err := RecordOf(data); err == nil {
			s.Records = append(s.Records, r)
		}
	}
	return s
}
