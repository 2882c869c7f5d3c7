package update

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

// asked is what a reply is held to.
type asked struct {
	id       uint16
	opcode   int
	question dns.Question
	key      *tsig  // nil: no reply can be proven
	mac      []byte // of the request, which the reply's signature covers
	now      time.Time
}

// judge reads a reply. It is an error where it is none to this message, or, with a
// key, not proven to come from who has it. What a proven one says is the caller's to
// look at. The error is a *publish.Error.
func (q *asked) judge(wire []byte) (*dns.Msg, error) {
	m := new(dns.Msg)
	if err := m.Unpack(wire); err != nil {
		return nil, &publish.Error{What: "reply is malformed: " + err.Error()}
	}
	switch {
	case m.Id != q.id || !m.Response || m.Opcode != q.opcode:
		return nil, &publish.Error{What: "reply is not to this message"}
	case !q.same(m):
		return nil, &publish.Error{What: "reply is to another question"}
	}
	if q.key != nil {
		if err := q.prove(m, wire); err != nil {
			return nil, err
		}
	}
	if m.Truncated {
		return nil, &publish.Error{What: "reply is cut short (TC)"}
	}
	return m, nil
}

// same reports whether a reply repeats the question. That to an update may leave its
// zone section out (RFC 2136 §3.8), and so may any that bears an error.
func (q *asked) same(m *dns.Msg) bool {
	if len(m.Question) == 0 {
		return q.opcode == dns.OpcodeUpdate || m.Rcode != dns.RcodeSuccess
	}
	got := m.Question[0]
	return len(m.Question) == 1 && got.Qtype == q.question.Qtype && got.Qclass == q.question.Qclass &&
		dns.CanonicalName(got.Name) == dns.CanonicalName(q.question.Name)
}

// prove checks a reply's TSIG (RFC 8945 §5.3, §5.4). A reply without a valid one is an error
// whatever it says, also that of a server that does not know the key, which
// cannot sign (§5.3.2): such a reply is believed to be a refusal and nothing more.
func (q *asked) prove(m *dns.Msg, wire []byte) error {
	t := m.IsTsig()
	if t == nil {
		return q.unsigned(m.Rcode)
	}
	if m.Rcode == dns.RcodeNotAuth && t.MACSize == 0 {
		switch t.Error {
		case dns.RcodeBadKey:
			return &publish.Error{Kind: publish.BadKey, What: fmt.Sprintf("key %s is not known there (BADKEY)", q.key.name), Do: "check the key's name and its algorithm on both sides, and that it may update: Knot DNS says this of one that may not; " + notPrimary}
		case dns.RcodeBadSig, dns.RcodeBadTrunc:
			return &publish.Error{Kind: publish.BadKey, What: fmt.Sprintf("signature of key %s refused (%s)", q.key.name, dns.RcodeToString[int(t.Error)]), Do: "check the key's secret on both sides"}
		}
	}
	if dns.CanonicalName(t.Hdr.Name) != q.key.name || dns.CanonicalName(t.Algorithm) != q.key.algorithm {
		return &publish.Error{What: "reply is signed with another key than the request"}
	}
	if !q.key.verify(wire, t, q.mac) {
		return &publish.Error{What: "reply's signature is not that of key " + q.key.name, Do: "something between here and the server changes messages, or the server signs wrongly"}
	}
	if m.Rcode == dns.RcodeNotAuth && t.Error == dns.RcodeBadTime {
		return q.badTime(clockIn(t))
	}
	if t.Error != dns.RcodeSuccess {
		return &publish.Error{What: "signature refused: " + words(int(t.Error))}
	}
	signed := time.Unix(int64(t.TimeSigned), 0)
	if off := q.now.Sub(signed).Abs(); off > time.Duration(t.Fudge)*time.Second+time.Second { // both clocks count whole seconds
		return q.badTime(signed)
	}
	return nil
}

// unsigned is the error of a reply without a signature to a request that had one. A
// server that has checked the request's signs its reply. PowerDNS gives no TSIG record
// at all where the check fails, whatever the cause; Knot DNS none where it has not the
// zone, since keys belong to zones there. No question gets a NOTAUTH but for its key.
func (q *asked) unsigned(rcode int) error {
	const what = "reply to a signed request is not signed"
	switch {
	case rcode == dns.RcodeSuccess || rcode == dns.RcodeNameError:
		return &publish.Error{What: what, Do: "the server, or something before it, does not know TSIG: set publish.server to the zone's primary"}
	case rcode == dns.RcodeNotAuth && q.opcode == dns.OpcodeQuery:
		return &publish.Error{Kind: publish.BadKey, What: what + ", and says NOTAUTH: the key is not known there, its secret is another, or the clocks differ", Do: "check the key's name, algorithm and secret, and the clocks, on both sides; " + notPrimary}
	case rcode == dns.RcodeNotAuth:
		return &publish.Error{Kind: publish.NotAuth, What: what + ", and says NOTAUTH: it has not the zone, or not the key", Do: setServer}
	}
	e := refusal(rcode, "request").(*publish.Error)
	if e.Kind == publish.Conflict { // Conflict is that nothing was done, of which this is no proof
		e.Kind, e.Do = publish.Failed, "look what is there, then call this again"
	}
	e.What = fmt.Sprintf("%s, and says %s, which is proven by nothing", what, words(rcode))
	return e
}

// clockIn is the server's clock in a BADTIME reply: 48 bits of seconds (RFC 8945 §5.2.3).
func clockIn(t *dns.TSIG) time.Time {
	other, err := hex.DecodeString(t.OtherData)
	if err != nil || len(other) != 6 {
		return time.Time{}
	}
	return time.Unix(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, other...))), 0)
}

func (q *asked) badTime(theirs time.Time) error {
	e := &publish.Error{Kind: publish.BadTime, Do: "set this machine's clock, or the server's"}
	if theirs.IsZero() {
		e.What = "clocks differ: this one says " + q.now.UTC().Format(time.RFC3339)
		return e
	}
	e.Theirs = theirs.UTC()
	e.What = fmt.Sprintf("clocks differ by %v: this one says %s, the server's %s", q.now.Sub(theirs).Abs().Round(time.Second),
		q.now.UTC().Format(time.RFC3339), e.Theirs.Format(time.RFC3339))
	return e
}

// refusal is the error that an RCODE stands for (RFC 2136 §2.2), nil for none. of is
// what was asked: "update of jwk.cnf.vendor.example."
func refusal(rcode int, of string) error {
	e := &publish.Error{What: fmt.Sprintf("%s refused (%s)", of, words(rcode))}
	switch rcode {
	case dns.RcodeSuccess:
		return nil
	case dns.RcodeNXRrset, dns.RcodeYXRrset, dns.RcodeNameError, dns.RcodeYXDomain:
		e.Kind, e.What, e.Do = publish.Conflict, of+": what is there is not what was read before ("+words(rcode)+")", "somebody else writes the same records: try again"
	case dns.RcodeNotAuth:
		e.Kind, e.What, e.Do = publish.NotAuth, of+": the server is not the zone's primary ("+words(rcode)+")", setServer+"; Knot DNS says this too where a key is missing"
	case dns.RcodeNotZone:
		e.Kind, e.What, e.Do = publish.WrongZone, of+": the name is not in the zone ("+words(rcode)+")", "set publish.zone to the zone that holds it, or leave it out"
	case dns.RcodeRefused:
		e.Kind, e.Do = publish.Refused, "allow it there (update-policy, acl, or the like), give a key that may, or, where this is a secondary, set publish.server to the primary"
	case dns.RcodeServerFailure:
		e.Kind, e.What, e.Do = publish.ServFail, of+": the server failed ("+words(rcode)+")", "its log says why; "+notPrimary
	case dns.RcodeFormatError, dns.RcodeNotImplemented:
		e.Kind, e.What, e.Do = publish.Unsupported, of+": the server cannot do that ("+words(rcode)+")", "use another way to write to it"
	}
	return e
}

// words is the name of an RCODE.
func words(rcode int) string {
	if w, ok := dns.RcodeToString[rcode]; ok {
		return w
	}
	return fmt.Sprintf("RCODE %d", rcode)
}
