package config

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// Warnings reads a configuration as Parse does and says what it can hardly be meant
// to be though it can be run, in the order of the file: trust anchors that nothing can
// meet, negative ones that have no end of their own, have ended by now, or undo something
// else that is written, checks that a token escapes, no settings at all. Of a file that Parse refuses there
// are none.
func Warnings(file string, text []byte, d Config, now time.Time) Problems {
	r := reader{places: map[string]place{"": {1, 1}}}
	c := d
	if r.document(text, &c); len(r.problems) > 0 {
		return nil
	}
	if r.check(&c); len(r.problems) > 0 {
		return nil
	}
	if r.values == 0 {
		r.problem(place{1, 1}, "no settings: the defaults hold, with no issuer and no check; a running daemon that has some does not take it up")
	}
	r.warnAnchors("resolver.trust_anchors", c.Resolver.TrustAnchors, &c.Resolver)
	for i, s := range c.Resolver.Stubs {
		r.warnAnchors(fmt.Sprintf("resolver.stubs[%d].trust_anchors", i), s.TrustAnchors, &c.Resolver)
	}
	for i, n := range c.Resolver.NegativeTrustAnchors {
		r.warnNegative(fmt.Sprintf("resolver.negative_trust_anchors[%d]", i), n, &c.Resolver, now)
	}
	r.warnChecks(&c)
	r.warnAuthz(&c)
	r.warnACME(&c.ACME, c.Resolver.Mode)
	for i := range r.problems {
		r.problems[i].File = file
	}
	sort.SliceStable(r.problems, func(i, j int) bool { return r.problems[i].before(r.problems[j]) })
	return r.problems
}

// LongestNegativeAnchor is what resolver.LongestNegativeAnchor is; a test holds the
// two together.
const LongestNegativeAnchor = 7 * 24 * time.Hour

// warnAnchors tells of anchors that no key can meet, and of names where none is
// left that can: all below such a name is Bogus.
func (r *reader) warnAnchors(path string, lines []string, c *Resolver) {
	all, err := dnssec.ParseAnchors(lines)
	if err != nil {
		return // [none]: every other line was parsed before
	}
	terms := &dnssec.Terms{SHA1: c.SHA1 == "validate"}
	for i, l := range lines {
		one, err := dnssec.ParseAnchors([]string{l})
		if err != nil {
			continue
		}
		for _, name := range one.Names() {
			at, tr := fmt.Sprintf("%s[%d]", path, i), one.At(name)
			what := unmet(tr, terms)
			if what == "" {
				continue
			}
			if !slices.ContainsFunc(singles(all.At(name)), func(t *dnssec.Trust) bool { return unmet(t, terms) == "" }) {
				what += ": no anchor of " + name + " is left that can be met, everything below it will be bogus"
			}
			r.at(at, "%s", what)
		}
	}
}

// unmet says why an anchor of one record can never be met; "" where it can.
func unmet(tr *dnssec.Trust, terms *dnssec.Terms) string {
	for _, ds := range tr.DS {
		size := map[uint8]int{dns.SHA1: 20, dns.SHA256: 32, dns.SHA384: 48}[ds.DigestType]
		if size != 0 && len(ds.Digest) != 2*size {
			return fmt.Sprintf("the digest has %d octets, type %d has %d", len(ds.Digest)/2, ds.DigestType, size)
		}
	}
	if !tr.Usable(terms) {
		return "its algorithm or digest type is not one that proves anything here (see resolver.sha1)"
	}
	return ""
}

// singles are the records of an anchor, each by itself.
func singles(tr *dnssec.Trust) []*dnssec.Trust {
	var out []*dnssec.Trust
	for _, ds := range tr.DS {
		out = append(out, &dnssec.Trust{DS: []*dns.DS{ds}, Anchor: true})
	}
	for _, k := range tr.Keys {
		out = append(out, &dnssec.Trust{Keys: []*dns.DNSKEY{k}, Anchor: true})
	}
	return out
}

func (r *reader) warnNegative(path string, n NegativeAnchor, c *Resolver, now time.Time) {
	name := dnssec.Canonical(n.Name)
	week := now.Add(LongestNegativeAnchor)
	switch {
	case n.Until.IsZero():
		r.at(path, "%s has no end, so that each start gives it a week: write {name: %s, until: %s}", n.Name, n.Name, week.UTC().Format(time.RFC3339))
	case !n.Until.After(now):
		r.at(path, "ended at %s and is ignored: take it out", n.Until.UTC().Format(time.RFC3339))
		return
	case n.Until.After(week):
		r.at(path, "ends at %s: it will end a week after the start of the daemon (RFC 7646 §4)", n.Until.UTC().Format(time.RFC3339))
	}
	covers := func(what, under string) {
		if dnssec.IsSubdomain(dnssec.Canonical(under), name) {
			r.at(path, "covers the %s %s: as long as it lasts nothing there is proven", what, dnssec.Canonical(under))
		}
	}
	if a, err := dnssec.ParseAnchors(c.TrustAnchors); err == nil {
		names := a.Names()
		slices.Sort(names)
		for _, under := range names {
			covers("trust anchor of", under)
		}
	}
	if len(c.TrustAnchors) == 0 {
		covers("trust anchor of", ".")
	}
	for _, s := range c.Stubs {
		covers("stub", s.Zone)
	}
}
