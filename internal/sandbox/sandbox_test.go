package sandbox

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func start(t *testing.T, c Config) *Internet {
	t.Helper()
	if c.Now == nil {
		c.Now = time.Now
	}
	n, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// ask puts one question to one server of the sandbox.
func ask(t *testing.T, n *Internet, network string, host int, name string, rrtype uint16, edit func(*dns.Msg)) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, rrtype)
	q.SetEdns0(1232, true)
	if edit != nil {
		edit(q)
	}
	r, _, err := (&dns.Client{Net: network}).Exchange(q, at(n, host))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func at(n *Internet, host int) string {
	return netip.AddrPortFrom(n.config.Host(host), uint16(n.Port())).String()
}

func TestServers(t *testing.T) {
	n := start(t, Config{})
	for _, c := range []struct {
		claim, network string
		host           int
		name           string
		rrtype         uint16
		edit           func(*dns.Msg)
		want           func(r *dns.Msg) bool
	}{
		{"an answer is authoritative", "udp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return r.Authoritative && len(r.Answer) == 2 && !r.RecursionAvailable }},
		{"a referral is not, and brings DS and glue", "udp", serverExample, "jwk.cnf.vendor.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return !r.Authoritative && len(r.Ns) == 4 && len(r.Extra) == 3 }},
		{"what is not served here is refused", "udp", serverLeaf, "www.nowhere.", dns.TypeA, nil,
			func(r *dns.Msg) bool { return r.Rcode == dns.RcodeRefused }},
		{"a long answer is truncated over UDP, to nothing", "udp", serverLeaf, "jwk.cnf.big.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return r.Truncated && len(r.Answer) == 0 && r.IsEdns0() != nil }},
		{"a long answer is whole over TCP", "tcp", serverLeaf, "jwk.cnf.big.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return !r.Truncated && len(r.Answer) == 41 }},
		{"without EDNS there are 512 octets and no signatures", "udp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA,
			func(q *dns.Msg) { q.Extra = nil },
			func(r *dns.Msg) bool { return len(r.Answer) == 1 && r.IsEdns0() == nil }},
		{"an unknown EDNS version", "udp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA,
			func(q *dns.Msg) { q.IsEdns0().SetVersion(1) },
			func(r *dns.Msg) bool {
				return r.IsEdns0().ExtendedRcode()|r.Rcode == dns.RcodeBadVers && len(r.Answer) == 0
			}},
		{"a cookie comes back with the server's own", "udp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA,
			func(q *dns.Msg) {
				o := q.IsEdns0()
				o.Option = append(o.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})
			},
			func(r *dns.Msg) bool {
				o := r.IsEdns0().Option
				return len(o) == 1 && len(o[0].(*dns.EDNS0_COOKIE).Cookie) == 32 && strings.HasPrefix(o[0].String(), "0123456789abcdef")
			}},
		{"DS of a child on the same server comes from the parent", "udp", serverExample, "same.example.", dns.TypeDS, nil,
			func(r *dns.Msg) bool { return len(r.Answer) == 2 && r.Answer[1].(*dns.RRSIG).SignerName == "example." }},
		{"DS at a child's only server is denied by the child", "udp", serverLeaf, "vendor.example.", dns.TypeDS, nil,
			func(r *dns.Msg) bool { return len(r.Answer) == 0 && r.Ns[0].Header().Name == "vendor.example." }},
		{"a child on the same server answers for itself", "udp", serverExample, "jwk.cnf.same.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return r.Authoritative && len(r.Answer) == 2 }},
		{"another class is refused", "udp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA,
			func(q *dns.Msg) { q.Question[0].Qclass = dns.ClassCHAOS },
			func(r *dns.Msg) bool { return r.Rcode == dns.RcodeRefused }},
		{"a lagging copy lacks the record", "udp", serverSecond, "jwk.cnf.lagging.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return r.Rcode == dns.RcodeNameError }},
		{"the first copy has it", "udp", serverLeaf, "jwk.cnf.lagging.example.", dns.TypeTLSA, nil,
			func(r *dns.Msg) bool { return len(r.Answer) == 2 }},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if r := ask(t, n, c.network, c.host, c.name, c.rrtype, c.edit); !c.want(r) {
				t.Errorf("got:\n%s", r)
			}
		})
	}
}

func TestUpdateNeedsTheKey(t *testing.T) {
	n := start(t, Config{})
	_, _, secret := n.TSIG()
	const name = "jwk.cnf.leaving.example."
	for _, c := range []struct {
		claim, key, secret string
		signed             int64 // seconds from now
		rcode              int
		mark               uint16 // the error in the reply's TSIG
		left               int
	}{
		{"an update without a key is refused", "", "", 0, dns.RcodeRefused, 0, 1},
		{"an unknown key", "nobody.", secret, 0, dns.RcodeNotAuth, dns.RcodeBadKey, 1},
		{"a wrong secret", KeyName, "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", 0, dns.RcodeNotAuth, dns.RcodeBadSig, 1},
		{"an old message", KeyName, secret, -3600, dns.RcodeNotAuth, dns.RcodeBadTime, 1},
		{"the right key", KeyName, secret, 0, dns.RcodeSuccess, 0, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			m := new(dns.Msg).SetUpdate("leaving.example.")
			m.RemoveRRset([]dns.RR{&dns.TLSA{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeTLSA}}})
			client := &dns.Client{}
			signedAt := time.Now().Unix() + c.signed
			if c.key != "" {
				m.SetTsig(c.key, KeyAlgorithm, 300, signedAt)
				client.TsigSecret = map[string]string{c.key: c.secret}
			}
			r, _, err := client.Exchange(m, at(n, serverLeaf))
			if r == nil {
				t.Fatal(err)
			}
			if r.Rcode != c.rcode {
				t.Errorf("rcode %s, want %s", dns.RcodeToString[r.Rcode], dns.RcodeToString[c.rcode])
			}
			if c.rcode == 0 && err != nil {
				t.Errorf("the reply's own signature: %v", err)
			}
			mark := r.IsTsig()
			if (mark != nil) != (c.key != "") || mark != nil && mark.Error != c.mark {
				t.Errorf("the reply's TSIG: %v", mark)
			}
			if signed := mark != nil && mark.MACSize > 0; signed != (c.mark == 0 && mark != nil || c.mark == dns.RcodeBadTime) {
				t.Errorf("signed: %t", signed)
			}
			if c.mark == dns.RcodeBadTime && (mark.OtherLen != 6 || mark.TimeSigned != uint64(signedAt)) {
				t.Errorf("the clocks: %v", mark)
			}
			if got := len(n.Zone("leaving.example.").Records(name, dns.TypeTLSA)); got != c.left {
				t.Errorf("%d records left, want %d", got, c.left)
			}
		})
	}
}

// TestAnswersAreSigned holds that who signs a question gets a signed answer, cut short
// or not.
func TestAnswersAreSigned(t *testing.T) {
	n := start(t, Config{})
	_, _, secret := n.TSIG()
	for _, network := range []string{"udp", "tcp"} {
		m := new(dns.Msg).SetQuestion("leaving.example.", dns.TypeDNSKEY).SetEdns0(512, true).SetTsig(KeyName, KeyAlgorithm, 300, time.Now().Unix())
		client := &dns.Client{Net: network, TsigSecret: map[string]string{KeyName: secret}}
		r, _, err := client.Exchange(m, at(n, serverLeaf))
		if err != nil || r.IsTsig() == nil || len(r.Answer) == 0 && !r.Truncated {
			t.Errorf("%s: %v\n%s", network, err, r)
		}
	}
}

// TestNsupdate withdraws a record with BIND's own client.
func TestNsupdate(t *testing.T) {
	programs(t, map[string]string{"nsupdate": "bind9-dnsutils"})
	n := start(t, Config{})
	name, algorithm, secret := n.TSIG()
	c := exec.Command("nsupdate", "-y", algorithm+":"+name+":"+secret)
	c.Stdin = strings.NewReader(fmt.Sprintf(`server %s %d
zone leaving.example
prereq yxrrset jwk.cnf.leaving.example TLSA
update delete jwk.cnf.leaving.example TLSA
update add new.leaving.example 30 TXT "hello"
send
`, n.config.Host(serverLeaf), n.Port()))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	z := n.Zone("leaving.example.")
	if len(z.Records("jwk.cnf.leaving.example.", dns.TypeTLSA)) != 0 || len(z.Records("new.leaving.example.", dns.TypeTXT)) != 1 {
		t.Error("the update was not carried out")
	}
	r := ask(t, n, "udp", serverLeaf, "jwk.cnf.leaving.example.", dns.TypeTLSA, nil)
	if r.Rcode != dns.RcodeNameError || len(r.Ns) < 4 {
		t.Errorf("the absence is not proven:\n%s", r)
	}
}

func TestTamper(t *testing.T) {
	n := start(t, Config{})
	addr := n.config.Host(serverLeaf)
	if err := n.Tamper(addr, func(network string, q, r *dns.Msg) *dns.Msg {
		if network == "udp" {
			return nil
		}
		r.Rcode = dns.RcodeServerFailure
		return r
	}); err != nil {
		t.Fatal(err)
	}
	q := new(dns.Msg).SetQuestion("jwk.cnf.vendor.example.", dns.TypeTLSA)
	if r, _, err := (&dns.Client{Timeout: 50 * time.Millisecond}).Exchange(q, at(n, serverLeaf)); err == nil {
		t.Errorf("a swallowed reply arrived: %s", r)
	}
	if r := ask(t, n, "tcp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA, nil); r.Rcode != dns.RcodeServerFailure {
		t.Errorf("the reply is as it was: %s", r)
	}
	n.Tamper(addr, nil)
	if r := ask(t, n, "udp", serverLeaf, "jwk.cnf.vendor.example.", dns.TypeTLSA, nil); len(r.Answer) == 0 {
		t.Errorf("the server stays dishonest: %s", r)
	}
	if got := n.Queries()[addr]; got != 3 {
		t.Errorf("%d messages counted, want 3", got)
	}
	if err := n.Tamper(netip.MustParseAddr("192.0.2.1"), nil); err == nil {
		t.Error("a server that is not there can be tampered with")
	}
}

func TestReplace(t *testing.T) {
	n := start(t, Config{})
	const name = "jwk.cnf.vendor.example."
	if err := n.Replace("vendor.example.", name+" 5 TLSA 255 255 255 AA", name+" 5 TLSA 255 255 255 BB"); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, n, "udp", serverSecond, name, dns.TypeTLSA, nil); len(r.Answer) != 3 || r.Answer[0].Header().Ttl != 5 {
		t.Errorf("after Replace:\n%s", r)
	}
	if err := n.Remove("vendor.example.", name, dns.TypeTLSA); err != nil {
		t.Fatal(err)
	}
	if r := ask(t, n, "udp", serverLeaf, name, dns.TypeTLSA, nil); r.Rcode != dns.RcodeNameError {
		t.Errorf("after Remove:\n%s", r)
	}
	for claim, err := range map[string]error{
		"a zone that is not there":     n.Remove("nowhere.", name, dns.TypeTLSA),
		"a record that is none":        n.Replace("vendor.example.", "rubbish"),
		"two RRsets as one":            n.Replace("vendor.example.", "a.vendor.example. 5 TXT a", "b.vendor.example. 5 TXT b"),
		"a record from outside":        n.Replace("vendor.example.", "www.vendor.test. 5 TXT a"),
		"no records where some belong": n.Replace("vendor.example."),
	} {
		if err == nil {
			t.Errorf("%s: no error", claim)
		}
	}
}

func TestStart(t *testing.T) {
	if _, err := Start(Config{}); err == nil {
		t.Error("starts without a clock")
	}
	a := start(t, Config{})
	b := start(t, Config{})
	if a.Port() == b.Port() || a.Anchor() == b.Anchor() {
		t.Error("two at a time share a port or a key")
	}
	if _, err := Start(Config{Now: time.Now, Port: a.Port()}); err == nil {
		t.Error("a busy port is taken")
	}
}

// TestCloseFreesThePort holds that nothing is left behind.
func TestCloseFreesThePort(t *testing.T) {
	n := start(t, Config{})
	port := n.Port()
	q := new(dns.Msg).SetQuestion(".", dns.TypeSOA)
	conn, err := dns.Dial("tcp", at(n, serverRoot)) // an open connection must not hold it up
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteMsg(q); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Start(Config{Now: time.Now, Port: port})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestZonesHaveCases(t *testing.T) {
	n := start(t, Config{})
	seen := map[string]int{}
	for _, z := range n.Zones() {
		if z.Why == "" || z.Want == "" || len(z.Servers) == 0 {
			t.Errorf("%s is not explained: %+v", z.Name, z)
		}
		for _, c := range z.Cases {
			seen[c.Want+" "+c.Kind]++
		}
	}
	for _, kind := range []string{"secure positive", "secure nodata", "secure noname", "insecure positive", "insecure nodata",
		"insecure noname", "bogus positive", "bogus nodata", "bogus noname", "indeterminate "} {
		if seen[kind] == 0 {
			t.Errorf("no case is %s", kind)
		}
	}
}

func Example() {
	internet, err := Start(Config{Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer internet.Close()
	q := new(dns.Msg).SetQuestion("jwk.cnf.vendor.example.", dns.TypeTLSA)
	for _, z := range internet.Zones() {
		if z.Name == "vendor.example." {
			r, _, err := new(dns.Client).Exchange(q, z.Servers[0].String())
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(z.Want, len(r.Answer), "record")
		}
	}
	// Output: secure 1 record
}
