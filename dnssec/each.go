package dnssec

import (
	"bytes"
	"net/netip"
	"slices"
)

// Each is what every authoritative server says of one Question, each asked by
// itself. The zero value decides nothing.
type Each struct {
	// Answer is what all of them say, aliases followed. Where they do not say the
	// same it has no data, and Differ is set.
	Answer *Answer
	// Differ: servers of one zone do not say the same, or not all that there are
	// could be asked while others answered, or servers of the zone above delegate it
	// in different ways.
	Differ bool
	// Forwarded: questions are handed on to forwarders, so that no server can be asked.
	Forwarded bool
	// Hops are the names that were asked: the question's, then where its aliases lead.
	Hops []Hop
}

// Hop is one name and what each server of its zone says of it.
type Hop struct {
	Name, Zone string // lower case, trailing dot
	Servers    []Server
	Differ     bool // among these
	// Above is the zone that delegates Zone, and Parents are its servers; none where
	// nothing does: of the root, and of a zone whose servers are configured.
	Above   string
	Parents []Delegator
	Parted  bool // these delegate it in different ways
	// OnlyAbove are name servers that the zone above names alone, OnlyWithin those
	// that the zone names alone for itself. Both are among Servers.
	OnlyAbove, OnlyWithin []string
}

// Delegator is one address of a server of the zone above, and how it delegates.
type Delegator struct {
	Name    string // of the server, with the trailing dot
	Address netip.Addr
	// Heard: it said something of the zone. Trouble says what is wrong with that, else
	// why nothing was heard; who was not heard counts neither way.
	Heard   bool
	Trouble Trouble
	// NS are the name servers that it refers to, sorted; nil where it holds the zone
	// itself and answers in its place.
	NS []string
	// DS are the DS records that it proves, as in a zone file, sorted; nil where the
	// zone above proves nothing, or nobody needs it to.
	DS []string
}

// Same reports whether two servers of a zone delegate another in the same way: to the
// same name servers, where both refer to any, and with the same DS records. Two that
// say what is no good are alike.
func (p *Delegator) Same(q *Delegator) bool {
	if (p.Trouble.Text != "") != (q.Trouble.Text != "") {
		return false
	}
	return p.Trouble.Text != "" || (p.NS == nil || q.NS == nil || slices.Equal(p.NS, q.NS)) && slices.Equal(p.DS, q.DS)
}

// Server is one address of an authoritative server and what it says.
type Server struct {
	Name    string     // of the server, with the trailing dot
	Address netip.Addr // the zero Addr: the name has none
	// Answer is what it says, Bogus too, no alias followed; nil where it has not
	// said anything of use: Trouble says why.
	Answer  *Answer
	Trouble Trouble
	// Skipped: this machine has no way to addresses of the family, or it is turned off;
	// it counts neither for the others nor against them.
	Skipped bool
	// Serial is that of the zone's copy, where HasSerial says so: they are asked for
	// where servers differ (RFC 1035 §3.3.13).
	Serial    uint32
	HasSerial bool
}

// Same reports whether two servers say the same of records of one type: the same
// set of data in whatever order, the same alias, or both that there is none, and
// all that with the same security. TTLs, signatures and the way in which an
// absence is proven may differ; two that are Bogus are alike.
func (f *Finding) Same(g *Finding, rrtype uint16) bool {
	switch {
	case f.Kind == NoAnswer || g.Kind == NoAnswer || f.Security != g.Security:
		return false
	case f.Security == Bogus:
		return true
	case f.Wildcard != g.Wildcard || f.Target != g.Target || (f.Kind == Positive) != (g.Kind == Positive):
		return false
	}
	return f.Kind != Positive || f.Target != "" || slices.EqualFunc(f.sorted(rrtype), g.sorted(rrtype), bytes.Equal)
}

// sorted is the data of the records of a type, each once, in an order of its own.
func (f *Finding) sorted(rrtype uint16) [][]byte {
	data := slices.Clone(PackRecords(f.Answer).RDATA(rrtype))
	slices.SortFunc(data, bytes.Compare)
	return slices.CompactFunc(data, bytes.Equal)
}
