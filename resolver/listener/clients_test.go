package listener

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

func TestWhoIsOneClient(t *testing.T) {
	for _, c := range []struct {
		claim, a, b string
		same        bool
	}{
		{"an address and itself", "192.0.2.1", "192.0.2.1", true},
		{"and the same within IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two neighbours", "192.0.2.1", "192.0.2.2", false},
		{"two addresses of a /64", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"two /64 of a /48", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"a link-local one by two interfaces", "fe80::1%a", "fe80::1%b", true},
		{"two loopback addresses", "127.0.0.1", "127.0.0.2", false},
	} {
		if a, b := clientOf(addressOf(addr(netip.AddrPortFrom(netip.MustParseAddr(c.a), 1).String()))), clientOf(addressOf(&net.UDPAddr{IP: net.IP(netip.MustParseAddr(c.b).AsSlice()), Zone: netip.MustParseAddr(c.b).Zone()})); (a == b) != c.same || !a.IsValid() {
			t.Errorf("%s: %s, %s", c.claim, a, b)
		}
	}
	if got := clientOf(netip.Addr{}); got.IsValid() {
		t.Errorf("nobody is %s", got)
	}
}

// stub is a client at an address, over UDP.
type stub struct {
	dns.ResponseWriter
	at string

	mu  sync.Mutex // guards got
	got *dns.Msg
}

func (c *stub) RemoteAddr() net.Addr       { return addr(c.at) }
func (c *stub) ask(s *Server, name string) { s.ServeDNS(c, query(do, named(name))) }
func (c *stub) answered() bool             { m := c.reply(); return m != nil && m.Rcode == dns.RcodeSuccess }
func named(name string) func(q *dns.Msg)   { return func(q *dns.Msg) { q.Question[0].Name = name } }
func from(address string, port int) *stub {
	return &stub{at: netip.AddrPortFrom(netip.MustParseAddr(address), uint16(port)).String()}
}

func (c *stub) WriteMsg(m *dns.Msg) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = m
	return nil
}

func (c *stub) reply() *dns.Msg {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got
}

// slowly answers names that begin with "slow" when their context ends, and others at once.
type slowly struct{ answer *dnssec.Answer }

func (s slowly) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	if strings.HasPrefix(q.Name.String(), "slow") {
		<-ctx.Done()
		return nil, false, ctx.Err()
	}
	return s.answer, true, nil
}

// TestAClientHasItsPart: a client with as many slow questions as it may have is refused
// until the oldest has had its time, which then gives way and is told so; others do not
// notice, and neither does it once they have ended.
func TestAClientHasItsPart(t *testing.T) {
	for _, c := range []struct {
		claim         string
		client, other string
		inFlight      int
		part          int
	}{
		{"an IPv4 address", "192.0.2.1", "192.0.2.2", 0, 100},
		{"an IPv6 network", "2001:db8::1", "2001:db8:0:1::1", 0, 100},
		{"this machine", "127.0.0.1", "127.0.0.2", 0, 500},
		{"this machine, where there is little room", "127.0.0.1", "192.0.2.1", 300, 150},
		{"this machine, where there is next to none", "127.0.0.1", "192.0.2.1", 120, 100},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := New(Config{Source: slowly{answer()}, Now: time.Now, InFlight: c.inFlight, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}})
				quick := func(claim, who string, want bool) {
					t.Helper()
					q := from(who, 1)
					if q.ask(s, owner); q.answered() != want {
						t.Errorf("%s: %s", claim, q.reply())
					}
					if e := ede(q.reply()); !want && (e == nil || !strings.Contains(e.ExtraText, "too many")) {
						t.Errorf("%s: no reason in %s", claim, q.reply())
					}
				}
				quick("at first", c.client, true)
				slow := make([]*stub, c.part)
				ended := make([]time.Duration, c.part)
				began := time.Now()
				var asking sync.WaitGroup
				for i := range slow {
					slow[i] = from(c.client, 2+i)
					asking.Go(func() { slow[i].ask(s, fmt.Sprintf("slow%d.example.", i)); ended[i] = time.Since(began) })
					synctest.Wait() // in order
				}
				quick("full of the young", c.client, false)
				quick("somebody else", c.other, true)
				time.Sleep(dnssec.Patience - 1)
				quick("full of those who have nearly had their time", c.client, false)
				time.Sleep(time.Nanosecond)
				quick("full of those who have had it", c.client, true)
				quick("again: there is room now", c.client, true)
				synctest.Wait()
				gave := 0
				for _, q := range slow {
					if q.reply() != nil {
						gave++
						if q.reply().Rcode != dns.RcodeServerFailure || ede(q.reply()) == nil || !strings.Contains(ede(q.reply()).ExtraText, "too many") {
							t.Errorf("one that gave way: %s", q.reply())
						}
					}
				}
				if gave != 1 || slow[0].reply() == nil {
					t.Errorf("%d gave way", gave)
				}
				asking.Wait()
				if ended[c.part-1] != answerTime || ede(slow[c.part-1].reply()) != nil {
					t.Errorf("one that did not is answered after %s: %s", ended[c.part-1], slow[c.part-1].reply())
				}
				quick("afterwards", c.client, true)
				if s.places.all.n != 0 || len(s.places.of) != 0 {
					t.Errorf("%d questions of %d clients are left", s.places.all.n, len(s.places.of))
				}
			})
		})
	}
}

// TestAllPlacesTaken: where many clients have taken everything, the oldest of all gives way.
func TestAllPlacesTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Source: slowly{answer()}, Now: time.Now, InFlight: 8, PerClient: 2, Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}})
		var asking sync.WaitGroup
		slow := make([]*stub, 8)
		for i := range slow {
			slow[i] = from(fmt.Sprintf("192.0.2.%d", i/2), i+1)
			asking.Go(func() { slow[i].ask(s, "slow.example.") })
			synctest.Wait()
		}
		late := from("192.0.2.200", 1)
		if late.ask(s, owner); late.answered() {
			t.Error("there is room where there is none")
		}
		time.Sleep(dnssec.Patience)
		if late.ask(s, owner); !late.answered() {
			t.Errorf("the oldest has had its time: %s", late.reply())
		}
		synctest.Wait()
		for i, q := range slow {
			if (q.reply() != nil) != (i == 0) {
				t.Errorf("the question %d: %s", i, q.reply())
			}
		}
		asking.Wait()
	})
}

// TestPlacesAreGivenBackOnce: who gave way and then leaves takes nobody's place.
func TestPlacesAreGivenBackOnce(t *testing.T) {
	p := places{bounds: bounds{1, 1}, of: map[netip.Prefix]*queue{}}
	a, b := clientOf(netip.MustParseAddr("192.0.2.1")), clientOf(netip.MustParseAddr("192.0.2.2"))
	gone := 0
	first := p.enter(a, start, func() { gone++ })
	if first == nil {
		t.Fatal("no room")
	}
	if p.enter(b, start.Add(-time.Hour), func() {}) != nil {
		t.Error("a clock that went back made room")
	}
	second := p.enter(b, start.Add(dnssec.Patience), func() {})
	if second == nil || gone == 0 {
		t.Fatalf("room: %v; told to go %d times", second != nil, gone)
	}
	p.leave(first)
	p.leave(first)
	if p.all.n != 1 || len(p.of) != 1 {
		t.Errorf("%d questions, %d clients", p.all.n, len(p.of))
	}
	p.leave(second)
	if p.all.n != 0 || len(p.of) != 0 || p.all.oldest != nil || p.all.newest != nil {
		t.Errorf("%d questions, %d clients", p.all.n, len(p.of))
	}
}

// TestConnectionsPerClient over real sockets: one connection too many is closed, that of
// another client is not, and one that ends makes room.
func TestConnectionsPerClient(t *testing.T) {
	at := serve(t, &source{answers: map[string]*dnssec.Answer{owner: answer()}}, func(c *Config) { c.TCP, c.TCPPerClient = 4, 2 })
	dial := func(from string) *dns.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
		c, err := d.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(20 * time.Second))
		return &dns.Conn{Conn: c}
	}
	answers := func(c *dns.Conn) bool {
		if c.WriteMsg(query()) != nil {
			return false
		}
		m, err := c.ReadMsg()
		return err == nil && m.Rcode == dns.RcodeSuccess
	}
	first, second := dial("127.0.0.1"), dial("127.0.0.1")
	if !answers(first) || !answers(second) {
		t.Fatal("the set-up is wrong")
	}
	third := dial("127.0.0.1")
	if _, err := third.Conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the third connection is open: %v", err)
	}
	if other := dial("127.0.0.2"); !answers(other) {
		t.Error("another client is kept out")
	}
	first.Close()
	for range 1000 { // until the server has noticed
		if c := dial("127.0.0.1"); answers(c) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("a connection that ended makes no room")
}

func isTimeout(err error) bool {
	n, ok := err.(net.Error)
	return ok && n.Timeout()
}

// arriving is a listener at which connections arrive from given addresses.
type arriving struct {
	net.Listener
	from []string
	open map[string]*arrived
}

type arrived struct {
	net.Conn
	at     string
	closed bool
}

func (c *arrived) RemoteAddr() net.Addr { return addr(c.at) }
func (c *arrived) Close() error         { c.closed = true; return nil }

func (a *arriving) Accept() (net.Conn, error) {
	if len(a.from) == 0 {
		return nil, io.EOF
	}
	c := &arrived{at: a.from[0]}
	a.from = a.from[1:]
	a.open[c.at] = c
	return c, nil
}

// TestRations: strangers, who may only be told that they may not ask, have one part together.
func TestRations(t *testing.T) {
	s := New(Config{})
	in := &arriving{open: map[string]*arrived{}, from: []string{"192.0.2.1:1", "192.0.2.2:1", "198.51.100.3:1", "[2001:db8::1]:1", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4", "127.0.0.2:1", "127.0.0.3:1"}}
	r := &rationed{Listener: in, bounds: bounds{6, 2}, known: s.allowed, of: map[netip.Prefix]int{}}
	var open []net.Conn
	for {
		c, err := r.Accept()
		if err != nil {
			break
		}
		open = append(open, c)
	}
	want := map[string]bool{"192.0.2.1:1": true, "192.0.2.2:1": true, "127.0.0.1:1": true, "127.0.0.1:2": true, "127.0.0.1:3": true, "127.0.0.2:1": true}
	for at, c := range in.open {
		if c.closed == want[at] {
			t.Errorf("%s: closed %v", at, c.closed)
		}
	}
	for _, c := range open {
		c.Close()
		c.Close()
	}
	if r.total != 0 || len(r.of) != 0 {
		t.Errorf("%d connections are counted, of %v", r.total, r.of)
	}
}
