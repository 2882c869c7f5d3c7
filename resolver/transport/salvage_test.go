package transport

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
)

// raw is a record with RDATA as given, in hex, whatever its type has.
func raw(rrtype uint16, rdata string) dns.RR {
	return &dns.RFC3597{Hdr: dns.RR_Header{Name: "www.vendor.example.", Rrtype: rrtype, Class: dns.ClassINET, Ttl: 60}, Rdata: rdata}
}

func rr(tb testing.TB, text string) dns.RR {
	tb.Helper()
	out, err := dns.NewRR(text)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// TestSalvage: a malformed record is left out alone, wherever it stands.
func TestSalvage(t *testing.T) {
	for _, c := range []struct {
		claim string
		bad   dns.RR
		want  int // dropped
	}{
		{"an address of 3 octets", raw(dns.TypeA, "030405"), 1},
		{"an address of 5 octets", raw(dns.TypeA, "0304050607"), 1},
		{"an address of none", raw(dns.TypeA, ""), 1},
		{"an IPv6 address of 48", raw(dns.TypeAAAA, strings.Repeat("00", 48)), 1},
		{"a name server without a name", raw(dns.TypeNS, ""), 1},
		{"a name that does not end", raw(dns.TypeNS, "0377"), 1},
		{"a name with more behind it", raw(dns.TypeNS, "0000"), 1},
		{"a name that points to itself", raw(dns.TypeCNAME, "c0ff"), 1},
		{"a TLSA of nothing", raw(dns.TypeTLSA, ""), 1},
		{"a type bitmap of no length", raw(dns.TypeNSEC, "000000"), 1},
		{"an RRSIG that ends in its signer", raw(dns.TypeRRSIG, "0034080400000e10"+"0000000000000000"+"00010377"), 1},
		{"a type nobody knows, empty", raw(65280, ""), 0},
		{"a type nobody knows", raw(65280, "030405"), 0},
		{"an address as it should be", raw(dns.TypeA, "03040506"), 0},
	} {
		for section := range 3 {
			for place := range 3 {
				at := udpServer(t, func(q []byte) [][]byte {
					return [][]byte{reply(q, func(m *dns.Msg) {
						m.Compress = true
						m.SetEdns0(1232, true)
						good := []dns.RR{rr(t, "a.vendor.example. 60 IN NS "+name), rr(t, "b.vendor.example. 60 IN A 192.0.2.1")}
						m.Answer, m.Ns = slices.Clone(good), slices.Clone(good)
						m.Extra = append(slices.Clone(good), m.Extra...)
						s := []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra}[section]
						*s = slices.Insert(*s, place, c.bad)
					})}
				})
				n := new(Net)
				m, err := exchange(t, n, at, "udp", query())
				var malformed *MalformedError
				if errors.As(err, &malformed) != (c.want > 0) || c.want == 0 && err != nil || m == nil {
					t.Fatalf("%s: %v", c.claim, err)
				}
				if c.want > 0 && !strings.HasSuffix(strings.ToLower(err.Error()), strings.ToLower(dns.Type(c.bad.Header().Rrtype).String()+" of www.vendor.example.")) {
					t.Errorf("%s: %v", c.claim, err)
				}
				want := []int{2, 2, 3}
				want[section] += 1 - c.want
				if got := []int{len(m.Answer), len(m.Ns), len(m.Extra)}; !slices.Equal(got, want) || n.Stats().Malformed != int64(c.want) || m.IsEdns0() == nil {
					t.Errorf("%s: in section %d at %d: kept %v, want %v; %+v", c.claim, section, place, got, want, n.Stats())
				}
			}
		}
	}
}

// TestLost: what cannot be told apart is not believed in part.
func TestLost(t *testing.T) {
	q := query()
	sent, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	spoiled := func(edit func(b []byte) []byte) []byte {
		return edit(reply(sent, func(m *dns.Msg) { m.Answer = append(m.Answer, raw(dns.TypeA, "030405")) }))
	}
	opt := func(rdata string) []byte {
		b := reply(sent, func(m *dns.Msg) { m.Answer = nil })
		b[11] = 1
		return append(append(b, 0, 0, byte(dns.TypeOPT), 4, 208, 1, 0, 0, 0, 0, byte(len(rdata))), rdata...)
	}
	if m, err := match(q, sent, opt("\x00\x0a\x00\x01x")); err != nil || m.IsEdns0() == nil {
		t.Fatalf("a good OPT record: %v %v", m, err)
	}
	for claim, b := range map[string][]byte{
		"cut in the last record":      spoiled(func(b []byte) []byte { return b[:len(b)-1] }),
		"a length beyond the end":     spoiled(func(b []byte) []byte { b[len(b)-4] = 4; return b }),
		"a record more than there is": spoiled(func(b []byte) []byte { b[9]++; return b }),
		"an owner name that does not hold": spoiled(func(b []byte) []byte {
			at := bytes.Index(b, []byte("\x03www"))
			b[at] = 0x43
			return b
		}),
		"an OPT record with half an option": opt("\x00\x0a\x00\x20x"),
	} {
		if m, err := match(q, sent, b); err == nil {
			t.Errorf("%s: %s", claim, m)
		}
	}
	// The upper half of the RCODE is read where a record is left out, too.
	m, err := match(q, sent, reply(sent, func(m *dns.Msg) {
		m.SetEdns0(1232, true)
		m.Answer, m.Rcode = []dns.RR{raw(dns.TypeA, "")}, dns.RcodeBadVers
	}))
	if err != nil || m.Rcode != dns.RcodeBadVers || len(m.Answer) != 0 {
		t.Errorf("%v %v", m, err)
	}
}

// TestSalvageIsBounded: a message full of malformed records is read once.
func TestSalvageIsBounded(t *testing.T) {
	q := query()
	sent, _ := q.Pack()
	b := reply(sent, func(m *dns.Msg) { m.Answer = nil })
	end := len(b)
	n := 0
	for ; len(b)+11 <= dns.MaxMsgSize; n++ {
		b = append(b, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)
	}
	b[6], b[7] = byte(n>>8), byte(n)
	m, lost, err := salvage(b, end)
	if err != nil || lost.count != n || n > 5957 || len(m.Answer) != 0 {
		t.Errorf("%d of %d: %v", lost.count, n, err)
	}
}

// FuzzSalvage: what is salvaged is part of what another parser finds there, in its
// order; where nothing is malformed it is what the library reads.
func FuzzSalvage(f *testing.F) {
	q := query()
	q.Id = 4711
	sent, err := q.Pack()
	if err != nil {
		f.Fatal(err)
	}
	end := headerSize + questionLength(sent)
	add := func(edit ...func(*dns.Msg)) { f.Add(reply(sent, edit...)[end:], uint16(1), uint16(1), uint16(1)) }
	add()
	add(func(m *dns.Msg) {
		m.Ns = []dns.RR{raw(dns.TypeA, "030405"), rr(f, "vendor.example. 60 IN NS "+name)}
		m.SetEdns0(1232, true)
	})
	add(func(m *dns.Msg) {
		m.Ns, m.Compress = []dns.RR{rr(f, "vendor.example. 60 IN MX 1 "+name)}, true
		m.Extra = []dns.RR{raw(dns.TypeNSEC, "000000")}
	})
	f.Fuzz(func(t *testing.T, records []byte, an, ns, ar uint16) {
		wire := append(bytes.Clone(sent[:end]), records...)
		wire[2] |= 0x80
		for i, n := range []uint16{an, ns, ar} {
			wire[6+2*i], wire[7+2*i] = byte(n>>8), byte(n)
		}
		if len(wire) > dns.MaxMsgSize {
			return
		}
		m, lost, err := salvage(wire, end)
		whole := new(dns.Msg)
		if e := unpack(whole, wire); e == nil && (err != nil || lost.count != 0 || m.String() != whole.String()) {
			t.Errorf("a good message: %v, %+v\n%s\n%s", err, lost, m, whole)
		} else if e != nil && err == nil && lost.count == 0 {
			t.Errorf("nothing is dropped of what does not parse: %v", e)
		}
		if err != nil {
			return
		}
		if n := len(m.Answer) + len(m.Ns) + len(m.Extra); n+lost.count != int(an)+int(ns)+int(ar) {
			t.Errorf("%d kept, %+v of %d, %d and %d", n, lost, an, ns, ar)
		}
		var p dnsmessage.Parser
		if _, err := p.Start(wire); err != nil || p.SkipAllQuestions() != nil {
			return
		}
		subset(t, m.Answer, p.AnswerHeader, p.SkipAnswer)
		subset(t, m.Ns, p.AuthorityHeader, p.SkipAuthority)
		subset(t, m.Extra, p.AdditionalHeader, p.SkipAdditional)
	})
}

// subset holds kept records against those that another parser finds. It ends where
// that one does not go on: it bears fewer names.
func subset(t *testing.T, kept []dns.RR, next func() (dnsmessage.ResourceHeader, error), skip func() error) {
	for _, rr := range kept {
		h := rr.Header()
		for {
			theirs, err := next()
			if err == dnsmessage.ErrSectionDone {
				t.Fatalf("%s is not in the message", rr)
			}
			if err != nil || skip() != nil {
				return
			}
			if h.Rrtype == uint16(theirs.Type) && h.Class == uint16(theirs.Class) && h.Ttl == theirs.TTL && h.Rdlength == theirs.Length {
				break
			}
		}
	}
	for {
		if _, err := next(); err != nil || skip() != nil {
			return
		}
	}
}
