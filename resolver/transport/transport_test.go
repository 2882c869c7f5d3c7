package transport

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// name has letters of both cases: the case must come back.
const name = "jWk.cNf.vendor.Example."

func query() *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, dns.TypeTLSA)
	q.RecursionDesired = false
	q.SetEdns0(1232, true)
	return q
}

// udpServer answers each datagram with those that replies makes of it.
func udpServer(tb testing.TB, replies func(q []byte) [][]byte) netip.AddrPort {
	tb.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	serveUDP(tb, conn, replies)
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func serveUDP(tb testing.TB, conn *net.UDPConn, replies func(q []byte) [][]byte) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65535)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, r := range replies(append([]byte(nil), buf[:n]...)) {
				conn.WriteToUDPAddrPort(r, from)
			}
		}
	}()
	tb.Cleanup(func() { conn.Close(); <-done })
}

// tcpServer hands each connection to serve, after the question was read.
func tcpServer(tb testing.TB, serve func(c net.Conn, q []byte)) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	serveTCP(tb, l, serve)
	return l.Addr().(*net.TCPAddr).AddrPort()
}

func serveTCP(tb testing.TB, l net.Listener, serve func(c net.Conn, q []byte)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			if _, err := io.ReadFull(c, size[:]); err == nil {
				q := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(c, q); err == nil {
					serve(c, q)
				}
			}
			c.Close()
		}
	}()
	tb.Cleanup(func() { l.Close(); <-done })
}

// reply is the honest answer to a packed question, changed by edit.
func reply(q []byte, edit ...func(*dns.Msg)) []byte {
	m := new(dns.Msg)
	if err := m.Unpack(q); err != nil {
		panic(err)
	}
	r := new(dns.Msg).SetReply(m)
	r.Authoritative = true
	rr, err := dns.NewRR(m.Question[0].Name + " 300 IN TLSA 255 255 255 AA")
	if err != nil {
		panic(err)
	}
	r.Answer = []dns.RR{rr}
	for _, e := range edit {
		e(r)
	}
	b, err := r.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

// misses are replies that are not believed. near: somebody may be guessing, so
// that the wait ends; the others are passed over.
var misses = []struct {
	claim string
	near  bool
	make  func(q []byte) []byte
}{
	{"another ID", true, func(q []byte) []byte { return reply(q, func(m *dns.Msg) { m.Id++ }) }},
	{"another name", true, func(q []byte) []byte {
		return reply(q, func(m *dns.Msg) { m.Question[0].Name = "www.vendor.example." })
	}},
	{"another type", true, func(q []byte) []byte { return reply(q, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }) }},
	{"another class", true, func(q []byte) []byte { return reply(q, func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }) }},
	{"no question", true, func(q []byte) []byte { return reply(q, func(m *dns.Msg) { m.Question = nil }) }},
	{"no question and no such name", true, func(q []byte) []byte {
		return reply(q, func(m *dns.Msg) { m.Question, m.Rcode = nil, dns.RcodeNameError })
	}},
	{"two questions", true, func(q []byte) []byte {
		return reply(q, func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) })
	}},
	{"a question, not a reply", false, func(q []byte) []byte { return reply(q, func(m *dns.Msg) { m.Response = false }) }},
	{"another opcode", true, func(q []byte) []byte { return reply(q, func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }) }},
	{"the question itself", false, func(q []byte) []byte { return q }},
	{"a header alone", false, func(q []byte) []byte { return reply(q)[:12] }},
	{"eleven octets", false, func(q []byte) []byte { return reply(q)[:11] }},
	{"cut in the question", false, func(q []byte) []byte { return reply(q)[:20] }},
	{"cut in a record", false, func(q []byte) []byte { b := reply(q); return b[:len(b)-1] }},
	{"fewer records than it counts", false, func(q []byte) []byte {
		return reply(q)[:12+questionLength(q)]
	}},
	{"a record count that lies", false, func(q []byte) []byte { b := reply(q); b[7] = 200; return b }},
	{"a name that points to itself", false, func(q []byte) []byte {
		b := reply(q)
		end := 12 + questionLength(q)
		return append(append(b[:end:end], 0xC0, byte(end)), 0, 52, 0, 1, 0, 0, 0, 0, 0, 0)
	}},
	{"rubbish", false, func(q []byte) []byte { return []byte("rubbish") }},
	{"nothing", false, func(q []byte) []byte { return nil }},
}

// TestMiss: what is no reply is ignored and the wait goes on; what nearly matches
// ends it at once, though a good reply stands behind it.
func TestMiss(t *testing.T) {
	for _, c := range misses {
		t.Run(c.claim, func(t *testing.T) {
			at := udpServer(t, func(q []byte) [][]byte { return [][]byte{c.make(q), c.make(q), reply(q)} })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			q, n := query(), new(Net)
			id := q.Id
			m, err := n.Exchange(ctx, at, "udp", q)
			var miss *NearMissError
			if c.near {
				if m != nil || !errors.As(err, &miss) || ctx.Err() != nil || n.Stats().NearMisses != 1 {
					t.Errorf("%v %v %+v", m, err, n.Stats())
				}
				return
			}
			if err != nil || len(m.Answer) != 1 || !m.Response || m.Question[0].Name != name || n.Stats().NearMisses != 0 {
				t.Errorf("%v %v %+v", m, err, n.Stats())
			}
			if q.Id != id {
				t.Error("the caller's query was changed")
			}
		})
	}
}

// TestNearMiss: where nothing better comes, the caller learns that somebody may be guessing.
func TestNearMiss(t *testing.T) {
	at := udpServer(t, func(q []byte) [][]byte { return [][]byte{[]byte("rubbish")} })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	m, err := new(Net).Exchange(ctx, at, "udp", query())
	var miss *NearMissError
	if m != nil || !errors.As(err, &miss) || miss.Server != at || !strings.Contains(err.Error(), at.String()) {
		t.Errorf("%v %v", m, err)
	}
	silent := udpServer(t, func([]byte) [][]byte { return nil })
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := new(Net).Exchange(ctx, silent, "udp", query()); err == nil || errors.As(err, &miss) {
		t.Errorf("of a silent server: %v", err)
	}
}

// TestMissOverTCP: nobody guesses there, so a mismatch ends the exchange.
func TestMissOverTCP(t *testing.T) {
	for _, c := range misses {
		t.Run(c.claim, func(t *testing.T) {
			at := tcpServer(t, func(conn net.Conn, q []byte) { conn.Write(framed(c.make(q))) })
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if m, err := new(Net).Exchange(ctx, at, "tcp", query()); err == nil {
				t.Errorf("believed: %s", m)
			}
		})
	}
}

func TestFraming(t *testing.T) {
	for _, c := range []struct {
		claim string
		send  func(conn net.Conn, q []byte)
		ok    bool
	}{
		{"in one piece", func(c net.Conn, q []byte) { c.Write(framed(reply(q))) }, true},
		{"octet by octet", func(c net.Conn, q []byte) {
			for _, b := range framed(reply(q)) {
				c.Write([]byte{b})
			}
		}, true},
		{"with more behind it", func(c net.Conn, q []byte) { c.Write(append(framed(reply(q)), framed([]byte("more"))...)) }, true},
		{"64 KiB", func(c net.Conn, q []byte) {
			c.Write(framed(reply(q, func(m *dns.Msg) {
				for len(m.Answer) < 1000 {
					m.Answer = append(m.Answer, m.Answer[0])
				}
				m.Compress = true
			})))
		}, true},
		{"shorter than it says", func(c net.Conn, q []byte) { b := framed(reply(q)); c.Write(b[:len(b)-1]) }, false},
		{"longer than it says", func(c net.Conn, q []byte) { b := framed(reply(q)); b[1]--; c.Write(b) }, false},
		{"half a length", func(c net.Conn, q []byte) { c.Write([]byte{0}) }, false},
		{"a length of zero", func(c net.Conn, q []byte) { c.Write([]byte{0, 0}) }, false},
		{"nothing", func(c net.Conn, q []byte) {}, false},
	} {
		t.Run(c.claim, func(t *testing.T) {
			at := tcpServer(t, c.send)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			m, err := new(Net).Exchange(ctx, at, "tcp", query())
			if (err == nil) != c.ok || c.ok && len(m.Answer) == 0 {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTruncated(t *testing.T) {
	for claim, cut := range map[string]func(b []byte) []byte{
		"whole":              func(b []byte) []byte { return b },
		"cut in a record":    func(b []byte) []byte { return b[:len(b)-3] },
		"cut after the name": func(b []byte) []byte { return b[:12+len(name)+1+4+2] },
	} {
		at := udpServer(t, func(q []byte) [][]byte { return [][]byte{cut(reply(q, func(m *dns.Msg) { m.Truncated = true }))} })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		m, err := new(Net).Exchange(ctx, at, "udp", query())
		cancel()
		if err != nil || !m.Truncated || claim != "whole" && len(m.Answer) != 0 {
			t.Errorf("%s: %v %v", claim, m, err)
		}
	}
}

// TestErrorsMayLackTheQuestion: RFC 1035 §4.1.1 lets a server that cannot read
// the question leave it out.
func TestErrorsMayLackTheQuestion(t *testing.T) {
	for _, rcode := range []int{dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeNotImplemented} {
		at := udpServer(t, func(q []byte) [][]byte {
			return [][]byte{reply(q, func(m *dns.Msg) { m.Question, m.Answer, m.Rcode = nil, nil, rcode })}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		m, err := new(Net).Exchange(ctx, at, "udp", new(dns.Msg).SetQuestion(name, dns.TypeTLSA))
		cancel()
		if err != nil || m.Rcode != rcode {
			t.Errorf("%s: %v", dns.RcodeToString[rcode], err)
		}
	}
}

// TestFresh: each exchange has its own port and its own ID (RFC 5452 §9.2).
func TestFresh(t *testing.T) {
	ids := map[uint16]bool{}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ports := map[uint16]bool{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			ids[binary.BigEndian.Uint16(buf)] = true
			ports[from.Port()] = true
			conn.WriteToUDPAddrPort(reply(buf[:n]), from)
		}
	}()
	at := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	const n = 64
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := new(Net).Exchange(ctx, at, "udp", query())
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	conn.Close()
	<-done
	if len(ids) < n-4 || len(ports) < n/2 {
		t.Errorf("%d IDs and %d ports in %d exchanges", len(ids), len(ports), n)
	}
}

// TestStrangers: a reply from another address or port is not even seen.
func TestStrangers(t *testing.T) {
	other, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		buf := make([]byte, 4096)
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err == nil {
			other.WriteToUDPAddrPort(reply(buf[:n]), from)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	m, err := new(Net).Exchange(ctx, conn.LocalAddr().(*net.UDPAddr).AddrPort(), "udp", query())
	var miss *NearMissError
	if m != nil || err == nil || errors.As(err, &miss) {
		t.Errorf("%v %v", m, err)
	}
}

func TestCancelled(t *testing.T) {
	silent := udpServer(t, func([]byte) [][]byte { return nil })
	stuck := tcpServer(t, func(c net.Conn, _ []byte) { io.Copy(io.Discard, c) })
	for network, at := range map[string]netip.AddrPort{"udp": silent, "tcp": stuck} {
		ctx, cancel := context.WithCancel(t.Context()) // no deadline: only the cancelling ends it
		time.AfterFunc(20*time.Millisecond, cancel)
		if m, err := new(Net).Exchange(ctx, at, network, query()); err == nil {
			t.Errorf("%s: %v", network, m)
		}
		if _, err := new(Net).Exchange(ctx, at, network, query()); err == nil {
			t.Errorf("%s: sent with a context that has ended", network)
		}
	}
	if _, err := new(Net).Exchange(t.Context(), silent, "udp", new(dns.Msg).SetQuestion("a..b.", 1)); err == nil {
		t.Error("a question that cannot be packed was sent")
	}
}

// FuzzMatch: no octets crash it, and what it accepts answers the question.
func FuzzMatch(f *testing.F) {
	q := query()
	q.Id = 4711
	sent, err := q.Pack()
	if err != nil {
		f.Fatal(err)
	}
	asked := bytes.Clone(sent[headerSize : headerSize+questionLength(sent)-4])
	f.Add(reply(sent))
	f.Add(reply(sent, lowered))
	f.Add(reply(sent, func(m *dns.Msg) { m.Truncated = true })[:60])
	for _, c := range misses {
		f.Add(c.make(sent))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := match(q, sent, bytes.Clone(b))
		loose := &outgoing{query: q, wire: sent, asked: asked, anyCase: true}
		if m, err := loose.match(bytes.Clone(b)); err == nil && len(m.Question) > 0 && m.Question[0] != q.Question[0] {
			t.Errorf("where any case does: %v", m.Question)
		}
		if err != nil {
			return
		}
		// Datagrams are read into memory that the next one is read into.
		read := bytes.Clone(b)
		again, _ := match(q, sent, read)
		clear(read)
		if again.String() != m.String() {
			t.Errorf("what was parsed points into the datagram:\n%s\n%s", again, m)
		}
		failed := m.Rcode&15 != dns.RcodeSuccess && m.Rcode&15 != dns.RcodeNameError
		if m.Id != 4711 || !m.Response || m.Opcode != dns.OpcodeQuery {
			t.Errorf("%s", m)
		}
		if len(m.Question) == 0 && failed {
			return
		}
		if len(m.Question) != 1 || m.Question[0] != q.Question[0] {
			t.Errorf("another question: %v", m.Question)
		}
	})
}

func Example() {
	// A name server that answers one question.
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	go func() {
		buf := make([]byte, 512)
		n, from, err := server.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		server.WriteToUDPAddrPort([]byte("noise"), from) // is passed over
		server.WriteToUDPAddrPort(reply(buf[:n]), from)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	q := new(dns.Msg).SetQuestion("vendor.example.", dns.TypeTLSA)
	m, err := new(Net).Exchange(ctx, server.LocalAddr().(*net.UDPAddr).AddrPort(), "udp", q)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Answer[0])
	// Output: vendor.example.	300	IN	TLSA	255 255 255 aa
}
