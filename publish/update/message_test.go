package update

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		claim string
		name  string
		spoil func(q, r *dns.Msg)
		kind  publish.Kind
		words string
		want  publish.Set
	}{
		{"a set", name, nil, 0, "", publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"a name that holds other things", "ns." + apex, nil, 0, "", publish.Set{Name: "ns." + apex}},
		{"a name that is not there", "absent." + apex, nil, 0, "", publish.Set{Name: "absent." + apex}},
		{"an alias", "alias." + apex, nil, 0, "", publish.Set{Name: "alias." + apex, Alias: "ns." + apex}},
		{"a name with escapes", `\(\097\000.` + apex, nil, 0, "", publish.Set{Name: `\(a\000.` + apex}},
		{"what a wildcard answers is not there", "any.wild." + apex, nil, 0, "", publish.Set{Name: "any.wild." + apex}},
		{"the wildcard's own is", "*.wild." + apex, nil, 0, "", publish.Set{Name: "*.wild." + apex, TTL: 5 * time.Minute, Records: []publish.Record{record(t, "255 255 255 AA")}}},
		{"a name that is delegated away", "jwk.cnf.sub." + apex, nil, publish.NotAuth, "not authoritative for", publish.Set{}},
		{"a name that is too long", strings.Repeat("a", 64) + "." + apex, nil, publish.NameTooLong, "no domain name", publish.Set{}},
		{"a server that answers from a cache", name, func(_, r *dns.Msg) { r.Authoritative = false }, publish.NotAuth, "not authoritative for", publish.Set{}},
		{"a server that refuses", name, func(_, r *dns.Msg) { r.Rcode = dns.RcodeRefused }, publish.Refused, "REFUSED", publish.Set{}},
		{"a server that fails", name, func(_, r *dns.Msg) { r.Rcode = dns.RcodeServerFailure }, publish.ServFail, "SERVFAIL", publish.Set{}},
		{"an answer cut short", name, func(_, r *dns.Msg) { r.Truncated = true }, publish.Failed, "cut short", publish.Set{}},
		{"an answer to another name", name, func(_, r *dns.Msg) { r.Question[0].Name = apex }, publish.Failed, "another question", publish.Set{}},
		{"an answer to no question", name, func(_, r *dns.Msg) { r.Question = nil }, publish.Failed, "another question", publish.Set{}},
		{"an answer in other letters", name, func(_, r *dns.Msg) {
			r.Question[0].Name = strings.ToUpper(name)
			r.Answer[0].Header().Name = strings.ToUpper(name)
		}, 0, "",
			publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"another name's record in the answer", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, rr(t, "other."+apex+" 300 IN TLSA 255 255 255 AA"))
		}, 0, "", publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"a record twice", name, func(_, r *dns.Msg) { r.Answer = append(r.Answer, dns.Copy(r.Answer[0])) }, 0, "",
			publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs)}}},
		{"two TTLs in one set", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, rr(t, name+" 60 IN TLSA 255 255 255 AA"))
		}, 0, "", publish.Set{Name: name, TTL: 5 * time.Minute, Records: []publish.Record{record(t, theirs), record(t, "255 255 255 AA")}}},
		{"a record of two octets", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTLSA, Class: dns.ClassINET, Ttl: 300}, Rdata: "ffff"})
		}, publish.Failed, "a TLSA record of 2 octets", publish.Set{}},
		{"both an alias and a set", name, func(_, r *dns.Msg) {
			r.Answer = append(r.Answer, rr(t, name+" 300 IN CNAME ns."+apex))
		}, publish.Failed, "both a CNAME and TLSA", publish.Set{}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := newServer(t)
			s.hold(t, lines("300", name, theirs)...)
			z := s.target(t, nil)
			read(t, z, name)
			if s.edit = c.spoil; c.spoil != nil {
				s.edit = func(q, r *dns.Msg) {
					if q.Question[0].Qtype == dns.TypeTLSA { // the question for the zone is not what is spoilt
						c.spoil(q, r)
					}
				}
			}
			set, err := z.Read(context.Background(), c.name)
			var e *publish.Error
			switch {
			case c.words == "" && (err != nil || !set.Same(c.want) || set.TTL != c.want.TTL || set.Name != c.want.Name):
				t.Errorf("%v, %v", set, err)
			case c.words != "" && (!errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.words)):
				t.Errorf("%v, want %s: %s", err, c.kind, c.words)
			}
		})
	}
}

func rr(t testing.TB, line string) dns.RR {
	t.Helper()
	r, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
