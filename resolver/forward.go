package resolver

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// Forwarder is a resolver that questions are handed on to. Nothing that it says is
// believed without proof: it fetches, and the judgement stays here.
type Forwarder struct {
	// Network is how it is spoken to: "udp" (TCP where a reply is truncated), "tcp",
	// "tls" (RFC 7858) or "https" (RFC 8484).
	Network string
	// Address is asked as it stands: nothing is looked up to reach a forwarder.
	Address netip.AddrPort
	// Name is whom its certificate must name (tls, https); empty: the address.
	Name string
	// Path is that of its DNS resource (https), such as "/dns-query".
	Path string
}

// String names the forwarder for people. The path is left out: it may be a secret.
func (f Forwarder) String() string {
	if f.Name != "" {
		return f.Network + "://" + f.Name + "@" + f.Address.String()
	}
	return f.Network + "://" + f.Address.String()
}

// carrier brings a message over TLS to the one server that it was made for.
type carrier interface {
	Exchange(ctx context.Context, query *dns.Msg) (*dns.Msg, error)
	Close()
}

// forwarder is a Forwarder with its connection.
type forwarder struct {
	Forwarder
	secure carrier // tls and https; nil: the Exchanger carries
}

// newForwarders makes the way to each forwarder; nothing is sent.
func newForwarders(list []Forwarder, roots *x509.CertPool) ([]server, error) {
	var out []server
	for _, f := range list {
		s := transport.Secured{Address: f.Address, Name: f.Name, Roots: roots}
		via := &forwarder{Forwarder: f}
		switch f.Network {
		case "udp", "tcp":
		case "tls":
			via.secure = transport.NewTLS(s)
		case "https":
			via.secure = transport.NewHTTPS(s, f.Path)
		default:
			return nil, fmt.Errorf("resolver: forwarder %s: %q is none of udp, tcp, tls, https", f, f.Network)
		}
		if !f.Address.IsValid() || f.Address.Port() == 0 {
			return nil, fmt.Errorf("resolver: forwarder %s has no address and port", f)
		}
		out = append(out, server{name: f.String(), via: via})
	}
	return out, nil
}

// leaveForwarders closes what is open to them.
func (r *Resolver) leaveForwarders() {
	for _, s := range r.forwarders {
		if s.via.secure != nil {
			s.via.secure.Close()
		}
	}
}

// forwards reports whether a cut's servers are forwarders. What is found below such
// a cut has the same servers: no referral ever leads away from them.
func (c *cut) forwards() bool { return len(c.servers) > 0 && c.servers[0].via != nil }

// forwardRoot is where every walk begins that hands its questions on: the root zone,
// whose keys the forwarders are asked for as for anything else.
func (w *walk) forwardRoot() *cut {
	c := &cut{fixed: true, servers: w.r.forwarders}
	c.zone = w.trust(c, ".", w.r.anchors.Load().At("."), dnssec.Unsigned(".", dnssec.Indeterminate, "no trust anchor", dnssec.Trouble{Code: dnssec.CodeIndeterminate, Text: "no trust anchor covers the name"}, time.Time{}))
	return w.keep(c)
}

// findForwarded is find where forwarders are asked. They answer the whole question
// and show no zone cuts; those are found by the signatures in the answer and by
// DS questions (RFC 4035 §4.2), which the forwarders are asked like any other.
func (w *walk) findForwarded(c *cut, name string, rrtype uint16) (dnssec.Finding, *cut) {
	if stuck(c) {
		return lost(c.zone.Trouble), c
	}
	if f, ok := w.absent(c, name, rrtype); ok {
		return f, c
	}
	var f dnssec.Finding
	at := c
	got := w.ask(c, name, rrtype, func(r *reply) bool {
		// From the nearest cut each time: what one forwarder's answer brought to
		// light need not be sought again to judge another's.
		if at = w.nearest(name, rrtype); stuck(at) {
			f = lost(at.zone.Trouble)
			return true
		}
		if next := w.anchoredBelow(at, name, rrtype); next != nil {
			at = next
		}
		f, at = w.judgeAgain(at, r.msg, name, rrtype)
		return !f.Overfull && (f.Security != dnssec.Bogus || at.zone.Security == dnssec.Bogus || w.over())
	})
	switch {
	case got.trouble.Budget:
		return lost(got.trouble), c
	case !got.usable && c.zone.Security == dnssec.Bogus:
		f = lost(c.zone.Trouble) // whatever was said, it would be Bogus
		f.Security = dnssec.Bogus
		return f, c
	case !got.usable:
		return lost(got.trouble), c
	case rrtype == dnssec.TypeTLSA && f.Kind != dnssec.NoAnswer && unsigned(at.zone):
		return w.unsignedCut(at, f, name)
	}
	return f, at
}

// forwardTimeout is how long a forwarder is waited for in the first round; it doubles
// from round to round. A forwarder may have to walk the whole tree itself, so that how
// fast it was with the last question says nothing of the next.
const forwardTimeout = time.Second

// handOn brings one question to one forwarder and its reply back.
func (w *walk) handOn(f *forwarder, name string, rrtype uint16, round int) (*dns.Msg, error) {
	if f.Network != "udp" {
		return w.sendOn(f, f.Network, name, rrtype, 2*forwardTimeout<<round) // nothing gets lost on the way
	}
	return carried(func(network string) (*dns.Msg, error) {
		if network == "tcp" {
			return w.sendOn(f, network, name, rrtype, tcpTimeout)
		}
		return w.sendOn(f, network, name, rrtype, forwardTimeout<<round)
	})
}

// sendOn sends one message. RD asks for recursion. CD asks the forwarder not to judge:
// what it takes for Bogus is to be judged here, not hidden behind a SERVFAIL (RFC 6840 §5.9).
func (w *walk) sendOn(f *forwarder, network, name string, rrtype uint16, wait time.Duration) (*dns.Msg, error) {
	if !w.maySend() {
		return nil, errBudget
	}
	w.r.queries.Add(1)
	ctx, cancel := context.WithTimeout(w.ctx, wait)
	defer cancel()
	q := new(dns.Msg).SetQuestion(name, rrtype)
	q.CheckingDisabled = true
	q.SetEdns0(ednsSize, true)
	rested, before := w.rest(), w.r.cfg.Now()
	var msg *dns.Msg
	var err error
	if f.secure != nil {
		msg, err = f.secure.Exchange(ctx, q)
		if told := w.r.cfg.Forwarded; told != nil {
			told(ctx, network, msg, err)
		}
	} else {
		msg, err = w.noted(w.r.cfg.Exchanger.Exchange(ctx, f.Address, network, q))
	}
	took := w.r.cfg.Now().Sub(before)
	w.goOn(rested)
	if err != nil {
		if w.ctx.Err() == nil && silence(err) {
			w.r.facts.failed(f.Address)
		}
		return nil, err
	}
	w.r.facts.answered(f.Address, took)
	if !w.budget.Receive(msg.Len()) {
		return nil, errBudget
	}
	return msg, nil
}

// classifyForwarded tells what a forwarder's message is. It needs recursion where a zone's
// server needs authority; a referral is none of its business.
func classifyForwarded(msg *dns.Msg, zone, name string, rrtype uint16) reply {
	r := reply{msg: msg}
	switch msg.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain:
	default:
		r.lame = "says " + dns.RcodeToString[msg.Rcode] + told(msg)
		return r
	}
	if !msg.RecursionAvailable {
		r.lame = "does not recurse"
		return r
	}
	scrub(msg, zone)
	has := func(rrtype uint16) bool {
		return slices.ContainsFunc(msg.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype })
	}
	if !answers(msg, name, rrtype) && msg.Rcode == dns.RcodeSuccess && has(dns.TypeNS) && !has(dns.TypeSOA) {
		r.lame = "refers to others instead of answering"
		return r
	}
	r.class = answer
	return r
}

// told is what a forwarder says of its own trouble (RFC 8914), cut short: a stranger wrote it.
func told(msg *dns.Msg) string {
	opt := msg.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			text := dns.ExtendedErrorCodeToString[e.InfoCode]
			if e.ExtraText != "" {
				text += ": " + e.ExtraText
			}
			return fmt.Sprintf(" (%.80q)", strings.ToValidUTF8(text, "?"))
		}
	}
	return ""
}
