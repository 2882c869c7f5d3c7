package dnssec

import (
	"crypto"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"

	"github.com/miekg/dns"
)

// zoneKey is a key that may sign a zone's data.
type zoneKey struct {
	tag   uint16
	alg   uint8
	flags uint16
	pub   crypto.PublicKey
}

// readKey is a DNSKEY that may sign zone data as it was read.
type readKey struct {
	zoneKey     // pub is nil where it cannot be used
	rr          *dns.DNSKEY
	wire        []byte // its RDATA
	wrongLength bool   // an RSA key that is too short or too long to be used
}

// readKeys reads the DNSKEY records of a set that may sign zone data.
func readKeys(set RRset) []readKey {
	keys := make([]readKey, 0, len(set.RRs))
	for _, rr := range set.RRs {
		if d, ok := rr.(*dns.DNSKEY); ok && signs(d) {
			if k, ok := read(d); ok {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// signs reports whether a DNSKEY may sign zone data: the zone flag set, not
// revoked, protocol 3 (RFC 4034 §2.1, RFC 5011 §2.1).
func signs(d *dns.DNSKEY) bool {
	return d.Flags&dns.ZONE != 0 && d.Flags&dns.REVOKE == 0 && d.Protocol == 3
}

// read reads a DNSKEY, whatever its flags say. It reports false where it is not
// base64.
func read(d *dns.DNSKEY) (readKey, bool) {
	wire := make([]byte, 4, 4+base64.StdEncoding.DecodedLen(len(d.PublicKey)))
	binary.BigEndian.PutUint16(wire, d.Flags)
	wire[2], wire[3] = d.Protocol, d.Algorithm
	wire, err := base64.StdEncoding.AppendDecode(wire, []byte(d.PublicKey))
	if err != nil {
		return readKey{}, false
	}
	k := readKey{rr: d, wire: wire, zoneKey: zoneKey{tag: keyTag(wire), alg: d.Algorithm, flags: d.Flags}}
	k.pub, k.wrongLength = publicKey(d.Algorithm, wire[4:])
	return k, true
}

// keyTag is the tag of a DNSKEY by its RDATA (RFC 4034 appendix B; that of
// algorithm 1, which is not used, would be another).
func keyTag(rdata []byte) uint16 {
	var sum uint32
	for i, b := range rdata {
		if i&1 == 0 {
			sum += uint32(b) << 8
		} else {
			sum += uint32(b)
		}
	}
	return uint16(sum + sum>>16)
}

// digested reports whether a DS of a supported kind is of this key at that name
// (RFC 4034 §5.1.4).
func (k *readKey) digested(ds *dns.DS, name string) bool {
	if ds.KeyTag != k.tag || ds.Algorithm != k.alg {
		return false
	}
	var octets [sha512.Size384]byte
	if len(ds.Digest) > 2*len(octets) {
		return false
	}
	n, err := hex.Decode(octets[:], []byte(ds.Digest))
	if err != nil {
		return false
	}
	want := string(octets[:n])
	var text [512]byte
	data, err := appendName(text[:0], name)
	if err != nil {
		return false
	}
	data = append(data, k.wire...)
	switch ds.DigestType {
	case dns.SHA1:
		sum := sha1.Sum(data)
		return string(sum[:]) == want
	case dns.SHA256:
		sum := sha256.Sum256(data)
		return string(sum[:]) == want
	case dns.SHA384:
		sum := sha512.Sum384(data)
		return string(sum[:]) == want
	}
	return false
}

// appendName appends a name in canonical wire form: lower case and not
// compressed (RFC 4034 §6.2).
func appendName(dst []byte, name string) ([]byte, error) {
	var wire [256]byte
	n, err := dns.PackDomainName(Canonical(name), wire[:], 0, nil, false)
	if err != nil {
		return nil, err
	}
	return append(dst, wire[:n]...), nil
}
