package dnssec

import (
	"crypto"
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Zone is a zone cut with its keys as a cached value: what is known of the
// trust in one zone. Only a Secure zone has keys. It is never changed once made.
type Zone struct {
	Name     string // apex, lower case, trailing dot
	Security Security
	Trouble  Trouble   // why it is not Secure
	How      string    // what vouches for it, in words
	Until    time.Time // when the keys stop being proven

	keys []zoneKey
}

type zoneKey struct {
	tag   uint16
	alg   uint8
	flags uint16
	pub   crypto.PublicKey
}

// Keys tells the zone's keys in words: flags, algorithm, tag.
func (z *Zone) Keys() []string {
	out := make([]string, 0, len(z.keys))
	for _, k := range z.keys {
		out = append(out, fmt.Sprintf("%d %d %d", k.flags, k.alg, k.tag))
	}
	return out
}

// Size estimates the octets that the zone takes in memory.
func (z *Zone) Size() int {
	n := 256 + len(z.Name) + len(z.How) + len(z.Trouble.Text)
	for range z.keys {
		n += 320
	}
	return n
}

// Unsigned makes a zone whose data proves nothing: Insecure where its parent
// has shown that it is not signed, Indeterminate where no anchor is above it.
func Unsigned(name string, s Security, how string, trouble Trouble, until time.Time) *Zone {
	return &Zone{Name: name, Security: s, How: how, Trouble: trouble, Until: until}
}

// ProveZone proves a zone's DNSKEY RRset, the one in msg, from what vouches for
// it (RFC 4035 §5.2): one of its keys is named by a supported DS or is an
// anchor's, and signs the set. Without any DS that is supported the zone is
// Insecure (RFC 4035 §5.2, RFC 6840 §5.2); never while one is.
func ProveZone(name string, tr *Trust, msg *dns.Msg, t *Terms) *Zone {
	how := tr.String()
	bad := func(tb Trouble) *Zone {
		if tb.Budget { // nothing was found wrong, the search was given up
			return Unsigned(name, Indeterminate, how, tb, time.Time{})
		}
		return &Zone{Name: name, Security: Bogus, Trouble: tb, How: how}
	}
	if !tr.Usable(t) {
		if tr.Anchor {
			// The operator trusts a key that cannot be used: to take the zone
			// for unsigned would open it without a word.
			return bad(unsupported(name, tr, t))
		}
		return Unsigned(name, Insecure, how, unsupported(name, tr, t), t.Now.Add(time.Hour))
	}
	if msg == nil {
		return bad(Trouble{Code: CodeKeyMissing, Text: "the DNSKEY records of " + name + " cannot be had", Unreachable: true})
	}
	set := find(msg.Answer, name, dns.TypeDNSKEY)
	if len(set.RRs) == 0 {
		return bad(Trouble{Code: CodeKeyMissing, Text: name + " has no DNSKEY records, yet " + how + " vouches for it"})
	}
	entry, trouble := entryKeys(name, set, tr, t)
	if len(entry) == 0 {
		return bad(trouble)
	}
	door := &Zone{Name: name, keys: entry}
	p, trouble := door.proveRRset(set, t)
	if !p.ok {
		return bad(trouble)
	}
	if p.labels != Labels(name) {
		return bad(Trouble{Code: CodeBogus, Text: "the DNSKEY records of " + name + " were expanded from a wildcard"})
	}
	z := &Zone{Name: name, Security: Secure, How: how, Until: earlier(t.Now.Add(p.ttl), p.until)}
	for _, rr := range set.RRs {
		if k, ok := usableKey(rr); ok {
			z.keys = append(z.keys, k)
		}
	}
	return z
}

// Usable reports whether any of a trust's records is of a supported kind.
func (tr *Trust) Usable(t *Terms) bool {
	for _, ds := range tr.DS {
		if t.supportedAlgorithm(ds.Algorithm) && t.supportedDigest(ds.DigestType) {
			return true
		}
	}
	for _, k := range tr.Keys {
		if t.supportedAlgorithm(k.Algorithm) {
			return true
		}
	}
	return false
}

func unsupported(name string, tr *Trust, t *Terms) Trouble {
	code := uint16(CodeUnsupportedKey)
	for _, ds := range tr.DS {
		if t.supportedAlgorithm(ds.Algorithm) {
			code = CodeUnsupportedDigest
		}
	}
	return Trouble{Code: code, Text: name + " is signed only in ways that prove nothing here: " + tr.String() + tr.misfit()}
}

// entryKeys are the zone's keys that the trust names. A SHA-1 digest beside a
// SHA-2 one is ignored, since who can forge it could pick it (RFC 4509 §3).
func entryKeys(name string, set RRset, tr *Trust, t *Terms) ([]zoneKey, Trouble) {
	strong := false
	for _, ds := range tr.DS {
		strong = strong || ds.DigestType != dns.SHA1 && t.supportedDigest(ds.DigestType) && t.supportedAlgorithm(ds.Algorithm)
	}
	var entry []zoneKey
	for _, rr := range set.RRs {
		k, ok := usableKey(rr)
		if !ok {
			continue
		}
		if vouched(rr.(*dns.DNSKEY), k, name, tr, t, strong) {
			entry = append(entry, k)
		}
	}
	if len(entry) > 0 {
		return entry, Trouble{}
	}
	return nil, Trouble{Code: CodeKeyMissing, Text: "none of the keys of " + name + " is the one that " + tr.String() + " vouches for" + tr.misfit()}
}

func vouched(rr *dns.DNSKEY, k zoneKey, name string, tr *Trust, t *Terms, strong bool) bool {
	for _, a := range tr.Keys {
		if a.Algorithm == k.alg && t.supportedAlgorithm(k.alg) && a.KeyTag() == k.tag && a.PublicKey == rr.PublicKey {
			return true
		}
	}
	for i, ds := range tr.DS {
		if i == maxDS {
			break
		}
		if ds.KeyTag != k.tag || ds.Algorithm != k.alg || !t.supportedAlgorithm(k.alg) || !t.supportedDigest(ds.DigestType) || strong && ds.DigestType == dns.SHA1 {
			continue
		}
		own := *rr
		own.Hdr.Name = name
		if d := own.ToDS(ds.DigestType); d != nil && strings.EqualFold(d.Digest, ds.Digest) {
			return true
		}
	}
	return false
}

// usableKey reads a DNSKEY that may sign zone data: the zone flag set, not
// revoked, protocol 3 (RFC 4034 §2.1, RFC 5011 §2.1).
func usableKey(rr dns.RR) (zoneKey, bool) {
	k, ok := rr.(*dns.DNSKEY)
	if !ok || k.Flags&dns.ZONE == 0 || k.Flags&dns.REVOKE != 0 || k.Protocol != 3 {
		return zoneKey{}, false
	}
	pub := publicKey(k)
	if pub == nil {
		return zoneKey{}, false
	}
	return zoneKey{k.KeyTag(), k.Algorithm, k.Flags, pub}, true
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}
