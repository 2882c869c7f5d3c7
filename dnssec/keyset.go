package dnssec

import (
	"time"

	"github.com/miekg/dns"
)

// KeySet is what the DNSKEY RRset of a trust point showed when it was fetched:
// what RFC 5011 decides by. The zero KeySet shows nothing.
type KeySet struct {
	Proven  bool          // a key that is trusted, and that is not revoked here, signs the set
	Trouble Trouble       // why it is not proven
	Keys    []*dns.DNSKEY // keys that may sign, none of them revoked; proven only where the set is
	// Revoked are keys with the REVOKE bit that sign the set themselves. That
	// counts whoever else signs it or does not (RFC 5011 §2.1).
	Revoked []*dns.DNSKEY
	TTL     time.Duration // of a proven set, no longer than the original TTL
	Life    time.Duration // from now to the expiry of the signature that proved it
	// From and To are when the set would have been proven, where nothing but
	// the time is wrong with it; zero otherwise.
	From, To time.Time
}

// ReadKeySet judges the DNSKEY RRset of a zone, the one in msg, by what is
// trusted for it. Who is not trusted may still revoke a key of their own.
func ReadKeySet(name string, tr *Trust, msg *dns.Msg, t *Terms) KeySet {
	var s KeySet
	set := find(msg.Answer, name, dns.TypeDNSKEY)
	if len(set.RRs) == 0 {
		s.Trouble = Trouble{Code: CodeKeyMissing, Text: name + " has no DNSKEY records"}
		return s
	}
	for _, rr := range set.RRs {
		if k, ok := rr.(*dns.DNSKEY); ok && k.Flags&dns.REVOKE != 0 && len(s.Revoked) < maxRevoked && revokedBySelf(name, k, set, t) {
			s.Revoked = append(s.Revoked, k)
		}
	}
	keys := readKeys(set)
	for _, k := range keys {
		if k.pub != nil {
			s.Keys = append(s.Keys, k.rr)
		}
	}
	entry, trouble := entryKeys(name, keys, tr, t)
	door := &Zone{Name: name}
	for _, e := range entry {
		// A key that this very set revokes vouches for nothing else in it.
		if !s.revokes(e, set) {
			door.keys = append(door.keys, e)
		}
	}
	if len(door.keys) == 0 {
		if trouble.Text == "" {
			trouble = Trouble{Code: CodeKeyMissing, Text: "every key of " + name + " that is trusted is revoked"}
		}
		s.Trouble = trouble
		return s
	}
	p, trouble := door.proveRRset(set, t)
	switch {
	case p.ok && p.labels == Labels(name):
		s.Proven, s.TTL, s.Life = true, p.ttl, p.until.Sub(t.Now)
	case p.ok:
		s.Trouble = Trouble{Code: CodeBogus, Text: "the DNSKEY records of " + name + " were expanded from a wildcard"}
	default:
		s.Trouble = trouble
		s.From, s.To = door.otherTime(set, t)
	}
	return s
}

// maxRevoked bounds the revoked keys looked at in one set, each of which costs
// signature checks (RFC 5011 §2.4.3 wants five keys a trust point at least).
const maxRevoked = 8

// SameKey reports whether two records hold one key, revoked or not: the REVOKE
// bit changes a key's tag, not the key (RFC 5011 §2.1).
func SameKey(a, b *dns.DNSKEY) bool {
	return a.Algorithm == b.Algorithm && a.Protocol == b.Protocol && a.PublicKey == b.PublicKey
}

// revokedBySelf reports whether a key with the REVOKE bit signs its own set.
func revokedBySelf(name string, k *dns.DNSKEY, set RRset, t *Terms) bool {
	if k.Flags&dns.ZONE == 0 || k.Protocol != 3 || !t.supportedAlgorithm(k.Algorithm) {
		return false
	}
	own, _ := read(k)
	if own.pub == nil {
		return false
	}
	self := &Zone{Name: name, keys: []zoneKey{own.zoneKey}}
	p, _ := self.proveRRset(set, t)
	return p.ok && p.labels == Labels(name)
}

// revokes reports whether the key behind e is among those revoked.
func (s *KeySet) revokes(e zoneKey, set RRset) bool {
	for _, rr := range set.RRs {
		k, ok := rr.(*dns.DNSKEY)
		if !ok || k.Flags&dns.REVOKE != 0 || k.KeyTag() != e.tag || k.Algorithm != e.alg {
			continue
		}
		for _, r := range s.Revoked {
			if SameKey(k, r) {
				return true
			}
		}
	}
	return false
}

// otherTime looks for a time at which one of the zone's keys would prove a set
// that they do not prove now: the validity period of a signature that holds.
func (z *Zone) otherTime(set RRset, t *Terms) (from, to time.Time) {
	for i, sig := range set.Sigs {
		if i == maxSigsPerSet {
			break
		}
		from, to := serialTime(sig.Inception, t.Now), serialTime(sig.Expiration, t.Now)
		if !from.Before(to) || !t.Now.After(to) && !t.Now.Add(clockTolerance).Before(from) {
			continue
		}
		then := *t
		then.Now = from.Add(to.Sub(from) / 2)
		one := set
		one.Sigs = []*dns.RRSIG{sig}
		if p, _ := z.proveRRset(one, &then); p.ok && p.labels == Labels(z.Name) {
			return from, to
		}
	}
	return time.Time{}, time.Time{}
}
