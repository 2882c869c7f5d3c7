package dnssec

import (
	"bytes"
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
	if len(rrs) == 0 {
		return nil
	}
	if all, err := packed(rrs); err == nil {
		return Records(bytes.Clone(all))
	}
	var out Records
	for i := range rrs {
		if one, err := packed(rrs[i : i+1]); err == nil {
			out = append(out, one...)
		}
	}
	return out
}

// packed is records in wire form. It goes by way of a message: that way the
// library leaves the records as they are, which others may be reading.
func packed(rrs []dns.RR) (Records, error) {
	msg := dns.Msg{Answer: rrs}
	wire, err := msg.Pack()
	if err != nil {
		return nil, err
	}
	return wire[12:], nil // the header of the message
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
	return r.rdata(func(kind uint16) bool { return kind == rrtype })
}

func (r Records) rdata(wanted func(rrtype uint16) bool) [][]byte {
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
		if wanted(kind) {
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
