package publish

import (
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// ttlIn is the longest TTL of an answer's TLSA records; zero where it has none, or they
// are not what the zone holds. What a cache has counted down stands whole in the
// signature (RFC 4034 §3.1.4).
func ttlIn(a *dnssec.Answer) (ttl time.Duration) {
	if a == nil || a.Security == dnssec.Bogus {
		return 0
	}
	for _, rr := range a.AnswerSection.RRs() {
		seconds := uint32(0)
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == dns.TypeTLSA {
			seconds = sig.OrigTtl
		} else if rr.Header().Rrtype == dns.TypeTLSA {
			seconds = rr.Header().Ttl
		}
		ttl = max(ttl, time.Duration(seconds)*time.Second)
	}
	return ttl
}

// negativeIn is how long an answer's absence may be cached, where it says so.
func negativeIn(a *dnssec.Answer) time.Duration {
	if a == nil || a.Security == dnssec.Bogus || a.Kind != dnssec.NoData && a.Kind != dnssec.NoName {
		return 0
	}
	for _, rr := range a.AuthoritySection.RRs() {
		if soa, ok := rr.(*dns.SOA); ok {
			return time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
		}
	}
	return 0
}

// signaturesEnd is when the first of the signatures ends that an answer needs. Of
// several by keys of one algorithm the last is enough; of several algorithms each may be
// the only one that a validator knows (RFC 6840 §5.11). Zero where there is none.
func signaturesEnd(a *dnssec.Answer, now time.Time) (end time.Time) {
	type over struct {
		name      string
		covered   uint16
		algorithm uint8
	}
	if a == nil || a.Security == dnssec.Bogus {
		return end
	}
	last := map[over]time.Time{}
	for _, rr := range slices.Concat(a.AnswerSection, a.AuthoritySection).RRs() {
		sig, ok := rr.(*dns.RRSIG)
		if !ok {
			continue
		}
		o := over{strings.ToLower(sig.Hdr.Name), sig.TypeCovered, sig.Algorithm}
		// The time is one of 32 bits, nearest to now (RFC 4034 §3.1.5).
		until := time.Unix(now.Unix()+int64(int32(sig.Expiration-uint32(now.Unix()))), 0).UTC()
		if known, ok := last[o]; !ok || until.After(known) {
			last[o] = until
		}
	}
	for _, until := range last {
		end = earlier(end, until)
	}
	return end
}

// earlier is the first of two times, of which the zero Time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
