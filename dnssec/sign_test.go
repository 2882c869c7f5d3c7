package dnssec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/miekg/dns"
)

// now is when everything in these tests happens.
var now = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

func terms() *Terms { return &Terms{Now: now, Budget: &Budget{}} }

// signer is a zone's key with its private half.
type signer struct {
	dnskey  *dns.DNSKEY
	private crypto.Signer
}

// sharedRSA is made once: finding RSA keys is slow.
var sharedRSA = sync.OnceValue(func() *rsa.PrivateKey { return rsaKeyOf(2048) })

func rsaKeyOf(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

// newSigner makes a key of any algorithm that can be judged.
func newSigner(zone string, alg uint8) *signer {
	var private crypto.Signer
	var err error
	switch alg {
	case dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512:
		private = sharedRSA()
	case dns.ECDSAP256SHA256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case dns.ECDSAP384SHA384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case dns.ED25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case dns.ED448:
		_, private, err = ed448.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("no keys for algorithm %d", alg)
	}
	if err != nil {
		panic(err)
	}
	return signerOf(zone, alg, private)
}

func signerOf(zone string, alg uint8, private crypto.Signer) *signer {
	var raw []byte
	switch pub := private.Public().(type) {
	case *rsa.PublicKey:
		raw = append([]byte{3, 1, 0, 1}, pub.N.Bytes()...)
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			panic(err)
		}
		raw = point[1:]
	case ed25519.PublicKey:
		raw = pub
	case ed448.PublicKey:
		raw = pub
	}
	return &signer{&dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: alg, PublicKey: base64.StdEncoding.EncodeToString(raw),
	}, private}
}

// patched signs data in which one octet of the RRSIG's own fields is another:
// what the library would not sign (the algorithm is octet 2, the labels 3; RFC 4034 §3.1).
type patched struct {
	crypto.Signer
	at   int
	with byte
}

func (p patched) Sign(r io.Reader, data []byte, _ crypto.SignerOpts) ([]byte, error) {
	data = slices.Clone(data)
	data[p.at] = p.with
	return p.Signer.Sign(r, data, crypto.Hash(0))
}

// held is a public key whose private half nobody has.
type held struct{ public crypto.PublicKey }

func (h held) Public() crypto.PublicKey { return h.public }

func (held) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("nobody has the key")
}

// sign makes the RRSIG over one RRset; edit changes its fields before.
func (s *signer) sign(set []dns.RR, edit ...func(*dns.RRSIG)) *dns.RRSIG {
	sig := &dns.RRSIG{
		Hdr:       dns.RR_Header{Ttl: set[0].Header().Ttl},
		Algorithm: s.dnskey.Algorithm, KeyTag: s.dnskey.KeyTag(), SignerName: s.dnskey.Hdr.Name,
		Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(24 * time.Hour).Unix()),
	}
	for _, e := range edit {
		e(sig)
	}
	key := s.private
	if s.dnskey.Algorithm == dns.ED448 {
		// The library does not know it; what it puts together for algorithm 15 has the same form.
		sig.Algorithm, key = dns.ED25519, patched{s.private, 2, dns.ED448}
	}
	if err := sig.Sign(key, set); err != nil {
		panic(err)
	}
	sig.Algorithm = s.dnskey.Algorithm
	return sig
}

// rr parses a zone-file line.
func rr(line string) dns.RR {
	r, err := dns.NewRR(line)
	if err != nil {
		panic(line + ": " + err.Error())
	}
	return r
}

func rrs(lines ...string) []dns.RR {
	var out []dns.RR
	for _, l := range lines {
		out = append(out, rr(l))
	}
	return out
}

// signed is a section: the RRsets in the lines, each with its signature behind it.
func (s *signer) signed(lines ...string) []dns.RR { return s.signAll(rrs(lines...)) }

func (s *signer) signAll(records []dns.RR) []dns.RR {
	var out []dns.RR
	for i, r := range records {
		set := find(records, Canonical(r.Header().Name), r.Header().Rrtype).RRs
		if slices.Index(records, set[0]) != i {
			continue
		}
		out = append(append(out, set...), s.sign(set))
	}
	return out
}

// expanded is a section in which a server has put a wildcard's records under a name.
func (s *signer) expanded(name string, lines ...string) []dns.RR {
	out := s.signed(lines...)
	for _, r := range out {
		r.Header().Name = name
	}
	return out
}

// ds is the digest of a key.
func (s *signer) ds(digest uint8) *dns.DS { return s.dnskey.ToDS(digest) }

// dnskeys is the answer to the question for a zone's keys, signed by some of them.
func dnskeys(keys []*signer, by ...*signer) *dns.Msg {
	m := new(dns.Msg)
	for _, k := range keys {
		m.Answer = append(m.Answer, k.dnskey)
	}
	set := slices.Clone(m.Answer)
	for _, k := range by {
		m.Answer = append(m.Answer, k.sign(set))
	}
	return m
}

// proven is the Secure zone of some keys, by way of ProveZone.
func proven(tb testing.TB, name string, keys ...*signer) *Zone {
	tb.Helper()
	tr := &Trust{DS: []*dns.DS{keys[0].ds(dns.SHA256)}}
	t := terms()
	t.SHA1 = true
	z := ProveZone(name, tr, dnskeys(keys, keys[0]), t)
	if z.Security != Secure {
		tb.Fatalf("the zone of the test is %s: %s", z.Security, z.Trouble.Text)
	}
	return z
}

// message is a reply.
func message(rcode int, answer, authority []dns.RR) *dns.Msg {
	return &dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true, Rcode: rcode}, Answer: answer, Ns: authority}
}

// wire sends a message through its wire form, as one from the network comes.
func wire(tb testing.TB, m *dns.Msg) *dns.Msg {
	tb.Helper()
	b, err := m.Pack()
	if err != nil {
		tb.Fatalf("packing: %v\n%s", err, m)
	}
	out := new(dns.Msg)
	if err := out.Unpack(b); err != nil {
		tb.Fatalf("unpacking: %v", err)
	}
	return out
}

// sigOver finds the signature over a type in a message.
func sigOver(m *dns.Msg, covered uint16) *dns.RRSIG {
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, r := range section {
			if s, ok := r.(*dns.RRSIG); ok && s.TypeCovered == covered {
				return s
			}
		}
	}
	panic("no signature over " + dns.Type(covered).String())
}

// without drops the records for which gone is true.
func without(section []dns.RR, gone func(dns.RR) bool) []dns.RR {
	return slices.DeleteFunc(slices.Clone(section), gone)
}

// isSig reports whether a record is the signature over a type.
func isSig(covered uint16) func(dns.RR) bool {
	return func(r dns.RR) bool {
		s, ok := r.(*dns.RRSIG)
		return ok && s.TypeCovered == covered
	}
}

// ofType reports whether a record is of a type, or a signature over it.
func ofType(rrtype uint16) func(dns.RR) bool {
	return func(r dns.RR) bool { return r.Header().Rrtype == rrtype || isSig(rrtype)(r) }
}

// soa is the SOA line of a zone.
func soa(zone string) string {
	return zone + " 300 IN SOA ns." + strings.TrimPrefix(zone, ".") + " hostmaster." + strings.TrimPrefix(zone, ".") + " 1 7200 3600 1209600 300"
}

// names is what exists in a zone: types by name, empty non-terminals without any.
type names map[string][]uint16

// nsecs makes a zone's NSEC records and picks from them.
type nsecs struct {
	zone  string
	names names
	order []string
}

func (n names) nsec(zone string) *nsecs {
	c := &nsecs{zone: zone, names: n}
	for name, types := range n {
		if len(types) > 0 {
			c.order = append(c.order, name)
		}
	}
	slices.SortFunc(c.order, canonicalOrder)
	return c
}

// canonicalOrder is RFC 4034 §6.1, written apart from less: it is what less is held against.
func canonicalOrder(a, b string) int {
	la, lb := octetLabels(a), octetLabels(b)
	for i := 1; i <= min(len(la), len(lb)); i++ {
		if c := strings.Compare(la[len(la)-i], lb[len(lb)-i]); c != 0 {
			return c
		}
	}
	return len(la) - len(lb)
}

func octetLabels(name string) []string {
	buf := make([]byte, 300)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil {
		panic(name + ": " + err.Error())
	}
	var out []string
	for off := 0; off < n && buf[off] != 0; off += 1 + int(buf[off]) {
		label := slices.Clone(buf[off+1 : off+1+int(buf[off])])
		for i, c := range label {
			if 'A' <= c && c <= 'Z' {
				label[i] = c + 32
			}
		}
		out = append(out, string(label))
	}
	return out
}

func (c *nsecs) record(i int) dns.RR {
	name := c.order[i]
	types := append(slices.Clone(c.names[name]), dns.TypeRRSIG, dns.TypeNSEC)
	slices.Sort(types)
	return &dns.NSEC{
		Hdr:        dns.RR_Header{Name: name, Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 300},
		NextDomain: c.order[(i+1)%len(c.order)], TypeBitMap: types,
	}
}

func (c *nsecs) match(name string) dns.RR { return c.record(slices.Index(c.order, name)) }

func (c *nsecs) cover(name string) dns.RR {
	last := 0
	for i, n := range c.order {
		if canonicalOrder(n, name) < 0 {
			last = i
		}
	}
	return c.record(last)
}

// nsec3s makes a zone's NSEC3 records and picks from them.
type nsec3s struct {
	zone       string
	names      names
	iterations uint16
	salt       string
	optOut     bool
	hashes     []string
	of         map[string]string // name by hash
}

func (n names) nsec3(zone string, iterations uint16, salt string, optOut bool) *nsec3s {
	c := &nsec3s{zone: zone, names: n, iterations: iterations, salt: salt, optOut: optOut, of: map[string]string{}}
	for name, types := range n {
		if optOut && slices.Equal(types, []uint16{dns.TypeNS}) {
			continue
		}
		h := c.hash(name)
		c.of[h] = name
		c.hashes = append(c.hashes, h)
	}
	slices.Sort(c.hashes)
	return c
}

func (c *nsec3s) hash(name string) string { return dns.HashName(name, dns.SHA1, c.iterations, c.salt) }

func (c *nsec3s) record(i int) dns.RR {
	h := c.hashes[i]
	types := slices.Clone(c.names[c.of[h]])
	if len(types) > 0 && !slices.Equal(types, []uint16{dns.TypeNS}) {
		types = append(types, dns.TypeRRSIG)
	}
	slices.Sort(types)
	r := &dns.NSEC3{
		Hdr:  dns.RR_Header{Name: dns.Fqdn(strings.ToLower(h) + "." + strings.TrimPrefix(c.zone, ".")), Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 300},
		Hash: dns.SHA1, Iterations: c.iterations, SaltLength: uint8(len(c.salt) / 2), Salt: c.salt,
		HashLength: 20, NextDomain: c.hashes[(i+1)%len(c.hashes)], TypeBitMap: types,
	}
	if c.optOut {
		r.Flags = 1
	}
	return r
}

func (c *nsec3s) match(name string) dns.RR {
	return c.record(slices.Index(c.hashes, c.hash(name)))
}

func (c *nsec3s) cover(name string) dns.RR {
	h := c.hash(name)
	i, found := slices.BinarySearch(c.hashes, h)
	if found {
		panic(name + " exists")
	}
	return c.record((i + len(c.hashes) - 1) % len(c.hashes))
}
