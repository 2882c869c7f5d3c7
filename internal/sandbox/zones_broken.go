package sandbox

import (
	"strings"
	"time"

	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// unsigned zones are proven to be so.
func unsigned() []spec {
	return []spec{
		{name: "unsigned.example.", why: "no DS, proven by NSEC", want: insecure, keys: noKeys, on: []int{serverElsewhere}},
		{name: "unsigned.test.", why: "no DS, within an opt-out interval", want: insecure, keys: noKeys, on: []int{serverElsewhere}},
		{name: "open.rsa.example.", why: "no DS, proven by NSEC3", want: insecure, keys: noKeys},
		{name: "island.unsigned.example.", why: "signed, below an unsigned zone, which could not vouch for a DS", want: insecure,
			ds: func([]dns.RR) []dns.RR { return nil }},
	}
}

// broken zones are bogus, each for one reason.
func broken() []spec {
	const day = 24 * time.Hour
	return []spec{
		{name: "expired.example.", why: "its signatures expired five days ago", want: bogus, policy: zone.Policy{Since: -30 * day, For: 25 * day}},
		{name: "future.example.", why: "its signatures begin in five days", want: bogus, policy: zone.Policy{Since: 5 * day, For: 25 * day}},
		{name: "wrongds.example.", why: "its DS matches no key", want: bogus, ds: func(ds []dns.RR) []dns.RR {
			d := ds[0].(*dns.DS)
			first := "00"
			if strings.HasPrefix(d.Digest, first) { // as one in 256 does
				first = "ff"
			}
			d.Digest = first + d.Digest[2:]
			return ds
		}},
		{name: "stripped.example.", why: "the record's signature is missing", want: bogus, policy: zone.Policy{Spoil: func(s *dns.RRSIG) *dns.RRSIG {
			if s.TypeCovered == dns.TypeTLSA {
				return nil
			}
			return s
		}}},
		{name: "forged.example.", why: "the record's signature does not verify", want: bogus, policy: zone.Policy{Spoil: func(s *dns.RRSIG) *dns.RRSIG {
			if s.TypeCovered == dns.TypeTLSA {
				s.OrigTtl++
			}
			return s
		}}},
		{name: "unproven.example.", why: "denials come without the signature of their NSEC", want: bogus, records: "www 300 TXT \"nothing here\"\n",
			policy: zone.Policy{Spoil: func(s *dns.RRSIG) *dns.RRSIG {
				if s.TypeCovered == dns.TypeNSEC {
					return nil
				}
				return s
			}}, cases: []Case{{Name: "jwk.cnf.unproven.example.", Type: dns.TypeTLSA, Want: bogus, Kind: noname}}},
		{name: "silent.example.", why: "its server refuses to answer for it", want: indeterminate, on: []int{serverElsewhere}, silent: true},
		{name: "plain.example.", why: "a DS in the parent, nothing signed in the zone", want: bogus, policy: zone.Policy{
			Spoil: func(*dns.RRSIG) *dns.RRSIG { return nil }}},
	}
}
