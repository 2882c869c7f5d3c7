package listener

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver"

	"github.com/miekg/dns"
)

// far is a server of an unsigned stub, 300 ms away, that has none of the names.
type far struct{}

func (far) Exchange(ctx context.Context, _ netip.AddrPort, _ string, q *dns.Msg) (*dns.Msg, error) {
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	soa, _ := dns.NewRR("slow.example. 60 IN SOA a. b. 1 3600 600 86400 60")
	m.Ns = []dns.RR{soa}
	return m, nil
}

// asker is a client's side of one question.
type asker struct {
	dns.ResponseWriter
	from net.Addr
	got  *dns.Msg
}

func (a *asker) RemoteAddr() net.Addr      { return a.from }
func (a *asker) WriteMsg(m *dns.Msg) error { a.got = m; return nil }

// TestOneClientDoesNotStarveOthers: questions that give way are worked on all the same; a
// client that makes them do so again and again fills the resolver with no more than his part.
func TestOneClientDoesNotStarveOthers(t *testing.T) {
	for _, flood := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, err := resolver.New(resolver.Config{Now: time.Now, Anchors: &dnssec.Anchors{}, Exchanger: far{},
				Stubs: []resolver.Stub{{Zone: "slow.example.", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}})
			if err != nil {
				t.Fatal(err)
			}
			s := New(Config{Source: r, Now: time.Now, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}})
			ask := func(who, name string) *dns.Msg {
				a := &asker{from: &net.UDPAddr{IP: net.ParseIP(who), Port: 1}}
				q := new(dns.Msg).SetQuestion(name, dns.TypeA)
				q.SetEdns0(1232, false)
				s.ServeDNS(a, q)
				return a.got
			}
			var all sync.WaitGroup
			n := 0
			stop := make(chan bool)
			if flood {
				all.Go(func() {
					for {
						for range 100 { // never more than dns.max_per_client at once
							n++
							name := fmt.Sprintf("a.b.c.d.e.f.g.h.i%d.slow.example.", n)
							all.Go(func() { ask("192.0.2.66", name) })
						}
						select {
						case <-stop:
							return
						case <-time.After(201 * time.Millisecond):
						}
					}
				})
				time.Sleep(4 * time.Second)
			}
			began := time.Now()
			m := ask("198.51.100.7", "a.b.c.d.e.f.g.h.victim.slow.example.")
			if m.Rcode != dns.RcodeSuccess {
				t.Errorf("flood %v: another's question ends with %s after %s: %v", flood, dns.RcodeToString[m.Rcode], time.Since(began), m.IsEdns0().Option)
			}
			close(stop)
			all.Wait()
			r.Close(context.Background())
		})
	}
}

// TestALoopbackClientLeavesRoom: one program of this machine does not fill the resolver.
func TestALoopbackClientLeavesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := resolver.New(resolver.Config{Now: time.Now, Anchors: &dnssec.Anchors{}, Exchanger: far{},
			Stubs: []resolver.Stub{{Zone: "slow.example.", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}})
		s := New(Config{Source: r, Now: time.Now})
		var all sync.WaitGroup
		for n := range 1024 {
			all.Go(func() {
				a := &asker{from: &net.UDPAddr{IP: net.ParseIP("127.0.0.1"), Port: 1}}
				s.ServeDNS(a, new(dns.Msg).SetQuestion(fmt.Sprintf("x%d.slow.example.", n), dns.TypeA))
			})
		}
		time.Sleep(100 * time.Millisecond)
		name, _ := dnssec.NameOf("verifier.slow.example.") // what POST /v1/verify asks
		a, _, _ := r.Lookup(context.Background(), dnssec.Question{Name: name, Type: dns.TypeTLSA})
		if a.Trouble.Unreachable {
			t.Errorf("what the API asks is turned away: %s", a.Trouble.Text)
		}
		all.Wait()
		r.Close(context.Background())
	})
}
