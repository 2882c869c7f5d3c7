package update

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"

	"github.com/miekg/dns"
)

// maxAddresses bounds the addresses of a primary that are tried.
const maxAddresses = 8

// FindPrimary finds the zone that holds a name, by the SOA at the name or above it,
// and the addresses of the primary that the SOA names (RFC 2136 §4.1 to §4.3), each
// with that port. Many zones name a server there that nobody can reach, or none that
// is; the error, a *publish.Error, then says what to set.
//
// Data that is bogus is used only where the caller says so, who then needs another proof
// of whom it talks to: TSIG's (Key.Proves). A revocation must not wait until whatever
// broke the zone is mended, nor be kept back by who forges answers.
func FindPrimary(ctx context.Context, w publish.World, name string, port uint16, bogus bool) (apex string, servers []netip.AddrPort, err error) {
	soa, err := soaOf(ctx, w, name, bogus)
	if err != nil {
		return "", nil, err
	}
	apex, primary := dns.CanonicalName(soa.Hdr.Name), dns.CanonicalName(soa.Ns)
	for _, rrtype := range []uint16{dns.TypeAAAA, dns.TypeA} {
		if primary == "." {
			break
		}
		a, err := lookup(ctx, w, primary, rrtype)
		if err != nil {
			return "", nil, err
		}
		data := a.Data
		if bogus && a.Security == dnssec.Bogus {
			data = a.AnswerSection.RDATA(rrtype) // of what is bogus there is no Data
		}
		for _, octets := range data {
			if addr, ok := netip.AddrFromSlice(octets); ok && (bogus || a.Security != dnssec.Bogus) && len(servers) < maxAddresses {
				servers = append(servers, netip.AddrPortFrom(addr, port))
			}
		}
	}
	if len(servers) == 0 {
		return "", nil, &publish.Error{
			Kind: publish.Unreachable, Where: apex, What: fmt.Sprintf("its SOA names %s as the primary, which has no address", primary),
			Do: "set publish.server to where the zone's updates go",
		}
	}
	return apex, servers, nil
}

// soaOf finds the SOA of the zone that holds a name, which is not the one that an
// alias at the name leads to.
func soaOf(ctx context.Context, w publish.World, name string, bogus bool) (*dns.SOA, error) {
	for at := name; ; at = dnssec.Parent(at) {
		a, err := lookup(ctx, w, at, dns.TypeSOA)
		switch {
		case err != nil:
			return nil, err
		case a.Security == dnssec.Bogus && !bogus:
			return nil, &publish.Error{Kind: publish.Unreachable, Where: at, What: "the zone's SOA, by which its primary is found, is bogus: " + a.Trouble.Text,
				Do: "mend that, which cnfd resolve " + strings.TrimSuffix(at, ".") + " shows; until then set publish.server and publish.zone"}
		case a.Kind == dnssec.NoAnswer:
			return nil, &publish.Error{Kind: publish.Unreachable, Where: at, What: fmt.Sprintf("the zone's SOA, by which its primary is found, was not heard: %s: %s", a.Security, a.Trouble.Text),
				Do: "see whether this machine reaches name servers on port 53 (on private addresses: resolver.allow_local_servers), or set publish.server and publish.zone"}
		}
		alias := false
		for _, rr := range append(a.AnswerSection.RRs(), a.AuthoritySection.RRs()...) {
			soa, ok := rr.(*dns.SOA)
			if ok && !alias && dnssec.IsSubdomain(at, dns.CanonicalName(soa.Hdr.Name)) {
				return soa, nil
			}
			alias = alias || rr.Header().Rrtype == dns.TypeCNAME
		}
		if at == "." {
			return nil, &publish.Error{Kind: publish.Unreachable, Where: name, What: "no zone found that holds it", Do: "set publish.server and publish.zone"}
		}
	}
}

// otherTime bounds the search for who is meant, where the server that was told is not it.
const otherTime = 3 * time.Second

// other adds to an error of a server that was told which one the zone's SOA names.
func (z *primary) other(ctx context.Context, name string, err error) error {
	var e *publish.Error
	if z.cfg.Server == "" || z.cfg.Primary == nil || !errors.As(err, &e) || ctx.Err() != nil ||
		!strings.HasSuffix(e.Do, notPrimary) && !strings.HasSuffix(e.Do, setServer) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, otherTime)
	defer cancel()
	apex, servers, ferr := z.cfg.Primary(ctx, name)
	if ferr != nil || tooHigh(name, apex) != nil || len(servers) == 0 || servers[0].String() == e.Where {
		return err
	}
	e.Do += fmt.Sprintf(" (the SOA of %s names %s)", apex, servers[0])
	return err
}

// tooHigh is an error where the zone that was found is the root's or a top-level domain,
// which is nobody's who publishes: the domain is mistyped, or not there. Not even a
// question is sent to such a zone's servers, for it would bear the key's name.
func tooHigh(name, apex string) error {
	if dns.CountLabel(apex) > 1 {
		return nil
	}
	labels := dns.SplitDomainName(name)
	domain := strings.Join(labels[max(0, len(labels)-2):], ".") + "."
	return &publish.Error{Kind: publish.WrongZone, Where: domain, What: "no such zone: the nearest is " + apex,
		Do: "is the domain spelled right? Where the zone " + apex + " is meant, set publish.zone to it"}
}

func lookup(ctx context.Context, w publish.World, name string, rrtype uint16) (*dnssec.Answer, error) {
	n, ok := dnssec.NameOf(name)
	if !ok {
		return nil, &publish.Error{Kind: publish.NameTooLong, Where: name, What: "name is too long to be looked up"}
	}
	a, _, err := w.Lookup(ctx, dnssec.Question{Name: n, Type: rrtype})
	if err != nil {
		return nil, &publish.Error{Kind: publish.Stopped, Where: name, What: "stopped while looking for the zone's primary", Err: err}
	}
	return a, nil
}
