package listener

import (
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// Reply makes the message that a stub is given for an answer.
//
//   - CD: the data is handed out whatever its proof says (RFC 4035 §3.2.2).
//   - AD: set where the answer is Secure and the client asked by AD or DO (RFC 6840 §5.7, §5.8).
//   - DO: without it the DNSSEC records stay out, unless asked for (RFC 4035 §3.2.1).
//   - EDE: what is wrong, where something is (RFC 8914).
func Reply(q *dns.Msg, a *dnssec.Answer, now time.Time) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	m.RecursionAvailable = true
	m.CheckingDisabled = q.CheckingDisabled
	opt := q.IsEdns0()
	do := opt != nil && opt.Do()
	if opt != nil {
		m.SetEdns0(ednsSize, do)
	}
	// A DNAME that makes the name too long is an answer of its own, without data (RFC 6672 §2.2).
	none := a.Kind == dnssec.NoAnswer && a.Rcode != dns.RcodeYXDomain
	bad := a.Security == dnssec.Bogus || a.Kind == dnssec.NoAnswer
	switch {
	case none, a.Security == dnssec.Bogus && !q.CheckingDisabled:
		m.Rcode = dns.RcodeServerFailure
	default:
		m.Rcode = a.Rcode
		age := now.Sub(a.Fetched)
		life := a.Until.Sub(now)
		m.Answer = section(a.AnswerSection.RRs(), a.Type, do, age, life)
		m.Ns = section(a.AuthoritySection.RRs(), a.Type, do, age, life)
	}
	m.AuthenticatedData = a.Security == dnssec.Secure && !bad && !q.CheckingDisabled && (do || q.AuthenticatedData)
	if opt != nil && a.Trouble.Text != "" && (bad || a.Security != dnssec.Secure) {
		o := m.IsEdns0()
		o.Option = append(o.Option, &dns.EDNS0_EDE{InfoCode: a.Trouble.Code, ExtraText: shorten(a.Trouble.Text)})
	}
	return m
}

// shorten keeps an explanation from filling the datagram; what is left is
// still UTF-8 (RFC 8914 §2).
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}

// section chooses records and counts their TTLs down, and never past the time
// that the whole answer is true.
func section(rrs []dns.RR, asked uint16, do bool, age, life time.Duration) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		t := rr.Header().Rrtype
		if !do && t != asked && asked != dns.TypeANY && (t == dns.TypeRRSIG || t == dns.TypeNSEC || t == dns.TypeNSEC3) {
			continue
		}
		h := rr.Header()
		left := min(time.Duration(h.Ttl)*time.Second-max(age, 0), life)
		h.Ttl = uint32(max(left, 0) / time.Second)
		out = append(out, dnssec.Packable(rr))
	}
	return out
}
