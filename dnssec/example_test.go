package dnssec_test

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// A zone's keys are proven from what vouches for them, here a trust anchor;
// then its messages are judged, each at a stated time.
func Example() {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

	// What a name server would send: the zone's key and one record, signed.
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: "vendor.example.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 257, Protocol: 3, Algorithm: dns.ED25519,
	}
	made, _ := key.Generate(256)
	private := made.(ed25519.PrivateKey)
	record, _ := dns.NewRR("jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 80D55420A698198F17CDA95C1955872A78EB2657C785F61FD19C5A1C971964EB")
	sign := func(rr dns.RR) *dns.Msg {
		sig := &dns.RRSIG{
			Algorithm: key.Algorithm, KeyTag: key.KeyTag(), SignerName: "vendor.example.",
			Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(time.Hour).Unix()),
		}
		if err := sig.Sign(private, []dns.RR{rr}); err != nil {
			panic(err)
		}
		return &dns.Msg{Answer: []dns.RR{rr, sig}}
	}

	anchors, err := dnssec.ParseAnchors([]string{key.ToDS(dns.SHA256).String()})
	if err != nil {
		panic(err)
	}
	terms := &dnssec.Terms{Now: now, Budget: &dnssec.Budget{}}
	zone := dnssec.ProveZone("vendor.example.", anchors.At("vendor.example."), sign(key), terms)
	fmt.Println("zone:", zone.Security)

	answer := zone.Answer(sign(record), "jwk.cnf.vendor.example.", dnssec.TypeTLSA, terms)
	fmt.Println("record:", answer.Security, "for", answer.TTL)

	late := &dnssec.Terms{Now: now.Add(24 * time.Hour), Budget: &dnssec.Budget{}}
	answer = zone.Answer(sign(record), "jwk.cnf.vendor.example.", dnssec.TypeTLSA, late)
	fmt.Println("a day later:", answer.Security, answer.Trouble.Code)
	// Output:
	// zone: secure
	// record: secure for 5m0s
	// a day later: bogus 7
}
