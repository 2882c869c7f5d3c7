// Package rollover follows the keys of a trust anchor through their life (RFC
// 5011): what was known, what a DNSKEY set shows, and the time give what is
// known next. It asks nobody, keeps nothing and reads no clock.
package rollover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// State is where a key stands (RFC 5011 §4.2). The zero State, Start, is that
// of a key that is not followed; it vouches for nothing.
type State uint8

// The states of RFC 5011 §4.2. Valid and Missing keys are trusted.
const (
	Start   State = iota
	AddPend       // seen, signed by a key that is trusted, and waiting for the end of the hold-down
	Valid
	Missing // trusted, and not in the set at present
	Revoked // for good: it has said so itself
	Removed // revoked for more than the hold-down; remembered, so that it never comes back
)

var stateNames = [...]string{"start", "pending", "valid", "missing", "revoked", "removed"}

// String is the state's word in the state file and in logs.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", s)
}

// Trusted reports whether a key in this state vouches for its zone.
func (s State) Trusted() bool { return s == Valid || s == Missing }

func (s State) gone() bool { return s == Revoked || s == Removed }

// The hold-downs of RFC 5011 §2.4.1 and §2.4.2.
const (
	AddHoldDown    = 30 * 24 * time.Hour
	RemoveHoldDown = 30 * 24 * time.Hour
)

// maxKeys bounds the keys followed at one name; RFC 5011 §2.4.3 wants five at
// least. When it is reached no new one is followed.
const maxKeys = 64

// Key is a key that is followed.
type Key struct {
	DNSKEY *dns.DNSKEY // with the REVOKE bit clear, also after it was revoked
	State  State
	Since  time.Time // when it came into its state
	Until  time.Time // when a pending key's or a revoked key's hold-down ends; else zero
}

// Point is a name with its trust anchors (a trust point). It is never changed
// once made: what comes of it is another one.
type Point struct {
	Name       string        // lower case, trailing dot
	Configured *dnssec.Trust // what the configuration trusts, revoked or not
	Keys       []Key
	Checked    time.Time // when a proven set was seen last; zero: never
}

// Event is a change of one key's state; To is Start where it is followed no more.
type Event struct {
	Point      string
	Key        *dns.DNSKEY
	From, To   State
	Configured bool
	Until      time.Time // the end of the hold-down that begins; else zero
}

// New begins to follow a name with what is configured for it.
func New(name string, configured *dnssec.Trust) Point {
	return Point{Name: name, Configured: configured}
}

// Next is the point after a DNSKEY set was seen at now, with what has changed
// (RFC 5011 §4). A set that is not proven changes nothing but for the keys that
// revoke themselves in it.
func (p Point) Next(s dnssec.KeySet, now time.Time) (Point, []Event) {
	n := step{Point: p.clone(), now: now}
	n.revoke(s.Revoked)
	if s.Proven {
		n.Checked = now
		n.look(s.Keys)
		n.meet(s.Keys, s.TTL)
	}
	return n.Point, n.events
}

// step is a point on its way to the next one.
type step struct {
	Point
	now    time.Time
	events []Event
}

func (n *step) change(k *Key, to State, hold time.Duration) {
	var until time.Time
	if hold > 0 {
		until = n.now.Add(hold)
	}
	n.events = append(n.events, Event{n.Name, k.DNSKEY, k.State, to, n.configured(k.DNSKEY), until})
	k.State, k.Since, k.Until = to, n.now, until
}

// revoke takes the trust from keys that have revoked themselves, whoever else
// signs the set, and lets those go whose hold-down is over.
func (n *step) revoke(keys []*dns.DNSKEY) {
	for _, r := range keys {
		if k := n.find(r); k != nil {
			if !k.State.gone() {
				n.change(k, Revoked, RemoveHoldDown)
			}
		} else if k := unrevoked(n.Name, r); n.configured(k) || n.weaklyConfigured(k) {
			// Not bounded by maxKeys: the configuration bounds them.
			n.Keys = append(n.Keys, Key{DNSKEY: k})
			n.change(&n.Keys[len(n.Keys)-1], Revoked, RemoveHoldDown)
		}
	}
	for i := range n.Keys {
		if k := &n.Keys[i]; k.State == Revoked && !n.now.Before(k.Until) {
			n.change(k, Removed, 0)
		}
	}
}

// look sees which of the keys that are followed are in a proven set.
func (n *step) look(keys []*dns.DNSKEY) {
	for i := range n.Keys {
		k := &n.Keys[i]
		present := slices.ContainsFunc(keys, func(o *dns.DNSKEY) bool { return dnssec.SameKey(o, k.DNSKEY) })
		switch {
		case k.State == AddPend && !present:
			// From the beginning, should it come back: the hold-down is time
			// without interruption (RFC 5011 §2.2).
			n.change(k, Start, 0)
		case k.State == AddPend && (!n.now.Before(k.Until) || n.configured(k.DNSKEY)), k.State == Missing && present:
			n.change(k, Valid, 0)
		case k.State == Valid && !present:
			n.change(k, Missing, 0)
		}
	}
	n.Keys = slices.DeleteFunc(n.Keys, func(k Key) bool { return k.State == Start })
}

// meet begins to follow the keys of a proven set that are new.
func (n *step) meet(keys []*dns.DNSKEY, ttl time.Duration) {
	for _, found := range keys {
		if n.find(found) != nil || len(n.Keys) >= maxKeys {
			continue
		}
		k := Key{DNSKEY: unrevoked(n.Name, found)}
		switch {
		case n.configured(k.DNSKEY):
			n.change(&k, Valid, 0)
		case found.Flags&dns.SEP != 0:
			n.change(&k, AddPend, max(AddHoldDown, ttl))
		default:
			continue // a zone-signing key (RFC 5011 §3)
		}
		n.Keys = append(n.Keys, k)
	}
}

// Trust is what vouches for the zone now: what is configured and the keys
// learnt since, without those revoked. It is never nil, and without records
// where every anchor is revoked.
func (p Point) Trust() *dnssec.Trust {
	tr := &dnssec.Trust{Anchor: true}
	if p.Configured != nil {
		for _, ds := range p.Configured.DS {
			if !slices.ContainsFunc(p.Keys, func(k Key) bool { return k.State.gone() && digestOf(ds, k.DNSKEY) }) {
				tr.DS = append(tr.DS, ds)
			}
		}
		for _, c := range p.Configured.Keys {
			if k := p.find(c); k == nil || !k.State.gone() {
				tr.Keys = append(tr.Keys, c)
			}
		}
	}
	for _, k := range p.Keys {
		if k.State.Trusted() && !p.configured(k.DNSKEY) { // else it is there already, by itself or by its digest
			tr.Keys = append(tr.Keys, k.DNSKEY)
		}
	}
	return tr
}

// Empty reports whether nothing is trusted any more.
func (p Point) Empty() bool {
	tr := p.Trust()
	return len(tr.DS)+len(tr.Keys) == 0
}

// RevokedAnchors are the keys that are configured and yet revoked.
func (p Point) RevokedAnchors() []Key {
	var out []Key
	for _, k := range p.Keys {
		if k.State.gone() && p.configured(k.DNSKEY) {
			out = append(out, k)
		}
	}
	return out
}

// Reconfigure is the point under another configuration. An anchor that was
// taken out of it takes along all that was learnt while it was trusted, for who
// holds its key may have taught it. Revocations stay.
func (p Point) Reconfigure(configured *dnssec.Trust) Point {
	n := p.clone()
	n.Configured = configured
	now := Records(p.Name, configured)
	for _, was := range Records(p.Name, p.Configured) {
		if !slices.Contains(now, was) {
			n.Keys = slices.DeleteFunc(n.Keys, func(k Key) bool { return !k.State.gone() })
			n.Checked = time.Time{}
			break
		}
	}
	return n
}

// WithRevoked is the point with the revocations of another one at the same name.
func (p Point) WithRevoked(o Point) Point {
	n := p.clone()
	for _, k := range o.Keys {
		if !k.State.gone() {
			continue
		}
		if own := n.find(k.DNSKEY); own == nil {
			n.Keys = append(n.Keys, k)
		} else if !own.State.gone() {
			*own = k
		}
	}
	return n
}

func (p Point) clone() Point {
	p.Keys = slices.Clone(p.Keys)
	return p
}

// find returns the followed key that is k, revoked or not.
func (p Point) find(k *dns.DNSKEY) *Key {
	for i := range p.Keys {
		if dnssec.SameKey(p.Keys[i].DNSKEY, k) {
			return &p.Keys[i]
		}
	}
	return nil
}

// configured reports whether the configuration trusts a key by itself.
func (p Point) configured(k *dns.DNSKEY) bool {
	if p.Configured == nil {
		return false
	}
	return slices.ContainsFunc(p.Configured.Keys, func(c *dns.DNSKEY) bool { return dnssec.SameKey(c, k) }) ||
		slices.ContainsFunc(p.Configured.DS, func(ds *dns.DS) bool { return ds.DigestType != dns.SHA1 && digestOf(ds, k) })
}

// weaklyConfigured is configured by a SHA-1 digest alone: good enough to lose
// trust by, not to gain it.
func (p Point) weaklyConfigured(k *dns.DNSKEY) bool {
	return p.Configured != nil && slices.ContainsFunc(p.Configured.DS, func(ds *dns.DS) bool { return digestOf(ds, k) })
}

// digestOf reports whether a DS is of this key.
func digestOf(ds *dns.DS, k *dns.DNSKEY) bool {
	if ds.Algorithm != k.Algorithm || ds.KeyTag != k.KeyTag() {
		return false
	}
	own := k.ToDS(ds.DigestType)
	return own != nil && strings.EqualFold(own.Digest, ds.Digest)
}

// unrevoked is a key as it was before its revocation, under its zone's name.
func unrevoked(name string, k *dns.DNSKEY) *dns.DNSKEY {
	c := *k
	c.Hdr = dns.RR_Header{Name: name, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}
	c.Flags &^= dns.REVOKE
	return &c
}
