package dnssec

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Records are resource records in wire form, one after the other (RFC 1035 §3.2.1).
// It is how answers are kept: one piece of memory, which the garbage collector does
// not look into. Compression pointers (§4.1.4) are relative to the record's own owner
// name; an owner name that is one itself is that of the record before. So Records
// can be put one behind the other.
type Records []byte

// PackRecords makes Records of parsed ones. One that cannot be packed is left
// out; what was just unpacked can be.
func PackRecords(rrs []dns.RR) Records {
	if len(rrs) == 0 {
		return nil
	}
	if all, err := packed(rrs); err == nil {
		return all.compressed()
	}
	var out Records
	for i := range rrs {
		if one, err := packed(rrs[i : i+1]); err == nil {
			out = append(out, one...)
		}
	}
	return out.compressed()
}

// compressed leaves out owner names that are those of the record before, and
// signers' names that are the end of the owner's.
func (r Records) compressed() Records {
	var room [1024]byte
	out := room[:0]
	var last []byte
	r.each(func(owner, rest []byte) bool {
		if bytes.Equal(owner, last) {
			out = append(out, pointer, 0)
		} else {
			out = append(out, owner...)
		}
		last = owner
		if at := signerAt(owner, rest); at > 0 {
			signer := len(owner) - at
			out = append(out, rest[:8]...)
			out = binary.BigEndian.AppendUint16(out, uint16(len(rest)-10-signer+2))
			out = append(out, rest[10:10+signerOffset]...)
			out = append(out, pointer, byte(at))
			rest = rest[10+signerOffset+signer:]
		}
		out = append(out, rest...)
		return true
	})
	return bytes.Clone(out)
}

const (
	pointer      = 0xc0 // the first octet of a compression pointer
	signerOffset = 18   // of the signer's name in the RDATA of an RRSIG (RFC 4034 §3.1)
)

// signerAt is where in an owner name the signer's name of an RRSIG begins, in whole
// labels; 0 where rest is no RRSIG, or its signer's name is too short to be worth it.
func signerAt(owner, rest []byte) int {
	if binary.BigEndian.Uint16(rest) != dns.TypeRRSIG || len(rest) < 10+signerOffset {
		return 0
	}
	signer := rest[10+signerOffset:]
	n := ownerLength(signer)
	if n <= 2 || n > len(signer) {
		return 0
	}
	for at := 0; at < len(owner); at += int(owner[at]) + 1 {
		if at > 0 && bytes.Equal(owner[at:], signer[:n]) {
			return at
		}
	}
	return 0
}

// packed is records in wire form. It goes by way of a message: that way the
// library leaves the records as they are, which others may be reading.
func packed(rrs []dns.RR) (Records, error) {
	msg := dns.Msg{Answer: rrs}
	for i, rr := range rrs {
		if p := Packable(rr); p != rr {
			if &msg.Answer[0] == &rrs[0] {
				msg.Answer = slices.Clone(rrs)
			}
			msg.Answer[i] = p
		}
	}
	wire, err := msg.Pack()
	if err != nil {
		return nil, err
	}
	return wire[12:], nil // the header of the message
}

// Packable is a parsed record in the form that the library packs the same octets from; a
// copy where that is another. In a CAA value and a URI target it takes a backslash for the
// beginning of an escape, and drops it, but it parses them as they are (miekg/dns 1.1.73).
func Packable(rr dns.RR) dns.RR {
	escaped := func(s string) string { return strings.ReplaceAll(s, `\`, `\\`) }
	switch x := rr.(type) {
	case *dns.CAA:
		if v := escaped(x.Value); v != x.Value {
			return &dns.CAA{Hdr: x.Hdr, Flag: x.Flag, Tag: x.Tag, Value: v}
		}
	case *dns.URI:
		if v := escaped(x.Target); v != x.Target {
			return &dns.URI{Hdr: x.Hdr, Priority: x.Priority, Weight: x.Weight, Target: v}
		}
	}
	return rr
}

// RRs parses the records anew: the caller may change what it gets. One that the
// library does not take back is left out.
func (r Records) RRs() []dns.RR {
	var out []dns.RR
	var whole []byte
	r.each(func(owner, rest []byte) bool {
		whole = append(append(whole[:0], owner...), rest...)
		if rr, _, err := dns.UnpackRR(whole, 0); err == nil {
			out = append(out, rr)
		}
		return true
	})
	return out
}

// RDATA returns the RDATA of the records of a type, in order; but for RRSIG it
// points into r.
func (r Records) RDATA(rrtype uint16) [][]byte {
	if rrtype == dns.TypeRRSIG {
		r, _ = packed(r.RRs()) // with the signers' names in full; what was parsed can be packed
	}
	var out [][]byte
	r.each(func(_, rest []byte) bool {
		if binary.BigEndian.Uint16(rest) == rrtype {
			out = append(out, rest[10:len(rest):len(rest)])
		}
		return true
	})
	return out
}

// each calls f with the owner name of each record and with what comes after it,
// type to RDATA; both point into r. What is no record ends it, as f does.
func (r Records) each(f func(owner, rest []byte) bool) {
	var owner []byte
	for len(r) > 0 {
		head := 2
		if r[0] < pointer {
			head = ownerLength(r)
			owner = r[:min(head, len(r))]
		}
		if len(r) < head+10 || len(owner) == 0 {
			return
		}
		end := head + 10 + int(binary.BigEndian.Uint16(r[head+8:]))
		if len(r) < end || !f(owner, r[head:end]) {
			return
		}
		r = r[end:]
	}
}

// ownerLength is the size of an uncompressed name at the start of wire.
func ownerLength(wire []byte) int {
	i := 0
	for i < len(wire) && wire[i] != 0 {
		i += int(wire[i]) + 1
	}
	return i + 1
}
