package resolver_test

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox"
	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// servers are the addresses that a zone of the sandbox is served from.
func servers(tb testing.TB, net *sandbox.Internet, zone string) []netip.AddrPort {
	tb.Helper()
	for _, z := range net.Zones() {
		if z.Name == zone {
			return z.Servers
		}
	}
	tb.Fatalf("the sandbox has no %s", zone)
	return nil
}

// tamper makes all servers of a zone say something else.
func tamper(tb testing.TB, net *sandbox.Internet, zone string, f func(network string, q, r *dns.Msg) *dns.Msg) {
	tb.Helper()
	for _, a := range servers(tb, net, zone) {
		if err := net.Tamper(a.Addr(), f); err != nil {
			tb.Fatal(err)
		}
	}
}

const vendor = "jwk.cnf.vendor.example."

// TestNearMissOverTheNetwork: a reply with a wrong ID sends the question to TCP
// at once; where that lies too nothing is believed.
func TestNearMissOverTheNetwork(t *testing.T) {
	net, r := start(t)
	if a := ask(t, r, vendor, dns.TypeTLSA); a.Security != dnssec.Secure {
		t.Fatalf("%s %+v", a.Security, a.Trouble)
	}
	if n := r.Stats().Network.NearMisses; n != 0 {
		t.Errorf("%d near misses of honest servers", n)
	}
	for _, c := range []struct {
		claim    string
		networks []string
		want     dnssec.Security
	}{
		{"over UDP", []string{"udp"}, dnssec.Secure},
		{"over both", []string{"udp", "tcp"}, dnssec.Indeterminate},
	} {
		tamper(t, net, "vendor.example.", func(network string, _, m *dns.Msg) *dns.Msg {
			if slices.Contains(c.networks, network) {
				m.Id++
			}
			return m
		})
		r.Drop(vendor)
		before := r.Stats()
		a := ask(t, r, vendor, dns.TypeTLSA)
		if a.Security != c.want || a.Security == dnssec.Secure && r.Stats().Queries-before.Queries != 2 {
			t.Errorf("%s: %s %+v after %d queries", c.claim, a.Security, a.Trouble, r.Stats().Queries-before.Queries)
		}
		if r.Stats().Network.NearMisses == before.Network.NearMisses {
			t.Errorf("%s: not counted", c.claim)
		}
		if strings.Contains(a.Trouble.Text, "timeout") {
			t.Errorf("%s: waited: %s", c.claim, a.Trouble.Text)
		}
	}
}

// TestCaseOverTheNetwork: a server that does not keep the case of a question is
// asked over TCP once and without 0x20 then; a forger who guessed all but the case
// is not believed, in a zone without signatures either.
func TestCaseOverTheNetwork(t *testing.T) {
	const unsigned = "jwk.cnf.unsigned.example."
	lower := func(m *dns.Msg) *dns.Msg {
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
		return m
	}
	net, r := start(t)
	honest := ask(t, r, unsigned, dns.TypeTLSA)
	if a := ask(t, r, vendor, dns.TypeTLSA); a.Security != dnssec.Secure || honest.Security != dnssec.Insecure || len(honest.Data) != 1 {
		t.Fatalf("%s %+v; %s %+v", a.Security, a.Trouble, honest.Security, honest.Trouble)
	}
	tamper(t, net, "vendor.example.", func(_ string, _, m *dns.Msg) *dns.Msg { return lower(m) })
	r.Drop(vendor)
	again := 0
	for range 12 {
		r.Drop(vendor)
		before := r.Stats().Queries
		a := ask(t, r, vendor, dns.TypeTLSA)
		again += int(r.Stats().Queries-before) - 1
		if a.Security != dnssec.Secure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		for _, rr := range a.AnswerSection.RRs() {
			if rr.Header().Name != vendor {
				t.Errorf("shown as %s", rr.Header().Name)
			}
		}
	}
	if all := len(servers(t, net, "vendor.example.")); again < 1 || again > all {
		t.Errorf("asked again %d times, want once of each of %d servers that was asked", again, all)
	}
	tamper(t, net, "unsigned.example.", func(network string, _, m *dns.Msg) *dns.Msg {
		if network == "udp" && len(m.Answer) > 0 {
			m.Answer[0].(*dns.TLSA).Certificate = strings.Repeat("66", 32)
			return lower(m)
		}
		return m
	})
	r.Drop(unsigned)
	if a := ask(t, r, unsigned, dns.TypeTLSA); len(a.Data) != 1 || string(a.Data[0]) != string(honest.Data[0]) {
		t.Errorf("%s %x", a.Security, a.Data)
	}
}

// TestCookiesOverTheNetwork: a server that has shown cookies is believed over UDP
// with them only, and one that never is content is asked over TCP.
func TestCookiesOverTheNetwork(t *testing.T) {
	const zone, name = "vendor.test.", "jwk.cnf.vendor.test." // on one server
	net, r := start(t)
	for _, c := range []struct {
		claim string
		serve func(network string, q, r *dns.Msg) *dns.Msg
		cost  int64
	}{
		{"as it is: the sandbox gives cookies", nil, 1},
		{"BADCOOKIE over UDP, whatever is sent", func(network string, _, r *dns.Msg) *dns.Msg {
			if network == "udp" {
				r.Answer, r.Rcode = nil, dns.RcodeBadCookie
			}
			return r
		}, 3},
		{"no cookie any more over UDP", func(network string, _, r *dns.Msg) *dns.Msg {
			if network == "udp" {
				r.IsEdns0().Option = nil
			}
			return r
		}, 2},
	} {
		tamper(t, net, zone, c.serve)
		for i := range 4 { // until the server is known
			r.Drop(name)
			before := r.Stats().Queries
			a := ask(t, r, name, dns.TypeTLSA)
			cost := r.Stats().Queries - before
			if a.Security != dnssec.Secure || i > 0 && cost != c.cost {
				t.Errorf("%s: %s %+v after %d queries, want %d", c.claim, a.Security, a.Trouble, cost, c.cost)
			}
		}
	}
	if n := r.Stats().Network.NearMisses; n == 0 {
		t.Error("a reply without its cookie is no near miss")
	}
}

// TestTCPOverTheNetwork: truncated answers come over one connection, and Close
// leaves none behind.
func TestTCPOverTheNetwork(t *testing.T) {
	descriptors := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			testneeds.Lacking(t, "/proc")
		}
		return len(d)
	}
	net, r := start(t)
	before := descriptors()
	tamper(t, net, "vendor.example.", func(network string, _, m *dns.Msg) *dns.Msg {
		if network == "udp" {
			m.Truncated, m.Answer = true, nil
		}
		return m
	})
	for range 20 {
		if a := ask(t, r, vendor, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		r.Drop(vendor)
	}
	kept := descriptors() - before
	if kept > 2*len(servers(t, net, "vendor.example.")) || kept < 1 { // both ends are in this process
		t.Errorf("%d descriptors more", kept)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for range 1000 {
		if descriptors() <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d descriptors are left", descriptors()-before)
}

// TestMalformedRecordOverTheNetwork: a record without its data is left out and
// counted; what is proven stays so without it, and what it was part of does not.
func TestMalformedRecordOverTheNetwork(t *testing.T) {
	hollow := func(name string, rrtype uint16) dns.RR {
		return &dns.RFC3597{Hdr: dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 300}}
	}
	without := func(rrs []dns.RR, rrtype uint16) []dns.RR {
		return slices.DeleteFunc(rrs, func(rr dns.RR) bool { return rr.Header().Rrtype == rrtype })
	}
	net, r := start(t)
	good := ask(t, r, vendor, dns.TypeTLSA)
	if good.Security != dnssec.Secure || len(good.Data) != 1 {
		t.Fatalf("%s %+v", good.Security, good.Trouble)
	}
	for _, c := range []struct {
		claim string
		edit  func(m *dns.Msg)
		want  dnssec.Security
	}{
		{"one beside the proven ones", func(m *dns.Msg) { m.Answer = append(m.Answer, hollow(vendor, dns.TypeTLSA)) }, dnssec.Secure},
		{"an address that nobody asked for", func(m *dns.Msg) {
			m.Extra = append([]dns.RR{&dns.RFC3597{Hdr: dns.RR_Header{Name: vendor, Rrtype: dns.TypeA, Class: dns.ClassINET}, Rdata: "030405"}}, m.Extra...)
		}, dnssec.Secure},
		{"one in place of the proven one", func(m *dns.Msg) {
			m.Answer = append(without(m.Answer, dns.TypeTLSA), hollow(vendor, dns.TypeTLSA))
		}, dnssec.Bogus},
		{"one in place of the signature", func(m *dns.Msg) {
			m.Answer = append(without(m.Answer, dns.TypeRRSIG), hollow(vendor, dns.TypeRRSIG))
		}, dnssec.Bogus},
		{"nothing else", func(m *dns.Msg) { m.Answer = []dns.RR{hollow(vendor, dns.TypeTLSA)} }, dnssec.Bogus},
	} {
		tamper(t, net, "vendor.example.", func(_ string, q, m *dns.Msg) *dns.Msg {
			if q.Question[0].Qtype == dns.TypeTLSA {
				c.edit(m)
			}
			return m
		})
		before := r.Stats().Network.Malformed
		r.Drop(vendor)
		a := ask(t, r, vendor, dns.TypeTLSA)
		if a.Security != c.want || c.want == dnssec.Secure && (len(a.Data) != 1 || string(a.Data[0]) != string(good.Data[0])) || c.want != dnssec.Secure && len(a.Data) > 0 {
			t.Errorf("%s: %s %x %+v", c.claim, a.Security, a.Data, a.Trouble)
		}
		if strings.Contains(a.Trouble.Text, "malformed") != (c.want == dnssec.Bogus) {
			t.Errorf("%s: said as %q", c.claim, a.Trouble.Text)
		}
		if r.Stats().Network.Malformed == before {
			t.Errorf("%s: not counted", c.claim)
		}
	}
}
