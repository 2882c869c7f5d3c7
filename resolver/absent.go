package resolver

import (
	"time"

	"cnfd/cache"
	"cnfd/dnssec"
)

// absent answers a question from what its zone has denied before, without
// asking: an absence, or what a wildcard makes of a name that is absent (RFC
// 8198, and RFC 8020 for what lies below an absent name). It is as
// old as the oldest record that it rests on, and bound as any answer is by the
// age that the question allows.
func (w *walk) absent(c *cut, name string, rrtype uint16) (dnssec.Finding, bool) {
	if w.private || c.zone.Security != dnssec.Secure || w.negative(name) {
		return dnssec.Finding{}, false
	}
	if w.r.setApart(name, c.zone.Name) {
		return dnssec.Finding{}, false
	}
	oldest := w.oldest
	if rrtype == dnssec.TypeTLSA {
		// An absence that decides is believed for as long as if it had been asked for.
		if cap := w.terms.Now.Add(time.Nanosecond - w.r.cfg.MaxNegativeTTL); cap.After(oldest) {
			oldest = cap
		}
	}
	d := w.denials(c)
	f, ok := d.Absent(name, rrtype, oldest, w.terms)
	if !ok && rrtype != dnssec.TypeTLSA {
		f, ok = d.Expanded(name, rrtype, oldest, w.terms)
	}
	return f, ok
}

// setApart reports whether a trust anchor or a stub lies at or above a name and
// below a zone: then the zone has no say about the name.
func (r *Resolver) setApart(name, zone string) bool {
	for ; name != zone && name != "."; name = dnssec.Parent(name) {
		if _, ok := r.stubs[name]; ok || r.anchors.Load().At(name) != nil {
			return true
		}
	}
	return false
}

// denials are what is known to be denied by a zone, and may be used; nil where nothing is.
func (w *walk) denials(c *cut) *dnssec.Denials {
	if w.unaided() {
		return nil
	}
	return w.r.denials(c.zone.Name)
}

func (r *Resolver) denials(zone string) *dnssec.Denials {
	e, _ := r.cache.PeekString(denialKey(zone), time.Time{})
	if e == nil {
		return nil
	}
	return e.denials
}

// learn keeps what a message of a Secure zone denied. Two walks may overwrite
// each other's: what is lost is asked for again.
func (w *walk) learn(c *cut, proofs []dnssec.Proof) {
	if w.private || len(proofs) == 0 || c.zone.Security != dnssec.Secure {
		return
	}
	d := w.r.denials(c.zone.Name).With(c.zone.Name, w.terms.Now, proofs)
	w.r.cache.Put(denialKey(c.zone.Name), cache.Entry[*entry]{
		Value: &entry{denials: d}, Size: d.Size(), Until: w.terms.Now.Add(maxChainTTL), Since: w.terms.Now,
	})
}
