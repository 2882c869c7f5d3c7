// Package transport exchanges one DNS message with one server over UDP or TCP
// and believes only what matches the question.
package transport

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Net exchanges messages over the machine's network. The zero value is ready.
type Net struct{}

// NearMissError tells that a reply came to the right port with a wrong ID or
// question: someone may be guessing. The question belongs on TCP then
// (PowerDNS does the same).
type NearMissError struct{ Server netip.AddrPort }

func (e *NearMissError) Error() string {
	return fmt.Sprintf("%s: a reply that does not match its question", e.Server)
}

// Exchange sends query to server over network, "udp" or "tcp", from a fresh
// socket and with an ID of its own (RFC 5452 §9.2), and returns the first reply
// that matches: same address, port, ID, opcode and exactly the same question,
// its case included. What does not match is dropped; the wait goes on until the
// context ends. The query is not changed.
func (Net) Exchange(ctx context.Context, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error) {
	var id [2]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("random ID: %w", err)
	}
	q := *query
	q.Id = binary.BigEndian.Uint16(id[:])
	wire, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	// A context that is cancelled early ends the wait as a deadline does.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) //nolint:errcheck // the connection is on its way out
	defer stop()
	if network == "tcp" {
		return overTCP(conn, &q, wire)
	}
	return overUDP(conn, server, &q, wire)
}

// maxUDP is the most that is read from a datagram. 1232 octets are asked for;
// servers that send more are let (RFC 6891 §6.2.5).
const maxUDP = 4096

func overUDP(conn net.Conn, server netip.AddrPort, q *dns.Msg, wire []byte) (*dns.Msg, error) {
	if _, err := conn.Write(wire); err != nil {
		return nil, err
	}
	buf := make([]byte, maxUDP)
	nearMiss := false
	for {
		n, err := conn.Read(buf)
		if err != nil {
			if nearMiss {
				return nil, &NearMissError{server}
			}
			return nil, err
		}
		reply, err := match(q, wire, buf[:n])
		if err == nil {
			return reply, nil
		}
		nearMiss = true
	}
}

func overTCP(conn net.Conn, q *dns.Msg, wire []byte) (*dns.Msg, error) {
	framed := make([]byte, 2, 2+len(wire))
	binary.BigEndian.PutUint16(framed, uint16(len(wire)))
	if _, err := conn.Write(append(framed, wire...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	return match(q, wire, buf)
}

var errMismatch = errors.New("the reply does not match the question")

// match parses a reply and holds it against the query. The question is
// compared octet by octet, so the case that was sent must come back.
// Replies of FORMERR and the like may lack the question (RFC 1035 §4.1.1).
func match(q *dns.Msg, sent, reply []byte) (*dns.Msg, error) {
	const header = 12
	if len(reply) < header || reply[0] != sent[0] || reply[1] != sent[1] || reply[2]&0x80 == 0 || (reply[2]^sent[2])&0x78 != 0 {
		return nil, errMismatch
	}
	end := header + questionLength(sent)
	switch count := binary.BigEndian.Uint16(reply[4:]); {
	case count == 1 && len(reply) >= end && string(reply[header:end]) == string(sent[header:end]):
	case count == 0 && reply[3]&15 != dns.RcodeSuccess && reply[3]&15 != dns.RcodeNameError:
	default:
		return nil, errMismatch
	}
	m := new(dns.Msg)
	if err := unpack(m, reply); err != nil {
		// A truncated datagram may end in the middle of a record; only its TC flag counts.
		if m.Truncated {
			return &dns.Msg{MsgHdr: m.MsgHdr, Question: q.Question}, nil
		}
		return nil, fmt.Errorf("reply: %w", err)
	}
	return m, nil
}

// unpack parses a message. The library takes one that ends between two records
// for whole, however many it announces: half an RRset would pass for all of it.
func unpack(m *dns.Msg, wire []byte) error {
	if err := m.Unpack(wire); err != nil {
		return err
	}
	for i, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		if n := int(binary.BigEndian.Uint16(wire[6+2*i:])); n != len(section) {
			return fmt.Errorf("%d records where %d are announced", len(section), n)
		}
	}
	return nil
}

// questionLength is the size of the question of a query that we packed ourselves.
func questionLength(wire []byte) int {
	const header = 12
	i := header
	for i < len(wire) && wire[i] != 0 {
		i += int(wire[i]) + 1
	}
	return i + 1 + 4 - header
}
