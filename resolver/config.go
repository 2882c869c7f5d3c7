// Package resolver walks from the root to an answer, proving every step.
//
// It holds the only loop over the network; what messages prove is decided by
// package dnssec, and what is known is kept by package cache.
package resolver

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/netip"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/transport"

	"github.com/miekg/dns"
)

// Config says how to resolve. Now is required; the zero value of everything else
// resolves from the built-in root hints with the built-in IANA trust anchors.
type Config struct {
	// Now is the clock for signatures and TTLs; required. I/O deadlines never
	// come from it.
	Now func() time.Time
	// Hints are the root servers to begin with; default: the thirteen of IANA.
	Hints []Hint
	// Forwarders, where there are any, are asked everything that no stub covers, in
	// place of the root servers and of those below; Hints are not used then.
	Forwarders []Forwarder
	// ForwarderRoots are the authorities that may vouch for their certificates;
	// nil: those of the machine.
	ForwarderRoots *x509.CertPool
	// Forwarded, where it is set, is told what came of each message to a forwarder over tls
	// or https, which the Exchanger does not carry: the reply or the error, and the context
	// that it was sent under. It is called by many at once.
	Forwarded func(ctx context.Context, network string, reply *dns.Msg, err error)
	// Anchors are what is trusted from the start; nil means dnssec.RootAnchors.
	// SetAnchors replaces them.
	Anchors *dnssec.Anchors
	// NegativeAnchors are names whose signatures are not checked for a while
	// (RFC 7646): at and below them everything is Insecure and decides nothing.
	NegativeAnchors []NegativeAnchor
	// Stubs are zones with servers of their own.
	Stubs []Stub
	// WholeNames turns QNAME minimisation (RFC 9156) off.
	WholeNames bool
	// SHA1 lets SHA-1 signatures and digests prove something.
	SHA1 bool
	// AllowLocalServers admits learnt name servers on loopback, private and
	// link-local addresses. Configured addresses are always allowed.
	AllowLocalServers bool
	// NoIPv4, NoIPv6 turn an address family off.
	NoIPv4, NoIPv6 bool
	// ServerPort is the port of authoritative servers; default 53.
	ServerPort uint16
	// MaxBytes bounds the cache, in octets; default 256 MiB.
	MaxBytes int64
	// MaxTTL and MaxNegativeTTL cap how long a confirmation record and its
	// absence are believed; defaults 300 s and 60 s.
	MaxTTL, MaxNegativeTTL time.Duration
	// Prefetch renews an answer that is asked for in the last tenth of its life;
	// PrefetchConfirmations those of type TLSA as well.
	Prefetch, PrefetchConfirmations bool
	// Snapshots keeps with each zone what Snapshot writes down of it: a few hundred octets.
	Snapshots bool
	// Exchanger carries messages; default: a transport.Net.
	Exchanger Exchanger
}

// Hint is a root server.
type Hint struct {
	Name      string
	Addresses []netip.Addr
}

// Stub is a zone whose servers are configured, with trust anchors of its own
// where the tree above does not vouch for it. The anchors themselves belong
// into Config.Anchors.
type Stub struct {
	Zone      string
	Addresses []netip.Addr
}

// Exchanger carries one message to one server and brings the reply back.
// network is "udp" or "tcp". A reply must match its question; see
// transport.Net for what that means. It is called by several at once, by one
// question too.
type Exchanger interface {
	Exchange(ctx context.Context, server netip.AddrPort, network string, query *dns.Msg) (*dns.Msg, error)
}

// Caps on how long things are believed.
const (
	maxChainTTL   = time.Hour        // keys, delegations, and records that confirm nothing
	maxFailureTTL = 60 * time.Second // bogus data (Unbound: 60 s; RFC 9520 §3.2)
	unreachable   = 5 * time.Second  // no server answered (RFC 9520 §3.2: at least 1 s)
)

// questionTime bounds one question in all (PowerDNS: 7 s).
const questionTime = 7 * time.Second

func (c Config) withDefaults() (Config, error) {
	if c.Now == nil {
		return c, fmt.Errorf("resolver: Config.Now is required")
	}
	if c.NoIPv4 && c.NoIPv6 {
		return c, fmt.Errorf("resolver: both IPv4 and IPv6 are off")
	}
	if len(c.Hints) == 0 {
		c.Hints = rootHints()
	}
	if c.Anchors == nil {
		a := dnssec.RootAnchors()
		c.Anchors = &a
	}
	if c.ServerPort == 0 {
		c.ServerPort = 53
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 256 << 20
	}
	if c.MaxTTL == 0 {
		c.MaxTTL = 300 * time.Second
	}
	if c.MaxNegativeTTL == 0 {
		c.MaxNegativeTTL = 60 * time.Second
	}
	if c.Exchanger == nil {
		c.Exchanger = &transport.Net{Now: c.Now}
	}
	return c, nil
}
