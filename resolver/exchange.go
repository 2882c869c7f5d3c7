package resolver

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// ednsSize is the size of datagram that is asked for (DNS Flag Day 2020): what
// crosses every path without being fragmented.
const ednsSize = 1232

// exchange asks one upstream one question: of servers, without EDNS where the server says
// that it does not know it (RFC 6891 §7). A zone that needs proof is never
// asked so: without EDNS there are no signatures, and one FORMERR, forged or
// not, would make the zone Bogus.
func (w *walk) exchange(u upstream, name string, rrtype uint16, round int, proof bool) (*dns.Msg, error) {
	if u.via != nil {
		return w.handOn(u.via, name, rrtype, round)
	}
	addr := u.at
	plain := !proof && w.r.facts.get(addr).plain
	msg, err := w.carry(addr, name, rrtype, plain, round)
	if err == nil && !plain && !proof && slices.Contains([]int{dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers}, msg.Rcode) {
		w.r.facts.refusesEDNS(addr)
		return w.carry(addr, name, rrtype, true, round)
	}
	return msg, err
}

var errTruncated = errors.New("the reply is truncated over TCP too")

func (w *walk) carry(addr netip.AddrPort, name string, rrtype uint16, plain bool, round int) (*dns.Msg, error) {
	return carried(func(network string) (*dns.Msg, error) { return w.send(addr, network, name, rrtype, plain, round) })
}

// carried sends a question over UDP, and over TCP where the reply is truncated or
// somebody may be guessing; again where the exchanger asks for it, once over UDP
// and once over TCP at most. A reply that is still truncated says nothing: what is
// missing may be what matters.
func carried(send func(network string) (*dns.Msg, error)) (*dns.Msg, error) {
	var again *transport.AskAgainError
	msg, err := send("udp")
	if errors.As(err, &again) && again.Network == "udp" {
		msg, err = send("udp")
	}
	if err == nil && !msg.Truncated || err != nil && silence(err) {
		return msg, err
	}
	msg, err = send("tcp")
	if errors.As(err, &again) {
		msg, err = send("tcp")
	}
	if err == nil && msg.Truncated {
		return nil, errTruncated
	}
	return msg, err
}

// silence reports whether an error of an exchange is the server's: a forger's reply
// says nothing of it, and one that is to be asked again has answered.
func silence(err error) bool {
	var miss *transport.NearMissError
	var again *transport.AskAgainError
	return !errors.As(err, &miss) && !errors.As(err, &again)
}

var errBudget = errors.New("the question's budget is spent")

// send asks one server once, or takes what was asked of it early.
func (w *walk) send(addr netip.AddrPort, network, name string, rrtype uint16, plain bool, round int) (*dns.Msg, error) {
	if !plain {
		if a, ok := w.takeEarly(addr, network, name, rrtype); ok {
			return w.received(addr, a)
		}
	}
	if !w.maySend() {
		return nil, errBudget
	}
	wait := w.r.waitFor(addr, network, round)
	return w.received(addr, w.try(wait, addr, network, newQuery(name, rrtype, !plain)))
}

func (w *walk) try(wait time.Duration, addr netip.AddrPort, network string, q *dns.Msg) attempt {
	defer w.goOn(w.rest())
	return w.r.try(w.ctx, wait, addr, network, q)
}

// waitFor is how long a server is waited for in a round of asking.
func (r *Resolver) waitFor(addr netip.AddrPort, network string, round int) time.Duration {
	if network == "tcp" {
		return tcpTimeout
	}
	return r.facts.get(addr).timeout(round)
}

func newQuery(name string, rrtype uint16, edns bool) *dns.Msg {
	q := new(dns.Msg)
	q.SetQuestion(name, rrtype)
	q.RecursionDesired = false
	if edns {
		q.SetEdns0(ednsSize, true)
	}
	return q
}

// attempt is one message sent to a server, and what came of it.
type attempt struct {
	msg      *dns.Msg
	err      error
	took     time.Duration
	panicked any // of one that was sent early; nil: it did not
}

// timed is an Exchanger that keeps to a time without a context for each message.
type timed interface {
	ExchangeWithin(ctx context.Context, wait time.Duration, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error)
}

func (r *Resolver) try(ctx context.Context, wait time.Duration, addr netip.AddrPort, network string, q *dns.Msg) (a attempt) {
	r.queries.Add(1)
	before := r.cfg.Now()
	if x, ok := r.cfg.Exchanger.(timed); ok {
		a.msg, a.err = x.ExchangeWithin(ctx, wait, addr, network, q)
	} else {
		ctx, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		a.msg, a.err = r.cfg.Exchanger.Exchange(ctx, addr, network, q)
	}
	a.took = r.cfg.Now().Sub(before)
	return a
}

// received counts an attempt for or against its server and against the budget.
func (w *walk) received(addr netip.AddrPort, a attempt) (*dns.Msg, error) {
	msg, err := w.noted(a.msg, a.err)
	if err != nil {
		if w.ctx.Err() == nil && silence(err) {
			w.r.facts.failed(addr)
		}
		return nil, err
	}
	w.r.facts.answered(addr, a.took)
	if !w.budget.Receive(msg.Len()) {
		return nil, errBudget
	}
	return msg, nil
}

// noted takes a message from which malformed records were left out for what it
// still says, and keeps in mind that they were.
func (w *walk) noted(msg *dns.Msg, err error) (*dns.Msg, error) {
	var malformed *transport.MalformedError
	if msg != nil && errors.As(err, &malformed) {
		w.malformed = malformed.Error()
		return msg, nil
	}
	return msg, err
}

// explained adds to the trouble of what is Bogus that something malformed was met
// on the way: it may well be what is missing.
func (w *walk) explained(f dnssec.Finding) dnssec.Finding {
	if f.Security == dnssec.Bogus && w.malformed != "" {
		f.Trouble.Text += "; " + w.malformed
	}
	return f
}
