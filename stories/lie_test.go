package stories

import (
	"encoding/hex"
	"slices"

	"github.com/miekg/dns"
)

// reply is what an entry has a server say in place of the honest answer; nil for silence.
func (e *entry) reply(q, honest *dns.Msg) *dns.Msg {
	if e.silent {
		return nil
	}
	r := new(dns.Msg).SetReply(q)
	if e.honest && honest != nil {
		r = honest
	} else if o := q.IsEdns0(); o != nil && e.do {
		r.SetEdns0(1232, true)
	}
	if e.said {
		r.Rcode = e.msg.Rcode
		r.Authoritative, r.Truncated, r.RecursionAvailable = e.msg.Authoritative, e.msg.Truncated, e.msg.RecursionAvailable
	}
	if !e.copyQuery && !e.honest && len(e.msg.Question) == 1 {
		r.Question = slices.Clone(e.msg.Question)
		r.Question[0].Name = q.Question[0].Name // as it was spelt
	}
	for _, section := range []*[]dns.RR{&r.Answer, &r.Ns, &r.Extra} {
		*section = stripped(*section, e.strip)
		for _, rr := range *section {
			if slices.Contains(e.flip, rr.Header().Rrtype) {
				flip(rr)
			}
		}
	}
	r.Answer = append(r.Answer, copies(e.msg.Answer)...)
	r.Ns = append(r.Ns, copies(e.msg.Ns)...)
	r.Extra = append(copies(e.msg.Extra), r.Extra...)
	return r
}

// stripped leaves out records of some types and the signatures over them.
func stripped(section []dns.RR, types []uint16) []dns.RR {
	return slices.DeleteFunc(section, func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return slices.Contains(types, rr.Header().Rrtype) || ok && slices.Contains(types, sig.TypeCovered)
	})
}

// flip changes one bit in the last octet of a record's data.
func flip(rr dns.RR) {
	generic := new(dns.RFC3597)
	if err := generic.ToRFC3597(rr); err != nil || generic.Rdata == "" {
		return
	}
	data, _ := hex.DecodeString(generic.Rdata) // it has just been encoded
	data[len(data)-1] ^= 1
	wire := make([]byte, 1024+len(data))
	h := *rr.Header()
	off, err := dns.PackRR(&dns.RFC3597{Hdr: h, Rdata: hex.EncodeToString(data)}, wire, 0, nil, false)
	if err != nil {
		return
	}
	changed, _, err := dns.UnpackRR(wire[:off], 0)
	if err != nil {
		return
	}
	switch rr := rr.(type) {
	case *dns.TLSA:
		*rr = *changed.(*dns.TLSA)
	case *dns.RRSIG:
		*rr = *changed.(*dns.RRSIG)
	case *dns.DNSKEY:
		*rr = *changed.(*dns.DNSKEY)
	case *dns.DS:
		*rr = *changed.(*dns.DS)
	case *dns.A:
		*rr = *changed.(*dns.A)
	}
}

func copies(rrs []dns.RR) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		out = append(out, dns.Copy(rr))
	}
	return out
}
