package listener

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cnfd/dnssec"
	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

const owner = "jwk.cnf.vendor.example."

var start = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

// source answers from a table; names that it does not know have no answer.
type source struct {
	answers map[string]*dnssec.Answer
	asked   chan dnssec.Question // where not nil, gets each question
	block   chan struct{}        // where not nil, answers wait for it
}

func (s *source) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if s.asked != nil {
		s.asked <- q
	}
	if s.block != nil {
		select {
		case <-s.block:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
	a := s.answers[q.Name.String()]
	if a == nil {
		return nil, false, errors.New("the context has ended")
	}
	return a, false, nil
}

func rr(line string) dns.RR {
	r, err := dns.NewRR(line)
	if err != nil {
		panic(err)
	}
	return r
}

var sig = "300 IN RRSIG TLSA 13 4 300 20261123060000 20261122050000 1 vendor.example. AAAA"

// answer is a Secure one of one record, fetched at start, true for 200 s.
func answer(edit ...func(*dnssec.Answer)) *dnssec.Answer {
	a := &dnssec.Answer{
		Name: owner, Type: dns.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: "vendor.example.",
		Fetched: start, Until: start.Add(200 * time.Second),
		AnswerSection:    dnssec.PackRecords([]dns.RR{rr(owner + " 300 IN TLSA 255 255 255 AA"), rr(owner + " " + sig)}),
		AuthoritySection: dnssec.PackRecords([]dns.RR{rr("a.vendor.example. 100 IN NSEC vendor.example. TXT"), rr("9mu25br564coi9bdfnmp3ho132j1csf0.vendor.example. 100 IN NSEC3 1 0 0 - 9MU25BR564COI9BDFNMP3HO132J1CSF0")}),
	}
	for _, e := range edit {
		e(a)
	}
	return a
}

func bogus(a *dnssec.Answer) {
	a.Security, a.Trouble = dnssec.Bogus, dnssec.Trouble{Code: dnssec.CodeExpired, Text: "expired"}
}

func query(edit ...func(*dns.Msg)) *dns.Msg {
	q := new(dns.Msg).SetQuestion(owner, dns.TypeTLSA)
	for _, e := range edit {
		e(q)
	}
	return q
}

func do(q *dns.Msg)   { q.SetEdns0(1232, true) }
func edns(q *dns.Msg) { q.SetEdns0(1232, false) }
func ad(q *dns.Msg)   { q.AuthenticatedData = true }
func cd(q *dns.Msg)   { q.CheckingDisabled = true }

func ede(m *dns.Msg) *dns.EDNS0_EDE {
	if o := m.IsEdns0(); o != nil {
		for _, x := range o.Option {
			if e, ok := x.(*dns.EDNS0_EDE); ok {
				return e
			}
		}
	}
	return nil
}

// TestReply: the bits of an answer, by what was asked and what is known.
func TestReply(t *testing.T) {
	yx := func(a *dnssec.Answer) {
		a.Kind, a.Rcode = dnssec.NoAnswer, dns.RcodeYXDomain
		a.AnswerSection = dnssec.PackRecords([]dns.RR{rr("cnf.vendor.example. 300 IN DNAME " + strings.Repeat("a.", 100))})
	}
	insecure := func(a *dnssec.Answer) { a.Security = dnssec.Insecure }
	lost := func(a *dnssec.Answer) {
		*a = dnssec.Answer{Name: owner, Type: dns.TypeTLSA, Trouble: dnssec.Trouble{Code: dnssec.CodeNoReachable, Text: "silent"}}
	}
	absent := func(a *dnssec.Answer) { a.Kind, a.Rcode, a.AnswerSection = dnssec.NoName, dns.RcodeNameError, nil }
	type edits = []func(*dns.Msg)
	for _, c := range []struct {
		claim   string
		answer  *dnssec.Answer
		query   edits
		rcode   int
		ad      bool
		records int // in both sections
		ede     int // -1: none
	}{
		{"Secure, nothing asked: no AD, no signatures", answer(), nil, 0, false, 1, -1},
		{"Secure, AD asked", answer(), edits{ad}, 0, true, 1, -1},
		{"Secure, DO asked: AD and signatures", answer(), edits{do}, 0, true, 4, -1},
		{"Secure, EDNS without DO", answer(), edits{edns}, 0, false, 1, -1},
		{"Secure, CD: no AD", answer(), edits{do, cd}, 0, false, 4, -1},
		{"Secure and absent", answer(absent), edits{do}, dns.RcodeNameError, true, 2, -1},
		{"Insecure: never AD", answer(insecure), edits{do, ad}, 0, false, 4, -1},
		{"Insecure with a reason", answer(insecure, func(a *dnssec.Answer) { a.Trouble = dnssec.Trouble{Code: 27, Text: "iterations"} }), edits{do}, 0, false, 4, 27},
		{"Indeterminate: never AD", answer(func(a *dnssec.Answer) { a.Security = dnssec.Indeterminate }), edits{do, ad}, 0, false, 4, -1},
		{"Bogus: SERVFAIL, no records, the reason", answer(bogus), edits{do, ad}, dns.RcodeServerFailure, false, 0, dnssec.CodeExpired},
		{"Bogus without EDNS: no reason", answer(bogus), nil, dns.RcodeServerFailure, false, 0, -1},
		{"Bogus with CD: the records, no AD", answer(bogus), edits{do, ad, cd}, 0, false, 4, dnssec.CodeExpired},
		{"Bogus absence", answer(absent, bogus), edits{do}, dns.RcodeServerFailure, false, 0, dnssec.CodeExpired},
		{"nobody answers", answer(lost), edits{do, ad}, dns.RcodeServerFailure, false, 0, dnssec.CodeNoReachable},
		{"nobody answers, CD", answer(lost), edits{do, cd}, dns.RcodeServerFailure, false, 0, dnssec.CodeNoReachable},
		{"a DNAME that makes the name too long", answer(yx), edits{do}, dns.RcodeYXDomain, false, 3, -1},
		{"a forged DNAME that makes the name too long", answer(yx, bogus), edits{do}, dns.RcodeServerFailure, false, 0, dnssec.CodeExpired},
		{"a forged DNAME that makes the name too long, CD", answer(yx, bogus), edits{do, cd}, dns.RcodeYXDomain, false, 3, dnssec.CodeExpired},
		{"the zero answer", &dnssec.Answer{}, edits{do, ad}, dns.RcodeServerFailure, false, 0, -1},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := query(c.query...)
			m := Reply(q, c.answer, start)
			if m.Rcode != c.rcode || m.AuthenticatedData != c.ad || len(m.Answer)+len(m.Ns) != c.records {
				t.Errorf("%s", m)
			}
			e := ede(m)
			if (e == nil) != (c.ede < 0) || e != nil && (int(e.InfoCode) != c.ede || e.ExtraText == "") {
				t.Errorf("EDE %v", e)
			}
			if m.Id != q.Id || !m.Response || !m.RecursionAvailable || m.Authoritative || m.RecursionDesired != q.RecursionDesired || m.CheckingDisabled != q.CheckingDisabled || len(m.Question) != 1 || m.Question[0] != q.Question[0] {
				t.Errorf("%s", m)
			}
			if (m.IsEdns0() != nil) != (q.IsEdns0() != nil) || m.IsEdns0() != nil && m.IsEdns0().Do() != q.IsEdns0().Do() {
				t.Errorf("%s", m)
			}
		})
	}
}

func TestTTLs(t *testing.T) {
	for _, c := range []struct {
		claim string
		now   time.Time
		want  []uint32 // TLSA, RRSIG, NSEC, NSEC3
	}{
		{"no more than the whole is true for", start, []uint32{200, 200, 100, 100}},
		{"counted down", start.Add(50 * time.Second), []uint32{150, 150, 50, 50}},
		{"never below zero", start.Add(time.Hour), []uint32{0, 0, 0, 0}},
		{"a clock that went back lengthens nothing", start.Add(-time.Hour), []uint32{300, 300, 100, 100}},
	} {
		a := answer()
		m := Reply(query(do), a, c.now)
		var got []uint32
		for _, r := range append(m.Answer, m.Ns...) {
			got = append(got, r.Header().Ttl)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.claim, got, c.want)
		}
		if a.AnswerSection.RRs()[0].Header().Ttl != 300 {
			t.Fatal("the cached answer was changed")
		}
	}
}

func TestLongReasonsAreText(t *testing.T) {
	a := answer(bogus)
	for n := 190; n < 210; n++ {
		a.Trouble.Text = strings.Repeat("x", n) + strings.Repeat("…", 50)
		if e := ede(Reply(query(do), a, start)); len(e.ExtraText) > 200 || !utf8.ValidString(e.ExtraText) {
			t.Errorf("%q", e.ExtraText)
		}
	}
}

// serve runs a server on loopback and returns its address, the same for both.
func serve(tb testing.TB, s Source, edit ...func(*Config)) string {
	tb.Helper()
	udp, tcp := sockets(tb)
	c := Config{Source: s, Now: func() time.Time { return start }}
	for _, e := range edit {
		e(&c)
	}
	server := New(c)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(udp, tcp) }()
	tb.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return udp.LocalAddr().String()
}

func sockets(tb testing.TB) (net.PacketConn, net.Listener) {
	tb.Helper()
	for range 50 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	tb.Fatal("no port is free for both")
	return nil, nil
}

func exchange(tb testing.TB, network, at string, q *dns.Msg) *dns.Msg {
	tb.Helper()
	m, _, err := (&dns.Client{Net: network, Timeout: 10 * time.Second, UDPSize: 65535}).Exchange(q, at)
	if err != nil {
		tb.Fatalf("%s: %v", network, err)
	}
	return m
}

// TestQuestions over real sockets: what is answered and what is refused.
func TestQuestions(t *testing.T) {
	s := &source{answers: map[string]*dnssec.Answer{owner: answer(), "bogus.example.": answer(bogus)}}
	at := serve(t, s)
	for _, c := range []struct {
		claim   string
		edit    func(q *dns.Msg)
		rcode   int
		answers int
	}{
		{"a question", func(q *dns.Msg) {}, 0, 1},
		{"a question in another case", func(q *dns.Msg) { q.Question[0].Name = "JWK.cnf.Vendor.Example." }, 0, 1},
		{"DO", do, 0, 2},
		{"a forgery", func(q *dns.Msg) { q.Question[0].Name = "bogus.example." }, dns.RcodeServerFailure, 0},
		{"a name that the source fails on", func(q *dns.Msg) { q.Question[0].Name = "fails.example." }, dns.RcodeServerFailure, 0},
		{"AXFR", func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeAXFR }, dns.RcodeRefused, 0},
		{"IXFR", func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeIXFR }, dns.RcodeRefused, 0},
		{"MAILA", func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeMAILA }, dns.RcodeRefused, 0},
		{"OPT as a type", func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeOPT }, dns.RcodeRefused, 0},
		{"TSIG as a type", func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeTSIG }, dns.RcodeRefused, 0},
		{"TKEY as a type", func(q *dns.Msg) { q.Question[0].Qtype = dns.TypeTKEY }, dns.RcodeRefused, 0},
		{"type 0", func(q *dns.Msg) { q.Question[0].Qtype = 0 }, dns.RcodeRefused, 0},
		{"another class", func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused, 0},
		{"recursion not desired", func(q *dns.Msg) { q.RecursionDesired = false }, dns.RcodeRefused, 0},
		{"an update", func(q *dns.Msg) { q.Opcode = dns.OpcodeUpdate }, dns.RcodeNotImplemented, 0},
		{"a notification", func(q *dns.Msg) { q.Opcode = dns.OpcodeNotify }, dns.RcodeNotImplemented, 0},
		{"EDNS version 1", func(q *dns.Msg) { q.SetEdns0(1232, false); q.IsEdns0().SetVersion(1) }, dns.RcodeBadVers, 0},
		{"two questions", func(q *dns.Msg) { q.Question = append(q.Question, q.Question[0]) }, dns.RcodeFormatError, 0},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(c.claim+"/"+network, func(t *testing.T) {
				q := query()
				c.edit(q)
				m := exchange(t, network, at, q)
				if m.Rcode != c.rcode || len(m.Answer) != c.answers || m.Truncated || m.AuthenticatedData && q.IsEdns0() == nil {
					t.Errorf("%s", m)
				}
			})
		}
	}
}

func TestTruncation(t *testing.T) {
	big := answer(func(a *dnssec.Answer) {
		for i := range 100 {
			a.AnswerSection = append(a.AnswerSection, dnssec.PackRecords([]dns.RR{rr(fmt.Sprintf("%s 300 IN TLSA 255 255 255 %064X", owner, i))})...)
		}
	})
	at := serve(t, &source{answers: map[string]*dnssec.Answer{owner: big}})
	for _, size := range []uint16{0, 100, 512, 1232, 4096, 65535} {
		q := query()
		if size > 0 {
			q.SetEdns0(size, true)
		}
		m := exchange(t, "udp", at, q)
		if !m.Truncated || len(m.Answer)+len(m.Ns) != 0 || m.AuthenticatedData != (size > 0) && size > 0 {
			t.Errorf("with %d octets: %d records, truncated %v", size, len(m.Answer), m.Truncated)
		}
		if m := exchange(t, "tcp", at, q); m.Truncated || len(m.Answer) < 101 {
			t.Errorf("over TCP: %d records, truncated %v", len(m.Answer), m.Truncated)
		}
	}
	small := answer(func(a *dnssec.Answer) { a.AnswerSection = dnssec.PackRecords(a.AnswerSection.RRs()[:1]) })
	at = serve(t, &source{answers: map[string]*dnssec.Answer{owner: small}})
	if m := exchange(t, "udp", at, query()); m.Truncated || len(m.Answer) != 1 {
		t.Errorf("%s", m)
	}
}

func TestAllow(t *testing.T) {
	for _, c := range []struct {
		claim string
		allow []string
		from  string
		want  bool
	}{
		{"loopback by default", nil, "127.0.0.1:9", true},
		{"all of it", nil, "127.9.9.9:9", true},
		{"of IPv6 too", nil, "[::1]:9", true},
		{"mapped into IPv6", nil, "[::ffff:127.0.0.1]:9", true},
		{"others not", nil, "192.0.2.1:9", false},
		{"nor of IPv6", nil, "[2001:db8::1]:9", false},
		{"as configured", []string{"192.0.2.0/24"}, "192.0.2.1:9", true},
		{"and no more then", []string{"192.0.2.0/24"}, "127.0.0.1:9", false},
		{"a link-local one with its zone", []string{"fe80::/10"}, "[fe80::1%eth0]:9", true},
		{"who has no address", nil, "@", false},
	} {
		var allow []netip.Prefix
		for _, a := range c.allow {
			allow = append(allow, netip.MustParsePrefix(a))
		}
		if got := New(Config{Allow: allow}).allowed(addressOf(addr(c.from))); got != c.want {
			t.Errorf("%s: %v", c.claim, got)
		}
	}
	at := serve(t, &source{answers: map[string]*dnssec.Answer{owner: answer()}}, func(c *Config) { c.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	for _, network := range []string{"udp", "tcp"} {
		if m := exchange(t, network, at, query()); m.Rcode != dns.RcodeRefused || len(m.Answer) != 0 {
			t.Errorf("%s", m)
		}
	}
}

type addr string

func (a addr) Network() string { return "udp" }
func (a addr) String() string  { return string(a) }

// TestInFlight: past the bound a question is refused at once, not queued.
func TestInFlight(t *testing.T) {
	s := &source{answers: map[string]*dnssec.Answer{owner: answer()}, asked: make(chan dnssec.Question, 9), block: make(chan struct{})}
	at := serve(t, s, func(c *Config) { c.InFlight = 1 })
	first := make(chan *dns.Msg, 1)
	go func() {
		m, _, err := (&dns.Client{Timeout: 30 * time.Second}).Exchange(query(), at)
		if err != nil {
			t.Error(err)
		}
		first <- m
	}()
	<-s.asked
	if m := exchange(t, "udp", at, query()); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("%s", m)
	}
	close(s.block)
	if m := <-first; m == nil || m.Rcode != 0 {
		t.Errorf("%s", m)
	}
	if m := exchange(t, "udp", at, query()); m.Rcode != 0 {
		t.Errorf("after it: %s", m)
	}
}

// TestShutdown: a server that is told to stop stops, however early.
func TestShutdown(t *testing.T) {
	for range 20 {
		udp, tcp := sockets(t)
		s := New(Config{Source: &source{}, Now: time.Now})
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(udp, tcp) }()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("it goes on after Shutdown")
		}
		if c, err := net.DialTimeout("tcp", tcp.Addr().String(), time.Second); err == nil {
			c.Close()
			t.Error("the port is still open")
		}
	}
}

func TestServeAfterShutdown(t *testing.T) {
	udp, tcp := sockets(t)
	s := New(Config{Source: &source{}, Now: time.Now})
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.Serve(udp, tcp) // returns at once
	if c, err := net.DialTimeout("tcp", tcp.Addr().String(), time.Second); err == nil {
		c.Close()
		t.Error("the port is still open")
	}
}

// TestRubbish: octets that are no message get no answer, or FORMERR, and hurt nobody.
func TestRubbish(t *testing.T) {
	at := serve(t, &source{answers: map[string]*dnssec.Answer{owner: answer()}})
	q, err := query().Pack()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{{}, {0}, q[:5], q[:12], q[:20], bytes.Repeat([]byte{0xFF}, 500), append(q[:len(q):len(q)], 1, 2, 3)} {
		c, err := net.Dial("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		c.Write(b)
		c.Close()
	}
	if m := exchange(t, "udp", at, query()); m.Rcode != 0 || len(m.Answer) != 1 {
		t.Errorf("%s", m)
	}
}

// TestDig looks over the listener's shoulder with the tool that people use.
func TestDig(t *testing.T) {
	dig := testneeds.Binary(t, "dig", "bind9-dnsutils")
	big := answer(func(a *dnssec.Answer) {
		for i := range 100 {
			a.AnswerSection = append(a.AnswerSection, dnssec.PackRecords([]dns.RR{rr(fmt.Sprintf("big.example. 300 IN TLSA 255 255 255 %064X", i))})...)
		}
	})
	at := serve(t, &source{answers: map[string]*dnssec.Answer{owner: answer(), "bogus.example.": answer(bogus), "big.example.": big}})
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		want []string
		not  []string
	}{
		{owner + " TLSA", []string{"NOERROR", "flags: qr rd ra ad;", "255 255 255 AA"}, []string{"RRSIG"}},
		{owner + " TLSA +noadflag", []string{"flags: qr rd ra;"}, nil},
		{owner + " TLSA +dnssec", []string{"flags: qr rd ra ad;", "flags: do;", "RRSIG"}, nil},
		{owner + " TLSA +tcp", []string{"NOERROR", "255 255 255 AA"}, nil},
		{"bogus.example. TLSA", []string{"SERVFAIL", "EDE: 7 (Signature Expired): (expired)"}, []string{"255 255 255"}},
		{"bogus.example. TLSA +cd", []string{"NOERROR", "255 255 255 AA", "flags: qr rd ra cd;"}, nil},
		{"big.example. TLSA", []string{"Truncated, retrying in TCP mode", "NOERROR"}, nil},
		{"big.example. TLSA +ignore", []string{"flags: qr tc rd ra"}, []string{"255 255 255"}},
		{owner + " AXFR", []string{"Transfer failed"}, nil},
		{owner + " TLSA +edns=1 +noednsneg", []string{"BADVERS"}, nil},
	} {
		out, _ := exec.Command(dig, append([]string{"@" + host, "-p", port, "+tries=1", "+time=10"}, strings.Fields(c.args)...)...).CombinedOutput()
		for _, w := range c.want {
			if !strings.Contains(string(out), w) {
				t.Errorf("dig %s: no %q in\n%s", c.args, w, out)
			}
		}
		for _, w := range c.not {
			if strings.Contains(string(out), w) {
				t.Errorf("dig %s: %q in\n%s", c.args, w, out)
			}
		}
	}
}

func Example() {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := New(Config{
		Source: &source{answers: map[string]*dnssec.Answer{owner: answer()}}, // a *resolver.Resolver
		Now:    func() time.Time { return start },
	})
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(udp, tcp) }()

	q := new(dns.Msg).SetQuestion(owner, dns.TypeTLSA)
	q.AuthenticatedData = true
	m, _, err := new(dns.Client).Exchange(q, udp.LocalAddr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.AuthenticatedData, m.Answer[0])

	fmt.Println(s.Shutdown(context.Background()), <-ended)
	// Output:
	// true jwk.cnf.vendor.example.	200	IN	TLSA	255 255 255 aa
	// <nil> <nil>
}
