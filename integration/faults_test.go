package integration

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

const (
	unreachable = "unproven unreachable"
	absent      = "refuted record_absent"
)

// twin is a second NSD that serves the signed files of a first.
type twin struct {
	nsd
	of *host
}

func (n twin) configure(t testing.TB, h *host) {
	t.Helper()
	n.nsd.configure(t, &host{addr: h.addr, dir: h.dir})
	conf, err := os.ReadFile(h.path("nsd.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, z := range n.of.zones {
		conf = fmt.Appendf(conf, "zone:\n\tname: %q\n\tzonefile: %q\n", z.name, n.of.path(z.fileName()+".served"))
	}
	write(t, h.path("nsd.conf"), string(conf))
}

// TestServersOfAZone has two NSDs serve a domain below BIND's root, and takes one away, and the other.
func TestServersOfAZone(t *testing.T) {
	t.Parallel()
	lab(t)
	const network, domain = "127.20.0.", "vendor.example."
	in := &internet{trust: trust{net: network, hints: []string{network + "1"}}, zones: map[string]*zone{}}
	in.root, in.leaf = newHost(t, bind{inline: true}, network+"1"), newHost(t, nsd{}, network+"2")
	in.tld = newHost(t, twin{of: in.leaf}, network+"3")
	root, vendor := in.add(t, in.root, ".", dns.ECDSAP256SHA256), in.add(t, in.leaf, domain, dns.ECDSAP256SHA256)
	vendor.edit(nil, append(records(t, domain+" NS ns2."+domain, "ns2."+domain+" A "+network+"3"), tlsa(t, "jkt.cnf."+domain, subjectsKey)))
	root.edit(nil, append(vendor.set(domain, dns.TypeNS), append(vendor.set("ns."+domain, dns.TypeA), vendor.set("ns2."+domain, dns.TypeA)...)...))
	for _, h := range []*host{in.root, in.leaf, in.tld} {
		h.start(t)
	}
	in.tld.zones = in.leaf.zones
	in.tld.awaitZones(t)
	in.tld.zones = nil // chain asks who holds a zone: it is the first
	in.chain(t)
	d := in.daemon(t, settings{})
	fresh := []byte(strings.Replace(string(ofSubject("vendor.example")), `}}}`, `}},"max_age":0}`, 1))
	stays := func(claim string) {
		t.Helper()
		for range 6 {
			if v := d.says(t, fresh); v.String() != confirmed {
				t.Errorf("%s: %s", claim, v.all())
			}
		}
	}
	stays("both are there")
	in.tld.process.stop()
	stays("one is dead")
	in.tld.launch(t)
	in.tld.zones = in.leaf.zones
	in.tld.awaitZones(t)
	in.tld.zones = nil
	in.leaf.process.signal(syscall.SIGSTOP)
	stays("the other hears and does not answer")
	in.leaf.process.signal(syscall.SIGCONT)
	stays("both are there again")

	for _, take := range []struct {
		claim      string
		away, back func(*host)
	}{
		{"dead", func(h *host) { h.process.stop() }, func(h *host) { h.launch(t) }},
		{"hung", func(h *host) { h.process.signal(syscall.SIGSTOP) }, func(h *host) { h.process.signal(syscall.SIGCONT) }},
	} {
		take.away(in.leaf)
		take.away(in.tld)
		v := d.says(t, fresh)
		if v.String() != unreachable || v.DNS.EDE.Code != int(dns.ExtendedErrorCodeNoReachableAuthority) {
			t.Errorf("all are %s: %s", take.claim, v.all())
		}
		if !strings.Contains(v.DNS.EDE.Text, "no server of "+domain+" answers") {
			t.Errorf("all are %s, and it says %q", take.claim, v.DNS.EDE.Text)
		}
		take.back(in.leaf)
		take.back(in.tld)
		d.comesTo(t, fresh, confirmed)
	}
}

// TestSlowServers has one of a domain's two servers answer late, or in pieces that do not fit a datagram.
func TestSlowServers(t *testing.T) {
	t.Parallel()
	n := newTree(t, 21)
	d := n.daemon(t, settings{})
	token := n.token(t, "vendor.jwt")
	d.stays(t, token, confirmed)
	for claim, tamper := range map[string]func(network string, q, r *dns.Msg) *dns.Msg{
		"late": func(_ string, _, r *dns.Msg) *dns.Msg { time.Sleep(1500 * time.Millisecond); return r },
		"only over TCP": func(network string, _, r *dns.Msg) *dns.Msg {
			if network == "udp" {
				r.Truncated, r.Answer, r.Ns = true, nil, nil
			}
			return r
		},
		"never over UDP": func(network string, _, r *dns.Msg) *dns.Msg {
			if network == "udp" {
				return nil
			}
			return r
		},
		"with a failure": func(_ string, q, _ *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) },
	} {
		for _, server := range n.serversOf(t, "vendor.example.") {
			if err := n.Tamper(n.host(server), tamper); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if v := d.says(t, ofToken(token, now)); v.String() != confirmed {
					t.Errorf("%d answers %s: %s", server, claim, v.all())
				}
			}
			n.Tamper(n.host(server), nil)
		}
	}
}

// serversOf are the numbers of a zone's servers.
func (n *tree) serversOf(t testing.TB, zone string) (out []int) {
	t.Helper()
	for _, z := range n.Zones() {
		if z.Name != zone {
			continue
		}
		for _, addr := range z.Servers {
			for i := range 100 {
				if n.host(i) == addr.Addr() {
					out = append(out, i)
				}
			}
		}
	}
	if len(out) < 2 {
		t.Fatalf("%s has servers %v, want two", zone, out)
	}
	return out
}

// TestNetworkGone takes the interface down that leads to every server, and brings it back. The tree and the daemon have a
// network namespace of their own for that, which goes with this test's thread.
func TestNetworkGone(t *testing.T) {
	t.Parallel()
	lab(t)
	cnfd(t)
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		testneeds.Lacking(t, "a network namespace in another: "+err.Error())
	}
	run(t, "", "", "ip", "link", "set", "lo", "up")
	n := newTree(t, 22)
	d := n.daemon(t, settings{unixOnly: true})
	token, none := n.token(t, "vendor.jwt"), ofToken(n.token(t, "absent.jwt"), now)
	d.comesTo(t, ofToken(token, now), confirmed)
	d.comesTo(t, none, absent)
	run(t, "", "", "ip", "link", "set", "lo", "down")
	d.stays(t, token, unreachable)
	if v := d.says(t, none); v.String() != unreachable {
		t.Errorf("a record that is not there: %s", v.all())
	}
	if v := d.says(t, ofToken(token, nil)); v.String() != unreachable && v.String() != confirmed {
		t.Errorf("out of the cache: %s", v.all())
	}
	run(t, "", "", "ip", "link", "set", "lo", "up")
	d.comesTo(t, ofToken(token, now), confirmed)
	d.comesTo(t, none, absent)
}

// TestHungQuestions has many questions wait for servers that never answer, and others be answered meanwhile.
func TestHungQuestions(t *testing.T) {
	t.Parallel()
	n := newTree(t, 23)
	n.hang(t, "hung.example.")
	d := n.daemon(t, settings{})
	d.stays(t, n.token(t, "vendor.jwt"), confirmed)
	const many = 300
	var asking, hung sync.WaitGroup
	results := make(chan string, many)
	asking.Add(many)
	for i := range many {
		hung.Go(func() {
			asking.Done()
			v, err := d.judge(d.local(), "http://cnfd", ofSubject(fmt.Sprintf("n%d.hung.example", i)))
			if err != nil {
				results <- err.Error()
				return
			}
			results <- v.String()
		})
	}
	asking.Wait()
	d.stays(t, n.token(t, "vendor.jwt"), confirmed)
	early := len(results)
	for _, sample := range []string{"optout.jwt", "alias.jwt", "several.cwt"} {
		d.stays(t, n.token(t, sample), confirmed)
	}
	hung.Wait()
	close(results)
	for got := range results {
		// too_costly: those that the resolver gave up for others.
		if got != unreachable && got != "unproven too_costly" {
			t.Errorf("a hung question: %s", got)
		}
	}
	if early > many/2 {
		t.Errorf("%d of %d hung questions had ended: nothing is shown", early, many)
	}
	d.stays(t, n.token(t, "vendor.jwt"), confirmed)
}
