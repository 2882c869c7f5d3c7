//go:build soak

package fuzz

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/miekg/dns"
)

// spoil changes a reply: its meaning, its octets, or both.
func (w *wood) spoil(d *rand.Rand, wire []byte) ([]byte, error) {
	if d.IntN(4) > 0 {
		m := new(dns.Msg)
		if err := m.Unpack(wire); err != nil {
			return nil, err
		}
		for range 1 + d.IntN(3) {
			w.twist(d, m)
		}
		out, err := m.Pack()
		if err != nil {
			return nil, err
		}
		wire = out
		if d.IntN(4) > 0 {
			return wire, nil
		}
	}
	wire = bytes.Clone(wire)
	for range 1 + d.IntN(4) {
		var e [6]byte
		for i := range e {
			e[i] = byte(d.Uint32())
		}
		e[0] = 0
		wire = edit(e[:], 0, wire)
	}
	return wire, nil
}

// twist makes one change that somebody makes who knows what a message means.
func (w *wood) twist(d *rand.Rand, m *dns.Msg) {
	sections := []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra}
	s := sections[d.IntN(3)]
	other := w.replies[d.IntN(len(w.replies))]
	theirs := [][]dns.RR{other.Answer, other.Ns, other.Extra}[d.IntN(3)]
	switch d.IntN(15) {
	case 0:
		m.Rcode = []int{0, 2, 3, 5}[d.IntN(4)]
	case 1:
		m.Authoritative, m.Truncated = d.IntN(2) == 0, d.IntN(8) == 0
		m.AuthenticatedData = true
	case 2: // a record is missing
		if len(*s) > 0 {
			i := d.IntN(len(*s))
			*s = slices.Delete(*s, i, i+1)
		}
	case 3: // a kind of record is missing: the signatures, the denials, the DS
		gone := []uint16{dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeDS, dns.TypeSOA, dns.TypeNS, dns.TypeDNSKEY, dns.TypeTLSA}[d.IntN(8)]
		for _, s := range sections {
			*s = slices.DeleteFunc(*s, func(rr dns.RR) bool { return rr.Header().Rrtype == gone })
		}
	case 4: // a record in another section
		if t := sections[d.IntN(3)]; len(*s) > 0 {
			*t = append(*t, (*s)[d.IntN(len(*s))])
		}
	case 5: // another reply's section in place of this one's, replayed
		*s = copied(theirs)
	case 6: // beside it
		*s = append(*s, copied(theirs)...)
	case 7: // all of another reply
		m.Answer, m.Ns, m.Extra = copied(other.Answer), copied(other.Ns), copied(other.Extra)
		m.Rcode, m.Authoritative = other.Rcode, other.Authoritative
	case 8: // all of it under another name
		names := []string{m.Question[0].Name, "vendor.example.", "jwk.cnf.vendor.example.", "cnf.vendor.example.", "example.", ".", "attacker.example."}
		from, to := "", names[d.IntN(len(names))]
		if len(*s) > 0 {
			from = (*s)[d.IntN(len(*s))].Header().Name
		}
		for _, rr := range *s {
			if rr.Header().Name == from {
				rr.Header().Name = to
			}
		}
	case 9:
		if len(*s) > 0 {
			(*s)[d.IntN(len(*s))].Header().Ttl = []uint32{0, 1, 300, 1 << 31, 1<<32 - 1}[d.IntN(5)]
		}
	default:
		w.forge(d, m, s)
	}
}

// forge changes what a record says, or puts the attacker's own in.
func (w *wood) forge(d *rand.Rand, m *dns.Msg, s *[]dns.RR) {
	qname := m.Question[0].Name
	switch d.IntN(8) {
	case 0: // the stranger's record, bare
		m.Answer = append(m.Answer, line("%s 300 IN TLSA 255 255 255 %s", qname, w.stranger.jkt()))
	case 1: // and signed by his own zone of that name
		if !w.evil.Contains(qname) {
			return
		}
		a := w.evil.Answer(qname, m.Question[0].Qtype, true, now)
		m.Rcode, m.Authoritative, m.Answer, m.Ns, m.Extra = a.Rcode, true, a.Answer, a.Authority, a.Additional
	case 2: // his key in the set of the zone
		m.Answer = append(m.Answer, w.evil.Answer("vendor.example.", dns.TypeDNSKEY, true, now).Answer...)
	case 3: // his DS in the referral
		m.Ns = append(m.Ns, w.evil.DS(dns.SHA256)...)
		if d.IntN(2) == 0 {
			m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool {
				ds, ok := rr.(*dns.DS)
				return ok && ds.Digest != w.evil.DS(dns.SHA256)[0].(*dns.DS).Digest
			})
		}
	case 4: // his server in the referral, or a referral where there is none
		to := "ns.vendor.example."
		if d.IntN(2) == 0 {
			to = "ns.vendor.example.attacker.example."
		}
		zone := []string{"vendor.example.", "example.", ".", "cnf.vendor.example.", qname}[d.IntN(5)]
		m.Ns = append(m.Ns, line("%s 300 IN NS %s", zone, to))
		m.Extra = append(m.Extra, line("%s 300 IN A %s", to, evilAddr))
	case 5: // away to his own zone
		kind := []string{"CNAME", "DNAME"}[d.IntN(2)]
		owner := []string{qname, "cnf.vendor.example.", "vendor.example.", "example."}[d.IntN(4)]
		m.Answer = append(m.Answer, line("%s 300 IN %s %s", owner, kind, []string{"jwk.cnf.attacker.example.", "attacker.example."}[d.IntN(2)]))
	default:
		if len(*s) > 0 {
			w.lie(d, (*s)[d.IntN(len(*s))])
		}
	}
}

// lie changes one field of a record that its signature covers, or of the signature.
func (w *wood) lie(d *rand.Rand, rr dns.RR) {
	names := []string{".", "example.", "vendor.example.", "cnf.vendor.example.", "jwk.cnf.vendor.example.", "attacker.example.", "zzz.example."}
	name := names[d.IntN(len(names))]
	switch rr := rr.(type) {
	case *dns.RRSIG:
		switch d.IntN(8) {
		case 0:
			rr.Labels = uint8(d.IntN(6))
		case 1:
			rr.SignerName = name
		case 2:
			rr.KeyTag = uint16(d.Uint32())
		case 3:
			rr.Algorithm = []uint8{1, 5, 8, 13, 15, 16, 253}[d.IntN(7)]
		case 4:
			rr.Expiration += uint32(d.IntN(1 << 20))
		case 5:
			rr.Inception -= uint32(d.IntN(1 << 20))
		case 6:
			rr.OrigTtl = d.Uint32()
		case 7:
			rr.TypeCovered = []uint16{dns.TypeTLSA, dns.TypeDS, dns.TypeNSEC, dns.TypeDNSKEY, dns.TypeCNAME}[d.IntN(5)]
		}
	case *dns.NSEC:
		if d.IntN(2) == 0 {
			rr.NextDomain = name
		} else {
			rr.TypeBitMap = nil
		}
	case *dns.NSEC3:
		switch d.IntN(4) {
		case 0:
			rr.Flags ^= 1
		case 1:
			rr.Iterations = uint16(d.IntN(200))
		case 2:
			rr.NextDomain, rr.TypeBitMap = "VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV", nil
		case 3:
			rr.Hash = 2
		}
	case *dns.DS:
		switch d.IntN(3) {
		case 0:
			rr.Algorithm = []uint8{1, 5, 253}[d.IntN(3)]
		case 1:
			rr.DigestType = []uint8{1, 3, 4, 200}[d.IntN(4)]
		case 2:
			rr.KeyTag++
		}
	case *dns.DNSKEY:
		rr.Flags ^= []uint16{1, 128, 256}[d.IntN(3)]
	case *dns.TLSA:
		rr.Certificate = w.stranger.jkt()
	case *dns.NS:
		rr.Ns = name
	case *dns.CNAME:
		rr.Target = "jwk.cnf.attacker.example."
	case *dns.A:
		rr.A = evilAddr.AsSlice()
	}
}

func copied(rrs []dns.RR) (out []dns.RR) {
	for _, rr := range rrs {
		out = append(out, dns.Copy(rr))
	}
	return out
}

func line(format string, args ...any) dns.RR {
	rr, err := dns.NewRR(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err)
	}
	return rr
}
