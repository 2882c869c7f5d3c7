package dnssec

import (
	"fmt"
	"time"

	"github.com/miekg/dns"
)

// Finding is what one message proves of one name and type, before any alias is
// followed.
type Finding struct {
	Security Security
	Kind     Kind
	Rcode    int
	Trouble  Trouble
	Wildcard bool   // a positive answer or alias synthesised from a wildcard
	Target   string // where an alias points to; "" where there is none

	Answer, Authority []dns.RR // what a stub is shown, signatures included
	TTL               time.Duration
	Until             time.Time // the first signature's expiry; zero where none counts
	Since             time.Time // when the oldest part was learnt, where that was before; zero: now

	// Proofs are the denials that hold, for other questions of the zone.
	Proofs []Proof

	// Unsigned: the zone is signed, and no record of the answer carries a
	// signature by it. An insecure zone may be hidden on the same servers.
	Unsigned bool
	// Overfull: the message holds more signed denials than are looked at. Kind is
	// NoAnswer, and another server's message may have fewer.
	Overfull bool
	// SignedBy is a zone below this one, and above the name, whose signature
	// the answer carries: a zone hidden on the same servers.
	SignedBy string
}

// Answer classifies a message of one of the zone's servers once, then proves
// what it says by the rule of its class. The message has been matched with the
// question and comes from a server of this zone; its sections are not trusted.
func (z *Zone) Answer(msg *dns.Msg, name string, rrtype uint16, t *Terms) Finding {
	switch rrtype {
	case dns.TypeANY:
		if f, ok := z.anyAnswer(msg, name, t); ok {
			return f
		}
	case dns.TypeRRSIG:
		if f, ok := z.signaturesOnly(msg, name); ok {
			return f
		}
	}
	if set := find(msg.Answer, name, rrtype); len(set.RRs) > 0 && !synthesised(set, msg, z.Name) {
		f := z.positive(set, "", msg, t)
		if rrtype == TypeTLSA && len(set.RRs) > maxTLSA && f.Kind == Positive && f.Security != Bogus {
			return tooMany(name)
		}
		return f
	}
	if f, ok := z.alias(msg, name, t); ok {
		return f
	}
	return z.negative(msg, name, rrtype, t)
}

// positive proves an RRset and, where it was expanded from a wildcard, that
// nothing closer exists (RFC 4035 §5.3.4).
func (z *Zone) positive(set RRset, target string, msg *dns.Msg, t *Terms) Finding {
	f := Finding{Kind: Positive, Target: target, Answer: set.All(), TTL: set.TTL()}
	if z.Security != Secure {
		f.Security, f.Trouble = z.Security, z.Trouble
		return f
	}
	p, trouble := z.proveRRset(set, t)
	if trouble.Budget {
		return givenUp(t)
	}
	if !p.ok {
		f.Trouble, f.Security = trouble, Bogus
		f.Unsigned = len(set.Sigs) == 0
		f.SignedBy = hiddenSigner(set.Sigs, z.Name, set.Name)
		return f
	}
	f.Security, f.TTL, f.Until = Secure, p.ttl, p.until
	if p.labels < ownLabels(set.Name) {
		z.expanded(&f, set.Name, Ancestor(set.Name, p.labels), msg, t)
		if f.Security == Secure && set.Type != TypeTLSA && set.Type != dns.TypeDNAME {
			f.Proofs = append(f.Proofs, newProof(set, p, t))
		}
	} else if target != "" {
		f.Authority, f.Proofs = z.beside(msg.Ns, t)
	}
	return f
}

// beside are the denials that come with an alias without being needed for it:
// they may speak of where it leads. No more than two are looked at, since whoever
// adds them spends the question's budget.
func (z *Zone) beside(section []dns.RR, t *Terms) ([]dns.RR, []Proof) {
	n := 0
	for _, rr := range section {
		if h := rr.Header(); h.Rrtype == dns.TypeNSEC || h.Rrtype == dns.TypeNSEC3 {
			n++
		}
	}
	if n == 0 || n > 2 {
		return nil, nil
	}
	d := z.denials(section, t)
	return d.records, d.proofs
}

// expanded demands the denial that must come with an expanded wildcard.
func (z *Zone) expanded(f *Finding, name, encloser string, msg *dns.Msg, t *Terms) {
	f.Wildcard = true
	d := z.denials(msg.Ns, t)
	f.Authority, f.Proofs = d.records, d.proofs
	switch s := d.noCloser(name, encloser); s {
	case shownSecure:
	case shownOptOut, shownCostly:
		f.Security, f.Trouble = Insecure, s.trouble(name, z.Name)
	default:
		if t.Budget.spent() || d.overfull.Text != "" {
			*f = d.givenUp(t)
			return
		}
		f.Security, f.Trouble = z.unproven(d, name+" comes from a wildcard, and nothing proves that no closer name exists")
	}
	f.TTL, f.Until = min(f.TTL, d.ttl), earlier(f.Until, d.until)
}

// givenUp is the finding where a bound of work ended the judgement: what the
// message would have proved is not known, so it is neither Bogus nor handed out.
func givenUp(t *Terms) Finding {
	return Finding{Security: Indeterminate, Kind: NoAnswer, Rcode: dns.RcodeServerFailure, Trouble: t.Budget.Trouble()}
}

// tooMany is the finding where a set has more confirmation records than anybody needs.
// It comes after the proof: a forger must not end the search for a server that does not lie.
func tooMany(name string) Finding {
	text := fmt.Sprintf("%s has more than %d TLSA records", name, maxTLSA)
	return Finding{Security: Indeterminate, Kind: NoAnswer, Rcode: dns.RcodeServerFailure, Trouble: Trouble{Text: text, Budget: true}}
}

// unproven words a denial that does not show what it should.
func (z *Zone) unproven(d *denial, what string) (Security, Trouble) {
	switch {
	case d.costly:
		return Insecure, Trouble{Code: CodeIterations, Text: z.Name + " asks for more than 50 NSEC3 iterations"}
	case d.trouble.Text != "":
		return Bogus, d.trouble
	}
	return Bogus, Trouble{Code: CodeDenialMissing, Text: what}
}

// negative proves that a name or a type is absent.
func (z *Zone) negative(msg *dns.Msg, name string, rrtype uint16, t *Terms) Finding {
	f := Finding{Kind: NoData, Rcode: dns.RcodeSuccess, TTL: negativeTTL(msg.Ns, z.Name)}
	if msg.Rcode == dns.RcodeNameError {
		f.Kind, f.Rcode = NoName, dns.RcodeNameError
	}
	f.Authority = negativeRecords(msg.Ns, z.Name)
	if z.Security != Secure {
		f.Security, f.Trouble = z.Security, z.Trouble
		return f
	}
	d := z.denials(msg.Ns, t)
	s := notShown
	if f.Kind == NoName {
		s = d.noName(name)
	}
	if s == notShown {
		s = d.noData(name, rrtype)
		// Servers that say NXDOMAIN of an empty non-terminal prove no data all
		// the same. An opt-out span alone does not: the wildcard is not denied.
		if f.Kind == NoName && s == shownOptOut {
			s = notShown
		}
		if s != notShown {
			f.Kind, f.Rcode = NoData, dns.RcodeSuccess
		}
	}
	switch s {
	case shownSecure:
		f.Security = Secure
	case shownOptOut, shownCostly:
		f.Security, f.Trouble = Insecure, s.trouble(name, z.Name)
	default:
		if t.Budget.spent() || d.overfull.Text != "" {
			return d.givenUp(t)
		}
		f.Security, f.Trouble = z.unproven(d, z.Name+" does not prove that "+name+" "+dns.Type(rrtype).String()+" is absent")
		f.Unsigned = d.empty() && !d.costly
		f.SignedBy = hiddenIn(msg.Ns, z.Name, name)
		return f
	}
	soa, proof, until, trouble := z.provenSOA(msg.Ns, t)
	if trouble.Text != "" {
		if t.Budget.spent() {
			return givenUp(t)
		}
		f.Security, f.Trouble = Bogus, trouble
		return f
	}
	f.Authority, f.Proofs = append(soa, d.records...), append(proof, d.proofs...)
	f.TTL, f.Until = min(negativeTTL(soa, z.Name), d.ttl), earlier(until, d.until)
	return f
}

// provenSOA is the zone's SOA with its signatures, which says how long an
// absence may be kept. None, or one without signatures, is no harm: it is not
// shown and nothing is kept by it. One that does not hold makes the whole answer Bogus: what is not authentic must not be shown as if it were, and an
// absence must not be kept by a stranger's word (RFC 4035 §3.2.3).
func (z *Zone) provenSOA(section []dns.RR, t *Terms) ([]dns.RR, []Proof, time.Time, Trouble) {
	set := find(section, z.Name, dns.TypeSOA)
	if len(set.RRs) == 0 || len(set.Sigs) == 0 {
		return nil, nil, time.Time{}, Trouble{}
	}
	p, trouble := z.proveRRset(set, t)
	if p.ok && p.labels != ownLabels(z.Name) {
		trouble = z.bogus(CodeBogus, set, "was expanded from a wildcard")
	}
	if trouble.Text != "" {
		return nil, nil, time.Time{}, trouble
	}
	kept := newProof(set, p, t)
	kept.until = earlier(kept.until, t.Now.Add(negativeTTL(set.RRs, z.Name)))
	return set.All(), []Proof{kept}, p.until, Trouble{}
}

// negativeTTL is how long an absence holds: the smaller of the SOA's TTL and
// its MINIMUM (RFC 2308 §5); without SOA it is not kept.
func negativeTTL(section []dns.RR, zone string) time.Duration {
	for _, rr := range section {
		if soa, ok := rr.(*dns.SOA); ok && IsSubdomain(Canonical(soa.Hdr.Name), zone) {
			return time.Duration(min(validTTL(soa.Hdr.Ttl), validTTL(soa.Minttl))) * time.Second
		}
	}
	return 0
}

// negativeRecords keeps of an authority section what speaks of an absence in
// the zone.
func negativeRecords(section []dns.RR, zone string) []dns.RR {
	var out []dns.RR
	for _, rr := range section {
		h := rr.Header()
		rrtype := h.Rrtype
		if sig, ok := rr.(*dns.RRSIG); ok {
			rrtype = sig.TypeCovered
		}
		if (rrtype == dns.TypeSOA || rrtype == dns.TypeNSEC || rrtype == dns.TypeNSEC3) && IsSubdomain(Canonical(h.Name), zone) {
			out = append(out, rr)
		}
	}
	return out
}

// hiddenSigner finds a signer below the zone and at or above the name.
func hiddenSigner(sigs []*dns.RRSIG, zone, name string) string {
	for _, sig := range sigs {
		s := Canonical(sig.SignerName)
		if s != zone && IsSubdomain(s, zone) && IsSubdomain(name, s) {
			return s
		}
	}
	return ""
}

// hiddenIn finds one in an authority section: by its signatures or its SOA.
func hiddenIn(section []dns.RR, zone, name string) string {
	for _, rr := range section {
		switch rr := rr.(type) {
		case *dns.RRSIG:
			if s := hiddenSigner([]*dns.RRSIG{rr}, zone, name); s != "" {
				return s
			}
		case *dns.SOA:
			s := Canonical(rr.Hdr.Name)
			if s != zone && IsSubdomain(s, zone) && IsSubdomain(name, s) {
				return s
			}
		}
	}
	return ""
}

// Weaker is the security of data that rests on both: Bogus where either is,
// then Indeterminate, Insecure, Secure.
func Weaker(a, b Security) Security {
	if a == Bogus || b == Bogus {
		return Bogus
	}
	return min(a, b)
}
