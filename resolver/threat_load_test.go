package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/listener"

	"github.com/miekg/dns"
)

// client is a stub that asks over UDP from loopback and takes what it is given.
type client struct {
	dns.ResponseWriter
	got *dns.Msg
}

func (c *client) RemoteAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}
}

func (c *client) LocalAddr() net.Addr { return c.RemoteAddr() }

func (c *client) WriteMsg(m *dns.Msg) error { c.got = m; return nil }

func (c *client) ask(s *listener.Server, name string) *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, dns.TypeTLSA)
	q.SetEdns0(1232, true)
	s.ServeDNS(c, q)
	return c.got
}

// TestThreatHung: fifteen hundred questions to which no server will ever answer, and
// those to good zones are answered all the same; each that hangs ends when it is due.
func TestThreatHung(t *testing.T) {
	var dead []site
	for i := range 50 {
		dead = append(dead, site{name: fmt.Sprintf("dead%d.example.", i), at: []string{fmt.Sprintf("203.0.113.%d", i+1)}, bare: true, records: "* 300 TLSA 255 255 255 " + key + "\n"})
	}
	bubble(t, tree(dead...), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		s := listener.New(listener.Config{Source: r, Now: time.Now})
		hang := func(i int) string { return fmt.Sprintf("n%d.dead%d.example.", i, i%50) }
		if m := new(client).ask(s, hang(0)); m.Rcode != 0 || len(m.Answer) == 0 {
			t.Fatalf("before the flip: %s", m)
		}
		r = l.resolver(t)
		s = listener.New(listener.Config{Source: r, Now: time.Now})
		for _, d := range dead {
			l.lie(silent, d.at...)
		}
		var hung sync.WaitGroup
		for i := range 1500 {
			hung.Go(func() {
				began := time.Now()
				if m := new(client).ask(s, hang(i)); m == nil || m.Rcode != dns.RcodeServerFailure || len(m.Answer) > 0 {
					t.Errorf("a question that hangs: %s", m)
				}
				if took := time.Since(began); took > 7*time.Second {
					t.Errorf("a question that hangs is answered after %s", took)
				}
			})
			time.Sleep(time.Millisecond / 10)
		}
		time.Sleep(200 * time.Millisecond) // as long as any question may stay that others need the place of
		for _, name := range []string{owner, "jwk.cnf.vendor.test.", "jwk.cnf.absent.vendor.example."} {
			began := time.Now()
			m := new(client).ask(s, name)
			if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError || !m.AuthenticatedData {
				t.Errorf("%s meanwhile: %s", name, m)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("%s meanwhile: after %s", name, took)
			}
		}
		hung.Wait()
	})
}

// late is a lab in which one server's replies are on their way for a while.
type late struct {
	*lab
	at netip.Addr
	by time.Duration
}

func (x late) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	m, err := x.lab.Exchange(ctx, server, network, q)
	if server.Addr() != x.at || err != nil {
		return m, err
	}
	select {
	case <-time.After(x.by):
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestThreatLate: a reply that is held back for longer than two seconds is never
// used, so that nobody can hold many of them and let them go at once (DNSBomb); the
// first try is given up for another server long before that.
func TestThreatLate(t *testing.T) {
	for _, c := range []struct {
		claim  string
		by     time.Duration
		want   dnssec.Security
		within time.Duration
	}{
		{"at once", 0, dnssec.Secure, time.Second},
		{"after 1.5 s", 1500 * time.Millisecond, dnssec.Secure, 7 * time.Second},
		{"after 2.1 s", 2100 * time.Millisecond, dnssec.Indeterminate, 7 * time.Second},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				r := l.resolver(t, func(x *Config) { x.Exchanger = late{l, mustAddr(otherAt), c.by} })
				began := time.Now()
				a := ask(t, r, "jwk.cnf.vendor.test.", dns.TypeTLSA)
				if took := time.Since(began); a.Security != c.want || took > c.within || c.want != dnssec.Secure && !a.Trouble.Unreachable {
					t.Errorf("%s %+v after %s\n%s", a.Security, a.Trouble, took, strings.Join(l.log(), "\n"))
				}
			})
		})
	}
	t.Run("a server that is known to be slow is not waited for any longer", func(t *testing.T) {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			way := &late{l, mustAddr(otherAt), time.Second}
			r := l.resolver(t, func(x *Config) { x.Exchanger = way })
			for i := range 3 {
				if a := ask(t, r, fmt.Sprintf("n%d.vendor.test.", i), dns.TypeTXT); a.Security != dnssec.Secure {
					t.Fatalf("before the flip: %s %+v", a.Security, a.Trouble)
				}
			}
			way.by = 2100 * time.Millisecond
			if a := ask(t, r, "jwk.cnf.vendor.test.", dns.TypeTLSA); a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable {
				t.Errorf("%s %+v", a.Security, a.Trouble)
			}
		})
	})
	t.Run("one server of two", func(t *testing.T) {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			for range 20 { // whichever is asked first
				r := l.resolver(t, func(x *Config) { x.Exchanger = late{l, mustAddr(vendorAt), 5 * time.Second} })
				began := time.Now()
				if a := ask(t, r, owner, dns.TypeTLSA); a.Security != dnssec.Secure || time.Since(began) > time.Second {
					t.Errorf("%s %+v after %s", a.Security, a.Trouble, time.Since(began))
				}
			}
		})
	})
}

// TestHalfGlue: a server in the zone itself that came without an address is found by
// way of one that came with it, where that one is of no use for the question.
func TestHalfGlue(t *testing.T) {
	threat{
		name: "jwk.cnf.half.example.", sites: []site{{name: "half.example.", at: []string{otherAt, evilAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}},
		flip: func(t testing.TB, l *lab) {
			redelegate(t, l, exampleAt, "half.example.", "half.example. 300 NS ns1.half.example.", "half.example. 300 NS ns2.half.example.", "ns1.half.example. 300 A "+otherAt)
			l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
				if q.Question[0].Qtype == dns.TypeTLSA {
					return refusing(network, q, r)
				}
				return r
			}, otherAt)
		},
		want: dnssec.Secure, kind: dnssec.Positive,
	}.play(t)
}

// stuckSource answers until it is told to stop, and then when its caller's time is up.
type stuckSource struct {
	*Resolver
	stuck bool
}

func (s *stuckSource) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if s.stuck {
		<-ctx.Done()
		return nil, false, ctx.Err()
	}
	return s.Resolver.Lookup(ctx, q)
}

// TestThreatAnswerWhenDue: a stub is told in eight seconds that there is no answer,
// whatever becomes of the question; none is kept to be answered later with others (DNSBomb).
func TestThreatAnswerWhenDue(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		from := &stuckSource{Resolver: l.resolver(t)}
		s := listener.New(listener.Config{Source: from, Now: time.Now})
		if m := new(client).ask(s, owner); m.Rcode != dns.RcodeSuccess || !m.AuthenticatedData {
			t.Fatalf("before the flip: %s", m)
		}
		from.stuck = true
		began := time.Now()
		if m := new(client).ask(s, owner); m.Rcode != dns.RcodeServerFailure || len(m.Answer) > 0 {
			t.Errorf("%s", m)
		}
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("after %s", took)
		}
	})
}

// TestThreatStuckTCP: a hundred servers that truncate over UDP and never answer over
// TCP are in nobody's way.
func TestThreatStuckTCP(t *testing.T) {
	var stuck []site
	for i := range 100 {
		stuck = append(stuck, site{name: fmt.Sprintf("stuck%d.example.", i), at: []string{fmt.Sprintf("203.0.113.%d", i+1)}, records: "* 300 TLSA 255 255 255 " + key + "\n"})
	}
	bubble(t, tree(stuck...), func(t *testing.T, l *lab) {
		if a := ask(t, l.resolver(t), "jwk.stuck0.example.", dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("before the flip: %s %+v", a.Security, a.Trouble)
		}
		for _, s := range stuck {
			l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
				if network == "tcp" {
					return nil
				}
				return truncating(network, q, r)
			}, s.at...)
		}
		r := l.resolver(t)
		var hung sync.WaitGroup
		for i := range 300 {
			hung.Go(func() {
				began := time.Now()
				a := ask(t, r, fmt.Sprintf("n%d.stuck%d.example.", i, i%100), dns.TypeTLSA)
				if took := time.Since(began); a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable || took > 7*time.Second {
					t.Errorf("%s %+v after %s", a.Security, a.Trouble, took)
				}
			})
		}
		for _, after := range []time.Duration{100 * time.Millisecond, 2 * time.Second} {
			time.Sleep(after)
			for _, name := range []string{owner, "jwk.cnf.vendor.test."} {
				began := time.Now()
				if a, _ := lookup(t, r, noCache(0), name); a.Security != dnssec.Secure || time.Since(began) > 3*time.Second {
					t.Errorf("%s meanwhile: %s %+v after %s", name, a.Security, a.Trouble, time.Since(began))
				}
			}
		}
		hung.Wait()
	})
}
