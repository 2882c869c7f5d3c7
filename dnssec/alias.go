package dnssec

import (
	"math"
	"strings"

	"github.com/miekg/dns"
)

// Aliased reads a kept answer to a CNAME question as the finding that a question
// of another type has there: an alias to follow. Since and Until are the answer's.
func (a *Answer) Aliased() (Finding, bool) {
	if a.Type != dns.TypeCNAME || a.Kind != Positive || len(a.Data) != 1 {
		return Finding{}, false
	}
	f := a.finding()
	for _, rr := range f.Answer {
		if c, ok := rr.(*dns.CNAME); ok {
			f.Target = Canonical(c.Target)
		}
	}
	return f, f.Target != ""
}

// Redirected makes of a kept answer to a DNAME question what it says of a name
// below its own (RFC 6672 §2.2, §3.2).
func (a *Answer) Redirected(name string) (Finding, bool) {
	if a.Type != dns.TypeDNAME || a.Kind != Positive || len(a.Data) != 1 || a.Wildcard || name == a.Name || !IsSubdomain(name, a.Name) {
		return Finding{}, false
	}
	f := a.finding()
	for _, rr := range f.Answer {
		if d, ok := rr.(*dns.DNAME); ok && Canonical(d.Hdr.Name) == a.Name {
			f.redirect(d, name)
			return f, true
		}
	}
	return Finding{}, false
}

func (a *Answer) finding() Finding {
	return Finding{
		Security: a.Security, Kind: a.Kind, Rcode: a.Rcode, Trouble: a.Trouble, Wildcard: a.Wildcard,
		Answer: a.AnswerSection.RRs(), Authority: a.AuthoritySection.RRs(),
		TTL: a.Until.Sub(a.Fetched), Since: a.Fetched, Until: a.Until,
	}
}

// AsCNAME is the answer to the question for the CNAME that led on from the
// answer's own name; the answer must not go on behind it.
func (a *Answer) AsCNAME() (Answer, bool) {
	b := *a
	b.Type, b.Data = dns.TypeCNAME, a.AnswerSection.RDATA(dns.TypeCNAME)
	return b, len(b.Data) == 1
}

// AsDNAME is the answer to the question for the DNAME that led on from the
// answer's own name; the answer must not go on behind it.
func (a *Answer) AsDNAME() (Answer, bool) {
	b := *a
	if a.Wildcard || len(a.AnswerSection.RDATA(dns.TypeDNAME)) != 1 {
		return b, false
	}
	var keep []dns.RR
	for _, rr := range a.AnswerSection.RRs() {
		sig, ok := rr.(*dns.RRSIG)
		if rr.Header().Rrtype == dns.TypeDNAME {
			b.Name = Canonical(rr.Header().Name)
		} else if !ok || sig.TypeCovered != dns.TypeDNAME {
			continue
		}
		keep = append(keep, rr)
	}
	b.Type, b.AnswerSection, b.AuthoritySection = dns.TypeDNAME, PackRecords(keep), nil
	b.Data = b.AnswerSection.RDATA(dns.TypeDNAME)
	return b, IsSubdomain(b.Name, b.Zone) && IsSubdomain(a.Name, b.Name)
}

// alias looks for a CNAME at the name or a DNAME above it.
func (z *Zone) alias(msg *dns.Msg, name string, t *Terms) (Finding, bool) {
	cname := find(msg.Answer, name, dns.TypeCNAME)
	if dname, ok := dnameAbove(msg.Answer, name, z.Name); ok && len(cname.Sigs) == 0 {
		return z.redirect(dname, name, msg, t), true
	}
	if len(cname.RRs) == 0 {
		return Finding{}, false
	}
	cname.RRs = cname.RRs[:1] // one name, one CNAME (RFC 2181 §10.1)
	target := cname.RRs[0].(*dns.CNAME).Target
	return z.positive(cname, Canonical(target), msg, t), true
}

// synthesised reports whether a set is the unsigned CNAME beside a DNAME.
func synthesised(set RRset, msg *dns.Msg, zone string) bool {
	_, above := dnameAbove(msg.Answer, set.Name, zone)
	return set.Type == dns.TypeCNAME && len(set.Sigs) == 0 && above
}

// dnameAbove finds a DNAME whose owner lies above the name and in the zone.
func dnameAbove(section []dns.RR, name, zone string) (RRset, bool) {
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype != dns.TypeDNAME || h.Class != dns.ClassINET {
			continue
		}
		owner := Canonical(h.Name)
		if owner != name && IsSubdomain(name, owner) && IsSubdomain(owner, zone) {
			return find(section, owner, dns.TypeDNAME), true
		}
	}
	return RRset{}, false
}

// redirect follows a DNAME (RFC 6672 §5.3.1).
func (z *Zone) redirect(dname RRset, name string, msg *dns.Msg, t *Terms) Finding {
	f := z.positive(dname, "", msg, t)
	if f.Kind != NoAnswer {
		f.redirect(dname.RRs[0].(*dns.DNAME), name)
	}
	return f
}

func wireLength(name string) int {
	buf := make([]byte, 512)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil {
		return math.MaxInt
	}
	return n
}

// redirect has a finding lead a name on by a DNAME above it. The CNAME is not
// signed and not believed: it is made anew (RFC 6672 §5.3.1).
func (f *Finding) redirect(rr *dns.DNAME, name string) {
	owner, target := Canonical(rr.Hdr.Name), Canonical(rr.Target)
	prefix := name
	if owner != "." {
		prefix = strings.TrimSuffix(name, owner)
	}
	synth := prefix + strings.TrimPrefix(target, ".")
	if _, ok := dns.IsDomainName(synth); !ok || wireLength(synth) > 255 {
		f.Target, f.Kind, f.Rcode = "", NoAnswer, dns.RcodeYXDomain
		return
	}
	f.Target = synth
	f.Answer = append(f.Answer, &dns.CNAME{
		Hdr:    dns.RR_Header{Name: name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: rr.Hdr.Ttl},
		Target: synth,
	})
}
