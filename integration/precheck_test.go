package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// prechecked is what the tests read of a precheck's verdict.
type prechecked struct {
	verdict
	Detail string
}

// precheck asks the daemon of the pair's key, as an issuer would.
func (d *daemon) precheck(t testing.TB) (v prechecked) {
	t.Helper()
	body := fmt.Appendf(nil, `{"subject":"https://%s","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}`, strings.TrimSuffix(pairDomain, "."))
	response, err := d.local().Post("http://cnfd/v1/precheck", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", response.Status, text)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// finds fails the test where a precheck does not come to a verdict, or does not say these words of the servers. On a machine with
// much else to do a server may be too slow: that is unproven, and asked again where it is not what is wanted.
func (d *daemon) finds(t testing.TB, want string, words ...string) {
	t.Helper()
	v := d.precheck(t)
	for range 5 {
		if v.Outcome != "unproven" || strings.HasPrefix(want, "unproven") {
			break
		}
		t.Logf("asked again: %s: %s", v, v.Detail)
		v = d.precheck(t)
	}
	if v.String() != want {
		t.Errorf("%s, want %s: %s %s", v, want, v.Detail, v.all())
	}
	for _, w := range words {
		if !strings.Contains(v.Detail, w) {
			t.Errorf("%s: %q does not say %q", v, v.Detail, w)
		}
	}
}

// An impostor stands at a server's address, and hands every question on to another server; what comes back it may spoil.
type impostor struct {
	spoil func(q, r *dns.Msg)
	to    string
}

func (i *impostor) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	r, _, err := (&dns.Client{Net: "tcp"}).Exchange(q.Copy(), net.JoinHostPort(i.to, "53"))
	if err != nil {
		r = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	} else if i.spoil != nil {
		i.spoil(q, r)
	}
	w.WriteMsg(r)
}

// pose starts an impostor at an address, over UDP and TCP.
func pose(t *testing.T, at, to string, spoil func(q, r *dns.Msg)) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		up := make(chan struct{})
		s := &dns.Server{Addr: net.JoinHostPort(at, "53"), Net: network, Handler: &impostor{spoil, to}, NotifyStartedFunc: func() { close(up) }}
		failed := make(chan error, 1)
		go func() { failed <- s.ListenAndServe() }()
		select {
		case <-up:
		case err := <-failed:
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Shutdown() })
	}
}

func TestPrecheckOfBINDAndKnot(t *testing.T) { precheckOf(t, 61, knotSecondary) }

func TestPrecheckOfBINDAndNSD(t *testing.T) { precheckOf(t, 67, nsdSecondary) }

const (
	alike  = "confirmed record_matches"
	differ = "unproven servers_differ"
)

// precheckOf tells what becomes of a record on its way to a secondary, and of servers that are out of order. Every
// story begins confirmed, and ends so again.
func precheckOf(t *testing.T, number int, second func(primary string) *secondary) {
	t.Parallel()
	n := newPair(t, number, second)
	d := n.daemon(t, settings{})
	one, two := "ns.paired.example "+n.leaf.addr, "ns2.paired.example "+n.second.addr
	d.finds(t, alike, "name servers were asked at 2 addresses, and all say the same")
	if t.Failed() {
		return
	}
	t.Run("a record withdrawn, and the secondary held back", func(t *testing.T) {
		n.leaf.edit(t, n.zone, []dns.RR{n.record(t)}, nil)
		d.finds(t, differ, one+": no record, serial ", two+": 1 record with this key, serial ")
		n.inStep(t)
		d.finds(t, "refuted record_absent", "all say the same")
	})
	t.Run("a record published, and the secondary held back", func(t *testing.T) {
		n.leaf.edit(t, n.zone, nil, []dns.RR{n.record(t)})
		d.finds(t, differ, two+": no record, serial ", one+": 1 record with this key, serial ")
		n.inStep(t)
		d.finds(t, alike)
	})
	t.Run("another key's record, and the secondary held back", func(t *testing.T) {
		other := tlsa(t, pairOwner, strings.Repeat("5a", 32))
		n.leaf.edit(t, n.zone, []dns.RR{n.record(t)}, []dns.RR{other})
		d.finds(t, differ, one+": 1 record without this key", two+": 1 record with this key")
		n.inStep(t)
		d.finds(t, "refuted record_differs")
		n.leaf.edit(t, n.zone, []dns.RR{other}, []dns.RR{n.record(t)})
		n.inStep(t)
		d.finds(t, alike)
	})
	t.Run("the secondary is killed", func(t *testing.T) {
		n.second.process.stop()
		d.finds(t, differ, two+": ", one+": 1 record with this key")
		n.posers(t, d)
		n.second.launch(t)
		n.second.awaitZones(t)
		d.finds(t, alike)
	})
	t.Run("both are killed", func(t *testing.T) {
		n.second.process.stop()
		n.leaf.process.stop()
		d.finds(t, "unproven unreachable")
	})
}

// posers stand in the secondary's place: first one that is honest, then others that are not.
func (n *pair) posers(t *testing.T, d *daemon) {
	two := "ns2.paired.example " + n.second.addr
	ofRecord := func(q *dns.Msg) bool { return q.Question[0].Qtype == dns.TypeTLSA }
	for _, p := range []struct {
		claim, want, words string
		spoil              func(q, r *dns.Msg)
	}{
		{"an honest one", alike, "all say the same", nil},
		{"a bit of the record is another", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			for _, rr := range r.Answer {
				if x, ok := rr.(*dns.TLSA); ok {
					x.Certificate = "81" + x.Certificate[2:]
				}
			}
		}},
		{"the record is there without its signature", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			if ofRecord(q) {
				r.Answer = r.Answer[:1]
			}
		}},
		{"the record is denied without a proof", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			if ofRecord(q) {
				r.Rcode, r.Answer, r.Ns = dns.RcodeNameError, nil, nil
			}
		}},
		{"another record is forged", differ, two + ": bogus, ", func(q, r *dns.Msg) {
			if ofRecord(q) {
				forged := dns.Copy(r.Answer[0]).(*dns.TLSA)
				forged.Certificate = strings.Repeat("5a", 32)
				r.Answer = append(r.Answer, forged)
			}
		}},
		{"it is a cache", differ, two + ": ", func(q, r *dns.Msg) { r.Authoritative, r.RecursionAvailable = false, true }},
		{"it refuses", differ, two + ": says REFUSED", func(q, r *dns.Msg) { r.Rcode, r.Answer, r.Ns = dns.RcodeRefused, nil, nil }},
	} {
		t.Run(p.claim, func(t *testing.T) {
			pose(t, n.second.addr, n.leaf.addr, p.spoil)
			d.finds(t, p.want, p.words)
		})
	}
}

// TestPrecheckThroughAForwarder: the token is confirmed, and what each name server says nobody can know.
func TestPrecheckThroughAForwarder(t *testing.T) {
	t.Parallel()
	n := newPair(t, 68, knotSecondary)
	direct := n.daemon(t, settings{})
	direct.finds(t, alike)
	at := n.startUnbound(t)
	d := n.daemon(t, settings{resolver: fmt.Sprintf("mode: forward\n  forwarders: [\"udp://%s\"]", at)})
	if v := d.says(t, ofSubject(strings.TrimSuffix(pairDomain, "."))); v.String() != alike {
		t.Fatalf("%s: %s", v, v.all())
	}
	d.finds(t, "unproven unreachable", "questions are handed on to forwarders (resolver.mode: forward)")
}

// TestPrecheckWithoutIPv6: the command says the same as the daemon, and an address that nothing leads to from this machine, which
// has no IPv6, is named and counts for nobody.
func TestPrecheckWithoutIPv6(t *testing.T) {
	t.Parallel()
	n := newPair(t, 64, knotSecondary)
	key := n.file(t, "key.jwk", `{"kty":"EC","crv":"P-256","x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}`)
	path := n.configure(t, n.second.path("command"), settings{})
	asks := func(want, words string) {
		t.Helper()
		text := said(cnfd(t), "precheck", "--config", path, "--subject", "https://paired.example", "--key", key, "--method", "jkt")
		if !strings.HasPrefix(text, want+"\n") || !strings.Contains(text, words) {
			t.Errorf("want %s, %s:\n%s", want, words, text)
		}
	}
	asks("confirmed: record_matches", "name servers were asked at 2 addresses, and all say the same\n")
	n.leaf.edit(t, n.zone, nil, records(t, "ns2."+pairDomain+" AAAA 2001:db8::3"))
	n.inStep(t)
	asks("confirmed: record_matches", "not asked: ns2.paired.example 2001:db8::3: its address family is turned off (resolver.ipv4, resolver.ipv6)")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Replace(string(text), "ipv6: false", "ipv6: true", 1))
	asks("confirmed: record_matches", "not asked: ns2.paired.example 2001:db8::3: network is unreachable")
	run(t, "", "", "ip", "-6", "address", "replace", "2001:db8::3/128", "dev", "lo", "nodad")
	defer run(t, "", "", "ip", "-6", "address", "delete", "2001:db8::3/128", "dev", "lo")
	asks("unproven: servers_differ", "ns2.paired.example 2001:db8::3: ")
}
