package dnssec

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestThreatLibrary: what RRSIG.Verify of the DNS library lets pass and the judge does
// not. Each signature here is genuine: the library's own check is shown to accept
// it, so that a case in which that changes is seen.
func TestThreatLibrary(t *testing.T) {
	at := func(s *dns.RRSIG, from, to int64) {
		s.Inception, s.Expiration = uint32(now.Unix()+from), uint32(now.Unix()+to)
	}
	for _, c := range []struct {
		claim string
		flip  func(t *testing.T, q *question)
		code  uint16
	}{
		{"it expired a second ago", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { at(s, -3600, -1) })
		}, CodeExpired},
		{"it begins in 61 seconds", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { at(s, 61, 3600) })
		}, CodeNotYetValid},
		{"it ends before it begins", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { at(s, 50, 40) })
		}, CodeBogus},
		{"its key is revoked", func(t *testing.T, q *question) {
			k := newSigner(vendor, dns.ED25519)
			k.dnskey.Flags |= dns.REVOKE
			q.keys = append([]*signer{k}, q.keys...)
			q.zone = ProveZone(vendor, &Trust{DS: []*dns.DS{q.keys[1].ds(dns.SHA256)}}, dnskeys(q.keys, q.keys[1]), terms())
			q.resign()
		}, CodeKeyMissing},
		{"it has fewer labels than its signer, and speaks for every name below the zone above", func(_ *testing.T, q *question) {
			q.msg.Answer = q.key().expanded(owner, "*.example. 300 TLSA 255 255 255 00")
			sigOver(q.msg, TypeTLSA).SignerName = vendor
		}, CodeBogus},
		{"its signer is a suffix of the name's text only", func(t *testing.T, q *question) {
			q.name = "jwk.cnf.notvendor.example."
			q.msg.Answer = q.key().signed(strings.Replace(record, owner, q.name, 1))
		}, CodeBogus},
		{"its signer is the zone above, which has the same key", func(_ *testing.T, q *question) {
			q.resign(func(s *dns.RRSIG) { s.SignerName = "example." })
			q.key().dnskey.Hdr.Name = "example."
		}, CodeBogus},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := positive(t, dns.ED25519)
			if f := q.judge(t); f.Security != Secure {
				t.Fatalf("before the flip: %s %+v", f.Security, f.Trouble)
			}
			c.flip(t, q)
			sig := sigOver(q.msg, TypeTLSA)
			if err := sig.Verify(q.key().dnskey, find(q.msg.Answer, q.name, TypeTLSA).RRs); err != nil {
				t.Errorf("the library sees it too: %v", err)
			}
			if f := q.judge(t); f.Security != Bogus || f.Trouble.Code != c.code {
				t.Errorf("%s %+v", f.Security, f.Trouble)
			}
		})
	}
}
