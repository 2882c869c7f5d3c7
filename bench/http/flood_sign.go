package main

import (
	"crypto/ecdsa"
	"strings"

	"github.com/miekg/dns"
)

// signer signs what zones hold.
type signer struct {
	key      *ecdsa.PrivateKey
	public   string
	from, to uint32
}

func (s *signer) dnskey(zone string) *dns.DNSKEY {
	return &dns.DNSKEY{Hdr: header(zone, dns.TypeDNSKEY), Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256, PublicKey: s.public}
}

func (s *signer) keySet(zone string) []dns.RR { return s.signed(zone, s.dnskey(zone)) }

// signed is a set of one record with its signature.
func (s *signer) signed(zone string, record dns.RR) []dns.RR {
	sig := &dns.RRSIG{Hdr: header(record.Header().Name, dns.TypeRRSIG), Inception: s.from, Expiration: s.to,
		KeyTag: s.dnskey(zone).KeyTag(), SignerName: zone, Algorithm: dns.ECDSAP256SHA256}
	if err := sig.Sign(s.key, []dns.RR{record}); err != nil {
		panic(err) // of what stands above
	}
	return []dns.RR{record, sig}
}

func (s *signer) referral(zone, child, at string) *dns.Msg {
	ns := rr(child + " NS ns." + child)
	ds := s.dnskey(child).ToDS(dns.SHA256)
	ds.Hdr = header(child, dns.TypeDS)
	return &dns.Msg{Ns: append([]dns.RR{ns}, s.signed(zone, ds)...), Extra: []dns.RR{rr("ns." + child + " A " + at)}}
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 86400}
}

// rr reads a record of a day's life.
func rr(text string) dns.RR {
	name, rest, _ := strings.Cut(text, " ")
	r, err := dns.NewRR(name + " 86400 IN " + rest)
	if err != nil {
		panic(err) // of what stands above
	}
	return r
}
