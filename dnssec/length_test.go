package dnssec

import (
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"testing"

	"github.com/miekg/dns"
)

// rsaOf makes a DNSKEY of an RSA modulus of so many bits that nobody can sign with.
func rsaOf(bits int) *signer {
	n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
	return signerOf(vendor, dns.RSASHA256, held{&rsa.PublicKey{N: n, E: 65537}})
}

// TestRSALengths: a zone that only RSA keys of a length that is not used vouch for
// is as one of an unknown algorithm, Insecure; and nobody who cannot sign its
// parent's DS makes a zone so.
func TestRSALengths(t *testing.T) {
	good, other := newSigner(vendor, dns.RSASHA256), newSigner(vendor, dns.ED25519)
	short, long, least := rsaOf(1016), rsaOf(4104), rsaOf(512)
	ds := func(keys ...*signer) []*dns.DS {
		var out []*dns.DS
		for _, k := range keys {
			out = append(out, k.ds(dns.SHA256))
		}
		return out
	}
	flipped := func(d *dns.DS) *dns.DS { d.Digest = flip(d.Digest); return d }
	bare := func(keys ...*signer) *dns.Msg { return dnskeys(keys) }
	for _, c := range []struct {
		claim string
		ds    []*dns.DS
		msg   *dns.Msg
		want  Security
		code  uint16
	}{
		{"a key of 2048 bits", ds(good), dnskeys([]*signer{good}, good), Secure, 0},
		{"the only key has 512 bits", ds(least), bare(least), Insecure, CodeUnsupportedKey},
		{"the only key has 1016 bits", ds(short), bare(short), Insecure, CodeUnsupportedKey},
		{"the only key has 4104 bits", ds(long), bare(long), Insecure, CodeUnsupportedKey},
		{"each of two keys", ds(short, long), bare(long, short), Insecure, CodeUnsupportedKey},
		{"beside a DS of an unknown digest", append(ds(short), &dns.DS{KeyTag: 1, Algorithm: 13, DigestType: 100, Digest: "AA"}), bare(short), Insecure, CodeUnsupportedKey},
		{"beside a good key that has its DS", ds(short, good), dnskeys([]*signer{short, good}, good), Secure, 0},
		{"beside a good key that has its DS and does not sign", ds(short, good), bare(short, good), Bogus, CodeSignatureMissing},
		{"beside a good key that has its DS and was left out", ds(short, good), bare(short), Bogus, CodeKeyMissing},
		{"beside a good key that has no DS", ds(short), dnskeys([]*signer{short, other}, other), Insecure, CodeUnsupportedKey},
		{"put in place of the key that the DS names", ds(good), bare(short), Bogus, CodeKeyMissing},
		{"added to the key that the DS names", ds(good), bare(short, good), Bogus, CodeSignatureMissing},
		{"the DS is of another digest", []*dns.DS{flipped(short.ds(dns.SHA256))}, bare(short), Bogus, CodeKeyMissing},
		{"the DS was left out of the keys", ds(short), bare(long), Bogus, CodeKeyMissing},
		{"more DS than are looked at", append(ds(short, short, short, short, short, short, short, short), ds(good)...), bare(short), Bogus, CodeKeyMissing},
	} {
		t.Run(c.claim, func(t *testing.T) {
			x := &trial{trust: &Trust{DS: c.ds}, msg: c.msg, terms: terms()}
			if z := x.prove(t); z.Security != c.want || z.Trouble.Code != c.code {
				t.Errorf("%s %+v", z.Security, z.Trouble)
			}
			x.trust.Anchor = true
			if z := x.prove(t); z.Security == Insecure {
				t.Errorf("as a trust anchor: %s %+v", z.Security, z.Trouble)
			}
		})
	}
	for _, c := range []struct {
		claim string
		edit  func(d *dns.DNSKEY)
	}{
		{"revoked", func(d *dns.DNSKEY) { d.Flags |= dns.REVOKE }},
		{"not a zone key", func(d *dns.DNSKEY) { d.Flags = dns.SEP }},
		{"of another protocol", func(d *dns.DNSKEY) { d.Protocol = 2 }},
		{"an even exponent", func(d *dns.DNSKEY) {
			raw, _ := base64.StdEncoding.DecodeString(d.PublicKey)
			raw[3] ^= 1
			d.PublicKey = base64.StdEncoding.EncodeToString(raw)
		}},
	} {
		k := rsaOf(512)
		c.edit(k.dnskey)
		x := &trial{trust: &Trust{DS: ds(k)}, msg: bare(k), terms: terms()}
		if z := x.prove(t); z.Security != Bogus {
			t.Errorf("%s: %s %+v", c.claim, z.Security, z.Trouble)
		}
	}
}
