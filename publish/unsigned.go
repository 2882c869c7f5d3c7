package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// whyUnsigned says of a zone of which nothing is proven (Insecure) what is missing, and
// what helps, each in one line for people: what names the zone ("the zone vendor.example.
// is signed, but its parent, example., has no DS for it"). A zone that signs its keys
// gets the DS records that its parent is to have (SHA-256, RFC 4509). They are made of
// keys that nothing proves, and do says so: who publishes them unseen may vouch for
// somebody else's. What cannot be asked any more is said in general words.
func whyUnsigned(ctx context.Context, w World, apex string) (what, do string) {
	if apex == "" {
		return "the zone is not signed", "sign it with DNSSEC, and have its DS at the parent"
	}
	ds := lookedUp(ctx, w, apex, dns.TypeDS)
	zone := "the zone " + apex
	signing, keyed := signingKeys(apex, lookedUp(ctx, w, apex, dns.TypeDNSKEY))
	switch {
	case !keyed:
		return zone + " is not signed", "sign it with DNSSEC, and have its DS at the parent"
	case len(signing) == 0:
		return zone + " has keys (DNSKEY), and no signature of theirs over them", "sign it with them, and give the parent the DS only then: before that all of it would be bogus"
	case ds.Security == dnssec.Secure && ds.Kind == dnssec.Positive:
		return zone + " is signed, but its algorithm, or that of its DS at the parent, is none that verifiers take", "sign it with algorithm 13 (ECDSA P-256) or 8 (RSA, SHA-256), and give the parent its DS of digest type 2 (SHA-256)"
	case ds.Security == dnssec.Insecure && ds.Zone != "" && ds.Zone != apex && lookedUp(ctx, w, ds.Zone, dns.TypeDNSKEY).Security == dnssec.Insecure:
		return fmt.Sprintf("%s is signed, but the zone above it, %s, is not, or nothing vouches for that one", zone, ds.Zone), "have that zone signed first, with its DS at its own parent; then give it the DS of this one"
	}
	what = zone + " is signed, but its parent has no DS for it"
	if ds.Zone != "" && ds.Zone != apex {
		what = fmt.Sprintf("%s is signed, but its parent, %s, has no DS for it", zone, ds.Zone)
	}
	return what, "give the parent the DS, which is " + dsOf(signing) + " if that is the zone's own key: nothing proves it yet, so compare it with what your signer says"
}

// lookedUp is what a validating lookup says, or the zero Answer: what does not fit the
// question, or is Bogus, is none.
func lookedUp(ctx context.Context, w World, name string, rrtype uint16) dnssec.Answer {
	a, _, err := w.Lookup(ctx, question(name, rrtype))
	if err != nil || a == nil || a.Name != name || a.Type != rrtype || a.Security == dnssec.Bogus {
		return dnssec.Answer{}
	}
	return *a
}

// mostTried bounds how many signatures are looked at: what they are over is nobody's
// word but the servers'.
const mostTried = 8

// signingKeys are the keys of a zone that sign its keys, those with the SEP bit where
// there are any (RFC 4034 §2.1.1), which a DS may name. keyed: there are keys at all.
func signingKeys(apex string, a dnssec.Answer) (signing []*dns.DNSKEY, keyed bool) {
	var keys []*dns.DNSKEY
	var set []dns.RR
	var sigs []*dns.RRSIG
	for _, rr := range a.AnswerSection.RRs() {
		if !strings.EqualFold(rr.Header().Name, apex) {
			continue
		}
		switch rr := rr.(type) {
		case *dns.DNSKEY:
			keys, set = append(keys, rr), append(set, rr)
		case *dns.RRSIG:
			if rr.TypeCovered == dns.TypeDNSKEY {
				sigs = append(sigs, rr)
			}
		}
	}
	tries := 0
	for _, k := range keys {
		usable := k.Flags&dns.ZONE != 0 && k.Flags&dns.REVOKE == 0 && k.Protocol == 3
		for _, sig := range sigs {
			if !usable || sig.KeyTag != k.KeyTag() || sig.Algorithm != k.Algorithm || tries == mostTried {
				continue
			}
			if tries++; sig.Verify(k, set) == nil {
				signing = append(signing, k)
				break
			}
		}
	}
	if slices.ContainsFunc(signing, isSEP) {
		signing = slices.DeleteFunc(signing, func(k *dns.DNSKEY) bool { return !isSEP(k) })
	}
	return signing, len(keys) > 0
}

func isSEP(k *dns.DNSKEY) bool { return k.Flags&dns.SEP != 0 }

// dsOf are the DS records of keys, as in a zone file.
func dsOf(keys []*dns.DNSKEY) string {
	var all []string
	for _, k := range keys {
		if ds := k.ToDS(dns.SHA256); ds != nil {
			all = append(all, fmt.Sprintf("%s DS %d %d %d %s", dnssec.Canonical(k.Hdr.Name), ds.KeyTag, ds.Algorithm, ds.DigestType, strings.ToUpper(ds.Digest)))
		}
	}
	return strings.Join(all, " and ")
}
