package resolver

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// NegativeAnchor is a name at and below which no signature is checked (RFC 7646):
// everything there is Insecure and Answer.Overridden, and decides nothing.
type NegativeAnchor struct {
	Name string
	// Until is when it ends; zero: a week after New. It never lasts longer than
	// that (RFC 7646 §4), and one that has ended is not there.
	Until time.Time
}

// LongestNegativeAnchor is how long a negative trust anchor lasts at the most
// (RFC 7646 §4: the lifetime SHOULD NOT exceed a week).
const LongestNegativeAnchor = 7 * 24 * time.Hour

// recheckEvery is how often it is tried whether the zones validate again (RFC
// 7646 §4; BIND's nta-recheck).
const recheckEvery = 5 * time.Minute

// negatives are the ends of the negative trust anchors, by name. A set is never
// changed: it is replaced.
type negatives map[string]time.Time

// newNegatives are the anchors that hold at a time; of two at a name the later end.
func newNegatives(list []NegativeAnchor, now time.Time) *negatives {
	n := negatives{}
	for _, a := range list {
		name, end := dnssec.Canonical(a.Name), now.Add(LongestNegativeAnchor)
		if !a.Until.IsZero() && a.Until.Before(end) {
			end = a.Until
		}
		if end.After(now) && end.After(n[name]) {
			n[name] = end
		}
	}
	return &n
}

// at are those of the set that hold at a time.
func (n negatives) at(now time.Time) negatives {
	for _, end := range n {
		if !now.Before(end) {
			held := maps.Clone(n)
			maps.DeleteFunc(held, func(_ string, end time.Time) bool { return !now.Before(end) })
			return held
		}
	}
	return n
}

// without is the set but for one name.
func (n negatives) without(name string) negatives {
	left := maps.Clone(n)
	delete(left, name)
	return left
}

// over is when the first of the anchors that cover a name ends; zero where none
// does. From then on what was learnt under it is to be learnt anew.
func (n negatives) over(name string) time.Time {
	var end time.Time
	for ; len(n) > 0; name = dnssec.Parent(name) {
		if e, ok := n[name]; ok {
			end = sooner(end, e)
		}
		if name == "." {
			break
		}
	}
	return end
}

// negative reports whether a name was under a negative trust anchor when the
// walk began. It is one answer for the whole walk: were the anchor to end in
// the middle, a zone would be taken for unsigned and nothing would say why.
func (w *walk) negative(name string) bool { return !w.ntas.over(name).IsZero() }

// disregarded is a zone whose signatures a negative trust anchor has us not look at.
func (w *walk) disregarded(name string) *dnssec.Zone {
	return dnssec.Unsigned(name, dnssec.Insecure, "negative trust anchor", dnssec.Trouble{Text: "a negative trust anchor covers " + name}, w.ntas.over(name))
}

// override marks an answer that a negative trust anchor covers, where one does.
// It does not outlive the anchor.
func (w *walk) override(a *dnssec.Answer) {
	end := w.ntas.over(a.Name)
	if end.IsZero() {
		return
	}
	a.Overridden = true
	a.Until = sooner(a.Until, end)
}

// NegativeAnchors lists the negative trust anchors that hold now, by name, with their ends.
func (r *Resolver) NegativeAnchors() []NegativeAnchor {
	var out []NegativeAnchor
	for name, end := range r.ntas.Load().at(r.cfg.Now()) {
		out = append(out, NegativeAnchor{Name: name, Until: end})
	}
	slices.SortFunc(out, func(a, b NegativeAnchor) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// WatchNegativeAnchors tries every few minutes whether the zones under the negative
// trust anchors validate again, and takes away an anchor whose zone does (RFC 7646 §4)
// with all that was learnt under it. tell, where it is not nil, hears of each that
// ends: validates tells whether the zone validates, or else the time was up. It returns
// when ctx ends or none is left.
func (r *Resolver) WatchNegativeAnchors(ctx context.Context, tell func(name string, validates bool)) {
	// The clock may jump, and may be another than the timers': it is looked at often.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	tried := r.cfg.Now()
	for len(*r.ntas.Load()) > 0 {
		now := r.cfg.Now()
		retry := now.Before(tried) || now.Sub(tried) >= recheckEvery
		if retry {
			tried = now
		}
		for name, end := range *r.ntas.Load() {
			validates := now.Before(end) && retry && r.validates(ctx, name)
			if ctx.Err() != nil {
				return
			}
			if !validates && now.Before(end) {
				continue
			}
			r.endNegative(name)
			if tell != nil {
				tell(name, validates)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// endNegative takes one away, and what was learnt under it (RFC 7646 §4), in that
// order: a walk that began before keeps nothing (see cache.Put), and one that begins
// now knows no zone that was taken for unsigned because of it (see known).
func (r *Resolver) endNegative(name string) {
	left := r.ntas.Load().without(name)
	r.ntas.Store(&left)
	r.Drop(name)
}

// validates reports whether the SOA of a zone under a negative trust anchor would be
// proven without it (BIND asks the same), be it signed or proven not to be, by a walk
// of its own that neither reads nor writes the cache.
func (r *Resolver) validates(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, questionTime)
	defer cancel()
	w := r.newWalk(ctx, r.cfg.Now())
	w.private, w.ntas = true, w.ntas.without(name)
	a := w.resolve(name, dns.TypeSOA, nil)
	return !a.Overridden && (a.Security == dnssec.Secure || a.Security == dnssec.Insecure) && a.Kind != dnssec.NoAnswer
}
