package dnssec

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// RRset is the records of one name and type with the signatures over them.
type RRset struct {
	Name string // lower case
	Type uint16
	RRs  []dns.RR
	Sigs []*dns.RRSIG
}

// find collects the RRset of a name and type from a section.
func find(section []dns.RR, name string, rrtype uint16) RRset {
	set := RRset{Name: name, Type: rrtype}
	for _, rr := range section {
		h := rr.Header()
		if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
			continue
		}
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == rrtype {
			set.Sigs = append(set.Sigs, sig)
		} else if h.Rrtype == rrtype {
			set.RRs = append(set.RRs, rr)
		}
	}
	return set
}

// types lists the types that a section holds at a name, RRSIG apart.
func types(section []dns.RR, name string) []uint16 {
	var out []uint16
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype != dns.TypeRRSIG && h.Class == dns.ClassINET && strings.EqualFold(h.Name, name) && !slices.Contains(out, h.Rrtype) {
			out = append(out, h.Rrtype)
		}
	}
	return out
}

// All returns records and signatures together, as a section holds them.
func (s RRset) All() []dns.RR {
	out := slices.Clone(s.RRs)
	for _, sig := range s.Sigs {
		out = append(out, sig)
	}
	return out
}

// TTL is the smallest TTL of the records; they should be equal (RFC 2181 §5.2).
func (s RRset) TTL() time.Duration {
	ttl := uint32(1<<31 - 1)
	for _, rr := range s.RRs {
		ttl = min(ttl, validTTL(rr.Header().Ttl))
	}
	return time.Duration(ttl) * time.Second
}

// validTTL treats a TTL with its top bit set as zero (RFC 2181 §8).
func validTTL(ttl uint32) uint32 {
	if ttl > 1<<31-1 {
		return 0
	}
	return ttl
}

// signedData is what an RRSIG signs: its own RDATA without the signature, then
// the records in canonical form and order, once each (RFC 4034 §3.1.8.1, §6).
func (s RRset) signedData(sig *dns.RRSIG) ([]byte, error) {
	head := *sig
	head.Signature = ""
	head.SignerName = Canonical(sig.SignerName)
	head.Hdr = dns.RR_Header{Name: ".", Rrtype: dns.TypeRRSIG, Class: dns.ClassINET}
	data, err := pack(&head)
	if err != nil {
		return nil, err
	}
	data = data[11:] // root owner 1, type 2, class 2, TTL 4, RDLENGTH 2

	owner := s.Name
	if n := Labels(owner); n > int(sig.Labels) && !(isWildcard(owner) && n == int(sig.Labels)+1) {
		owner = wildcardOf(Ancestor(owner, int(sig.Labels)))
	}
	wires := make([][]byte, 0, len(s.RRs))
	for _, rr := range s.RRs {
		c := dns.Copy(rr)
		h := c.Header()
		h.Name, h.Ttl = owner, sig.OrigTtl
		lowerRDATA(c)
		w, err := pack(c)
		if err != nil {
			return nil, err
		}
		wires = append(wires, w)
	}
	// Owner, type, class and TTL are alike in all; the length field comes
	// before the RDATA and must not take part in the order (RFC 4034 §6.3).
	skip := len(wires[0]) - rdlength(wires[0], owner)
	slices.SortFunc(wires, func(a, b []byte) int { return bytes.Compare(a[skip:], b[skip:]) })
	for i, w := range wires {
		if i == 0 || !bytes.Equal(w, wires[i-1]) {
			data = append(data, w...)
		}
	}
	return data, nil
}

// rdlength is the length of the RDATA of a packed record whose owner is known.
func rdlength(wire []byte, owner string) int {
	buf := make([]byte, 256)
	n, err := dns.PackDomainName(owner, buf, 0, nil, false)
	if err != nil {
		return 0
	}
	return len(wire) - n - 10
}

func pack(rr dns.RR) ([]byte, error) {
	buf := make([]byte, dns.Len(rr)+1)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// lowerRDATA lower-cases the names inside RDATA of the types that RFC 4034
// §6.2 lists and RFC 6840 §5.1 corrects; NSEC and HINFO stay as they are.
func lowerRDATA(rr dns.RR) {
	lower := func(names ...*string) {
		for _, n := range names {
			*n = Canonical(*n)
		}
	}
	switch x := rr.(type) {
	case *dns.NS:
		lower(&x.Ns)
	case *dns.CNAME:
		lower(&x.Target)
	case *dns.DNAME:
		lower(&x.Target)
	case *dns.PTR:
		lower(&x.Ptr)
	case *dns.SOA:
		lower(&x.Ns, &x.Mbox)
	case *dns.MX:
		lower(&x.Mx)
	case *dns.SRV:
		lower(&x.Target)
	case *dns.NAPTR:
		lower(&x.Replacement)
	case *dns.RP:
		lower(&x.Mbox, &x.Txt)
	case *dns.AFSDB:
		lower(&x.Hostname)
	case *dns.RT:
		lower(&x.Host)
	case *dns.KX:
		lower(&x.Exchanger)
	case *dns.PX:
		lower(&x.Map822, &x.Mapx400)
	case *dns.MINFO:
		lower(&x.Rmail, &x.Email)
	case *dns.MB:
		lower(&x.Mb)
	case *dns.MG:
		lower(&x.Mg)
	case *dns.MR:
		lower(&x.Mr)
	case *dns.MD:
		lower(&x.Md)
	case *dns.MF:
		lower(&x.Mf)
	}
}
