package dnssec

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// labour is a message to be judged, the zone that judges it, and what that may cost.
type labour struct {
	claim  string
	before func(t *testing.T) *question // Secure
	flip   func(t *testing.T, q *question)
	want   Security
	budget bool
	text   string // a part of the trouble's
	// The most that the flipped message may cost, in figures of their own: a limit
	// that is raised must be raised here too.
	checks, hashes int
}

// TestThreatWork counts what one message can have us compute: signature checks
// (KeyTrap, CVE-2023-50387), hashes (CVE-2023-50868), and the records that are
// looked at (threats.md has the limits by name).
func TestThreatWork(t *testing.T) {
	trapped := colliding(t, 6)
	trap := func(n int) func(t *testing.T) *question {
		return func(t *testing.T) *question {
			k := trapped[:n]
			return &question{keys: k, zone: proven(t, vendor, k...), msg: message(0, k[0].signed(record), nil), name: owner, rrtype: TypeTLSA, terms: terms()}
		}
	}
	absent := func(c chain, proof ...string) func(t *testing.T) *question {
		return func(t *testing.T) *question {
			k := newSigner(vendor, dns.ED25519)
			q := absence{name: "jwk.cnf.absent", rrtype: TypeTLSA, rcode: nx}.build(k, c, proof)
			q.zone = proven(t, vendor, k)
			return q
		}
	}
	nsec, nsec3 := absent(world.nsec(vendor), "~jwk.cnf.absent", "~*"), absent(world.nsec3(vendor, 50, "AA", false), "=@", "~absent", "~*")
	// fill brings the denials of a message to n, with signed ones before them that nobody needs.
	fill := func(q *question, n int, rrtype uint16, make func(i int) dns.RR) {
		have := len(slices.DeleteFunc(slices.Clone(q.msg.Ns), func(r dns.RR) bool { return r.Header().Rrtype != rrtype }))
		var all []dns.RR
		for i := range n - have {
			all = append(all, q.key().signAll([]dns.RR{make(i)})...)
		}
		q.msg.Ns = append(all, q.msg.Ns...)
	}
	pad := func(n int, line string) func(t *testing.T, q *question) {
		return func(t *testing.T, q *question) {
			fill(q, n, dns.TypeNSEC, func(i int) dns.RR { return rr(strings.ReplaceAll(line, "#", fmt.Sprint(i))) })
		}
	}
	pad3 := func(n int) func(t *testing.T, q *question) {
		return func(t *testing.T, q *question) {
			fill(q, n, dns.TypeNSEC3, func(i int) dns.RR { return world.nsec3(vendor, 50, fmt.Sprintf("%02X", i), false).record(i) })
		}
	}
	again3 := func(iterations uint16) func(t *testing.T, q *question) {
		return func(t *testing.T, q *question) {
			q.msg.Ns = q.key().signAll(append(rrs(soa(vendor)), pick(world.nsec3(vendor, iterations, "AA", false), "=@", "~absent", "~*")...))
		}
	}
	bad := func(q *question, n int) {
		good := sigOver(q.msg, TypeTLSA)
		for i := range n {
			s := *good
			s.OrigTtl += uint32(i) + 1
			q.msg.Answer = slices.Insert(q.msg.Answer, 1, dns.RR(&s))
		}
	}
	for _, c := range []labour{
		{
			claim: "seven signatures that do not hold before the one that does", before: trap(1),
			flip: func(t *testing.T, q *question) { bad(q, 7) },
			want: Secure, checks: 8,
		},
		{
			claim: "eight signatures that do not hold before the one that does", before: trap(1),
			flip: func(t *testing.T, q *question) { bad(q, 8) },
			want: Bogus, text: "does not verify", checks: 8,
		},
		{
			claim: "two hundred of them and six keys of one tag", before: trap(6),
			flip: func(t *testing.T, q *question) { bad(q, 200) },
			want: Indeterminate, budget: true, text: "16 signature checks that failed", checks: 17,
		},
		{
			claim: "the fourth key of one tag", before: trap(6),
			flip: func(t *testing.T, q *question) { q.msg.Answer = q.keys[3].signed(record) },
			want: Secure, checks: 4,
		},
		{
			claim: "the fifth key of one tag", before: trap(6),
			flip: func(t *testing.T, q *question) { q.msg.Answer = q.keys[4].signed(record) },
			want: Bogus, text: "does not verify", checks: 4,
		},
		{
			claim: "sixteen NSEC records", before: nsec,
			flip: pad(16, "n#.vendor.example. 300 NSEC n#a.vendor.example. TXT"),
			want: Secure, checks: 17, // and the SOA
		},
		{
			claim: "seventeen NSEC records", before: nsec,
			flip: pad(17, "n#.vendor.example. 300 NSEC n#a.vendor.example. TXT"),
			want: Indeterminate, budget: true, text: "16 NSEC records in a message",
		},
		{
			claim: "eight NSEC3 records", before: nsec3,
			flip: pad3(8), want: Secure, checks: 9, hashes: 40,
		},
		{
			claim: "nine NSEC3 records", before: nsec3,
			flip: pad3(9), want: Indeterminate, budget: true, text: "8 NSEC3 records in a message",
		},
		{
			claim: "150 iterations", before: nsec3,
			flip: again3(150), want: Insecure, text: "more than 50 NSEC3 iterations", checks: 4, hashes: 6,
		},
		{
			claim: "151 iterations, of which none is made", before: nsec3,
			flip: again3(151), want: Insecure, text: "more than 50 NSEC3 iterations", checks: 4,
		},
		{
			claim: "a thousand labels' worth of hashing, in eight salts", before: nsec3,
			flip: func(t *testing.T, q *question) {
				q.name, q.msg.Ns = strings.Repeat("a.", 100)+vendor, nil
				for i := range 8 {
					c := world.nsec3(vendor, 50, fmt.Sprintf("%02X", i), false)
					q.msg.Ns = append(q.msg.Ns, q.key().signAll([]dns.RR{c.record(i)})...)
				}
			},
			want: Indeterminate, budget: true, text: "600 NSEC3 hashes", checks: 8, hashes: 600,
		},
		{
			claim: "sixteen denials beside an alias, which needs none", before: func(t *testing.T) *question {
				q := trap(1)(t)
				q.msg.Answer = q.key().signed(owner + " 300 CNAME www.vendor.example.")
				return q
			},
			flip: pad(16, "n#.vendor.example. 300 NSEC n#a.vendor.example. TXT"),
			want: Secure, checks: 1,
		},
		{
			claim: "ANY: sixty-four types of two hundred", before: func(t *testing.T) *question {
				q := trap(1)(t)
				q.rrtype = dns.TypeANY
				return q
			},
			flip: func(t *testing.T, q *question) {
				for i := range 199 {
					q.msg.Answer = append(q.msg.Answer, &dns.RFC3597{Hdr: dns.RR_Header{Name: owner, Rrtype: uint16(20000 + i), Class: 1, Ttl: 9}})
				}
				q.zone = Unsigned(vendor, Insecure, "", Trouble{}, now)
			},
			want: Insecure,
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := c.before(t)
			if f := q.judge(t); f.Security != Secure {
				t.Fatalf("before the flip: %s %+v", f.Security, f.Trouble)
			}
			c.flip(t, q)
			q.terms = terms()
			f := q.judge(t)
			if f.Security != c.want || f.Trouble.Budget != c.budget || !strings.Contains(f.Trouble.Text, c.text) {
				t.Errorf("%s %+v", f.Security, f.Trouble)
			}
			if b := q.terms.Budget; b.checks > c.checks || b.hashes > c.hashes {
				t.Errorf("%d checks, %d hashes", b.checks, b.hashes)
			}
			if q.rrtype == dns.TypeANY && len(f.Answer) != 64+1 { // and a signature
				t.Errorf("%d records were looked at", len(f.Answer))
			}
		})
	}
}

// TestThreatOneBudget: positive and negative proofs, of one zone or another, spend one
// budget; nothing that is proven gives anything back.
func TestThreatOneBudget(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	yes := message(0, k.signed(record), nil)
	no := message(nx, nil, k.signAll(pick(world.nsec(vendor), "~jwk.cnf.absent", "~*")))
	keys := dnskeys([]*signer{k}, k)
	tr := &Trust{DS: []*dns.DS{k.ds(dns.SHA256)}}
	x := terms()
	for x.Budget.checks < 64 {
		got := []Trouble{z.Answer(yes, owner, TypeTLSA, x).Trouble}
		if x.Budget.checks < 60 {
			got = append(got, z.Answer(no, "jwk.cnf.absent."+vendor, TypeTLSA, x).Trouble, ProveZone(vendor, tr, keys, x).Trouble)
		}
		if i := slices.IndexFunc(got, func(t Trouble) bool { return t.Text != "" }); i >= 0 {
			t.Fatalf("after %d checks: %s", x.Budget.checks, got[i].Text)
		}
	}
	for claim, got := range map[string]Trouble{
		"an answer": z.Answer(yes, owner, TypeTLSA, x).Trouble, "an absence": z.Answer(no, "jwk.cnf.absent."+vendor, TypeTLSA, x).Trouble,
		"a zone": ProveZone(vendor, tr, keys, x).Trouble,
	} {
		if !got.Budget || !strings.Contains(got.Text, "64 signature checks") {
			t.Errorf("%s after 64 checks: %+v", claim, got)
		}
	}
}

// TestThreatReferral: what a referral may cost and prove by NSEC3, and that its
// denials lie in the zone that refers (CVE-2023-50868; RFC 6840 §4.1 and §4.4).
func TestThreatReferral(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	const child = "sub." + vendor
	judge := func(child string, ns []dns.RR) (Delegation, *Budget) {
		x := terms()
		return z.Delegation(child, wire(t, message(0, nil, ns)), x), x.Budget
	}
	for _, c := range []struct {
		claim  string
		child  string
		before []dns.RR
		after  []dns.RR
		cut    Cut
		code   uint16
		budget bool
	}{
		{
			claim: "hashing without end", child: strings.Repeat("a.", 100) + vendor,
			before: k.signAll(pick(world.nsec3(vendor, 50, "AA", true), "=@", "~a")),
			after: func() (out []dns.RR) {
				for i := range 8 {
					c := world.nsec3(vendor, 150, fmt.Sprintf("%02X", i), true)
					out = append(out, k.signAll([]dns.RR{c.record(i)})...)
				}
				return out
			}(),
			budget: true,
		},
		{
			claim: "the child's own NSEC", child: child,
			before: k.signAll(pick(world.nsec(vendor), "=sub")),
			after:  k.signed("sub.vendor.example. 300 NSEC vendor.example. NS SOA"),
			code:   CodeDenialMissing,
		},
		{
			claim: "an NSEC whose next name lies outside", child: child,
			before: k.signAll(pick(world.nsec(vendor), "=sub")),
			after:  k.signed("sub.vendor.example. 300 NSEC z.example. NS"),
			code:   CodeDenialMissing,
		},
		{
			claim: "an NSEC that the zone above has signed", child: child,
			before: k.signAll(pick(world.nsec(vendor), "=sub")),
			after:  newSigner("example.", dns.ED25519).signed("sub.vendor.example. 300 NSEC vendor.example. NS"),
			code:   CodeBogus,
		},
		{
			claim: "the ancestor's NSEC, for what lies below a delegation", child: "a." + child,
			before: k.signAll(pick(world.nsec3(vendor, 0, "", true), "=@", "~sub")),
			after:  k.signAll(pick(world.nsec(vendor), "=sub")),
			code:   CodeDenialMissing,
		},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if d, _ := judge(c.child, c.before); d.Cut != CutInsecure {
				t.Fatalf("before the flip: cut %d %+v", d.Cut, d.Trouble)
			}
			d, b := judge(c.child, c.after)
			if d.Cut != CutUnproven || d.Trouble.Code != c.code || d.Trouble.Budget != c.budget {
				t.Errorf("cut %d %+v", d.Cut, d.Trouble)
			}
			if b.hashes > 600 || b.checks > 9 {
				t.Errorf("%d hashes, %d checks", b.hashes, b.checks)
			}
		})
	}
}
