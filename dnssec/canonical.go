package dnssec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/miekg/dns"
)

// signedData is what an RRSIG signs: its own RDATA without the signature, then
// the records in canonical form and order, once each (RFC 4034 §3.1.8.1, §6).
func (s RRset) signedData(sig *dns.RRSIG) ([]byte, error) {
	wire, err := packed(canonicalRRs(s.RRs))
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, 18+256+len(wire))
	data = binary.BigEndian.AppendUint16(data, sig.TypeCovered)
	data = append(data, sig.Algorithm, sig.Labels)
	data = binary.BigEndian.AppendUint32(data, sig.OrigTtl)
	data = binary.BigEndian.AppendUint32(data, sig.Expiration)
	data = binary.BigEndian.AppendUint32(data, sig.Inception)
	data = binary.BigEndian.AppendUint16(data, sig.KeyTag)
	if data, err = appendName(data, sig.SignerName); err != nil {
		return nil, err
	}
	// Owner, type, class and TTL are alike in all; the length field comes
	// before the RDATA and must not take part in the order (RFC 4034 §6.3).
	head, err := appendName(nil, s.signedOwner(sig))
	if err != nil {
		return nil, err
	}
	head = binary.BigEndian.AppendUint16(head, s.Type)
	head = binary.BigEndian.AppendUint16(head, dns.ClassINET)
	head = binary.BigEndian.AppendUint32(head, sig.OrigTtl)
	rdata := make([][]byte, 0, len(s.RRs))
	wire.each(func(_, rest []byte) bool {
		rdata = append(rdata, rest[10:])
		return true
	})
	if len(rdata) != len(s.RRs) {
		return nil, errPacked
	}
	slices.SortFunc(rdata, bytes.Compare)
	for i, d := range rdata {
		if i == 0 || !bytes.Equal(d, rdata[i-1]) {
			data = append(data, head...)
			data = binary.BigEndian.AppendUint16(data, uint16(len(d)))
			data = append(data, d...)
		}
	}
	return data, nil
}

var errPacked = errors.New("the records do not keep their form")

// signedOwner is the owner name that was signed: the wildcard's where one was expanded.
func (s RRset) signedOwner(sig *dns.RRSIG) string {
	if n := Labels(s.Name); n > int(sig.Labels) && !(isWildcard(s.Name) && n == int(sig.Labels)+1) {
		return wildcardOf(Ancestor(s.Name, int(sig.Labels)))
	}
	return s.Name
}

// canonicalRRs lower-cases the names inside RDATA, in copies.
func canonicalRRs(rrs []dns.RR) []dns.RR {
	out := rrs
	for i, rr := range rrs {
		if !slices.ContainsFunc(namesIn(rr), func(n *string) bool { return Canonical(*n) != *n }) {
			continue
		}
		if &out[0] == &rrs[0] {
			out = slices.Clone(rrs)
		}
		out[i] = dns.Copy(rr)
		for _, n := range namesIn(out[i]) {
			*n = Canonical(*n)
		}
	}
	return out
}

// namesIn are the names inside RDATA of the types that RFC 4034 §6.2 lists and
// RFC 6840 §5.1 corrects; those in NSEC and HINFO stay as they are.
func namesIn(rr dns.RR) []*string {
	switch x := rr.(type) {
	case *dns.NS:
		return []*string{&x.Ns}
	case *dns.CNAME:
		return []*string{&x.Target}
	case *dns.DNAME:
		return []*string{&x.Target}
	case *dns.PTR:
		return []*string{&x.Ptr}
	case *dns.SOA:
		return []*string{&x.Ns, &x.Mbox}
	case *dns.MX:
		return []*string{&x.Mx}
	case *dns.SRV:
		return []*string{&x.Target}
	case *dns.NAPTR:
		return []*string{&x.Replacement}
	case *dns.RP:
		return []*string{&x.Mbox, &x.Txt}
	case *dns.AFSDB:
		return []*string{&x.Hostname}
	case *dns.RT:
		return []*string{&x.Host}
	case *dns.KX:
		return []*string{&x.Exchanger}
	case *dns.PX:
		return []*string{&x.Map822, &x.Mapx400}
	case *dns.MINFO:
		return []*string{&x.Rmail, &x.Email}
	case *dns.MB:
		return []*string{&x.Mb}
	case *dns.MG:
		return []*string{&x.Mg}
	case *dns.MR:
		return []*string{&x.Mr}
	case *dns.MD:
		return []*string{&x.Md}
	case *dns.MF:
		return []*string{&x.Mf}
	case *dns.SIG:
		return []*string{&x.SignerName}
	case *dns.NXT:
		return []*string{&x.NextDomain}
	}
	return nil
}
