package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// outgoing is a question on its way: what its reply is held against.
type outgoing struct {
	query *dns.Msg // the caller's
	wire  []byte   // as it was sent, with the ID
	// asked is the name in the caller's case where another case was sent.
	asked []byte
	// anyCase lets a reply differ in case: over TCP, where nobody guesses, and
	// of servers that are known not to keep it. caseLost tells that one did.
	anyCase, caseLost bool
	lost              loss // malformed records that were left out of the reply
	opt               dns.OPT
	extra             [1]dns.RR // room for the usual additional section, which is opt alone
}

var (
	errMismatch  = errors.New("the reply does not match the question")
	errCase      = errors.New("the reply differs from the question in case")
	errHollow    = errors.New("a record without its data")
	errMalformed = errors.New("what came is no reply")
)

const headerSize = 12

// match holds a reply against a query that was packed as sent.
func match(q *dns.Msg, sent, reply []byte) (*dns.Msg, error) {
	return (&outgoing{query: q, wire: sent}).match(reply)
}

// match parses a reply and holds it against the query. The question is
// compared octet by octet, so the case that was sent must come back (0x20),
// but where anyCase is set. Replies of FORMERR and the like may lack the
// question (RFC 1035 §4.1.1). The error is errMismatch for a well-formed reply
// to something else, errCase where nothing but the case differs.
// What is returned has the caller's case and lacks malformed records; reply is changed.
func (o *outgoing) match(reply []byte) (*dns.Msg, error) {
	if len(reply) < headerSize || reply[2]&0x80 == 0 {
		return nil, errMalformed
	}
	if reply[0] != o.wire[0] || reply[1] != o.wire[1] || (reply[2]^o.wire[2])&0x78 != 0 {
		return nil, errMismatch
	}
	end := headerSize + questionLength(o.wire)
	switch count := binary.BigEndian.Uint16(reply[4:]); {
	case count == 1 && len(reply) < end:
		return nil, errMalformed
	case count == 1 && string(reply[headerSize:end]) == string(o.wire[headerSize:end]):
	case count == 1 && sameButCase(reply[headerSize:end], o.wire[headerSize:end]):
		if o.caseLost = true; !o.anyCase {
			return nil, errCase
		}
	case count == 0 && reply[3]&15 != dns.RcodeSuccess && reply[3]&15 != dns.RcodeNameError:
	default:
		return nil, errMismatch
	}
	if o.asked != nil && reply[5] == 1 {
		copy(reply[headerSize:], o.asked) // names that are compressed point here
	}
	m := new(dns.Msg)
	if err := unpack(m, reply); err != nil {
		// A truncated datagram may end in the middle of a record; only its TC flag counts.
		if m.Truncated {
			return &dns.Msg{MsgHdr: m.MsgHdr, Question: o.query.Question}, nil
		}
		if count := int(binary.BigEndian.Uint16(reply[4:])); count == 0 {
			end = headerSize
		}
		if m, o.lost, err = salvage(reply, end); err != nil {
			return nil, fmt.Errorf("reply: %w", err)
		}
	}
	if o.asked != nil {
		o.respell(m)
	}
	return m, nil
}

// respell gives records at the question's name the caller's spelling: a server
// that does not compress names repeats the case that it was sent.
func (o *outgoing) respell(m *dns.Msg) {
	name := o.query.Question[0].Name
	if len(m.Question) > 0 {
		m.Question = o.query.Question
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if h := rr.Header(); len(h.Name) == len(name) && h.Name != name && strings.EqualFold(h.Name, name) {
				h.Name = name
			}
		}
	}
}

// unpack parses a message. The library takes one that ends between two records
// for whole, however many it announces: half an RRset would pass for all of it.
func unpack(m *dns.Msg, wire []byte) error {
	if err := m.Unpack(wire); err != nil {
		return err
	}
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		if n := int(binary.BigEndian.Uint16(wire[6+2*i:])); n != len(section) {
			return fmt.Errorf("%d records where %d are announced", len(section), n)
		}
		if slices.ContainsFunc(section, hollow) {
			return errHollow
		}
	}
	return nil
}

// questionLength is the size of the question of a query that we packed ourselves.
func questionLength(wire []byte) int {
	i := headerSize
	for i < len(wire) && wire[i] != 0 {
		i += int(wire[i]) + 1
	}
	return i + 1 + 4 - headerSize
}
