// Package transport exchanges one DNS message with one server over UDP or TCP
// and believes only what matches the question.
package transport

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Net exchanges messages over the machine's network. The zero value is ready;
// it must not be copied once it is used.
type Net struct {
	nearMisses atomic.Int64
}

// Stats counts what was met on the network.
type Stats struct {
	NearMisses int64 // replies that somebody may have forged
}

// Stats returns the counters.
func (n *Net) Stats() Stats {
	return Stats{NearMisses: n.nearMisses.Load()}
}

// NearMissError tells that a reply came to the right port with a wrong ID,
// question or cookie, or that nothing but malformed ones came: someone may be
// guessing. The question belongs on TCP then (PowerDNS does the same).
type NearMissError struct{ Server netip.AddrPort }

func (e *NearMissError) Error() string {
	return fmt.Sprintf("%s: a reply that does not match its question", e.Server)
}

// Exchange sends query to server over network, "udp" or "tcp", with an ID of its
// own, a datagram from a fresh socket (RFC 5452 §9.2), and returns the first reply
// that matches: same address, port, ID, opcode and exactly the same question,
// its case included. A reply that nearly matches ends the wait over UDP with a
// NearMissError; what is no reply at all is dropped, and the wait goes on until
// the context ends (the first step of TuDoor). The query is not changed.
func (n *Net) Exchange(ctx context.Context, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	out, err := address(query)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	// A context that is cancelled early ends the wait as a deadline does.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // the connection is on its way out
	defer stop()
	if network == "tcp" {
		return overTCP(conn, out)
	}
	m, err := overUDP(conn, out)
	if errors.Is(err, errMismatch) {
		n.nearMisses.Add(1)
		return nil, &NearMissError{server}
	}
	return m, err
}

// address gives a query its ID and packs it.
func address(query *dns.Msg) (*outgoing, error) {
	var random [2]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program first
	q := *query
	q.Id = uint16(random[0])<<8 | uint16(random[1])
	wire, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return &outgoing{query: &q, wire: wire}, nil
}

// maxUDP is the most that is read from a datagram. 1232 octets are asked for;
// servers that send more are let (RFC 6891 §6.2.5).
const maxUDP = 4096

func overUDP(conn net.Conn, out *outgoing) (*dns.Msg, error) {
	if _, err := conn.Write(out.wire); err != nil {
		return nil, err
	}
	buf := make([]byte, maxUDP)
	malformed := false
	for {
		n, err := conn.Read(buf)
		if err != nil {
			if malformed {
				return nil, errMismatch
			}
			return nil, err
		}
		reply, err := out.match(buf[:n])
		if err == nil || errors.Is(err, errMismatch) {
			return reply, err
		}
		malformed = true
	}
}
