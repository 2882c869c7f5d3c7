package dnssec

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
)

// BenchmarkAnswer is what one confirmation record costs to prove.
func BenchmarkAnswer(b *testing.B) {
	for _, alg := range []uint8{dns.RSASHA256, dns.ECDSAP256SHA256, dns.ED25519} {
		b.Run(dns.AlgorithmToString[alg], func(b *testing.B) {
			q := positive(b, alg)
			for b.Loop() {
				q.terms.Budget = &Budget{}
				if f := q.zone.Answer(q.msg, q.name, q.rrtype, q.terms); f.Security != Secure {
					b.Fatal(f.Trouble)
				}
			}
		})
	}
}

// BenchmarkWorst are messages made to cost as much as they can: each figure is
// to stay well under the 100 ms that a question may take.
func BenchmarkWorst(b *testing.B) {
	k := newSigner(vendor, dns.ECDSAP384SHA384)
	z := proven(b, vendor, k)
	z.keys = append(z.keys, z.keys[0], z.keys[0], z.keys[0]) // as if four keys had one tag
	big := new(dns.Msg)
	for i := range 1400 {
		big.Answer = append(big.Answer, rr(fmt.Sprintf("%s 300 TLSA 255 255 255 %064X", owner, i)))
	}
	set := big.Answer
	sig := k.sign(set)
	for i := range 8 {
		bad := *sig
		bad.Inception -= uint32(i) + 1
		big.Answer = append(big.Answer, &bad)
	}
	nsecFlood := new(dns.Msg)
	for i := range 3000 {
		nsecFlood.Ns = append(nsecFlood.Ns, rr(fmt.Sprintf("n%d.%s 300 NSEC %s TXT", i, vendor, vendor)))
	}
	var n3 []dns.RR
	for i := range 40 {
		c := world.nsec3(vendor, 150, fmt.Sprintf("%02X", i), false)
		n3 = append(n3, c.record(i%len(c.hashes)))
	}
	hashes := message(nx, nil, k.signAll(n3))
	long := ""
	for range 100 {
		long += "a."
	}
	any := new(dns.Msg)
	for i := range 4000 {
		any.Answer = append(any.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: owner, Rrtype: uint16(i + 1000), Class: 1, Ttl: 9}})
	}
	for _, c := range []struct {
		claim, name string
		rrtype      uint16
		msg         *dns.Msg
		zone        *Zone
	}{
		{"a large RRset with signatures that fail", owner, TypeTLSA, big, z},
		{"a flood of NSEC", owner, TypeTLSA, nsecFlood, z},
		{"a flood of NSEC3 at 150 iterations", long + vendor, TypeTLSA, hashes, z},
		{"a flood of types", owner, dns.TypeANY, any, &Zone{Name: vendor, Security: Insecure}},
	} {
		b.Run(c.claim, func(b *testing.B) {
			for b.Loop() {
				if f := c.zone.Answer(c.msg, c.name, c.rrtype, terms()); f.Security == Secure {
					b.Fatal("Secure")
				}
			}
		})
	}
}
