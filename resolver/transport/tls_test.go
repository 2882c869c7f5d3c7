package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// authority makes certificates that a test believes.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(tb testing.TB) *authority {
	tb.Helper()
	a := &authority{}
	a.key, a.cert = a.sign(tb, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign makes a certificate by the authority, or by itself where that has none yet.
func (a *authority) sign(tb testing.TB, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		tb.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return key, cert
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// server makes a certificate for dns.example and 127.0.0.1.
func (a *authority) server(tb testing.TB, edit ...func(*x509.Certificate)) tls.Certificate {
	tb.Helper()
	template := &x509.Certificate{DNSNames: []string{"dns.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	for _, e := range edit {
		e(template)
	}
	key, cert := a.sign(tb, template)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// tlsServer counts the connections that it hands to serve, and those that took a session up again.
type tlsServer struct {
	at             netip.AddrPort
	conns, resumed atomic.Int32
	mu             sync.Mutex // guards open
	open           []net.Conn
}

// serveTLS gives each connection its own call of serve, once the client has shaken hands.
func serveTLS(tb testing.TB, cert tls.Certificate, serve func(c net.Conn)) *tlsServer {
	tb.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		tb.Fatal(err)
	}
	s := &tlsServer{at: l.Addr().(*net.TCPAddr).AddrPort()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open = append(s.open, c)
			s.mu.Unlock()
			all.Go(func() {
				defer c.Close()
				if c.(*tls.Conn).Handshake() != nil {
					return
				}
				s.conns.Add(1)
				if c.(*tls.Conn).ConnectionState().DidResume {
					s.resumed.Add(1)
				}
				serve(c)
			})
		}
	})
	tb.Cleanup(func() { l.Close(); s.hangUp(); all.Wait() })
	return s
}

func (s *tlsServer) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.Close()
	}
	s.open = nil
}

// readFrame reads one message; nil at the end.
func readFrame(c net.Conn) []byte {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil
	}
	b := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, b); err != nil {
		return nil
	}
	return b
}

// answerAll answers every question of a connection.
func answerAll(c net.Conn) {
	for q := readFrame(c); q != nil; q = readFrame(c) {
		c.Write(framed(reply(q)))
	}
}

func inTime(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

func TestTLSSharesOneConnection(t *testing.T) {
	a := newAuthority(t)
	s := serveTLS(t, a.server(t), answerAll)
	way := NewTLS(Secured{Address: s.at, Name: "dns.example", Roots: a.pool()})
	defer way.Close()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 4 {
				q := query()
				id := q.Id
				m, err := way.Exchange(inTime(t), q)
				if err != nil || len(m.Answer) != 1 || m.Question[0].Name != name {
					t.Errorf("%v %v", m, err)
				}
				if q.Id != id || len(q.IsEdns0().Option) != 0 {
					t.Error("the caller's query was changed")
				}
			}
		})
	}
	all.Wait()
	if n := s.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
	way.Close()
	if _, err := way.Exchange(inTime(t), query()); err == nil {
		t.Error("an exchange after Close")
	}
}

// TestTLSRepliesInAnyOrder: RFC 7858 §3.3, RFC 7766 §6.2.1.1; what nobody asked for is passed over.
func TestTLSRepliesInAnyOrder(t *testing.T) {
	a := newAuthority(t)
	const n = 20
	s := serveTLS(t, a.server(t), func(c net.Conn) {
		var qs [][]byte
		for len(qs) < n {
			qs = append(qs, readFrame(c))
		}
		c.Write(framed(nil))
		c.Write(framed([]byte("rubbish")))
		for i := range qs {
			b := framed(reply(qs[n-1-i], func(m *dns.Msg) {
				m.Answer[0].(*dns.TLSA).Certificate = strings.ToUpper(m.Question[0].Name[:2])
			}))
			c.Write(append(b, b...))
		}
		answerAll(c)
	})
	way := NewTLS(Secured{Address: s.at, Name: "dns.example", Roots: a.pool()})
	defer way.Close()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			q := query()
			q.Question[0].Name = string("0123456789abcdef"[i/16]) + string("0123456789abcdef"[i%16]) + ".example."
			m, err := way.Exchange(inTime(t), q)
			if err != nil || !strings.EqualFold(m.Answer[0].(*dns.TLSA).Certificate, q.Question[0].Name[:2]) {
				t.Errorf("%v %v", m, err)
			}
		})
	}
	all.Wait()
}

// TestTLSComesBack: a connection that the server has closed between two questions is made anew,
// and the session taken up again; one that it closes on each question is an error.
func TestTLSComesBack(t *testing.T) {
	a := newAuthority(t)
	s := serveTLS(t, a.server(t), answerAll)
	way := NewTLS(Secured{Address: s.at, Name: "dns.example", Roots: a.pool()})
	defer way.Close()
	for range 4 {
		if m, err := way.Exchange(inTime(t), query()); err != nil || len(m.Answer) != 1 {
			t.Fatalf("%v %v", m, err)
		}
		s.hangUp()
	}
	if c, r := s.conns.Load(), s.resumed.Load(); c != 4 || r == 0 {
		t.Errorf("%d connections, %d resumed", c, r)
	}
	rude := serveTLS(t, a.server(t), func(c net.Conn) { readFrame(c) })
	way2 := NewTLS(Secured{Address: rude.at, Name: "dns.example", Roots: a.pool()})
	defer way2.Close()
	if m, err := way2.Exchange(inTime(t), query()); err == nil {
		t.Errorf("%v", m)
	}
}

// TestTLSDoubtsSilence: a connection on which nothing came is not used again.
func TestTLSDoubtsSilence(t *testing.T) {
	a := newAuthority(t)
	var deaf atomic.Bool
	deaf.Store(true)
	s := serveTLS(t, a.server(t), func(c net.Conn) {
		if deaf.Swap(false) {
			io.Copy(io.Discard, c)
			return
		}
		answerAll(c)
	})
	way := NewTLS(Secured{Address: s.at, Name: "dns.example", Roots: a.pool()})
	defer way.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if m, err := way.Exchange(ctx, query()); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v %v", m, err)
	}
	if m, err := way.Exchange(inTime(t), query()); err != nil || len(m.Answer) != 1 {
		t.Errorf("%v %v", m, err)
	}
	if n := s.conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
	// Who gives up by himself says nothing of the connection.
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := way.Exchange(ctx, query()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := way.Exchange(inTime(t), query()); err != nil || s.conns.Load() != 2 {
		t.Errorf("%v, %d connections", err, s.conns.Load())
	}
}

// certificates are those that are not the server's, and one that is.
func certificates(t *testing.T, a *authority) []struct {
	claim string
	cert  tls.Certificate
	name  string
	err   string // "" where all is well
} {
	return []struct {
		claim string
		cert  tls.Certificate
		name  string
		err   string
	}{
		{"the right name", a.server(t), "dns.example", ""},
		{"the address", a.server(t), "", ""},
		{"another name", a.server(t), "other.example", "not other.example"},
		{"another address", a.server(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }), "", "not 127.0.0.1"},
		{"a name under it", a.server(t), "a.dns.example", "not a.dns.example"},
		{"by another authority", newAuthority(t).server(t), "dns.example", "unknown authority"},
		{"expired", a.server(t, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}), "dns.example", "expired"},
	}
}

func TestTLSCertificate(t *testing.T) {
	a := newAuthority(t)
	for _, c := range certificates(t, a) {
		t.Run(c.claim, func(t *testing.T) {
			var asked atomic.Bool
			s := serveTLS(t, c.cert, func(conn net.Conn) {
				for q := readFrame(conn); q != nil; q = readFrame(conn) {
					asked.Store(true)
					conn.Write(framed(reply(q)))
				}
			})
			way := NewTLS(Secured{Address: s.at, Name: c.name, Roots: a.pool()})
			defer way.Close()
			m, err := way.Exchange(inTime(t), query())
			switch {
			case c.err == "" && err != nil:
				t.Error(err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || asked.Load()):
				t.Errorf("%v %v, asked %t", m, err, asked.Load())
			}
		})
	}
}

// TestMissOverTLS: what does not match is no answer there either.
func TestMissOverTLS(t *testing.T) {
	a := newAuthority(t)
	cert := a.server(t)
	for _, c := range misses {
		t.Run(c.claim, func(t *testing.T) {
			s := serveTLS(t, cert, func(conn net.Conn) {
				conn.Write(framed(c.make(readFrame(conn))))
			})
			way := NewTLS(Secured{Address: s.at, Name: "dns.example", Roots: a.pool()})
			defer way.Close()
			if m, err := way.Exchange(inTime(t), query()); err == nil {
				t.Errorf("believed: %s", m)
			}
		})
	}
}

// TestPadding: what an onlooker sees of a query's length says nothing of the name (RFC 8467 §4.1).
func TestPadding(t *testing.T) {
	for n := 1; n < 60; n++ {
		q := query()
		q.Question[0].Name = strings.Repeat("a", n) + ".example."
		o, err := sealed(q, 4711)
		if err != nil || len(o.wire)%padBlock != 0 || o.wire[0] != 4711>>8 || len(q.IsEdns0().Option) != 0 {
			t.Errorf("%d: %d octets, %v", n, len(o.wire), err)
		}
	}
	plain := new(dns.Msg).SetQuestion(name, dns.TypeTLSA)
	if o, err := sealed(plain, 0); err != nil || len(o.wire) > padBlock || len(plain.Extra) != 0 {
		t.Errorf("without EDNS: %v", err)
	}
}
