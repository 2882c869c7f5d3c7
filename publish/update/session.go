package update

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

// session is one connection to a primary, for one Read or one Write.
type session struct {
	ctx    context.Context // of the call, with its Timeout
	caller context.Context // of who called
	conn   net.Conn
	close  func()
	where  string // the server's address
	found  bool   // by its SOA
	key    Key
	now    func() time.Time
}

// open connects to the first of a primary's addresses that takes a connection. Nothing
// has been sent before, so that trying the next repeats nothing.
func (z *primary) open(ctx context.Context, p place) (*session, error) {
	bounded, cancel := context.WithTimeout(ctx, z.cfg.Timeout)
	s := &session{ctx: bounded, caller: ctx, key: z.cfg.Key, now: z.cfg.Now, found: p.found}
	err := errors.New("no address")
	for _, server := range p.servers {
		s.where = server
		each, enough := context.WithTimeout(bounded, z.cfg.Timeout/time.Duration(len(p.servers)))
		s.conn, err = z.cfg.Dial(each, "tcp", server)
		enough()
		if err == nil {
			stop := context.AfterFunc(bounded, func() { s.conn.SetDeadline(longAgo) })
			s.close = func() { stop(); cancel(); s.conn.Close() }
			return s, nil
		}
	}
	defer cancel()
	return nil, s.unheard(err, "")
}

// longAgo is a deadline that ends what waits for it.
var longAgo = time.Unix(1, 0)

// read asks for the TLSA set at a name.
func (s *session) read(name string) (publish.Set, error) {
	m, err := s.ask(name, dns.TypeTLSA)
	if err != nil {
		return publish.Set{}, err
	}
	set, err := setOf(m, name)
	return set, s.at(err)
}

// apexFor asks the server which of its zones holds the name, and holds it to the zone
// that is wanted. A zone above would take the update too, and never serve what was
// written, where it delegates the name away.
func (s *session) apexFor(name, want string) (string, error) {
	apex, err := s.apexOf(name)
	var e *publish.Error
	switch {
	case want != "" && errors.As(err, &e) && (e.Kind == publish.Refused || e.Kind == publish.NotAuth):
		return want, nil // it may take updates of those whose questions it does not: it will say
	case err != nil:
		return "", err
	case want == "" && tooHigh(name, apex) != nil:
		return "", s.at(tooHigh(name, apex))
	case want != "" && want != apex:
		return "", &publish.Error{Kind: publish.WrongZone, Where: s.where, What: fmt.Sprintf("%s is in the zone %s there, not in %s", name, apex, want), Do: "set publish.zone to " + apex + ", or leave it out"}
	}
	return apex, nil
}

// apexOf is the owner of the SOA that the server answers with, or denies with (RFC 2308 §2).
func (s *session) apexOf(name string) (string, error) {
	for at := name; ; {
		m, err := s.ask(at, dns.TypeSOA)
		if err != nil {
			return "", err
		}
		alias := false
		for _, rr := range append(m.Answer, m.Ns...) {
			owner := dns.CanonicalName(rr.Header().Name)
			if _, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(owner, at) && !alias {
				return owner, nil
			}
			alias = alias || rr.Header().Rrtype == dns.TypeCNAME
		}
		off, end := dns.NextLabel(at, 0)
		if !alias || end {
			return "", &publish.Error{Kind: publish.NotAuth, Where: s.where, What: "no SOA for " + name + " in its answer", Do: setServer}
		}
		at = at[off:] // a CNAME stands there, and so no SOA: it is not an apex
	}
}

// setServer helps wherever the server is not the zone's primary, or not for us.
const (
	setServer = "set publish.server to the zone's primary, and publish.zone to the zone"
	// notPrimary ends what may also be the fault of a server that is another than was meant.
	notPrimary = "where this is not the zone's primary, set publish.server to it"
)

// ask sends a question and returns an authoritative answer.
func (s *session) ask(name string, rrtype uint16) (*dns.Msg, error) {
	m, err := s.exchange(questionFor(name, rrtype))
	if err != nil {
		return nil, err
	}
	switch {
	case m.Rcode == dns.RcodeRefused:
		return nil, &publish.Error{Kind: publish.Refused, Where: s.where, What: "query for " + name + " refused (REFUSED): it does not serve the zone, or not to this key", Do: setServer}
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return nil, s.at(refusal(m.Rcode, "query for "+name))
	case !m.Authoritative:
		return nil, &publish.Error{Kind: publish.NotAuth, Where: s.where, What: "not authoritative for " + name, Do: setServer}
	}
	return m, nil
}

// update sends a change.
func (s *session) update(apex string, c publish.Change) error {
	m, err := s.exchange(updateOf(apex, c))
	if err != nil {
		return err
	}
	err = s.at(refusal(m.Rcode, "update of "+c.Name+" in the zone "+apex))
	var e *publish.Error
	if s.key.isSIG0() && errors.As(err, &e) { // of whose signatures no reply tells
		switch e.Kind {
		case publish.ServFail:
			e.Do += "; BIND says this too where a signature does not verify: check the KEY record in the zone, and the clocks"
		case publish.Refused:
			e.Do += "; BIND 9.18.28 and later of 9.18 take no SIG(0) at all, 9.20 does"
		}
	}
	return err
}

// exchange sends one message and returns the reply to it, which is proven to come from
// who has the key where that is TSIG's.
func (s *session) exchange(m *dns.Msg) (*dns.Msg, error) {
	q := asked{id: m.Id, opcode: m.Opcode, question: m.Question[0]}
	wire, err := s.key.sign(m, &q, s.now)
	switch {
	case err != nil:
		return nil, s.at(&publish.Error{What: "message could not be made: " + err.Error()})
	case len(wire) > dns.MaxMsgSize:
		return nil, s.at(&publish.Error{Kind: publish.Unsupported, What: "set is too large for one message", Do: "remove records that nobody needs"})
	}
	do := ""
	if m.Opcode == dns.OpcodeUpdate {
		do = mayBeDone
	}
	_, err = s.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
	if err != nil {
		return nil, s.unheard(err, do)
	}
	var length [2]byte
	if _, err = io.ReadFull(s.conn, length[:]); err != nil {
		return nil, s.unheard(err, do)
	}
	reply := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err = io.ReadFull(s.conn, reply); err != nil {
		return nil, s.unheard(err, do)
	}
	if q.key != nil {
		q.now = s.now()
	}
	r, err := q.judge(reply)
	if err = s.at(err); err != nil && m.Opcode == dns.OpcodeUpdate {
		if e := (*publish.Error)(nil); errors.As(err, &e) && e.Kind == publish.Failed {
			e.Maybe = true // what proves nothing does not prove either that nothing was done
		}
	}
	return r, err
}

// mayBeDone is what can be said of an update without a reply.
const mayBeDone = "whether the update was done is not known: look, then call this again"

// unheard is the error where no reply came.
func (s *session) unheard(err error, do string) error {
	e := &publish.Error{Kind: publish.Unreachable, Where: s.where, What: "no reply: " + err.Error(), Do: do, Err: err, Maybe: do == mayBeDone}
	var op *net.OpError
	if errors.As(err, &op) {
		e.What = "no reply: " + op.Err.Error() // without the addresses, which Where has
	}
	switch {
	case s.caller.Err() != nil:
		e.Kind, e.What, e.Err = publish.Stopped, "stopped while waiting for the server", s.caller.Err()
	case s.ctx.Err() != nil:
		e.What = "no reply in time"
	}
	switch {
	case e.Kind != publish.Unreachable || e.Do != "":
	case s.found:
		e.Do = "this is the primary that the zone's SOA names; where updates go elsewhere, set publish.server"
	default:
		e.Do = "see whether it listens there, on TCP, and this machine is let through; " + notPrimary
	}
	return e
}

// at adds the server to an error.
func (s *session) at(err error) error {
	if err == nil {
		return nil
	}
	var e *publish.Error
	if !errors.As(err, &e) {
		e = &publish.Error{What: err.Error(), Err: err}
	}
	if e.Where == "" {
		e.Where = s.where
	}
	if s.found && strings.HasSuffix(e.Do, notPrimary) {
		e.Do += " (the zone's SOA names this one)"
	}
	return e
}

// asError makes what a Primary returns the error that callers know.
func asError(ctx context.Context, err error) error {
	var e *publish.Error
	switch {
	case errors.As(err, &e):
		return e
	case ctx.Err() != nil:
		return &publish.Error{Kind: publish.Stopped, What: "stopped while looking for the zone's primary", Err: err}
	}
	return &publish.Error{Kind: publish.Unreachable, What: "primary not found: " + err.Error(), Do: "set publish.server", Err: err}
}
