package transport

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Secured says where a server that speaks TLS is, and whom its certificate must
// name: RFC 7858 and RFC 8484 alike. Address is required.
type Secured struct {
	Address netip.AddrPort
	// Name is the host name in the certificate; empty: the address itself.
	Name string
	// Roots are the authorities that are believed; nil: those of the machine.
	Roots *x509.CertPool
}

// dialTime bounds the making of a connection, TLS included, whoever waits for it.
const dialTime = 5 * time.Second

// sessions is how many TLS sessions are kept to be taken up again (RFC 8446 §2.2).
const sessions = 8

func (s Secured) host() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Address.Addr().String()
}

// config makes the one tls.Config of a server, which holds its sessions.
func (s Secured) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         s.host(),
		RootCAs:            s.Roots,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessions),
	}
}

// padBlock is the multiple of octets that queries under TLS are padded to, so
// that their length tells nothing of the name (RFC 8467 §4.1).
const padBlock = 128

// sealed packs a copy of a query for a transport that hides it: with that ID,
// and padded where it has EDNS. The query is not changed.
func sealed(query *dns.Msg, id uint16) (*outgoing, error) {
	q := *query
	q.Id = id
	q.Extra = append([]dns.RR(nil), query.Extra...)
	for i, rr := range q.Extra {
		opt, ok := rr.(*dns.OPT)
		if !ok {
			continue
		}
		padding := &dns.EDNS0_PADDING{}
		longer := *opt
		longer.Option = append(append([]dns.EDNS0(nil), opt.Option...), padding)
		q.Extra[i] = &longer
		padding.Padding = make([]byte, (padBlock-q.Len()%padBlock)%padBlock)
	}
	wire, err := q.Pack()
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	return &outgoing{query: &q, wire: wire}, nil
}

func randomID() uint16 {
	var id [2]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the program first
	return binary.BigEndian.Uint16(id[:])
}

// dial connects and shakes hands; the certificate is checked for the name.
func dial(ctx context.Context, to netip.AddrPort, config *tls.Config) (net.Conn, error) {
	d := tls.Dialer{Config: config}
	return d.DialContext(ctx, "tcp", to.String())
}
