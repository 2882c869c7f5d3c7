package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// software is one kind of authoritative server, as Debian has it.
type software interface {
	// configure writes all that the server at h needs to serve its zones as they are now. It is
	// called before every start; what the server itself keeps (keys, journals) stays.
	configure(t testing.TB, h *host)
	// command returns the server's command line, to run in the foreground.
	command(t testing.TB, h *host) []string
	// change brings an edit of z, already made, to the running server, the way its operators do.
	change(t testing.TB, h *host, z *zone, remove, add []dns.RR)
}

// A host is one server: a process, its address, its directory and its zones.
type host struct {
	software
	life      testing.TB // the test that the process lives as long as
	addr, dir string
	zones     []*zone
	process   *process
}

func newHost(life testing.TB, kind software, addr string) *host {
	h := &host{software: kind, life: life, addr: addr, dir: filepath.Join(work, addr)}
	life.Cleanup(func() { // journals would be the next run's past, with -count
		if !life.Failed() {
			os.RemoveAll(h.dir)
		}
	})
	return h
}

func (h *host) path(elem ...string) string {
	return filepath.Join(append([]string{h.dir}, elem...)...)
}

// start starts the server and waits until it answers for every zone as it should.
func (h *host) start(t testing.TB) {
	t.Helper()
	h.launch(t)
	h.awaitZones(t)
}

func (h *host) launch(t testing.TB) {
	t.Helper()
	claim(t, h.addr)
	h.configure(t, h)
	h.process = start(h.life, h.path("log"), h.command(t, h)...)
}

// claim gives the loopback interface the address: named and Unbound listen on addresses that an interface has.
func claim(t testing.TB, addr string) {
	t.Helper()
	run(t, "", "", "ip", "address", "replace", addr+"/32", "dev", "lo")
}

func (h *host) awaitZones(t testing.TB) {
	t.Helper()
	for _, z := range h.zones {
		await(t, h.addr+" "+z.name, func() error {
			select {
			case <-h.process.done:
				t.Fatalf("%s ended", h.addr)
			default:
			}
			return h.serves(z)
		})
	}
}

// unsign serves z without one signature from now on, whatever its parent says of it.
func (h *host) unsign(t testing.TB, z *zone) {
	t.Helper()
	h.process.stop()
	z.unsigned = true
	z.serial += 1000 // past what a signer made of it
	h.start(t)
}

// edit changes z, and returns when the server answers so, signed.
func (h *host) edit(t testing.TB, z *zone, remove, add []dns.RR) {
	t.Helper()
	z.edit(remove, add)
	h.change(t, h, z, remove, add)
	type set struct {
		name  string
		rtype uint16
	}
	seen := map[set]bool{}
	for _, rr := range slices.Concat(remove, add) {
		s := set{rr.Header().Name, rr.Header().Rrtype}
		if !seen[s] {
			seen[s] = true
			await(t, h.addr+" "+s.name, func() error { return h.answers(z, s.name, s.rtype) })
		}
	}
}

// serves reports what z still lacks: its data, its signatures, its denial of existence.
func (h *host) serves(z *zone) error {
	if z.spoilt {
		_, err := h.ask(z.name, dns.TypeSOA)
		return err
	}
	for _, rr := range z.records {
		if name := rr.Header().Name; z.delegates(name) {
			continue // answered with a referral
		} else if err := h.answers(z, name, rr.Header().Rrtype); err != nil {
			return err
		}
	}
	if z.unsigned {
		return nil
	}
	denial := dns.TypeNSEC
	if z.nsec3 {
		denial = dns.TypeNSEC3
	}
	m, err := h.ask(z.name, dns.TypeLOC)
	if err != nil {
		return err
	}
	if !signed(m.Ns, denial) || !signed(m.Ns, dns.TypeSOA) {
		return fmt.Errorf("denial is not signed %s: %v", dns.TypeToString[denial], m.Ns)
	}
	if m, err = h.ask(z.name, dns.TypeDNSKEY); err != nil {
		return err
	}
	if !signed(m.Answer, dns.TypeDNSKEY) {
		return fmt.Errorf("keys are not signed")
	}
	return nil
}

// delegates reports whether z hands the name to a child of its own.
func (z *zone) delegates(name string) bool {
	return slices.ContainsFunc(z.records, func(rr dns.RR) bool {
		return rr.Header().Rrtype == dns.TypeNS && rr.Header().Name != z.name && dns.IsSubDomain(rr.Header().Name, name)
	})
}

// answers reports how the server's answer for a name and type of z differs from what z has there.
func (h *host) answers(z *zone, name string, rtype uint16) error {
	m, err := h.ask(name, rtype)
	if err != nil {
		return err
	}
	want := z.set(name, rtype)
	have := slices.DeleteFunc(slices.Clone(m.Answer), func(rr dns.RR) bool {
		return rr.Header().Rrtype != rtype || rr.Header().Name != name // what a CNAME leads to
	})
	if missing := without(want, have); missing != nil {
		return fmt.Errorf("answer lacks %v", missing)
	}
	if surplus := without(have, append(want, z.expanded(name, rtype)...)); surplus != nil {
		return fmt.Errorf("answer still has %v", surplus)
	}
	if !z.unsigned && len(want) > 0 && !signed(m.Answer, rtype) {
		return fmt.Errorf("answer is not signed: %v", m.Answer)
	}
	return nil
}

// expanded returns what the wildcard below the apex answers for a name and type that are not there.
func (z *zone) expanded(name string, rtype uint16) (set []dns.RR) {
	for _, rr := range z.set(z.under("*"), rtype) {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		set = append(set, rr)
	}
	return set
}

// without returns the first record of a that b lacks.
func without(a, b []dns.RR) dns.RR {
	for _, rr := range a {
		if !slices.ContainsFunc(b, func(other dns.RR) bool { return dns.IsDuplicate(rr, other) }) {
			return rr
		}
	}
	return nil
}

func signed(section []dns.RR, rtype uint16) bool {
	return slices.ContainsFunc(section, func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return ok && sig.TypeCovered == rtype
	})
}

// ask asks the server itself, over TCP, with DO set.
func (h *host) ask(name string, rtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg).SetQuestion(name, rtype).SetEdns0(65535, true)
	q.RecursionDesired = false
	m, _, err := (&dns.Client{Net: "tcp"}).Exchange(q, net.JoinHostPort(h.addr, "53"))
	if err != nil {
		return nil, err
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("%s %s: %s", name, dns.TypeToString[rtype], dns.RcodeToString[m.Rcode])
	}
	return m, nil
}

// ds returns the DS records of z as BIND's dnssec-dsfromkey makes them from the keys that h serves.
func (h *host) ds(t testing.TB, z *zone) []dns.RR {
	t.Helper()
	testneeds.Binary(t, "dnssec-dsfromkey", "bind9-utils")
	m, err := h.ask(z.name, dns.TypeDNSKEY)
	if err != nil {
		t.Fatal(err)
	}
	var keys strings.Builder
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == dns.TypeDNSKEY {
			fmt.Fprintln(&keys, rr)
		}
	}
	lines := strings.TrimSpace(run(t, h.dir, keys.String(), "dnssec-dsfromkey", "-2", "-f", "-", z.name))
	return records(t, strings.Split(lines, "\n")...)
}
