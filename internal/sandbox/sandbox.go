// Package sandbox is a small signed Internet on loopback: a root, two top-level
// domains and some forty zones below them, each a case that a validating resolver
// has to get right or a way in which it can go wrong.
//
// It needs no network and no privilege. Every name server has an address of its
// own in 127.0.53.0/24 and all share one port, over UDP and TCP. The zones are
// listed, with what becomes of each, in zones.go; package [cnfd/internal/sandbox/zone]
// signs them and picks the answers. Tests use it, and `cnfd sandbox` shows it.
package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// Config says how the Internet is set up. Now is required; all else has a default.
type Config struct {
	// Now is the clock that signatures are made by.
	Now func() time.Time
	// Host gives the address of the i-th name server, i from 0. Default: 127.0.53.(i+1).
	Host func(i int) netip.Addr
	// Port is where every name server listens. Default: any port free on all of them.
	// 53, which other resolvers can walk, needs root; use a network namespace.
	Port int
	// TTL is that of confirmation records, in seconds. Default: 300.
	TTL uint32
	// ShortTTL is that of the records meant to be withdrawn, and of their zone's
	// negative answers, in seconds. Default: 2.
	ShortTTL uint32
}

// Internet is a running set of name servers. Close ends it.
type Internet struct {
	config                   Config
	holder, stranger, issuer *holder // the key that most zones confirm; another; the credentials' issuer
	anchor                   string
	secret                   string
	servers                  []*server
	zones                    map[string]*zone.Zone // the primary copies, by apex
	specs                    []spec
	port                     int
}

// Hint is a root server: its name and addresses.
type Hint struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
}

// KeyName and KeyAlgorithm are those of the TSIG key that updates are signed with.
const (
	KeyName      = "sandbox."
	KeyAlgorithm = dns.HmacSHA256
)

// Start makes the keys, signs the zones and opens the sockets.
func Start(c Config) (*Internet, error) {
	if c.Now == nil {
		return nil, errors.New("sandbox: no clock given")
	}
	if c.Host == nil {
		c.Host = func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 53, byte(i + 1)}) }
	}
	if c.TTL == 0 {
		c.TTL = 300
	}
	if c.ShortTTL == 0 {
		c.ShortTTL = 2
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	n := &Internet{config: c, secret: base64.StdEncoding.EncodeToString(secret), zones: map[string]*zone.Zone{}}
	for _, h := range []**holder{&n.holder, &n.stranger, &n.issuer} {
		var err error
		if *h, err = newHolder(); err != nil {
			return nil, err
		}
	}
	if err := n.build(); err != nil {
		return nil, err
	}
	if err := n.listen(); err != nil {
		return nil, err
	}
	return n, nil
}

// Close stops the name servers and waits until they have stopped. Closing again does nothing.
func (n *Internet) Close() error {
	var errs []error
	for _, s := range n.servers {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Hints are the root servers, as resolver.root_hints takes them.
func (n *Internet) Hints() []Hint {
	return []Hint{{Name: rootServer, Addresses: []netip.Addr{n.config.Host(serverRoot)}}}
}

// Anchor is the root's trust anchor: one DS record as a zone-file line, as
// resolver.trust_anchors takes it.
func (n *Internet) Anchor() string { return n.anchor }

// Port is the port of every name server.
func (n *Internet) Port() int { return n.port }

// TSIG is the key that dynamic updates are signed with: its name, its algorithm
// and its secret in base64, as `nsupdate -y algorithm:name:secret` takes them.
func (n *Internet) TSIG() (name, algorithm, secret string) {
	return KeyName, strings.TrimSuffix(KeyAlgorithm, "."), n.secret
}

// Zone is the zone at apex, or nil. It may be changed while it is served.
func (n *Internet) Zone(apex string) *zone.Zone { return n.zones[dns.CanonicalName(apex)] }

// Replace parses zone-file lines that make up one RRset (absolute names) and puts
// it in the place of what the zone at apex holds under that name and type.
func (n *Internet) Replace(apex string, lines ...string) error {
	z := n.Zone(apex)
	if z == nil {
		return fmt.Errorf("sandbox: no zone %s", apex)
	}
	var rrs []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			return fmt.Errorf("sandbox: record %q: %w", l, err)
		}
		rrs = append(rrs, rr)
	}
	return z.Replace(rrs...)
}

// Remove takes the RRset of one name and type out of the zone at apex.
func (n *Internet) Remove(apex, name string, rrtype uint16) error {
	z := n.Zone(apex)
	if z == nil {
		return fmt.Errorf("sandbox: no zone %s", apex)
	}
	return z.Remove(name, rrtype)
}

// Queries counts the messages that each server has received so far, over UDP and TCP.
func (n *Internet) Queries() map[netip.Addr]int {
	out := map[netip.Addr]int{}
	for _, s := range n.servers {
		out[s.addr] = int(s.queries.Load())
	}
	return out
}

// Tamper hands every reply of one server to f before it is sent; what f returns is
// sent instead, nil for nothing. f may change r, may block to be slow, and is called
// from several goroutines. network is "udp" or "tcp". A nil f makes the server honest again.
func (n *Internet) Tamper(server netip.Addr, f func(network string, q, r *dns.Msg) *dns.Msg) error {
	for _, s := range n.servers {
		if s.addr == server {
			s.tamper.Store(&f)
			return nil
		}
	}
	return fmt.Errorf("sandbox: no server at %s", server)
}
