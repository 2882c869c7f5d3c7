package update

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// sig0 is a private key whose public half stands in the zone as a KEY record.
type sig0 struct {
	public  *dns.KEY
	private crypto.Signer
}

// Algorithms for SIG(0): those for DNSSEC that RFC 8624 §3.1 wants signers to have,
// and RSA without SHA-1.
var sig0Algorithms = map[uint8]bool{dns.RSASHA256: true, dns.RSASHA512: true, dns.ECDSAP256SHA256: true, dns.ECDSAP384SHA384: true, dns.ED25519: true}

// minRSA is what NIST SP 800-131A wants, in bits.
const minRSA = 2048

// ParseSIG0 reads a key for SIG(0) from the two files that `dnssec-keygen -T KEY -n
// HOST` writes: Kname.+alg+tag.key, with the KEY record, and Kname.+alg+tag.private.
// They must belong together. An error repeats nothing of the private file.
//
// BIND takes SIG(0) from 9.20 on; 9.18.28 and its later releases have it no more
// (CVE-2024-1975), and refuse. Knot DNS and PowerDNS have never had it.
func ParseSIG0(public, private []byte) (Key, error) {
	if len(public) > maxKeyFile || len(private) > maxKeyFile {
		return Key{}, errors.New("sig(0) key: file over 64 KiB")
	}
	rr, err := dns.NewRR(string(public))
	if err != nil {
		return Key{}, errors.New("sig(0) key: the .key file is no record of a zone file")
	}
	k, ok := rr.(*dns.KEY)
	switch {
	case !ok:
		return Key{}, errors.New("sig(0) key: no KEY record in the .key file: make one with dnssec-keygen -T KEY -n HOST")
	case k.Flags&0x8000 != 0: // RFC 2535 §3.1.2
		return Key{}, errors.New("sig(0) key: the KEY record's flags forbid to sign with it")
	case !sig0Algorithms[k.Algorithm]:
		return Key{}, fmt.Errorf("sig(0) key: algorithm %d is not taken: want ED25519, ECDSAP256SHA256, ECDSAP384SHA384, RSASHA256 or RSASHA512", k.Algorithm)
	}
	if k.Hdr.Name, ok = normal(k.Hdr.Name); !ok || k.Hdr.Name == "." {
		return Key{}, errors.New("sig(0) key: the KEY record's name is no domain name")
	}
	s := &sig0{public: k}
	if s.private, err = s.open(private); err != nil {
		return Key{}, err
	}
	if err := s.test(); err != nil {
		return Key{}, err
	}
	return keyOf(secret{sig0: s}), nil
}

// open reads the private file.
func (s *sig0) open(private []byte) (crypto.Signer, error) {
	key, err := s.public.ReadPrivateKey(bytes.NewReader(private), "")
	if err != nil {
		return nil, errors.New("sig(0) key: the .private file is not what dnssec-keygen writes, or not of the .key file's algorithm")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("sig(0) key: the .private file has no key that signs")
	}
	if !whole(signer) {
		return nil, fmt.Errorf("sig(0) key: the .private file lacks a part of the key, or it is RSA under %d bits, or not the .key file's", minRSA)
	}
	return signer, nil
}

// whole reports whether nothing is missing that the standard library takes to be there.
func whole(signer crypto.Signer) bool {
	switch k := signer.(type) {
	case ed25519.PrivateKey:
		return len(k) == ed25519.PrivateKeySize
	case *ecdsa.PrivateKey:
		_, err := k.Bytes()
		return err == nil
	case *rsa.PrivateKey:
		return k.D != nil && k.D.BitLen() <= k.N.BitLen() && !slices.Contains(k.Primes, nil) && k.N.BitLen() >= minRSA && k.Validate() == nil
	}
	return false
}

// test signs a message, which must be valid by the public half.
func (s *sig0) test() error {
	wire, err := s.seal(new(dns.Msg).SetUpdate("."), 0, math.MaxUint32) // the library holds it to the machine's clock
	m := new(dns.Msg)
	if err == nil {
		err = m.Unpack(wire)
	}
	if err == nil {
		err = m.Extra[len(m.Extra)-1].(*dns.SIG).Verify(s.public, wire)
	}
	if err != nil {
		return errors.New("sig(0) key: the two files are not of one key")
	}
	return nil
}

// sign packs a message and signs it, for as long around now as TSIG would be valid
// (RFC 2931 §3). The reply is not signed: the server has no key of ours to do it with.
func (s *sig0) sign(m *dns.Msg, now time.Time) ([]byte, error) {
	return s.seal(m, uint32(now.Add(-fudge*time.Second).Unix()), uint32(now.Add(fudge*time.Second).Unix()))
}

func (s *sig0) seal(m *dns.Msg, from, to uint32) ([]byte, error) {
	sig := new(dns.SIG)
	sig.Algorithm, sig.KeyTag, sig.SignerName = s.public.Algorithm, s.public.KeyTag(), s.public.Hdr.Name
	sig.Inception, sig.Expiration = from, to
	return sig.Sign(s.private, m)
}
