package resolver

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// wired is a lab of which one server is reached over real sockets. A forger stands
// beside it, whose datagrams come before its own.
type wired struct {
	*lab
	net *transport.Net
	at  netip.AddrPort // of what is otherAt in the lab

	mu    sync.Mutex // guards what follows
	forge func(q *dns.Msg, honest *dns.Msg) forgery
	tcp   int // questions over TCP
}

// forgery is a datagram and where it is sent from: "" the server's own socket, else
// an address and a port of its own.
type forgery struct {
	packet []byte
	from   string
}

func (w *wired) Exchange(ctx context.Context, server netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	if server.Addr() != mustAddr(otherAt) {
		return w.lab.Exchange(ctx, server, network, q)
	}
	return w.net.Exchange(ctx, w.at, network, q)
}

// wire serves the zones of otherAt on loopback, over UDP and TCP at one port.
func wire(t *testing.T, l *lab) *wired {
	w := &wired{lab: l, net: &transport.Net{Now: time.Now}}
	var udp *net.UDPConn
	var tcp net.Listener
	for udp == nil {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		w.at = l.Addr().(*net.TCPAddr).AddrPort()
		if udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(w.at)); err != nil {
			l.Close() // somebody has the port for UDP
			continue
		}
		tcp = l
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { w.net.Close(); udp.Close(); tcp.Close(); serving.Wait() })
	serving.Go(func() { w.serveUDP(t, udp) })
	serving.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { w.serveTCP(c) })
		}
	})
	return w
}

func (w *wired) forges(f func(q, honest *dns.Msg) forgery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forge = f
}

func (w *wired) reply(q *dns.Msg) *dns.Msg { return serve(w.lab.on[mustAddr(otherAt)], q) }

func (w *wired) serveUDP(t *testing.T, conn *net.UDPConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(buf[:n]) != nil {
			continue
		}
		w.mu.Lock()
		forge := w.forge
		w.mu.Unlock()
		honest := w.reply(q)
		if forge != nil {
			f := forge(q, honest.Copy())
			out := conn
			if f.from != "" {
				if out, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(f.from))); err != nil {
					t.Errorf("%s: %v", f.from, err)
					return
				}
				defer out.Close()
			}
			out.WriteToUDPAddrPort(f.packet, from)
		}
		wire, err := honest.Pack()
		if err != nil {
			t.Error(err)
		}
		conn.WriteToUDPAddrPort(wire, from)
	}
}

func (w *wired) serveTCP(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		text := make([]byte, binary.BigEndian.Uint16(size[:]))
		q := new(dns.Msg)
		if _, err := io.ReadFull(c, text); err != nil || q.Unpack(text) != nil {
			return
		}
		w.mu.Lock()
		w.tcp++
		w.mu.Unlock()
		wire, err := w.reply(q).Pack()
		if err != nil {
			return
		}
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(wire))), wire...))
	}
}

// TestThreatForgedReply: a forged datagram that comes first and is right but for one
// thing is not believed, in a zone without signatures either. One that shows that
// somebody is guessing moves the question to TCP (Kaminsky; RFC 5452 §9); what is no
// reply at all ends nothing (TuDoor).
func TestThreatForgedReply(t *testing.T) {
	const bare, signed = "jwk.cnf.bare.example.", "jwk.cnf.wired.example."
	record := "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"
	l := newLab(t, tree(
		site{name: "bare.example.", at: []string{otherAt}, bare: true, records: record},
		site{name: "wired.example.", at: []string{otherAt}, records: record},
	)...)
	w := wire(t, l)
	// A question to each zone, of a resolver that has their cuts alone.
	both := func(t *testing.T) (misses int64, tcp int) {
		t.Helper()
		r := l.resolver(t, func(c *Config) { c.Exchanger = w })
		before := w.net.Stats().NearMisses
		w.mu.Lock()
		w.tcp = 0
		w.mu.Unlock()
		for name, want := range map[string]dnssec.Security{bare: dnssec.Insecure, signed: dnssec.Secure} {
			a := ask(t, r, name, dns.TypeTLSA)
			if a.Security != want || len(a.Data) != 1 || a.Data[0][3] != 0x80 {
				t.Errorf("%s: %s %x %+v", name, a.Security, a.Data, a.Trouble)
			}
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.net.Stats().NearMisses - before, w.tcp
	}
	if misses, tcp := both(t); misses != 0 || tcp != 0 {
		t.Fatalf("before the flip: %d near misses, %d questions over TCP", misses, tcp)
	}

	// What the forger would have believed; one thing of it is wrong.
	lie := func(honest *dns.Msg) *dns.Msg {
		stripSignatures(honest)
		flipBit(honest)
		return honest
	}
	edited := func(f func(m *dns.Msg)) func(q, honest *dns.Msg) forgery {
		return func(_, honest *dns.Msg) forgery {
			m := lie(honest)
			f(m)
			b, err := m.Pack()
			if err != nil {
				t.Error(err)
			}
			return forgery{packet: b}
		}
	}
	octets := func(f func(b []byte) []byte) func(q, honest *dns.Msg) forgery {
		return func(q, honest *dns.Msg) forgery {
			g := edited(func(*dns.Msg) {})(q, honest)
			g.packet = f(g.packet)
			return g
		}
	}
	from := func(at string) func(q, honest *dns.Msg) forgery {
		return func(q, honest *dns.Msg) forgery {
			g := edited(func(*dns.Msg) {})(q, honest)
			g.from = at
			return g
		}
	}
	for _, c := range []struct {
		claim  string
		forge  func(q, honest *dns.Msg) forgery
		misses bool // it counts as a near miss
		tcp    bool // and the question goes over TCP
	}{
		{"another ID", edited(func(m *dns.Msg) { m.Id++ }), true, true},
		{"another name", edited(func(m *dns.Msg) { m.Question[0].Name = "x" + m.Question[0].Name[1:] }), true, true},
		{"another type", edited(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }), true, true},
		{"another class", edited(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), true, true},
		{"another opcode", edited(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), true, true},
		{"the case of the name not as it was sent", edited(func(m *dns.Msg) { m.Question[0].Name = swapCase(m.Question[0].Name) }), false, true},
		{"no question", edited(func(m *dns.Msg) { m.Question = nil }), true, true},
		{"two questions", edited(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), true, true},
		{"a question, not a reply", edited(func(m *dns.Msg) { m.Response = false }), false, false},
		{"cut in its header", octets(func(b []byte) []byte { return b[:11] }), false, false},
		{"cut in its question", octets(func(b []byte) []byte { return b[:16] }), false, false},
		{"more records announced than there are", octets(func(b []byte) []byte { b[7]++; return b }), false, false},
		{"from another port of the server", from("127.0.0.1:0"), false, false},
		{"from another address", from("127.0.0.2:0"), false, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w.forges(c.forge)
			misses, tcp := both(t)
			if (misses > 0) != c.misses || (tcp > 0) != c.tcp {
				t.Errorf("%d near misses, %d questions over TCP", misses, tcp)
			}
		})
	}
}

// swapCase turns each letter's case.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if lower := r | 0x20; lower >= 'a' && lower <= 'z' {
			return r ^ 0x20
		}
		return r
	}, s)
}

// TestThreatGuessing: what a forger has to guess is drawn anew for each question: the
// port, the ID and the case of the letters.
func TestThreatGuessing(t *testing.T) {
	l := newLab(t, tree(site{name: "wired.example.", at: []string{otherAt}, records: "jwk.cnf 1 TLSA 255 255 255 " + key + "\n"})...)
	w := wire(t, l)
	ids, cases := []uint16{}, []string{}
	w.forges(func(q, honest *dns.Msg) forgery {
		w.mu.Lock()
		defer w.mu.Unlock()
		ids, cases = append(ids, q.Id), append(cases, q.Question[0].Name)
		return forgery{packet: []byte("no reply")}
	})
	r := l.resolver(t, func(c *Config) { c.Exchanger = w })
	for range 40 {
		if a, _ := lookup(t, r, noCache(0), "jwk.cnf.wired.example."); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(ids)
	slices.Sort(ids)
	slices.Sort(cases)
	if distinct, spelled := len(slices.Compact(ids)), len(slices.Compact(cases)); n < 40 || distinct < n-3 || spelled < n-3 {
		t.Errorf("%d IDs and %d spellings in %d questions", distinct, spelled, n)
	}
}
