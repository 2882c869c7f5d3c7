package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// both serves UDP and TCP at one address; answer makes the reply of each.
func both(tb testing.TB, answer func(network string, q []byte) []byte) netip.AddrPort {
	tb.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			tb.Fatal(err)
		}
		at := l.Addr().(*net.TCPAddr).AddrPort()
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		if err != nil {
			l.Close() // somebody has the port for UDP
			continue
		}
		serveUDP(tb, conn, func(q []byte) [][]byte { return [][]byte{answer("udp", q)} })
		serveTCP(tb, l, func(c net.Conn, q []byte) { c.Write(framed(answer("tcp", q))) })
		return at
	}
}

func exchange(tb testing.TB, n *Net, at netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	defer cancel()
	m, err := n.Exchange(ctx, at, network, q)
	if ctx.Err() != nil {
		tb.Error("the exchange took all the time that there was")
	}
	return m, err
}

func lowered(m *dns.Msg) { m.Question[0].Name = strings.ToLower(m.Question[0].Name) }

// TestCaseByChance: every question is sent in another case, and nobody who asks sees it.
func TestCaseByChance(t *testing.T) {
	var mu sync.Mutex
	seen, upper := map[string]bool{}, 0
	for claim, edit := range map[string]func(*dns.Msg){
		"names compressed":     func(m *dns.Msg) { m.Compress = true },
		"names not compressed": func(*dns.Msg) {},
	} {
		at := udpServer(t, func(q []byte) [][]byte {
			m := new(dns.Msg)
			m.Unpack(q)
			mu.Lock()
			defer mu.Unlock()
			seen[m.Question[0].Name] = true
			for _, b := range m.Question[0].Name {
				if b >= 'A' && b <= 'Z' {
					upper++
				}
			}
			return [][]byte{reply(q, edit)}
		})
		for range 50 {
			m, err := exchange(t, new(Net), at, "udp", query())
			if err != nil || m.Question[0].Name != name || m.Answer[0].Header().Name != name {
				t.Fatalf("%s: %s %v", claim, m, err)
			}
		}
	}
	mu.Lock()
	defer mu.Unlock()
	letters := 100 * len(strings.ReplaceAll(name, ".", ""))
	if len(seen) < 95 || upper < letters*4/10 || upper > letters*6/10 {
		t.Errorf("%d spellings in 100 questions, %d of %d letters upper", len(seen), upper, letters)
	}
}

// TestCaseThatDoesNotComeBack: the server may be one that does not keep it, or
// somebody guessed the ID and the port: TCP tells.
func TestCaseThatDoesNotComeBack(t *testing.T) {
	n := &Net{Now: time.Now}
	honest := both(t, func(_ string, q []byte) []byte { return reply(q) })
	if m, err := exchange(t, n, honest, "udp", query()); err != nil || len(m.Answer) != 1 {
		t.Fatalf("%v %v", m, err)
	}

	forged := both(t, func(network string, q []byte) []byte {
		if network == "udp" {
			return reply(q, lowered)
		}
		return reply(q)
	})
	for range 3 { // a forger never turns the case off
		m, err := exchange(t, n, forged, "udp", query())
		var again *AskAgainError
		if m != nil || !errors.As(err, &again) || again.Network != "tcp" || again.Server != forged || !strings.Contains(err.Error(), forged.String()) {
			t.Fatalf("%v %v", m, err)
		}
		if m, err := exchange(t, n, forged, "tcp", query()); err != nil || m.Question[0].Name != name {
			t.Fatalf("%v %v", m, err)
		}
	}

	caseless := both(t, func(_ string, q []byte) []byte { return reply(q, lowered) })
	if m, err := exchange(t, n, caseless, "udp", query()); err == nil {
		t.Fatalf("%v", m)
	}
	for _, network := range []string{"tcp", "udp", "udp"} {
		m, err := exchange(t, n, caseless, network, query())
		if err != nil || m.Question[0].Name != name || m.Answer[0].Header().Name != name {
			t.Errorf("%s: %v %v", network, m, err)
		}
	}
	n.Now = func() time.Time { return time.Now().Add(peerLife + time.Minute) }
	if m, err := exchange(t, n, caseless, "udp", query()); err == nil {
		t.Errorf("an hour later: %v", m)
	}
	if s := n.Stats(); s.NearMisses != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCaseLostWithoutTCP: who neither keeps the case nor speaks TCP is asked as
// before 0x20 was.
func TestCaseLostWithoutTCP(t *testing.T) {
	at := udpServer(t, func(q []byte) [][]byte { return [][]byte{reply(q, lowered)} })
	n := new(Net)
	if m, err := exchange(t, n, at, "tcp", query()); err == nil {
		t.Fatalf("%v", m)
	}
	if m, err := exchange(t, n, at, "udp", query()); err == nil {
		t.Fatalf("believed without having asked over TCP: %v", m)
	}
	if m, err := exchange(t, n, at, "tcp", query()); err == nil {
		t.Fatalf("%v", m)
	}
	if m, err := exchange(t, n, at, "udp", query()); err != nil || m.Answer[0].Header().Name != name {
		t.Errorf("%v %v", m, err)
	}
}

func TestPeersAreBounded(t *testing.T) {
	var p peers
	for i := range maxPeers + 100 {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 53)
		p.change(at, func(x *peer) { x.doubted = true })
		if !p.get(at).doubted {
			t.Fatal("forgotten at once")
		}
	}
	if len(p.of) != maxPeers {
		t.Errorf("%d", len(p.of))
	}
}

// TestSameButCase: letters of the name may differ, and nothing else.
func TestSameButCase(t *testing.T) {
	const q = "\x03www\x07exAmple\x00\x00\x41\x00\x01" // type 65: no letter
	for _, c := range []struct {
		claim, other string
		want         bool
	}{
		{"the same", q, true},
		{"another case", "\x03WwW\x07example\x00\x00\x41\x00\x01", true},
		{"a type that would be the letter", "\x03www\x07exAmple\x00\x00\x61\x00\x01", false},
		{"a class that differs by that bit", "\x03www\x07exAmple\x00\x00\x41\x00\x21", false},
		{"another letter", "\x03wwv\x07exAmple\x00\x00\x41\x00\x01", false},
		{"a length that differs by that bit", "\x23www\x07exAmple\x00\x00\x41\x00\x01", false},
		{"shorter", q[:len(q)-1], false},
	} {
		if got := sameButCase([]byte(c.other), []byte(q)); got != c.want {
			t.Errorf("%s: %v", c.claim, got)
		}
	}
	for _, pair := range [][2]byte{{'@', '`'}, {'[', '{'}, {0xC1, 0xE1}} { // no letters, one bit apart
		if sameButCase([]byte{1, pair[0], 0, 0, 1, 0, 1}, []byte{1, pair[1], 0, 0, 1, 0, 1}) {
			t.Errorf("%q is taken for %q", pair[0], pair[1])
		}
	}
}
