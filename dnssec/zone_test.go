package dnssec

import (
	"crypto"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// trial is a zone's keys and what vouches for them.
type trial struct {
	keys  []*signer
	by    []*signer // who signs the DNSKEY records; default the first key
	trust *Trust
	terms *Terms
	msg   *dns.Msg // made from keys and by where nil
}

func (c *trial) prove(t *testing.T) *Zone {
	t.Helper()
	if c.msg == nil {
		if c.by == nil {
			c.by = c.keys[:1]
		}
		c.msg = dnskeys(c.keys, c.by...)
	}
	return ProveZone(vendor, c.trust, wire(t, c.msg), c.terms)
}

func TestProveZone(t *testing.T) {
	flags := func(s *signer, f uint16) *signer { s.dnskey.Flags = f; return s }
	dsOf := func(s *signer, digests ...uint8) *Trust {
		tr := &Trust{}
		for _, d := range digests {
			tr.DS = append(tr.DS, s.ds(d))
		}
		return tr
	}
	for _, c := range []struct {
		claim string
		make  func(c *trial, k *signer)
		want  Security
		code  uint16
		keys  int
	}{
		{"a DS names the key that signs", func(c *trial, k *signer) {}, Secure, 0, 1},
		{"a key-signing and a zone-signing key", func(c *trial, k *signer) {
			c.keys = append(c.keys, flags(newSigner(vendor, dns.ED25519), dns.ZONE))
		}, Secure, 0, 2},
		{"the zone-signing key alone signs the keys", func(c *trial, k *signer) {
			c.keys = append(c.keys, flags(newSigner(vendor, dns.ED25519), dns.ZONE))
			c.by = c.keys[1:]
		}, Bogus, CodeKeyMissing, 0},
		{"the DS names a key that does not sign, another signs", func(c *trial, k *signer) {
			c.keys = append(c.keys, newSigner(vendor, dns.ED25519))
			c.by = c.keys[1:]
		}, Bogus, CodeKeyMissing, 0},
		{"SHA-384", func(c *trial, k *signer) { c.trust = dsOf(k, dns.SHA384) }, Secure, 0, 1},
		{"SHA-1 alone is unsigned", func(c *trial, k *signer) { c.trust = dsOf(k, dns.SHA1) }, Insecure, CodeUnsupportedDigest, 0},
		{"SHA-1 alone, where asked for", func(c *trial, k *signer) { c.trust = dsOf(k, dns.SHA1); c.terms.SHA1 = true }, Secure, 0, 1},
		{"SHA-1 right beside a SHA-2 that is wrong", func(c *trial, k *signer) {
			c.trust = dsOf(k, dns.SHA1, dns.SHA256)
			c.trust.DS[1].Digest = flip(c.trust.DS[1].Digest)
		}, Bogus, CodeKeyMissing, 0},
		{"SHA-1 right beside a SHA-2 that is wrong, where SHA-1 is asked for", func(c *trial, k *signer) {
			c.terms.SHA1 = true
			c.trust = dsOf(k, dns.SHA1, dns.SHA256)
			c.trust.DS[1].Digest = flip(c.trust.DS[1].Digest)
		}, Bogus, CodeKeyMissing, 0},
		{"SHA-1 wrong beside a SHA-2 that is right", func(c *trial, k *signer) {
			c.trust = dsOf(k, dns.SHA1, dns.SHA256)
			c.trust.DS[0].Digest = flip(c.trust.DS[0].Digest)
		}, Secure, 0, 1},
		{"an unknown digest alone is unsigned", func(c *trial, k *signer) { c.trust.DS[0].DigestType = 100 }, Insecure, CodeUnsupportedDigest, 0},
		{"GOST alone is unsigned", func(c *trial, k *signer) { c.trust.DS[0].DigestType = 3 }, Insecure, CodeUnsupportedDigest, 0},
		{"an unknown algorithm alone is unsigned", func(c *trial, k *signer) { c.trust.DS[0].Algorithm = 200 }, Insecure, CodeUnsupportedKey, 0},
		{"algorithms that were withdrawn are unsigned", func(c *trial, k *signer) { c.trust.DS[0].Algorithm = dns.RSAMD5 }, Insecure, CodeUnsupportedKey, 0},
		{"an unknown algorithm beside a DS that is right", func(c *trial, k *signer) {
			c.trust = dsOf(k, dns.SHA256, dns.SHA256)
			c.trust.DS[0].Algorithm = 200
		}, Secure, 0, 1},
		{"an unknown algorithm beside a DS that is wrong is never unsigned", func(c *trial, k *signer) {
			c.trust = dsOf(k, dns.SHA256, dns.SHA256)
			c.trust.DS[0].Algorithm, c.trust.DS[1].Digest = 200, flip(c.trust.DS[1].Digest)
		}, Bogus, CodeKeyMissing, 0},
		{"one DS of two is right", func(c *trial, k *signer) {
			c.trust = dsOf(k, dns.SHA256, dns.SHA256)
			c.trust.DS[0].Digest = flip(c.trust.DS[0].Digest)
		}, Secure, 0, 1},
		{"the ninth DS is right", func(c *trial, k *signer) {
			for range 8 {
				wrong := *k.ds(dns.SHA256)
				wrong.Digest = flip(wrong.Digest)
				c.trust.DS = append([]*dns.DS{&wrong}, c.trust.DS...)
			}
		}, Bogus, CodeKeyMissing, 0},
		{"the DS's tag is another's", func(c *trial, k *signer) { c.trust.DS[0].KeyTag++ }, Bogus, CodeKeyMissing, 0},
		{"the DS's algorithm is another supported one", func(c *trial, k *signer) { c.trust.DS[0].Algorithm = dns.RSASHA256 }, Bogus, CodeKeyMissing, 0},
		{"the DS is empty", func(c *trial, k *signer) { c.trust.DS[0].Digest = "" }, Bogus, CodeKeyMissing, 0},
		{"the DS is of the same key at another name", func(c *trial, k *signer) {
			other := *k.dnskey
			other.Hdr.Name = "other.example."
			c.trust = &Trust{DS: []*dns.DS{other.ToDS(dns.SHA256)}}
		}, Bogus, CodeKeyMissing, 0},
		{"the key is revoked", func(c *trial, k *signer) { flags(k, 257|dns.REVOKE); c.trust = dsOf(k, dns.SHA256) }, Bogus, CodeKeyMissing, 0},
		{"a revoked key beside the right one signs nothing", func(c *trial, k *signer) {
			c.keys = append(c.keys, flags(newSigner(vendor, dns.ED25519), 257|dns.REVOKE))
		}, Secure, 0, 1},
		{"the key has no zone flag", func(c *trial, k *signer) { flags(k, dns.SEP); c.trust = dsOf(k, dns.SHA256) }, Bogus, CodeKeyMissing, 0},
		{"a key without the SEP flag will do", func(c *trial, k *signer) { flags(k, dns.ZONE); c.trust = dsOf(k, dns.SHA256) }, Secure, 0, 1},
		{"the key's protocol is not 3", func(c *trial, k *signer) { k.dnskey.Protocol = 2; c.trust = dsOf(k, dns.SHA256) }, Bogus, CodeKeyMissing, 0},
		{"the keys are unsigned", func(c *trial, k *signer) { c.msg = dnskeys(c.keys) }, Bogus, CodeSignatureMissing, 0},
		{"the keys' signature expired", func(c *trial, k *signer) {
			c.msg = dnskeys(c.keys)
			c.msg.Answer = append(c.msg.Answer, k.sign(c.msg.Answer, func(s *dns.RRSIG) { s.Expiration = uint32(now.Unix()) - 1 }))
		}, Bogus, CodeExpired, 0},
		{"a key was added to the set", func(c *trial, k *signer) {
			c.msg = dnskeys(c.keys, k)
			c.msg.Answer = append(c.msg.Answer, newSigner(vendor, dns.ED25519).dnskey)
		}, Bogus, CodeBogus, 0},
		{"no keys in the message", func(c *trial, k *signer) { c.msg = new(dns.Msg) }, Bogus, CodeKeyMissing, 0},
		{"the keys of another name", func(c *trial, k *signer) {
			c.msg = dnskeys(c.keys, k)
			for _, r := range c.msg.Answer {
				r.Header().Name = "other.example."
			}
		}, Bogus, CodeKeyMissing, 0},
		{"an anchor that is a key", func(c *trial, k *signer) { c.trust = &Trust{Keys: []*dns.DNSKEY{k.dnskey}, Anchor: true} }, Secure, 0, 1},
		{"an anchor that is another key", func(c *trial, k *signer) {
			c.trust = &Trust{Keys: []*dns.DNSKEY{newSigner(vendor, dns.ED25519).dnskey}, Anchor: true}
		}, Bogus, CodeKeyMissing, 0},
		{"an anchor's key that its zone has revoked", func(c *trial, k *signer) {
			anchor := *k.dnskey
			c.trust = &Trust{Keys: []*dns.DNSKEY{&anchor}, Anchor: true}
			flags(k, 257|dns.REVOKE)
		}, Bogus, CodeKeyMissing, 0},
		{"an anchor of an unknown algorithm does not open the zone", func(c *trial, k *signer) {
			c.trust.DS[0].Algorithm, c.trust.Anchor = 200, true
		}, Bogus, CodeUnsupportedKey, 0},
		{"an anchor of a SHA-1 digest does not open the zone", func(c *trial, k *signer) {
			c.trust = dsOf(k, dns.SHA1)
			c.trust.Anchor = true
		}, Bogus, CodeUnsupportedDigest, 0},
		{"no trust at all", func(c *trial, k *signer) { c.trust = &Trust{Anchor: true} }, Bogus, CodeUnsupportedKey, 0},
		{"a key that is not on its curve", func(c *trial, _ *signer) {
			k := newSigner(vendor, dns.ECDSAP256SHA256)
			c.keys = []*signer{k}
			raw, _ := base64.StdEncoding.DecodeString(k.dnskey.PublicKey)
			raw[0] ^= 1
			c.msg = dnskeys(c.keys, k)
			k.dnskey.PublicKey = base64.StdEncoding.EncodeToString(raw)
			c.trust = dsOf(k, dns.SHA256)
		}, Bogus, CodeKeyMissing, 0},
	} {
		t.Run(c.claim, func(t *testing.T) {
			k := newSigner(vendor, dns.ED25519)
			x := &trial{keys: []*signer{k}, trust: dsOf(k, dns.SHA256), terms: terms()}
			c.make(x, k)
			z := x.prove(t)
			if z.Security != c.want || z.Trouble.Code != c.code || len(z.Keys()) != c.keys {
				t.Errorf("%s %+v, keys %v; want %s %d", z.Security, z.Trouble, z.Keys(), c.want, c.code)
			}
			if z.Trouble.Anchor != (x.trust.Anchor && z.Security == Bogus) {
				t.Errorf("an anchor's: %t", z.Trouble.Anchor)
			}
			if (z.Security == Secure) != (z.Trouble.Text == "") {
				t.Errorf("trouble %q", z.Trouble.Text)
			}
			if z.Name != vendor || z.How == "" && len(x.trust.DS)+len(x.trust.Keys) > 0 || z.Size() <= 0 {
				t.Errorf("%+v", z)
			}
			if z.Security == Secure && !z.Until.Equal(now.Add(time.Hour)) {
				t.Errorf("until %s", z.Until)
			}
		})
	}
}

func flip(hex string) string {
	if hex[0] == '0' {
		return "1" + hex[1:]
	}
	return "0" + hex[1:]
}

// TestAnchorOfWrongLength: an anchor whose digest no key can have vouches for
// nothing, never opens its zone, and does not stand in the way of a right one.
func TestAnchorOfWrongLength(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	long, typed := *k.ds(dns.SHA256), *k.ds(dns.SHA256)
	long.Digest += "00"
	typed.DigestType = dns.SHA1
	for _, c := range []struct {
		claim string
		ds    []*dns.DS
		sha1  bool
		want  Security
	}{
		{"too long", []*dns.DS{&long}, false, Bogus},
		{"of another type", []*dns.DS{&typed}, false, Bogus},
		{"of another type, SHA-1 allowed", []*dns.DS{&typed}, true, Bogus},
		{"beside a right one", []*dns.DS{&long, k.ds(dns.SHA256)}, false, Secure},
	} {
		var lines []string
		for _, ds := range c.ds {
			lines = append(lines, ds.String())
		}
		a, err := ParseAnchors(lines)
		if err != nil {
			t.Fatal(c.claim, err)
		}
		terms := terms()
		terms.SHA1 = c.sha1
		z := ProveZone(vendor, a.At(vendor), dnskeys([]*signer{k}, k), terms)
		if z.Security != c.want || c.want == Bogus && !strings.Contains(z.Trouble.Text, "octets") {
			t.Errorf("%s: %s %q", c.claim, z.Security, z.Trouble.Text)
		}
	}
}

func TestZoneWithoutMessage(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := ProveZone(vendor, &Trust{DS: []*dns.DS{k.ds(dns.SHA256)}}, nil, terms())
	if z.Security != Bogus || !z.Trouble.Unreachable {
		t.Errorf("%s %+v", z.Security, z.Trouble)
	}
	if z := ProveZone(vendor, &Trust{}, nil, terms()); z.Security != Insecure {
		t.Errorf("%s", z.Security)
	}
}

// TestRSAKeys: lengths and exponents that count (1024 to 4096 bits).
func TestRSAKeys(t *testing.T) {
	modulus := func(bits int) []byte {
		m := make([]byte, bits/8)
		m[0], m[len(m)-1] = 0x80, 1
		return m
	}
	for _, c := range []struct {
		claim string
		raw   []byte
		want  bool
	}{
		{"1024 bits", append([]byte{1, 3}, modulus(1024)...), true},
		{"4096 bits", append([]byte{1, 3}, modulus(4096)...), true},
		{"1016 bits", append([]byte{1, 3}, modulus(1016)...), false},
		{"4104 bits", append([]byte{1, 3}, modulus(4104)...), false},
		{"a long form of the exponent's length", append([]byte{0, 0, 3, 1, 0, 1}, modulus(1024)...), true},
		{"an exponent of five octets", append([]byte{5, 1, 0, 0, 0, 1}, modulus(1024)...), false},
		{"an exponent of 2^31+1", append([]byte{4, 0x80, 0, 0, 1}, modulus(1024)...), false},
		{"an exponent of one", append([]byte{1, 1}, modulus(1024)...), false},
		{"an even exponent", append([]byte{1, 4}, modulus(1024)...), false},
		{"an exponent with a leading zero", append([]byte{2, 0, 3}, modulus(1024)...), false},
		{"a modulus with a leading zero", append([]byte{1, 3, 0}, modulus(1024)...), false},
		{"no exponent", append([]byte{0, 0, 0}, modulus(1024)...), false},
		{"no modulus", []byte{3, 1, 0, 1}, false},
		{"cut in the exponent", []byte{4, 1, 0}, false},
		{"cut in a long length", []byte{0, 1}, false},
		{"a long length and no more", []byte{0, 0, 1}, false},
		{"nothing", nil, false},
	} {
		k := &dns.DNSKEY{Flags: 257, Protocol: 3, Algorithm: dns.RSASHA256, PublicKey: base64.StdEncoding.EncodeToString(c.raw)}
		if got := keyIn(k) != nil; got != c.want {
			t.Errorf("%s: %v", c.claim, got)
		}
	}
	for alg, size := range map[uint8]int{dns.ECDSAP256SHA256: 64, dns.ECDSAP384SHA384: 96, dns.ED25519: 32, dns.ED448: 57} {
		good := newSigner(vendor, alg).dnskey
		if keyIn(good) == nil {
			t.Errorf("algorithm %d: its own key is none", alg)
		}
		raw, _ := base64.StdEncoding.DecodeString(good.PublicKey)
		if len(raw) != size {
			t.Errorf("algorithm %d: %d octets", alg, len(raw))
		}
		for _, cut := range [][]byte{raw[:size-1], append(raw, 0), nil} {
			bad := *good
			bad.PublicKey = base64.StdEncoding.EncodeToString(cut)
			if keyIn(&bad) != nil {
				t.Errorf("algorithm %d: a key of %d octets", alg, len(cut))
			}
		}
	}
	if keyIn(&dns.DNSKEY{Algorithm: dns.ED25519, PublicKey: "!"}) != nil {
		t.Error("not base64, yet a key")
	}
}

// keyIn is the public key of a record, nil where it cannot be used.
func keyIn(d *dns.DNSKEY) crypto.PublicKey {
	k, _ := read(d)
	return k.pub
}

// TestKeyTagsCollide: several keys may share a tag; four of them are tried.
func TestKeyTagsCollide(t *testing.T) {
	keys := colliding(t, 3)
	z := proven(t, vendor, keys...)
	for i, k := range keys {
		m := message(0, k.signed(record), nil)
		if f := z.Answer(m, owner, TypeTLSA, terms()); f.Security != Secure {
			t.Errorf("signed by key %d of three alike: %s", i, f.Trouble.Text)
		}
	}
	stranger := colliding(t, 1)[0]
	if f := z.Answer(message(0, stranger.signed(record), nil), owner, TypeTLSA, terms()); f.Security != Bogus || f.Trouble.Code != CodeBogus {
		t.Errorf("signed by a stranger with the tag: %s %+v", f.Security, f.Trouble)
	}
	b := &Budget{}
	set := find(message(0, stranger.signed(record), nil).Answer, owner, TypeTLSA)
	many := *z
	for range 10 {
		many.keys = append(many.keys, z.keys[0])
	}
	many.proveRRset(set, &Terms{Now: now, Budget: b})
	if b.checks != maxKeysPerTag {
		t.Errorf("%d keys of one tag were tried", b.checks)
	}
}

// colliding makes n keys of one tag, the same in every call: the tag is a sum
// of the key's octets, so any key can be given the flags that make it fit.
func colliding(t *testing.T, n int) []*signer {
	t.Helper()
	const tag = 4711
	var out []*signer
	for range 500000 {
		k := newSigner(vendor, dns.ED25519)
		// The low bits of the flags that mean nothing are free to choose.
		d := (uint32(tag) - uint32(k.dnskey.KeyTag())) & 0xFFFF
		if d&(dns.ZONE|dns.SEP|dns.REVOKE) != 0 {
			continue
		}
		k.dnskey.Flags |= uint16(d)
		if k.dnskey.KeyTag() != tag {
			continue
		}
		if out = append(out, k); len(out) == n {
			return out
		}
	}
	t.Fatal("no keys that collide")
	return nil
}

func TestAnchors(t *testing.T) {
	const ds = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
	file := filepath.Join(t.TempDir(), "anchors")
	if err := os.WriteFile(file, []byte(ds+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		claim string
		lines []string
		err   string // a part of it; "" for none
	}{
		{"a DS", []string{ds}, ""},
		{"a DS with a TTL", []string{strings.Replace(ds, "IN", "3600 IN", 1)}, ""},
		{"a DNSKEY", []string{newSigner("Corp.Example.", dns.ED25519).dnskey.String()}, ""},
		{"both at several names", []string{ds, newSigner("corp.", dns.ED25519).dnskey.String(), strings.Replace(ds, ".", "example.", 1)}, ""},
		{"nothing", nil, ""},
		{"an empty line", []string{""}, "empty"},
		{"a comment", []string{"; nothing"}, "empty"},
		{"rubbish", []string{"rubbish"}, "not a zone-file line"},
		{"another type", []string{". IN TXT a"}, "TXT"},
		{"another class", []string{strings.Replace(ds, "IN", "CH", 1)}, "class"},
		{"a DS of the wrong length, which proves nothing", []string{ds + "00"}, ""},
		{"a DS without data", []string{". IN DS"}, "empty"},
		{"two lines in one", []string{ds + "\n" + ds}, "more than one record"},
		{"a file to be included", []string{"$INCLUDE " + file}, "not a zone-file line"},
		{"a file to be included after a comment", []string{"; x\n$INCLUDE " + file}, "not a zone-file line"},
		{"records to be generated", []string{"$GENERATE 1-3 $ DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"}, "not a zone-file line"},
		{"a key that is no zone key", []string{strings.Replace(newSigner("corp.", dns.ED25519).dnskey.String(), "257", "1", 1)}, "zone key"},
		{"a revoked key", []string{strings.Replace(newSigner("corp.", dns.ED25519).dnskey.String(), "257", "385", 1)}, "revoked"},
		{"a key that cannot be one", []string{"corp. IN DNSKEY 257 3 15 AAAA"}, "key"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			a, err := ParseAnchors(c.lines)
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v", err)
			}
			if err != nil && len(a.Names()) > 0 {
				t.Error("anchors come with an error")
			}
		})
	}
	root := RootAnchors()
	tr := root.At(".")
	if tr == nil || len(tr.DS) != 2 || !tr.Anchor || !tr.Usable(terms()) {
		t.Fatalf("the built-in anchors: %+v", tr)
	}
	corp, err := ParseAnchors([]string{"Corp.Example. IN DS 1 13 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"})
	if err != nil {
		t.Fatal(err)
	}
	all := root.With(corp)
	for name, want := range map[string]string{"a.corp.example.": "corp.example.", "corp.example.": "corp.example.", "example.": ".", ".": "."} {
		if got, ok := all.Closest(name); got != want || !ok {
			t.Errorf("closest to %s: %s", name, got)
		}
	}
	if _, ok := (Anchors{}).Closest("a.example."); ok {
		t.Error("the zero anchors cover a name")
	}
	if root.At("corp.example.") != nil {
		t.Error("With has changed its receiver")
	}
}

func FuzzAnchors(f *testing.F) {
	for _, l := range rootAnchors {
		f.Add(l)
	}
	f.Add(newSigner("corp.", dns.ED25519).dnskey.String())
	f.Add("$INCLUDE /etc/hostname")
	f.Add("$ORIGIN a.\nb DS 1 13 2 00")
	f.Fuzz(func(t *testing.T, line string) {
		a, err := ParseAnchors([]string{line})
		if err != nil {
			return
		}
		for _, n := range a.Names() {
			tr := a.At(n)
			if tr == nil || !tr.Anchor || len(tr.DS)+len(tr.Keys) != 1 || Canonical(n) != n {
				t.Errorf("%q: %+v at %q", line, tr, n)
			}
			// With no keys to be seen, no anchor may make a zone anything but Bogus.
			if z := ProveZone(n, tr, new(dns.Msg), terms()); z.Security != Bogus {
				t.Errorf("%q: %s", line, z.Security)
			}
		}
	})
}
