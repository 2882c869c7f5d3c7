package publish

import (
	"context"
	"crypto"
	"slices"
	"strings"
	"testing"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// unsignedWorld answers by name and type, as a resolver would whose parent proves no DS.
type unsignedWorld map[string]*dnssec.Answer

func (w unsignedWorld) LookupEach(ctx context.Context, _ dnssec.Question) (*dnssec.Each, error) {
	return &dnssec.Each{}, ctx.Err()
}

func (w unsignedWorld) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	return w[q.Name.String()+" "+dns.Type(q.Type).String()], false, ctx.Err()
}

const openApex = "vendor.example."

// openKey is a key of the zone that signs sets.
type openKey struct {
	*dns.DNSKEY
	signer crypto.Signer
}

func newOpenKey(t *testing.T, flags uint16) openKey {
	t.Helper()
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: openApex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 300}, Flags: flags, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	private, err := k.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	return openKey{k, private.(crypto.Signer)}
}

// signedBy is the set of the keys with a signature by each of some.
func signedBy(t *testing.T, keys []openKey, by ...openKey) []dns.RR {
	t.Helper()
	var set []dns.RR
	for _, k := range keys {
		set = append(set, k.DNSKEY)
	}
	out := slices.Clone(set)
	for _, k := range by {
		sig := &dns.RRSIG{
			Hdr: dns.RR_Header{Name: openApex, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: 300}, KeyTag: k.KeyTag(), Algorithm: k.Algorithm,
			SignerName: openApex, Inception: 1700000000, Expiration: 1900000000,
		}
		if err := sig.Sign(k.signer, set); err != nil {
			t.Fatal(err)
		}
		out = append(out, sig)
	}
	return out
}

func openAnswer(name string, rrtype uint16, s dnssec.Security, k dnssec.Kind, zone string, rrs ...dns.RR) *dnssec.Answer {
	return &dnssec.Answer{Name: name, Type: rrtype, Security: s, Kind: k, Zone: zone, AnswerSection: dnssec.PackRecords(rrs)}
}

// TestWhyUnsigned: a zone is signed and its parent has no DS, which is the most common
// mistake; each row turns one thing of that.
func TestWhyUnsigned(t *testing.T) {
	ksk, next, zsk := newOpenKey(t, 257), newOpenKey(t, 257), newOpenKey(t, 256)
	dsText := func(k openKey) string {
		ds := k.ToDS(dns.SHA256)
		return openApex + " DS " + strings.ToUpper(strings.TrimPrefix(ds.String(), ds.Hdr.String()))
	}
	const forgotten = "the zone vendor.example. is signed, but its parent, example., has no DS for it"
	all := []openKey{ksk, zsk}
	for _, c := range []struct {
		claim        string
		turn         func(w unsignedWorld, keys *[]dns.RR)
		what         string
		do, unsaid   string
		ends, noApex bool
	}{
		{claim: "the parent proves that it has none", what: forgotten, do: dsText(ksk) + " if that", unsaid: dsText(zsk)},
		{claim: "the parent's NSEC3 opts out", turn: func(w unsignedWorld, _ *[]dns.RR) { w[openApex+" DS"].Security = dnssec.Insecure },
			what: forgotten, do: dsText(ksk)},
		{claim: "of two entry keys both", turn: func(_ unsignedWorld, keys *[]dns.RR) {
			*keys = signedBy(t, []openKey{ksk, next, zsk}, ksk, next)
		}, what: forgotten, do: dsText(ksk) + " and " + dsText(next)},
		{claim: "an entry key that signs nothing yet is not one", turn: func(_ unsignedWorld, keys *[]dns.RR) {
			*keys = signedBy(t, []openKey{ksk, next, zsk}, ksk)
		}, what: forgotten, do: dsText(ksk), unsaid: dsText(next)},
		{claim: "one key without the SEP bit does all", turn: func(_ unsignedWorld, keys *[]dns.RR) {
			*keys = signedBy(t, []openKey{zsk}, zsk)
		}, what: forgotten, do: dsText(zsk)},
		{claim: "keys, and no signature", turn: func(_ unsignedWorld, keys *[]dns.RR) { *keys = signedBy(t, all) },
			what: "has keys (DNSKEY), and no signature", do: "be bogus", unsaid: openApex + " DS"},
		{claim: "a signature over other keys", turn: func(_ unsignedWorld, keys *[]dns.RR) {
			other := signedBy(t, []openKey{ksk, next}, ksk)
			*keys = append(signedBy(t, all), other[len(other)-1])
		}, what: "has keys (DNSKEY), and no signature", do: "be bogus", unsaid: openApex + " DS"},
		{claim: "no keys", turn: func(_ unsignedWorld, keys *[]dns.RR) { *keys = nil },
			what: "the zone vendor.example. is not signed", do: "sign it with DNSSEC"},
		{claim: "keys that are bogus", turn: func(w unsignedWorld, _ *[]dns.RR) { w[openApex+" DNSKEY"].Security = dnssec.Bogus },
			what: "the zone vendor.example. is not signed", do: "sign it with DNSSEC"},
		{claim: "the zone above is not signed either", turn: func(w unsignedWorld, _ *[]dns.RR) {
			w[openApex+" DS"].Security, w["example. DNSKEY"].Security = dnssec.Insecure, dnssec.Insecure
		}, what: "the zone above it, example., is not", do: "have that zone signed first", unsaid: openApex + " DS"},
		{claim: "a DS that nobody takes", turn: func(w unsignedWorld, _ *[]dns.RR) { w[openApex+" DS"].Kind = dnssec.Positive },
			what: "none that verifiers take", do: "algorithm 13"},
		{claim: "what the parent has cannot be learnt", turn: func(w unsignedWorld, _ *[]dns.RR) { w[openApex+" DS"] = nil },
			what: "is signed, but its parent has no DS for it", do: dsText(ksk)},
		{claim: "nobody is asked any more", ends: true, what: "the zone vendor.example. is not signed", do: "sign it with DNSSEC"},
		{claim: "a zone that was not learnt", noApex: true, what: "the zone is not signed", do: "sign it with DNSSEC"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			keys := signedBy(t, all, ksk, zsk)
			w := unsignedWorld{
				openApex + " DS":     openAnswer(openApex, dns.TypeDS, dnssec.Secure, dnssec.NoData, "example."),
				openApex + " DNSKEY": openAnswer(openApex, dns.TypeDNSKEY, dnssec.Insecure, dnssec.Positive, openApex, keys...),
				"example. DNSKEY":    openAnswer("example.", dns.TypeDNSKEY, dnssec.Secure, dnssec.Positive, "example."),
			}
			if what, do := whyUnsigned(t.Context(), w, openApex); what != forgotten || !strings.Contains(do, dsText(ksk)) || !strings.Contains(do, "compare it") || strings.Contains(do, dsText(zsk)) {
				t.Fatalf("before: %q, %q", what, do)
			}
			if c.turn != nil {
				c.turn(w, &keys)
			}
			w[openApex+" DNSKEY"].AnswerSection = dnssec.PackRecords(keys)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			apex := openApex
			if c.ends {
				cancel()
			}
			if c.noApex {
				apex = ""
			}
			what, do := whyUnsigned(ctx, w, apex)
			if !strings.Contains(what, c.what) || !strings.Contains(do, c.do) || c.unsaid != "" && strings.Contains(do, c.unsaid) {
				t.Errorf("%q, %q, want %q, %q", what, do, c.what, c.do)
			}
		})
	}
}
