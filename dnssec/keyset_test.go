package dnssec

import (
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestReadKeySet takes one DNSKEY set of a trusted and a new key, proven, and
// changes one thing.
func TestReadKeySet(t *testing.T) {
	revoke := func(s *signer) *signer {
		k := *s.dnskey
		k.Flags |= dns.REVOKE
		return &signer{&k, s.private}
	}
	at := func(from, to time.Duration) func(*dns.RRSIG) {
		return func(sig *dns.RRSIG) {
			sig.Inception, sig.Expiration = uint32(now.Add(from).Unix()), uint32(now.Add(to).Unix())
		}
	}
	const day = 24 * time.Hour
	for _, alg := range []uint8{dns.RSASHA256, dns.ED25519} {
		a, b, c := newSigner(".", dns.ECDSAP256SHA256), newSigner(".", alg), newSigner(".", alg)
		if alg == dns.RSASHA256 {
			c = newSigner(".", dns.ECDSAP256SHA256) // the RSA key of the tests is one
		}
		trusts := func(keys ...*signer) *Trust {
			tr := &Trust{Anchor: true}
			for _, k := range keys {
				tr.DS = append(tr.DS, k.ds(dns.SHA256))
			}
			return tr
		}
		resigned := func(edit func(*dns.RRSIG), keys []*signer, by *signer) *dns.Msg {
			m := dnskeys(keys)
			m.Answer = append(m.Answer, by.sign(m.Answer, edit))
			return m
		}
		swapped := dnskeys([]*signer{a, b}, a)
		swapped.Answer[1] = c.dnskey
		for _, tt := range []struct {
			claim         string
			tr            *Trust
			msg           *dns.Msg
			proven        bool
			keys, revoked int
			code          uint16
			off           bool
		}{
			{"a trusted key signs", trusts(a), dnskeys([]*signer{a, b}, a), true, 2, 0, 0, false},
			{"no DNSKEY at all", trusts(a), new(dns.Msg), false, 0, 0, CodeKeyMissing, false},
			{"a new key signs, the trusted one is gone", trusts(a), dnskeys([]*signer{b, c}, b), false, 2, 0, CodeKeyMissing, false},
			{"a new key signs, the trusted one is there", trusts(a), dnskeys([]*signer{a, b}, b), false, 2, 0, CodeKeyMissing, false},
			{"a key was put in another's place", trusts(a), swapped, false, 2, 0, CodeBogus, false},
			{"a revoked key signs itself, beside another", trusts(a, b), dnskeys([]*signer{revoke(a), b}, revoke(a), b), true, 1, 1, 0, false},
			{"a revoked key signs itself, alone", trusts(a), dnskeys([]*signer{revoke(a)}, revoke(a)), false, 0, 1, CodeKeyMissing, false},
			{"the REVOKE bit is set by somebody else", trusts(a, b), dnskeys([]*signer{revoke(a), b}, b), true, 1, 0, 0, false},
			{"a key that the set revokes does not prove it under its old name", trusts(a), dnskeys([]*signer{a, revoke(a), b}, a, revoke(a)), false, 2, 1, CodeKeyMissing, false},
			{"a stranger's revocation is told as one", trusts(a), dnskeys([]*signer{a, revoke(b)}, a, revoke(b)), true, 1, 1, 0, false},
			{"nobody is trusted", &Trust{Anchor: true}, dnskeys([]*signer{a}, a), false, 1, 0, CodeKeyMissing, false},
			{"the clock is 40 days ahead", trusts(a), resigned(at(-50*day, -30*day), []*signer{a, b}, a), false, 2, 0, CodeExpired, true},
			{"the clock is 40 days behind", trusts(a), resigned(at(30*day, 50*day), []*signer{a, b}, a), false, 2, 0, CodeNotYetValid, true},
			{"an old signature of a stranger says nothing of the clock", trusts(a), resigned(at(-50*day, -30*day), []*signer{a, b}, b), false, 2, 0, CodeExpired, false},
			{"a revocation counts only while its signature does", trusts(b), resigned(at(-50*day, -30*day), []*signer{revoke(a)}, revoke(a)), false, 0, 0, CodeKeyMissing, false},
		} {
			t.Run(tt.claim+" "+dns.AlgorithmToString[alg], func(t *testing.T) {
				s := ReadKeySet(".", tt.tr, tt.msg, terms())
				if s.Proven != tt.proven || len(s.Keys) != tt.keys || len(s.Revoked) != tt.revoked || s.To.IsZero() == tt.off {
					t.Errorf("proven %t, %d keys, %d revoked, right from %v to %v; want %t, %d, %d, %t", s.Proven, len(s.Keys), len(s.Revoked), s.From, s.To, tt.proven, tt.keys, tt.revoked, tt.off)
				}
				if s.Trouble.Code != tt.code || (s.Trouble.Text == "") != s.Proven {
					t.Errorf("trouble %+v, want code %d", s.Trouble, tt.code)
				}
				if s.Proven && (s.TTL != time.Hour || s.Life != day) {
					t.Errorf("TTL %v, life %v", s.TTL, s.Life)
				}
			})
		}
	}
}
