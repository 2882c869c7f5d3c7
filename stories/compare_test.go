package stories

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// compare holds an answer against what the entry wants of it.
func (e *entry) compare(got *dns.Msg) error {
	want := e.msg
	asked := func(words ...string) bool {
		return slices.ContainsFunc(append(words, "all"), func(w string) bool { return e.match[w] })
	}
	var wrong []string
	unequal := func(what string, w, g any) {
		if w != g {
			wrong = append(wrong, fmt.Sprintf("%s %v, want %v", what, g, w))
		}
	}
	if asked("opcode") {
		unequal("opcode", want.Opcode, got.Opcode)
	}
	if asked("rcode", "flags") {
		unequal("rcode", dns.RcodeToString[want.Rcode], dns.RcodeToString[got.Rcode])
	}
	if asked("flags") {
		unequal("flags", flags(want), flags(got))
	}
	if q := got.Question[0]; asked("qname", "question") {
		unequal("qname", strings.ToLower(want.Question[0].Name), strings.ToLower(q.Name))
	}
	if q := got.Question[0]; asked("qtype", "question") {
		unequal("qtype", want.Question[0].Qtype, q.Qtype)
	}
	for _, section := range []struct {
		word      string
		want, got []dns.RR
	}{{"answer", want.Answer, got.Answer}, {"authority", want.Ns, got.Ns}, {"additional", want.Extra, got.Extra}} {
		if asked(section.word) {
			unequal(section.word, e.text(section.want), e.text(section.got))
		}
	}
	if codes := ede(got); len(e.ede) > 0 || e.anyEDE {
		if len(codes) == 0 || len(e.ede) > 0 && !slices.ContainsFunc(codes, func(c uint16) bool { return slices.Contains(e.ede, c) }) {
			wrong = append(wrong, fmt.Sprintf("EDE %v", codes))
		}
	}
	if wrong == nil {
		return nil
	}
	return e.fault("%s; got\n%s", strings.Join(wrong, "; "), got)
}

func flags(m *dns.Msg) string {
	var out []string
	for _, f := range []struct {
		word string
		set  bool
	}{{"QR", m.Response}, {"AA", m.Authoritative}, {"TC", m.Truncated}, {"RD", m.RecursionDesired}, {"RA", m.RecursionAvailable}, {"AD", m.AuthenticatedData}, {"CD", m.CheckingDisabled}} {
		if f.set {
			out = append(out, f.word)
		}
	}
	return strings.Join(out, " ")
}

// text is a section in an order of its own, without EDNS, and without TTLs unless they are asked for.
func (e *entry) text(section []dns.RR) string {
	var out []string
	for _, rr := range section {
		if rr.Header().Rrtype == dns.TypeOPT {
			continue
		}
		rr = dns.Copy(rr)
		rr.Header().Name = strings.ToLower(rr.Header().Name)
		if !e.match["ttl"] {
			rr.Header().Ttl = 0
		}
		if t, ok := rr.(*dns.TLSA); ok {
			t.Certificate = strings.ToUpper(t.Certificate)
		}
		out = append(out, "\n  "+strings.Join(strings.Fields(rr.String()), " "))
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// ede lists the codes of RFC 8914 that a message carries.
func ede(m *dns.Msg) (codes []uint16) {
	if o := m.IsEdns0(); o != nil {
		for _, option := range o.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok {
				codes = append(codes, e.InfoCode)
			}
		}
	}
	return codes
}
