package resolver

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// said is an Exchanger in which the servers of one zone say what a fuzzer says,
// to every question of one type; all others are honest, and none takes time.
type said struct {
	*lab
	rrtype uint16
	octets []byte
}

func (s said) Exchange(_ context.Context, server netip.AddrPort, _ string, q *dns.Msg) (*dns.Msg, error) {
	at := server.Addr().String()
	if (at == vendorAt || at == vendor2At) && q.Question[0].Qtype == s.rrtype || s.on[server.Addr()] == nil {
		m := new(dns.Msg)
		if err := m.Unpack(s.octets); err != nil {
			return nil, err
		}
		return m, nil
	}
	wire, err := serve(s.on[server.Addr()], q).Pack()
	if err != nil {
		return nil, err
	}
	m := new(dns.Msg)
	return m, m.Unpack(wire)
}

// replies seeds a fuzzer with what those asked say to questions of each type.
func replies(f *testing.F, types []uint16, say func(q *dns.Msg) []*dns.Msg) {
	f.Helper()
	for i, rrtype := range types {
		for _, name := range []string{owner, "absent.vendor.example.", "x.wild.vendor.example.", "a.vendor.example.", "vendor.example.", "example."} {
			q := new(dns.Msg).SetQuestion(name, rrtype)
			q.SetEdns0(1232, true)
			for _, m := range say(q) {
				b, err := m.Pack()
				if err != nil {
					f.Fatal(err)
				}
				f.Add(uint8(i), b)
			}
		}
	}
}

// onlyWhatIsSigned asks for the owner's record, and fails where something is Secure that
// the zone has not signed, or a bound is broken.
func onlyWhatIsSigned(t *testing.T, r *Resolver) *dnssec.Answer {
	t.Helper()
	want, err := hex.DecodeString("ffffff" + key)
	if err != nil {
		t.Fatal(err)
	}
	a, w := r.at(t.Context(), owner, dnssec.Question{Type: dns.TypeTLSA, At: time.Now()})
	if a.Security == dnssec.Secure {
		if a.Kind != dnssec.Positive || len(a.Data) == 0 || a.Zone != "vendor.example." {
			t.Errorf("Secure, kind %d in %s: %+v", a.Kind, a.Zone, a)
		}
		for _, d := range a.Data {
			if !bytes.Equal(d, want) {
				t.Errorf("never signed: %x", d)
			}
		}
	}
	if w.budget.Sent() > dnssec.MaxSends {
		t.Errorf("%d messages", w.budget.Sent())
	}
	return a
}

// FuzzReply: whatever the servers of a zone say, there is no crash, no bound is
// broken, and nothing is Secure but what the zone has signed.
func FuzzReply(f *testing.F) {
	l := newLab(f, tree()...)
	types := []uint16{dns.TypeTLSA, dns.TypeDNSKEY, dns.TypeDS, dns.TypeA}
	replies(f, types[:3], func(q *dns.Msg) []*dns.Msg {
		return []*dns.Msg{serve(l.on[mustAddr(vendorAt)], q), serve(l.on[mustAddr(exampleAt)], q)}
	})
	f.Fuzz(func(t *testing.T, which uint8, octets []byte) {
		s := said{lab: l, rrtype: types[int(which)%len(types)], octets: octets}
		onlyWhatIsSigned(t, l.resolver(t, func(c *Config) { c.Exchanger = s }))
	})
}
