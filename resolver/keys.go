package resolver

import (
	"context"
	"errors"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// SetAnchors trusts a from now on, in place of what was trusted before, and
// forgets every zone and answer that was proven from that: a key that is no
// longer trusted must not go on confirming from the cache.
func (r *Resolver) SetAnchors(a dnssec.Anchors) {
	r.anchors.Store(&a)
	// After the store: what a walk under way has proven from the old anchors is
	// older than this and is not kept (see cache.Put).
	r.cache.DropFunc(func(string, *entry) bool { return true })
}

// AskKeys asks the servers of a zone for its DNSKEY records, past the cache,
// until accept takes a message. The caller judges them: nothing of a message
// is proven, and accept may be called with several. The error says that no
// server gave anything.
func (r *Resolver) AskKeys(ctx context.Context, zone string, accept func(*dns.Msg) bool) error {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	w := r.newWalk(ctx, r.cfg.Now())
	defer w.giveUpEarly(0)
	var c *cut
	if zone == "." {
		c = w.root()
	} else if _, c = w.find(zone, dns.TypeDNSKEY); c.zone.Name != zone {
		// Forwarders know every zone's keys.
		if own := w.known(zone); own != nil {
			c = own
		} else if !c.forwards() {
			return errors.New("the servers of " + zone + " cannot be found")
		}
	}
	if len(c.servers) == 0 {
		return errors.New(zone + " has no servers: " + c.zone.Trouble.Text)
	}
	at := &cut{zone: &dnssec.Zone{Name: zone}, servers: c.servers, fixed: c.fixed, keyed: true}
	got := w.ask(at, zone, dns.TypeDNSKEY, func(r *reply) bool { return accept(r.msg) })
	if !got.usable {
		return errors.New(got.trouble.Text)
	}
	return nil
}
