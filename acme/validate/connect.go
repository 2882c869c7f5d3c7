package validate

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"

	"cnfd/acme"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// maxDials is how many addresses of a name are dialled: one IPv6 and one IPv4
// address, as Boulder does. A name with a hundred addresses must not have us knock on
// a hundred doors.
const maxDials = 2

// line is a connection, and where it leads to, for people.
type line struct {
	net.Conn
	to netip.AddrPort
}

// connect opens a connection to a host: to an IPv6 address first, and where nobody
// takes it there to an IPv4 one. What is dialled is the address that was looked at.
func (v *Validator) connect(ctx context.Context, h host, port uint16) (*line, *acme.Problem) {
	addresses, problem := v.addresses(ctx, h)
	if problem != nil {
		return nil, problem
	}
	var failed []string
	for _, a := range addresses {
		to := netip.AddrPortFrom(a, port)
		conn, err := v.dial(ctx, to)
		if err == nil {
			return &line{conn, to}, nil
		}
		failed = append(failed, to.String()+": "+why(err))
	}
	return nil, passing(acme.Connection, "no connection to %s (%s): see that a server listens there and that no firewall stands before it",
		h, strings.Join(failed, "; "))
}

// dial gives each address its share of the time, so that one that swallows
// everything leaves some to the next, and to the answer.
func (v *Validator) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout/(maxDials+1))
	defer cancel()
	return v.cfg.Dialer.DialContext(ctx, "tcp", to.String())
}

// addresses are those of a host that may be connected to, in the order in which they
// are dialled, at most maxDials.
func (v *Validator) addresses(ctx context.Context, h host) ([]netip.Addr, *acme.Problem) {
	found := []netip.Addr{h.address}
	if h.name != "" {
		var problem *acme.Problem
		if found, problem = v.resolve(ctx, h.name); problem != nil {
			return nil, problem
		}
	}
	var four, six, refused []netip.Addr
	for _, a := range found {
		switch {
		case !v.mayReach(a):
			refused = append(refused, a)
		case a.Is4() && !v.cfg.NoIPv4:
			four = append(four, a)
		case a.Is6() && !v.cfg.NoIPv6:
			six = append(six, a)
		}
	}
	chosen := append(six[:min(len(six), 1)], four[:min(len(four), 1)]...)
	switch {
	case len(chosen) > 0:
		return chosen, nil
	case len(refused) > 0:
		return nil, acme.Problemf(acme.Connection, "%s has no address that this server connects to (%s is not public): "+
			"give it a public one, or have this server's operator name the network in acme.allow_networks", h, refused[0])
	}
	return nil, acme.Problemf(acme.Connection, "%s has no address of a family that this server connects by", h)
}

// resolve looks both kinds of address up at once. What is proven of one kind serves,
// whatever the trouble with the other.
func (v *Validator) resolve(ctx context.Context, name string) ([]netip.Addr, *acme.Problem) {
	var six, four lookup
	var both sync.WaitGroup
	if !v.cfg.NoIPv6 {
		both.Go(func() { six.answer, six.problem = v.look(ctx, name, dns.TypeAAAA) })
	}
	if !v.cfg.NoIPv4 {
		both.Go(func() { four.answer, four.problem = v.look(ctx, name, dns.TypeA) })
	}
	both.Wait()
	found := append(six.addresses(dns.TypeAAAA), four.addresses(dns.TypeA)...)
	switch {
	case len(found) > 0:
		return found, nil
	case six.problem != nil:
		return nil, six.problem
	case four.problem != nil:
		return nil, four.problem
	}
	return nil, acme.Problemf(acme.DNS, "%s has no address: add an A or an AAAA record that leads to the server, and wait until each of the zone's name servers has it", name)
}

// lookup is what came of one: both are nil where none was made.
type lookup struct {
	answer  *dnssec.Answer
	problem *acme.Problem
}

// addresses are those of the answer's records; what is none of the type's size is left out.
func (l *lookup) addresses(rrtype uint16) (out []netip.Addr) {
	if l.answer == nil {
		return nil
	}
	for _, rdata := range l.answer.Data {
		if a, ok := netip.AddrFromSlice(rdata); ok && a.Is4() == (rrtype == dns.TypeA) {
			out = append(out, a)
		}
	}
	return out
}
