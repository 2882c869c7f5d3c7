// Package transport exchanges one DNS message with one server over UDP, TCP, TLS or HTTPS
// and believes only what matches the question.
package transport

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// Net exchanges messages over the machine's network. The zero value is ready;
// it must not be copied once it is used. Close ends what it keeps open.
type Net struct {
	// Now tells when what was learnt of a server is too old. Without it that is
	// remembered as long as the Net lives.
	Now func() time.Time

	peers      peers
	secret     secret
	lounge     lounge
	nearMisses atomic.Int64
	malformed  atomic.Int64
	datagrams  sync.Pool // of *[maxUDP]byte
	turns      Turns
}

// Turns are those by which n makes and reads messages, for who computes with what they say.
func (n *Net) Turns() *Turns { return &n.turns }

// Stats counts what was met on the network.
type Stats struct {
	NearMisses int64 // replies that somebody may have forged
	Malformed  int64 // records that were left out of replies
}

// Stats returns the counters.
func (n *Net) Stats() Stats {
	return Stats{NearMisses: n.nearMisses.Load(), Malformed: n.malformed.Load()}
}

// NearMissError tells that a reply came to the right port with a wrong ID,
// question or cookie, or that nothing but malformed ones came: someone may be
// guessing. The question belongs on TCP then (PowerDNS does the same).
type NearMissError struct{ Server netip.AddrPort }

func (e *NearMissError) Error() string {
	return fmt.Sprintf("%s: a reply that does not match its question", e.Server)
}

// AskAgainError tells that a server has said nothing to the question yet, and
// that the question may be asked once more, over Network, since it will be
// another then.
type AskAgainError struct {
	Server  netip.AddrPort
	Network string // "udp" or "tcp"
	Why     string // for people
}

func (e *AskAgainError) Error() string { return fmt.Sprintf("%s: %s", e.Server, e.Why) }

func (n *Net) now() time.Time {
	if n.Now == nil {
		return time.Time{}
	}
	return n.Now()
}

// Exchange sends query to server over network, "udp" or "tcp", with an ID of its
// own, a datagram from a fresh socket (RFC 5452 §9.2), over TCP on the connection of
// the question before where that is there still, and returns the first reply
// that matches: same address, port, ID, opcode and exactly the same question.
// The letters of the name are sent in a case by chance, which must come back over
// UDP; where nothing but the case differs the error is an AskAgainError, and who
// has lost it over TCP too is asked in the caller's case for an hour. A query with
// EDNS bears a cookie (RFC 7873), and the reply of a server that has shown one must. A reply that nearly matches ends the wait over UDP with a
// NearMissError; what is no reply at all is dropped, and the wait goes on until
// the context ends (the first step of TuDoor). A message of which malformed records
// were left out comes with a MalformedError. The query is not changed.
func (n *Net) Exchange(ctx context.Context, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	return n.ExchangeWithin(ctx, 0, server, network, query)
}

// ExchangeWithin is Exchange that ends after a time by itself, where that is not
// zero: a context for each message, made for that alone, costs as much as packing it.
func (n *Net) ExchangeWithin(ctx context.Context, wait time.Duration, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	if network != "udp" && wait != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait) // it bounds the connecting too
		defer cancel()
		wait = 0
	}
	if !n.turns.Take(ctx) {
		return nil, ctx.Err()
	}
	defer n.turns.Give()
	if network == "tcp" {
		if conn := n.lounge.take(server); conn != nil {
			m, err := n.over(ctx, wait, conn, server, network, query)
			var again *AskAgainError
			if m != nil || errors.As(err, &again) || ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
				return m, err
			}
			// It came to its end meanwhile: a fresh one tells (RFC 7766 §6.2.4).
		}
	}
	conn, err := n.open(ctx, server, network)
	if err != nil {
		if network == "tcp" && n.peers.get(server).doubted {
			n.caseless(server) // the only way to ask a server that neither keeps the case nor speaks TCP
		}
		return nil, err
	}
	return n.over(ctx, wait, conn, server, network, query)
}

// open makes a socket or a connection anew.
func (n *Net) open(ctx context.Context, server netip.AddrPort, network string) (net.Conn, error) {
	if network == "udp" {
		return openUDP(server)
	}
	n.turns.Give()
	defer n.turns.again()
	var d net.Dialer
	return d.DialContext(ctx, network, server.String())
}

// over exchanges over one connection or socket, which it ends; a connection on
// which all went well is kept for the next question.
func (n *Net) over(ctx context.Context, wait time.Duration, conn net.Conn, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	release := until(ctx, wait, conn)
	known := n.peers.get(server)
	client, cookie := n.cookies(query, conn, server, known)
	out, err := address(query, known.caseless.After(n.now()), cookie)
	var m *dns.Msg
	switch {
	case err != nil:
	case network == "tcp":
		out.anyCase = true
		m, err = n.overTCP(conn, out)
	default:
		m, err = n.overUDP(conn, out)
	}
	if !release() || err != nil || network != "tcp" {
		conn.Close()
	} else {
		n.lounge.put(server, conn)
	}
	if err == nil {
		err = n.taste(server, network, client, known, m)
	}
	if network == "tcp" && err == nil && out.caseLost {
		n.caseless(server)
	}
	switch {
	case network == "udp" && errors.Is(err, errMismatch):
		n.nearMisses.Add(1)
		return nil, &NearMissError{server}
	case errors.Is(err, errCase):
		n.peers.change(server, func(p *peer) { p.doubted = true })
		return nil, &AskAgainError{server, "tcp", "the case of the question did not come back"}
	case err != nil:
		return nil, err
	case out.lost.count > 0:
		n.malformed.Add(int64(out.lost.count))
		return m, &MalformedError{server, out.lost.count, out.lost.first}
	}
	return m, nil
}

// caseless remembers that a server does not keep the case of a question.
func (n *Net) caseless(server netip.AddrPort) {
	until := n.now().Add(peerLife)
	n.peers.change(server, func(p *peer) { p.caseless, p.doubted = until, false })
}

// address packs a query and gives it an ID, its case but where asItIs is set, and
// a cookie where there is one. The query is not changed.
func address(query *dns.Msg, asItIs bool, cookie string) (*outgoing, error) {
	out := &outgoing{query: query, anyCase: asItIs}
	wire, err := out.packed()
	if err == nil && cookie != "" {
		wire, err = bearing(wire, query, cookie)
	}
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if len(query.Question) != 1 {
		return nil, fmt.Errorf("query: %d questions", len(query.Question))
	}
	var random [2 + 256/8]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program first
	wire[0], wire[1] = random[0], random[1]
	name := wire[headerSize : headerSize+questionLength(wire)-4]
	out.wire, out.asked = wire, bytes.Clone(name)
	if !asItIs {
		scramble(name, random[2:])
	}
	return out, nil
}

// packed packs the query. The library writes the extended RCODE into the OPT record that
// it packs: that is one of our own, since others may be sending the same query.
func (o *outgoing) packed() ([]byte, error) {
	q := *o.query
	if opt := q.IsEdns0(); opt != nil {
		o.opt = *opt
		q.Extra = append(o.extra[:0], q.Extra...)
		q.Extra[slices.Index(q.Extra, dns.RR(opt))] = &o.opt
	}
	return q.PackBuffer(make([]byte, usualQuery))
}

// usualQuery has room for a query with its OPT record and a cookie.
const usualQuery = 160

// maxUDP is the most that is read from a datagram. 1232 octets are asked for;
// servers that send more are let (RFC 6891 §6.2.5).
const maxUDP = 4096

func (n *Net) overUDP(conn net.Conn, out *outgoing) (*dns.Msg, error) {
	if _, err := conn.Write(out.wire); err != nil {
		return nil, err
	}
	buf, ok := n.datagrams.Get().(*[maxUDP]byte)
	if !ok {
		buf = new([maxUDP]byte)
	}
	defer n.datagrams.Put(buf) // what is parsed points nowhere into it
	malformed := false
	for {
		n.turns.Give()
		size, err := conn.Read(buf[:])
		n.turns.again()
		if errors.Is(err, syscall.EMSGSIZE) {
			continue // somebody says so by ICMP; what was sent was not too large
		}
		if err != nil && err != io.EOF { // an empty datagram
			if malformed {
				return nil, errMismatch
			}
			return nil, err
		}
		reply, err := out.match(buf[:size])
		if err == nil || errors.Is(err, errMismatch) || errors.Is(err, errCase) {
			return reply, err
		}
		malformed = true
	}
}
