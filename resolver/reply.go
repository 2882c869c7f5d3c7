package resolver

import (
	"strings"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// class is what a reply is, before anything in it is believed.
type class uint8

const (
	lame     class = iota // nothing that this zone's servers should say
	answer                // an answer, an alias or an absence, with authority
	referral              // a delegation to a child zone that holds the name
)

// reply is a classified message. lame says what is wrong with it: of an answer,
// that it has no authority, so that only a Secure proof makes it good.
type reply struct {
	msg   *dns.Msg
	class class
	child string // of a referral
	lame  string
}

// classify tells what a message is that a cut's servers, or forwarders in their
// place, gave to a question.
func (c *cut) classify(msg *dns.Msg, name string, rrtype uint16) reply {
	if c.forwards() {
		return classifyForwarded(msg, c.zone.Name, name, rrtype)
	}
	return classify(msg, c.zone.Name, name, rrtype)
}

// classify tells what a message from a server of zone is, as an answer to a
// question that lies in it.
func classify(msg *dns.Msg, zone, name string, rrtype uint16) reply {
	r := reply{msg: msg}
	switch msg.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeYXDomain:
	default:
		r.lame = "says " + dns.RcodeToString[msg.Rcode]
		return r
	}
	scrub(msg, zone)
	if answers(msg, name, rrtype) {
		return r.authoritative()
	}
	child, soa := "", false
	for _, rr := range msg.Ns {
		owner := dnssec.Canonical(rr.Header().Name)
		switch rr.Header().Rrtype {
		case dns.TypeSOA:
			soa = true
		case dns.TypeNS:
			if dnssec.IsSubdomain(name, owner) && (child == "" || dnssec.Labels(owner) > dnssec.Labels(child)) {
				child = owner
			}
		}
	}
	below := child != "" && child != zone && dnssec.IsSubdomain(child, zone)
	switch {
	case msg.Rcode != dns.RcodeSuccess, soa, child == "":
		return r.authoritative()
	case below && rrtype == dns.TypeDS && child == name:
		// The DS of a name is asked at its parent; a referral to the name
		// itself is the parent's way of answering with the proof beside it.
		r.class = answer
	case below:
		r.class, r.child = referral, child
	case msg.Authoritative && child == zone:
		return r.authoritative() // no data, without an SOA
	default:
		r.lame = "refers upward to " + child
	}
	return r
}

func (r reply) authoritative() reply {
	r.class = answer
	if r.msg.Authoritative {
		return r
	}
	r.lame = "has no authority"
	if r.msg.RecursionAvailable {
		r.lame = "recurses instead of having authority"
	}
	return r
}

// answers reports whether the answer section says anything about the question.
func answers(msg *dns.Msg, name string, rrtype uint16) bool {
	for _, rr := range msg.Answer {
		h := rr.Header()
		if strings.EqualFold(h.Name, name) && (h.Rrtype == rrtype || h.Rrtype == dns.TypeCNAME || rrtype == dns.TypeANY) {
			return true
		}
		if h.Rrtype == dns.TypeDNAME && dnssec.IsSubdomain(name, dnssec.Canonical(h.Name)) {
			return true
		}
	}
	return false
}

// scrub drops what a server of zone has no business saying: records that are
// not of class IN, or lie outside the zone (additional addresses apart, which
// glue looks at by its own rule).
func scrub(msg *dns.Msg, zone string) {
	keep := func(section []dns.RR) []dns.RR {
		out := section[:0]
		for _, rr := range section {
			if rr.Header().Class == dns.ClassINET && dnssec.IsSubdomain(dnssec.Canonical(rr.Header().Name), zone) {
				out = append(out, rr)
			}
		}
		return out
	}
	msg.Answer = keep(msg.Answer)
	ns := msg.Ns[:0]
	for _, rr := range msg.Ns {
		// An upward referral must still be seen as one.
		if rr.Header().Class == dns.ClassINET && (rr.Header().Rrtype == dns.TypeNS || dnssec.IsSubdomain(dnssec.Canonical(rr.Header().Name), zone)) {
			ns = append(ns, rr)
		}
	}
	msg.Ns = ns
}
