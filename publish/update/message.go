package update

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

// updateOf is a change as one update message. Its preconditions are that the set is
// what was read, record by record (RFC 2136 §2.4.2), or is not there (§2.4.3), and
// that no CNAME is (§2.4.3): a server passes over what is added beside one in silence
// (§3.4.2.2). Records are taken out one by one (§2.5.4), never a whole set.
func updateOf(apex string, c publish.Change) *dns.Msg {
	m := new(dns.Msg).SetUpdate(apex)
	m.RRsetNotUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: c.Name, Rrtype: dns.TypeCNAME}}})
	if len(c.Before.Records) == 0 {
		m.RRsetNotUsed([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: c.Name, Rrtype: dns.TypeTLSA}}})
	}
	taken, put := steps(c)
	m.Used(rrsOf(c.Name, 0, c.Before.Records))
	m.Remove(rrsOf(c.Name, 0, taken))
	m.Insert(rrsOf(c.Name, c.After.TTL, put))
	return m
}

// steps are the records that a change takes out, and then puts in. Where the set's TTL
// changes those that stay are among both, since a set has one TTL (RFC 2181 §5.2), and
// servers do not agree what becomes of it when a record comes with another: BIND and
// PowerDNS give it to the whole set, Knot DNS passes over it.
func steps(c publish.Change) (taken, put []publish.Record) {
	if c.Before.TTL != c.After.TTL {
		return c.Before.Records, c.After.Records
	}
	return c.Removed(), c.Added()
}

// rrsOf are records in the form that packs to just their octets, whatever they mean.
func rrsOf(name string, ttl time.Duration, records []publish.Record) []dns.RR {
	var rrs []dns.RR
	for _, r := range records {
		h := dns.RR_Header{Name: name, Rrtype: dns.TypeTLSA, Class: dns.ClassINET, Ttl: uint32(ttl / time.Second)}
		rrs = append(rrs, &dns.RFC3597{Hdr: h, Rdata: hex.EncodeToString(r.RDATA())})
	}
	return rrs
}

// questionFor asks an authoritative server. DNSSEC's records are asked for since a
// signature tells what was synthesised from a wildcard (RFC 4035 §5.3.4).
func questionFor(name string, rrtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, rrtype)
	m.RecursionDesired = false
	return m.SetEdns0(dns.DefaultMsgSize, true)
}

// setOf reads the TLSA set at a name out of an authoritative answer to a question for
// it. What a wildcard puts there is not at the name: no precondition finds it.
func setOf(m *dns.Msg, name string) (publish.Set, error) {
	set := publish.Set{Name: name}
	var ttls []uint32
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != name || synthesised(m.Answer, name, h.Rrtype) {
			continue
		}
		switch rr := rr.(type) {
		case *dns.CNAME:
			set.Alias = dns.CanonicalName(rr.Target)
		case *dns.TLSA:
			r, err := recordOf(rr)
			if err != nil {
				return publish.Set{}, err
			}
			if !set.Has(r) { // a record that is there twice is there once (RFC 2181 §5)
				set.Records = append(set.Records, r)
			}
			ttls = append(ttls, h.Ttl)
		}
	}
	// Some servers let the records of a set have TTLs of their own, which RFC 2181 §5.2
	// forbids; caches may then hold any of them for as long as the longest.
	if len(ttls) > 0 {
		set.TTL = time.Duration(slices.Max(ttls)) * time.Second
	}
	if set.Alias != "" && len(set.Records) > 0 {
		return publish.Set{}, &publish.Error{What: "both a CNAME and TLSA records at " + name}
	}
	return set, nil
}

// recordOf takes the octets of a record. The library takes RDATA that ends before its
// fields for one whose fields are zero, which would not be what stands there.
func recordOf(rr *dns.TLSA) (publish.Record, error) {
	association, err := hex.DecodeString(rr.Certificate)
	if err != nil || int(rr.Hdr.Rdlength) != 3+len(association) {
		return publish.Record{}, &publish.Error{What: fmt.Sprintf("a TLSA record of %d octets, want 3 or more", rr.Hdr.Rdlength)}
	}
	return publish.RecordOf(append([]byte{rr.Usage, rr.Selector, rr.MatchingType}, association...))
}

// synthesised reports whether signatures say that a set comes from a wildcard. Of an
// unsigned zone nobody can tell.
func synthesised(answer []dns.RR, name string, rrtype uint16) bool {
	labels := dns.CountLabel(strings.TrimPrefix(name, "*.")) // a wildcard's own name counts without it (RFC 4034 §3.1.3)
	return slices.ContainsFunc(answer, func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.TypeCovered == rrtype && dns.CanonicalName(sig.Hdr.Name) == name && int(sig.Labels) < labels
	})
}
