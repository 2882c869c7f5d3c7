// Package update writes records by dynamic update (RFC 2136): to BIND, Knot DNS,
// PowerDNS, and whatever else takes one.
//
// Everything goes over TCP to the zone's primary. An update is one message, and
// carries as its precondition what was read before, so that nobody's concurrent
// change is lost. It is signed with TSIG (RFC 8945) or SIG(0) (RFC 2931), or handed
// to `nsupdate -g`, which signs with Kerberos (RFC 3645). With TSIG the replies are
// proven too. With SIG(0) and Kerberos what Read says is as good as the network to the
// primary; whether the record is there is in the end what the world is asked for.
package update

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"cnfd/publish"

	"github.com/miekg/dns"
)

// Config says where updates go and how they are signed. Server or Primary is required.
type Config struct {
	// Server is the zone's primary: address or host name, with ":port" where that is
	// not 53. A secondary that hands updates on (RFC 2136 §6) does the work too, and
	// Read sees it there late. Default: what Primary finds.
	Server string
	// Zone is the apex of the zone that is updated. Default: what the server's SOA
	// says for the name (RFC 2136 §4.1).
	Zone string
	// Key signs. The zero Key signs nothing: for servers that go by the address alone.
	Key Key
	// GSS: updates are written by the program nsupdate with -g (GSS-TSIG, RFC 3645),
	// as whom the Kerberos ticket cache names. Key must then be zero.
	GSS bool
	// Nsupdate is the program for GSS. Default: nsupdate, from PATH.
	Nsupdate string
	// Now is the clock that signatures carry, and that replies' are held to (RFC 8945
	// §5.2.3). Required with a Key.
	Now func() time.Time
	// Primary finds the apex of the name's zone and the addresses of its primary, best
	// first: FindPrimary does. Where Server is set it is only asked for the other one, when
	// that does not do.
	Primary func(ctx context.Context, name string) (apex string, server []netip.AddrPort, err error)
	// Told, where set, hears of each zone and address of its primary before a change is
	// sent there, once for each.
	Told func(apex, server string)
	// Dial opens a connection of "tcp" to a host and port. Default: a net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Timeout bounds one Read and one Write, finding the primary aside. Default: 20 seconds.
	Timeout time.Duration
}

const defaultTimeout = 20 * time.Second

// New makes the target. Nothing is sent yet.
func New(c Config) (publish.Target, error) {
	switch {
	case c.Server == "" && c.Primary == nil:
		return publish.Target{}, errors.New("rfc2136: no server, and nothing to find it with")
	case c.GSS && !c.Key.IsZero():
		return publish.Target{}, errors.New("rfc2136: both a key and GSS-TSIG: give one")
	case !c.Key.IsZero() && c.Now == nil:
		return publish.Target{}, errors.New("rfc2136: a key, and no clock to sign with")
	}
	name := "rfc2136"
	if c.Server != "" {
		server, err := withPort(c.Server)
		if err != nil {
			return publish.Target{}, err
		}
		c.Server, name = server, "rfc2136 at "+server
	}
	if c.Zone != "" {
		apex, ok := normal(c.Zone)
		if !ok {
			return publish.Target{}, fmt.Errorf("rfc2136: zone %q: not a domain name", c.Zone)
		}
		c.Zone = apex
	}
	if c.Nsupdate == "" {
		c.Nsupdate = "nsupdate"
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	return publish.Target{Name: name, Zone: &primary{cfg: c}}, nil
}

// withPort adds port 53 where the server is given without one.
func withPort(server string) (string, error) {
	if addr, err := netip.ParseAddr(server); err == nil {
		return netip.AddrPortFrom(addr, 53).String(), nil
	}
	if host, port, err := net.SplitHostPort(server); err == nil && host != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return "", fmt.Errorf("rfc2136: server %q: want a port from 1 to 65535", server)
		}
		return server, nil
	}
	if _, ok := dns.IsDomainName(server); ok && !slices.Contains([]byte(server), ':') {
		return net.JoinHostPort(server, "53"), nil
	}
	return "", fmt.Errorf("rfc2136: server %q: want an address or a host name, and :port where that is not 53", server)
}

// primary is what a zone's primary lets be read and written.
type primary struct {
	cfg Config

	mu   sync.Mutex
	told [][2]string // zones and addresses that Config.Told has heard of
}

// tell tells of a zone and its primary.
func (z *primary) tell(apex, server string) {
	if z.cfg.Told == nil {
		return
	}
	z.mu.Lock()
	known := slices.Contains(z.told, [2]string{apex, server})
	if !known {
		z.told = append(z.told, [2]string{apex, server})
	}
	z.mu.Unlock()
	if !known {
		z.cfg.Told(apex, server)
	}
}

// place is where a name's updates go.
type place struct {
	apex    string   // "": what the server says
	servers []string // addresses of one primary, best first
	found   bool     // by its SOA, not told
}

// find returns where a name is read and written.
func (z *primary) find(ctx context.Context, name string) (place, error) {
	p := place{apex: z.cfg.Zone, servers: []string{z.cfg.Server}}
	if z.cfg.Server == "" {
		apex, servers, err := z.cfg.Primary(ctx, name)
		if err != nil {
			return place{}, asError(ctx, err)
		}
		p.found, p.servers = true, nil
		if z.cfg.Zone != apex {
			if err := tooHigh(name, apex); err != nil {
				return place{}, err
			}
		}
		if p.apex == "" {
			p.apex = apex
		}
		for _, s := range servers {
			p.servers = append(p.servers, s.String())
		}
	}
	if p.apex != "" && !dns.IsSubDomain(p.apex, name) {
		return place{}, &publish.Error{Kind: publish.WrongZone, Where: name, What: "name is not in the zone " + p.apex, Do: "set publish.zone to the zone that holds it, or leave it out"}
	}
	return p, nil
}

// Read asks the primary itself for the set at a name.
func (z *primary) Read(ctx context.Context, name string) (publish.Set, error) {
	s, err := z.read(ctx, name)
	return s, z.other(ctx, name, err)
}

func (z *primary) read(ctx context.Context, name string) (publish.Set, error) {
	name, err := owner(name)
	if err != nil {
		return publish.Set{}, err
	}
	p, err := z.find(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	s, err := z.open(ctx, p)
	if err != nil {
		return publish.Set{}, err
	}
	defer s.close()
	if p.apex, err = s.apexFor(name, p.apex); err != nil { // what Write would not be let change is not read either
		return publish.Set{}, err
	}
	z.tell(p.apex, s.where)
	return s.read(name)
}

// Write sends one update, and sends it once: after an error only Read can tell what
// became of it.
func (z *primary) Write(ctx context.Context, c publish.Change) error {
	return z.other(ctx, c.Name, z.write(ctx, c))
}

func (z *primary) write(ctx context.Context, c publish.Change) error {
	name, err := owner(c.Name)
	if err != nil {
		return err
	}
	switch {
	case c.Before.Alias != "" || c.After.Alias != "":
		return aliased(name, c.Before.Alias)
	case c.None() && c.Before.TTL == c.After.TTL:
		return nil
	}
	c.Name = name
	p, err := z.find(ctx, name)
	if err != nil {
		return err
	}
	s, err := z.open(ctx, p)
	if err != nil {
		return err
	}
	defer s.close()
	if p.apex, err = s.apexFor(name, p.apex); err != nil {
		return err
	}
	z.tell(p.apex, s.where)
	if z.cfg.GSS {
		err = z.handOn(ctx, s, p.apex, c)
	} else {
		err = s.update(p.apex, c)
	}
	var e *publish.Error
	if errors.As(err, &e) && e.Kind == publish.Conflict {
		return s.conflict(e, c)
	}
	return err
}

// conflict tells apart why a precondition did not hold, by a look at what is there.
func (s *session) conflict(e *publish.Error, c publish.Change) error {
	now, err := s.read(c.Name)
	switch {
	case err != nil:
		return e
	case now.Alias != "":
		return aliased(c.Name, now.Alias)
	case now.Same(c.Before) && len(now.Records) > 0:
		e.What += ", and the server still answers with what was read before: its answer may come from a wildcard"
		e.Do = "look at the zone itself; a record of the name's own ends the wildcard's"
	}
	return e
}

func aliased(name, target string) error {
	return &publish.Error{Kind: publish.Alias, Where: name, What: "a CNAME to " + target + " stands there, beside which nothing may stand", Do: "publish at its target's zone, or remove it"}
}

// owner checks a name and gives it its one text.
func owner(name string) (string, error) {
	if n, ok := normal(name); ok {
		return n, nil
	}
	return "", &publish.Error{Kind: publish.NameTooLong, Where: name, What: "name is no domain name: over 255 octets, or a label over 63"}
}

// normal is a name as it comes from messages: lower case, trailing dot, escapes only
// where they must be. It reports false where the text is no domain name.
func normal(name string) (string, bool) {
	var wire [255]byte
	n, err := dns.PackDomainName(dns.CanonicalName(name), wire[:], 0, nil, false)
	if err != nil || name == "" {
		return "", false
	}
	name, _, err = dns.UnpackDomainName(wire[:n], 0)
	return dns.CanonicalName(name), err == nil
}
