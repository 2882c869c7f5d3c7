package dnssec

import (
	"fmt"
	"slices"
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
		tb.Anchor = tr.Anchor
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
	keys := readKeys(set)
	entry, trouble := entryKeys(name, keys, tr, t)
	if len(entry) == 0 {
		if tr.outOfReach(name, keys, t) {
			return Unsigned(name, Insecure, how, outOfReachTrouble(name, how), t.Now.Add(min(set.TTL(), time.Hour)))
		}
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
	for _, k := range keys {
		if k.pub != nil {
			z.keys = append(z.keys, k.zoneKey)
		}
	}
	return z
}

// Usable reports whether any of a trust's records is of a supported kind.
func (tr *Trust) Usable(t *Terms) bool {
	for _, ds := range tr.DS {
		if t.supported(ds) {
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

// supported reports whether a DS is of a kind that can prove anything here.
func (t *Terms) supported(ds *dns.DS) bool {
	return t.supportedAlgorithm(ds.Algorithm) && t.supportedDigest(ds.DigestType)
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
func entryKeys(name string, keys []readKey, tr *Trust, t *Terms) ([]zoneKey, Trouble) {
	strong := false
	for _, ds := range tr.DS {
		strong = strong || ds.DigestType != dns.SHA1 && t.supported(ds)
	}
	var entry []zoneKey
	for _, k := range keys {
		if k.pub != nil && k.vouched(name, tr, t, strong) {
			entry = append(entry, k.zoneKey)
		}
	}
	if len(entry) > 0 {
		return entry, Trouble{}
	}
	return nil, Trouble{Code: CodeKeyMissing, Text: "none of the keys of " + name + " is the one that " + tr.String() + " vouches for" + tr.misfit()}
}

func (k *readKey) vouched(name string, tr *Trust, t *Terms, strong bool) bool {
	for _, a := range tr.Keys {
		if a.Algorithm == k.alg && t.supportedAlgorithm(k.alg) && a.KeyTag() == k.tag && a.PublicKey == k.rr.PublicKey {
			return true
		}
	}
	for i, ds := range tr.DS {
		if i == maxDS {
			break
		}
		if t.supported(ds) && !(strong && ds.DigestType == dns.SHA1) && k.digested(ds, name) {
			return true
		}
	}
	return false
}

// outOfReach reports whether each DS that could prove a zone is the digest of an
// RSA key of a length that is not used here: then the zone is signed, as far as
// this resolver can tell, in no way that it knows (docs/decisions/rsa-lengths.md).
// A DS that no key here answers to is no such one: whoever cannot sign could else
// open a zone by leaving its good key out.
func (tr *Trust) outOfReach(name string, keys []readKey, t *Terms) bool {
	if tr.Anchor || len(tr.DS) > maxDS {
		return false
	}
	for _, ds := range tr.DS {
		if !t.supported(ds) {
			continue
		}
		if !slices.ContainsFunc(keys, func(k readKey) bool { return k.wrongLength && k.digested(ds, name) }) {
			return false
		}
	}
	return true
}

func outOfReachTrouble(name, how string) Trouble {
	return Trouble{Code: CodeUnsupportedKey, Text: fmt.Sprintf("the RSA key of %s that %s vouches for is not of %d to %d bits", name, how, minRSABits, maxRSABits)}
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}
