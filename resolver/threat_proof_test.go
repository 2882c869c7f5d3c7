package resolver

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/internal/sandbox/zone"

	"github.com/miekg/dns"
)

// TestThreatProofs: what servers may have us compute for one question, and what
// denials and wildcards they may show (KeyTrap, CVE-2023-50387; NSEC3 encloser,
// CVE-2023-50868). dnssec has the same message by message.
func TestThreatProofs(t *testing.T) {
	for _, c := range proofThreats(t) {
		t.Run(c.claim, c.play)
	}
}

func proofThreats(t testing.TB) []threat {
	relayed, relayAt := relay(12, false)
	wild, wildAt := relay(12, true)
	trap := site{name: "trap.example.", at: []string{otherAt}, policy: &zone.Policy{Keys: alike(t, 4)}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\nwww 300 TXT x\n"}
	crowd := func(n int) site {
		s := site{name: "crowd.example.", at: []string{otherAt, evilAt}}
		for i := range n {
			s.records += fmt.Sprintf("jwk.cnf 300 TLSA 255 255 255 %064X\n", i)
		}
		return s
	}
	hashed := func(iterations uint16) site {
		return site{name: "hashed.example.", at: []string{otherAt}, policy: &zone.Policy{Denial: zone.NSEC3, Iterations: iterations}, records: "www 300 TXT x\n"}
	}
	opened := func(iterations uint16) []site {
		return []site{
			{name: "n3.", at: []string{evilAt}, policy: &zone.Policy{Denial: zone.NSEC3, Iterations: iterations}},
			{name: "bare.n3.", at: []string{otherAt}, bare: true, records: "jwk.cnf 300 TLSA 255 255 255 " + key},
		}
	}
	// again serves a zone that is the same but for its policy.
	again := func(s site) func(testing.TB, *lab) {
		return func(t testing.TB, l *lab) { l.add(t, s, nil) }
	}
	raise := func(r *dns.Msg) {
		for _, rr := range r.Ns {
			if n, ok := rr.(*dns.NSEC3); ok {
				n.Iterations = 151
			}
		}
	}

	return []threat{
		{
			claim: "KeyTrap: four keys of one tag, eight signatures that do not hold", sites: []site{trap}, name: "jwk.cnf.trap.example.",
			flip:   func(t testing.TB, l *lab) { l.lie(edit(dns.TypeTLSA, spoiled(8, false)), otherAt) },
			budget: true, text: "16 signature checks that failed",
		},
		{
			claim: "KeyTrap in a denial", sites: []site{trap}, name: "jwk.cnf.www.trap.example.",
			flip:   func(t testing.TB, l *lab) { l.lie(edit(dns.TypeTLSA, spoiled(8, false)), otherAt) },
			budget: true, text: "16 signature checks that failed",
		},
		{
			claim: "KeyTrap in the keys themselves", sites: []site{trap}, name: "jwk.cnf.trap.example.",
			flip:   func(t testing.TB, l *lab) { l.lie(edit(dns.TypeDNSKEY, spoiled(8, false)), otherAt) },
			budget: true, text: "16 signature checks that failed",
		},
		{
			claim: "KeyTrap a little at a time: two signatures that do not hold before each that does, in twelve zones", sites: relayed, name: "jwk.cnf.s0.example.",
			flip: func(t testing.TB, l *lab) {
				l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { spoiled(2, true)(r); return r }, relayAt...)
			},
			budget: true, text: "16 signature checks that failed",
		},
		{
			claim: "padded denials: no one answer costs much, and twelve do", sites: wild, name: "jwk.cnf.s0.example.",
			flip:   func(t testing.TB, l *lab) { l.lie(padded(t, l), wildAt...) },
			budget: true, text: "64 signature checks",
		},
		{
			claim: "the 256th confirmation record", sites: []site{crowd(255)}, name: "jwk.cnf.crowd.example.",
			flip:   again(crowd(256)),
			budget: true, text: "more than 255 TLSA records",
		},
		{
			claim: "a 256th confirmation record that nobody has signed", sites: []site{crowd(255)}, name: "jwk.cnf.crowd.example.",
			flip: func(t testing.TB, l *lab) {
				l.lie(edit(dns.TypeTLSA, func(r *dns.Msg) {
					r.Answer = append(r.Answer, parse(t, ".", "jwk.cnf.crowd.example. 300 TLSA 255 255 255 00")...)
				}), otherAt, evilAt)
			},
			want: dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeBogus,
		},
		{
			claim: "half of a set, with TC", sites: []site{crowd(2)}, name: "jwk.cnf.crowd.example.",
			flip: func(t testing.TB, l *lab) {
				l.lie(func(network string, q, r *dns.Msg) *dns.Msg {
					if network == "udp" && q.Question[0].Qtype == dns.TypeTLSA {
						r.Answer, r.Truncated = r.Answer[1:], true
					}
					return r
				}, otherAt, evilAt)
			},
			want: dnssec.Secure, kind: dnssec.Positive,
			check: func(t testing.TB, l *lab, a *dnssec.Answer, _ []string) {
				if len(a.Data) != 2 {
					t.Errorf("%d records", len(a.Data))
				}
			},
		},
		{
			claim: "half of a set, without TC", sites: []site{crowd(2)}, name: "jwk.cnf.crowd.example.",
			flip: func(t testing.TB, l *lab) {
				l.lie(edit(dns.TypeTLSA, func(r *dns.Msg) { r.Answer = r.Answer[1:] }), otherAt, evilAt)
			},
			want: dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeBogus,
		},
		{
			claim: "51 NSEC3 iterations", sites: []site{hashed(50)}, name: "jwk.cnf.absent.hashed.example.",
			flip: again(hashed(51)), want: dnssec.Insecure, kind: dnssec.NoName, code: dnssec.CodeIterations, text: "more than 50 NSEC3 iterations",
		},
		{
			claim: "NSEC3 iterations that nobody has signed", sites: []site{hashed(50)}, name: "jwk.cnf.absent.hashed.example.",
			flip: func(t testing.TB, l *lab) { l.lie(edit(dns.TypeTLSA, raise), otherAt) },
			want: dnssec.Bogus, kind: dnssec.NoName, code: dnssec.CodeBogus,
		},
		{
			claim: "51 NSEC3 iterations in a referral", sites: opened(50), name: "jwk.cnf.bare.n3.", before: dnssec.Insecure,
			flip: func(t testing.TB, l *lab) {
				z := l.zones["n3."]
				l.add(t, opened(51)[0], append(z.Records("bare.n3.", dns.TypeNS), z.Records("ns1.bare.n3.", dns.TypeA)...))
			},
			want: dnssec.Insecure, kind: dnssec.Positive, code: dnssec.CodeIterations, text: "more than 50 NSEC3 iterations",
		},
		{
			claim: "NSEC3 iterations in a referral that nobody has signed", sites: opened(50), name: "jwk.cnf.bare.n3.", before: dnssec.Insecure,
			flip: func(t testing.TB, l *lab) {
				l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { raise(r); return r }, evilAt)
			},
			want: dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeBogus,
			check: func(t testing.TB, l *lab, a *dnssec.Answer, _ []string) {
				if len(a.Data) > 0 {
					t.Error("opened by a stranger's word")
				}
			},
		},
		{
			claim: "a wildcard's record without the denial of what is closer", name: "jwk.cnf.wild.vendor.example.",
			flip: func(t testing.TB, l *lab) {
				l.lie(edit(dns.TypeTLSA, func(r *dns.Msg) { drop(r, dns.TypeNSEC) }), vendorAt, vendor2At)
			},
			want: dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeDenialMissing,
		},
		{
			claim: "a wildcard's alias without the denial of what is closer", sites: wild, name: "any.cnf.s0.example.",
			flip: func(t testing.TB, l *lab) {
				l.lie(edit(dns.TypeTLSA, func(r *dns.Msg) { drop(r, dns.TypeNSEC) }), wildAt[0])
			},
			want: dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeDenialMissing,
		},
		{
			claim: "a SHA-1 DS alone", sites: []site{trap}, name: "jwk.cnf.trap.example.",
			flip: func(t testing.TB, l *lab) {
				if err := l.zones["example."].Replace(l.zones["trap.example."].DS(dns.SHA1)...); err != nil {
					t.Fatal(err)
				}
			},
			want: dnssec.Insecure, kind: dnssec.Positive, code: dnssec.CodeUnsupportedDigest, text: "prove nothing here",
		},
		{
			claim: "a SHA-1 DS that is right beside a SHA-2 one that is not", sites: []site{trap}, name: "jwk.cnf.trap.example.", config: func(c *Config) { c.SHA1 = true },
			flip: func(t testing.TB, l *lab) {
				ds := l.zones["trap.example."].DS(dns.SHA1)
				wrong := *l.zones["trap.example."].DS(dns.SHA256)[0].(*dns.DS)
				wrong.Digest = wrong.Digest[2:] + "00"
				if err := l.zones["example."].Replace(append(ds, &wrong)...); err != nil {
					t.Fatal(err)
				}
			},
			want: dnssec.Bogus, kind: dnssec.Positive, code: dnssec.CodeKeyMissing,
		},
	}
}

// spoiled puts n signatures that do not hold before each that does, or in its place.
func spoiled(n int, keep bool) func(*dns.Msg) {
	spoil := func(section []dns.RR) []dns.RR {
		var out []dns.RR
		for _, rr := range section {
			sig, ok := rr.(*dns.RRSIG)
			if ok {
				for i := range n {
					bad := *sig
					bad.OrigTtl += uint32(i) + 1
					out = append(out, &bad)
				}
			}
			if !ok || keep {
				out = append(out, rr)
			}
		}
		return out
	}
	return func(r *dns.Msg) { r.Answer, r.Ns = spoil(r.Answer), spoil(r.Ns) }
}

// padded adds to each answer of a relay's zones two denials of theirs that hold and
// that nobody needs.
func padded(t testing.TB, l *lab) func(string, *dns.Msg, *dns.Msg) *dns.Msg {
	return edit(dns.TypeTLSA, func(r *dns.Msg) {
		apex := dnssec.Ancestor(r.Question[0].Name, 2)
		for _, name := range []string{"a.", "b."} {
			for _, rr := range l.zones[apex].Answer(name+apex, dns.TypeAAAA, true, time.Now()).Authority {
				sig, ok := rr.(*dns.RRSIG)
				if rr.Header().Rrtype == dns.TypeNSEC || ok && sig.TypeCovered == dns.TypeNSEC {
					r.Ns = append(r.Ns, rr)
				}
			}
		}
	})
}

// alike makes n keys of one tag: the tag is a sum over the key, and the bits of its
// flags that mean nothing are free to choose.
func alike(t testing.TB, n int) []*zone.Key {
	t.Helper()
	const tag = 4711
	var out []*zone.Key
	for i := range 10000 {
		seed := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		private := ed25519.NewKeyFromSeed(seed[:])
		k, err := zone.NewKey(dns.ED25519, 257, private)
		if err != nil {
			t.Fatal(err)
		}
		r := &dns.DNSKEY{Flags: 257, Protocol: 3, Algorithm: dns.ED25519, PublicKey: base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))}
		d := uint16(tag - uint32(r.KeyTag()))
		if r.Flags |= d; d&(dns.ZONE|dns.SEP|dns.REVOKE) != 0 || r.KeyTag() != tag {
			continue
		}
		k.Flags = r.Flags
		if out = append(out, k); len(out) == n {
			return out
		}
	}
	t.Fatal("no keys that collide")
	return nil
}
