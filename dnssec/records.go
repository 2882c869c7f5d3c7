package dnssec

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Records are resource records in wire form, uncompressed, one after the other
// (RFC 1035 §3.2.1). It is how answers are kept: one piece of memory, which the
// garbage collector does not look into.
type Records []byte

// PackRecords makes Records of parsed ones. One that cannot be packed is left
// out; what was just unpacked can be.
func PackRecords(rrs []dns.RR) Records {
	size := 0
	for _, rr := range rrs {
		size += dns.Len(rr)
	}
	if size == 0 {
		return nil
	}
	out := make([]byte, size)
	n := 0
	for _, rr := range rrs {
		// PackRR wants room for what it counts only roughly.
		if spare := dns.Len(rr) - (len(out) - n); spare > 0 {
			out = append(out, make([]byte, spare)...)
		}
		if end, err := dns.PackRR(rr, out, n, nil, false); err == nil {
			n = end
		}
	}
	return out[:n:n]
}

// RRs parses the records anew: the caller may change what it gets.
func (r Records) RRs() []dns.RR {
	var out []dns.RR
	for off := 0; off < len(r); {
		rr, end, err := dns.UnpackRR(r, off)
		if err != nil {
			return out
		}
		out, off = append(out, rr), end
	}
	return out
}

// RDATA returns the RDATA of the records of a type, in order; it points into r.
func (r Records) RDATA(rrtype uint16) [][]byte {
	var out [][]byte
	for len(r) > 0 {
		head := ownerLength(r)
		if len(r) < head+10 {
			return out
		}
		kind := binary.BigEndian.Uint16(r[head:])
		end := head + 10 + int(binary.BigEndian.Uint16(r[head+8:]))
		if len(r) < end {
			return out
		}
		if kind == rrtype {
			out = append(out, r[head+10:end:end])
		}
		r = r[end:]
	}
	return out
}

// ownerLength is the size of an uncompressed name at the start of wire.
func ownerLength(wire []byte) int {
	i := 0
	for i < len(wire) && wire[i] != 0 {
		i += int(wire[i]) + 1
	}
	return i + 1
}
