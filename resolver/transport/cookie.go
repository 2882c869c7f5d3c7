package transport

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Sizes of cookies (RFC 7873 §4).
const (
	clientCookieSize = 8
	minServerCookie  = 8
	maxServerCookie  = 32
)

// secretLife is how long one secret makes the client cookies (RFC 7873 §7.1:
// daily, 36 days at most).
const secretLife = 24 * time.Hour

// secret makes the client cookies. The zero value is ready.
type secret struct {
	mu    sync.Mutex // guards what follows
	octet [32]byte
	made  bool
	until time.Time
}

func (s *secret) at(now time.Time) [32]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.made || now.After(s.until) {
		rand.Read(s.octet[:])
		s.made, s.until = true, now.Add(secretLife)
	}
	return s.octet
}

// clientCookie is what one server gets to see from one address of ours, in hex:
// another one for each, so that nobody is followed from network to network by it,
// and nothing to be guessed (RFC 7873 §4.1, RFC 9018 §3). A hash over a secret and
// two addresses of one length, of which a quarter is shown, needs no HMAC.
func (n *Net) clientCookie(local, server netip.Addr) string {
	var text [32 + 16 + 16]byte
	key, l, s := n.secret.at(n.now()), local.As16(), server.As16()
	copy(text[:], key[:])
	copy(text[32:], l[:])
	copy(text[48:], s[:])
	sum := sha256.Sum256(text[:])
	return hex.EncodeToString(sum[:clientCookieSize])
}

// cookies are what a query to a server bears, in hex: the client cookie, and
// behind it the server's where there is one. Both are empty where the query has no
// EDNS, or the server does not bear them.
func (n *Net) cookies(query *dns.Msg, conn net.Conn, server netip.AddrPort, known peer) (client, whole string) {
	if query.IsEdns0() == nil || known.bare.After(n.now()) {
		return "", ""
	}
	client = n.clientCookie(localAddr(conn), server.Addr())
	if known.client == client {
		return client, client + known.cookie
	}
	return client, client
}

// bearing adds a cookie to a packed query whose last record is its OPT record,
// without options (RFC 6891 §6.1.2, RFC 7873 §4).
func bearing(wire []byte, query *dns.Msg, cookie string) ([]byte, error) {
	last, ok := query.Extra[len(query.Extra)-1].(*dns.OPT)
	if !ok || len(last.Option) > 0 {
		return nil, errors.New("the OPT record must be the last, and without options")
	}
	size := len(cookie) / 2
	wire = binary.BigEndian.AppendUint16(wire[:len(wire)-2], uint16(4+size)) // RDLENGTH
	wire = binary.BigEndian.AppendUint16(wire, dns.EDNS0COOKIE)
	wire = binary.BigEndian.AppendUint16(wire, uint16(size))
	return hex.AppendDecode(wire, []byte(cookie))
}

func localAddr(conn net.Conn) netip.Addr {
	switch a := conn.LocalAddr().(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr()
	case *net.TCPAddr:
		return a.AddrPort().Addr()
	}
	return netip.Addr{}
}

// taste judges the cookie of a reply to a query that bore the client cookie, and
// remembers the server's. Where it does not hold, nothing of the reply is to be
// believed (RFC 7873 §5.3): errMismatch over UDP, where somebody may be guessing,
// and over TCP, where it is the server's own fault, it is asked without.
func (n *Net) taste(server netip.AddrPort, network, client string, known peer, m *dns.Msg) error {
	if client == "" || network == "udp" && m.Truncated { // TCP comes next, and half an OPT may be cut off
		return nil
	}
	cookie, has := cookieIn(m)
	size := (len(cookie) - len(client)) / 2
	switch {
	case has && cookie == client: // echoed like any option that is not known (RFC 6891 §6.1.2 forbids it)
		has = false
	case has && (!strings.HasPrefix(cookie, client) || size < minServerCookie || size > maxServerCookie):
		if network == "udp" {
			return errMismatch
		}
		n.bare(server)
		return &AskAgainError{server, network, "the cookie is wrong"}
	case has && (known.client != client || known.cookie != cookie[len(client):]):
		n.peers.change(server, func(p *peer) { p.client, p.cookie = client, cookie[len(client):] })
	}
	due := known.cookie != ""
	switch {
	case !has && due && network == "udp":
		return errMismatch
	case !has && due:
		n.peers.change(server, func(p *peer) { p.client, p.cookie = "", "" })
	case m.Rcode == dns.RcodeBadCookie && network == "udp" && has:
		return &AskAgainError{server, network, "it wants its new cookie"}
	case m.Rcode == dns.RcodeBadCookie && network == "udp":
		return errMismatch
	case !has && slices.Contains([]int{dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers}, m.Rcode):
		n.bare(server)
		return &AskAgainError{server, network, "it may not bear cookies"}
	}
	return nil
}

// bare remembers that a server is to be asked without cookies.
func (n *Net) bare(server netip.AddrPort) {
	until := n.now().Add(peerLife)
	n.peers.change(server, func(p *peer) { p.bare, p.client, p.cookie = until, "", "" })
}

// cookieIn returns the first cookie option of a message in hex; the others are
// ignored (RFC 7873 §5.3).
func cookieIn(m *dns.Msg) (string, bool) {
	if opt := m.IsEdns0(); opt != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie, true
			}
		}
	}
	return "", false
}
