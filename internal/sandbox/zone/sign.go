package zone

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Denial is how a signed zone proves that something is absent.
type Denial uint8

const (
	NSEC  Denial = iota // RFC 4034 §4: the names themselves, in order
	NSEC3               // RFC 5155: their hashes, in order
)

// Policy says how a zone is signed. The zero value leaves it unsigned.
type Policy struct {
	// Keys sign the zone. Where some have the SEP flag and some have not, the
	// former sign the DNSKEY RRset alone and the latter everything else (a KSK and
	// ZSK pair); otherwise every key signs everything.
	Keys   []*Key
	Denial Denial
	// Iterations, Salt (hex) and OptOut are the NSEC3 parameters. RFC 9276 §3.1
	// wants zero iterations and no salt.
	Iterations uint16
	Salt       string
	OptOut     bool
	// Since and For are the signatures' validity, from Since after the time of
	// signing (negative: before it). Default: from one hour before, for 14 days.
	Since, For time.Duration
	// Spoil, where set, is handed every RRSIG made and says what is served in its
	// place: the record changed, or nil for none. It is how a zone becomes bogus.
	Spoil func(sig *dns.RRSIG) *dns.RRSIG
}

// Key is one DNSKEY of a zone with its private half.
type Key struct {
	Algorithm uint8  // DNSSEC algorithm number
	Flags     uint16 // 257 with the SEP bit, 256 without

	signer  crypto.Signer
	public  string // the DNSKEY's public key field, base64
	private uint8  // the algorithm that the private half really has
}

// Unknown is an algorithm number that no validator knows: a zone signed with
// nothing else is insecure (RFC 4035 §5.2).
const Unknown = 123

// NewKey makes a key of an algorithm among 5, 7, 8, 10, 13, 14, 15 and [Unknown].
// shared, where not nil, is used instead of a fresh private key (RSA keys are slow to find).
func NewKey(algorithm uint8, flags uint16, shared crypto.Signer) (*Key, error) {
	k := &Key{Algorithm: algorithm, Flags: flags, private: algorithm}
	if algorithm == Unknown {
		k.private = dns.ED25519
	}
	k.signer = shared
	if shared == nil {
		var err error
		if k.signer, err = generate(k.private); err != nil {
			return nil, err
		}
	}
	switch pub := k.signer.Public().(type) {
	case *rsa.PublicKey:
		k.public = base64Of(rsaWire(pub))
	case *ecdsa.PublicKey:
		point, err := pub.Bytes() // 4 || x || y; the DNSKEY leaves the 4 out (RFC 6605 §4)
		if err != nil {
			return nil, err
		}
		k.public = base64Of(point[1:])
	case ed25519.PublicKey:
		k.public = base64Of(pub)
	}
	if shared == nil && k.record(".").KeyTag() == 0 {
		return NewKey(algorithm, flags, nil) // one key in 65536, which the library takes for one without a tag
	}
	return k, nil
}

func generate(algorithm uint8) (crypto.Signer, error) {
	switch algorithm {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		return rsa.GenerateKey(rand.Reader, 2048)
	case dns.ECDSAP256SHA256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case dns.ECDSAP384SHA384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case dns.ED25519:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	}
	return nil, fmt.Errorf("zone: algorithm %d: no keys can be made for it", algorithm)
}

// record is the DNSKEY as zone serves it.
func (k *Key) record(apex string) *dns.DNSKEY {
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: apex, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: k.Flags, Protocol: 3, Algorithm: k.Algorithm, PublicKey: k.public,
	}
}

// DS returns the DS records that a parent publishes for the zone's entry keys:
// those with the SEP flag, or all where none has it. None for an unsigned zone.
func (z *Zone) DS(digest uint8) []dns.RR {
	entry, _ := z.policy.split()
	var out []dns.RR
	for _, k := range entry {
		out = append(out, k.record(z.apex).ToDS(digest))
	}
	return out
}

// split tells the keys that sign the DNSKEY RRset from those that sign the rest.
func (p *Policy) split() (entry, rest []*Key) {
	for _, k := range p.Keys {
		if k.Flags&dns.SEP != 0 {
			entry = append(entry, k)
		} else {
			rest = append(rest, k)
		}
	}
	if len(entry) == 0 || len(rest) == 0 {
		return p.Keys, p.Keys
	}
	return entry, rest
}

func (p *Policy) nsec3param(apex string) *dns.NSEC3PARAM {
	return &dns.NSEC3PARAM{
		Hdr:  dns.RR_Header{Name: apex, Rrtype: dns.TypeNSEC3PARAM, Class: dns.ClassINET, Ttl: 0},
		Hash: dns.SHA1, Iterations: p.Iterations, SaltLength: uint8(len(p.Salt) / 2), Salt: p.Salt,
	}
}

// rrset is one RRset and the signatures made over it so far. The records are
// never changed: an update puts a new rrset in its place, and what it leaves
// alone keeps its signatures.
type rrset struct {
	records []dns.RR

	mu     sync.Mutex // guards what follows
	sigs   []dns.RR
	made   time.Time // when the signatures were made
	signed bool
}

// signatures returns the RRSIGs over s, made at or not long before at. They are
// made anew once a quarter of their life is left, or where at lies before they were made.
func (z *Zone) signatures(s *rrset, at time.Time) []dns.RR {
	life := z.policy.For
	if life == 0 {
		life = 14 * 24 * time.Hour
	}
	since := z.policy.Since
	if since == 0 {
		since = -time.Hour
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.signed && !at.Before(s.made) && at.Before(s.made.Add(life*3/4)) {
		return s.sigs
	}
	s.sigs, s.made, s.signed = nil, at, true
	entry, rest := z.policy.split()
	keys := rest
	if s.records[0].Header().Rrtype == dns.TypeDNSKEY {
		keys = entry
	}
	for _, k := range keys {
		sig := k.sign(z.apex, s.records, at.Add(since), at.Add(since+life))
		if z.policy.Spoil != nil {
			sig = z.policy.Spoil(sig)
		}
		if sig != nil {
			s.sigs = append(s.sigs, sig)
		}
	}
	return s.sigs
}

// sign makes the RRSIG of one key over an RRset (RFC 4034 §3).
func (k *Key) sign(apex string, records []dns.RR, from, to time.Time) *dns.RRSIG {
	sig := &dns.RRSIG{
		Hdr:        dns.RR_Header{Ttl: records[0].Header().Ttl},
		Algorithm:  k.private,
		SignerName: apex,
		KeyTag:     k.record(apex).KeyTag(),
		Inception:  uint32(from.Unix()),
		Expiration: uint32(to.Unix()),
	}
	if err := sig.Sign(k.signer, records); err != nil {
		panic(fmt.Sprintf("zone %s: signing with algorithm %d: %v", apex, k.Algorithm, err)) // a key that New let in cannot fail
	}
	sig.Algorithm = k.Algorithm
	return sig
}

// Private is the key's private half, for use by another key of the same family.
func (k *Key) Private() crypto.Signer { return k.signer }
