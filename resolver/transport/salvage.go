package transport

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"
)

// salvage reads a message in which the library found something malformed, and
// leaves out the records alone whose RDATA is at fault, as Unbound's scrubber does;
// lost tells of them. That proves nothing that was not proven: a set that
// lacks a record fails its signature. Where the records cannot be told apart, or
// the OPT record is at fault, which holds half of the RCODE, all is lost. question
// is where the question ends.
//
// Each record is looked at once, and none is shorter than 11 octets: 64 KiB hold
// at most 5,957 of them.
func salvage(wire []byte, question int) (m *dns.Msg, lost loss, err error) {
	m = new(dns.Msg)
	head := append([]byte(nil), wire[:question]...)
	clear(head[6:headerSize]) // the counts of records
	if err := m.Unpack(head); err != nil {
		return nil, loss{}, err
	}
	at := question
	for i, section := range []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra} {
		for range binary.BigEndian.Uint16(wire[6+2*i:]) {
			rr, what, next, err := cut(wire, at)
			if err != nil {
				return nil, loss{}, err
			}
			if rr == nil {
				lost.count++
				lost.first = cmp.Or(lost.first, what)
			} else {
				*section = append(*section, rr)
			}
			at = next
		}
	}
	if opt := m.IsEdns0(); opt != nil {
		m.Rcode |= opt.ExtendedRcode()
	}
	return m, lost, nil
}

var errFraming = errors.New("a record goes beyond the message")

// cut reads one record and returns where the next begins. The record is nil where
// its RDATA is malformed; what names it then.
func cut(wire []byte, at int) (rr dns.RR, what string, next int, err error) {
	owner, fixed, err := dns.UnpackDomainName(wire, at)
	if err != nil {
		return nil, "", 0, fmt.Errorf("owner name: %w", err)
	}
	if fixed+10 > len(wire) {
		return nil, "", 0, errFraming
	}
	end := fixed + 10 + int(binary.BigEndian.Uint16(wire[fixed+8:]))
	if end > len(wire) {
		return nil, "", 0, errFraming
	}
	rr, next, err = dns.UnpackRR(wire, at)
	if err == nil && next == end && !hollow(rr) {
		return rr, "", end, nil
	}
	rrtype := binary.BigEndian.Uint16(wire[fixed:])
	if rrtype == dns.TypeOPT {
		return nil, "", 0, errors.New("the OPT record is malformed")
	}
	return nil, dns.Type(rrtype).String() + " of " + owner, end, nil
}

// loss is what was left out of a message.
type loss struct {
	count int
	first string // "TLSA of jwk.cnf.vendor.example."
}

// MalformedError comes with a message from which malformed records were left out.
type MalformedError struct {
	Server netip.AddrPort
	Count  int
	First  string // "TLSA of jwk.cnf.vendor.example."
}

func (e *MalformedError) Error() string {
	more := ""
	if e.Count > 1 {
		more = fmt.Sprintf(" and %d more", e.Count-1)
	}
	return fmt.Sprintf("%s sent a malformed %.300s%s", e.Server, e.First, more)
}

// hollow reports whether a record lacks the RDATA that its type has: the library
// lets all be empty, as dynamic updates are (RFC 2136 §2.4).
func hollow(rr dns.RR) bool {
	if rr.Header().Rdlength != 0 {
		return false
	}
	switch rr.(type) {
	case *dns.OPT, *dns.NULL, *dns.APL, *dns.RFC3597:
		return false
	}
	return true
}
