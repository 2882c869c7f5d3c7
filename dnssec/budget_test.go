package dnssec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestBounds names every bound of work that is held here, each with the attack
// that it is there for: up to the bound an answer holds, past it it is given up.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		claim  string
		limit  int // of what spend uses up, one at a time
		spend  func(b *Budget) bool
		counts func(b *Budget) int
	}{
		{"64 messages sent", 64, (*Budget).Send, (*Budget).Sent},
		{"10 look-ups of name servers", 10, (*Budget).LookupNS, func(b *Budget) int { return b.nsLookups }},
		{"64 signature checks", 64, (*Budget).check, func(b *Budget) int { return b.checks }},
		{"16 signature checks that failed", 16, (*Budget).fail, func(b *Budget) int { return b.failed }},
		{"600 NSEC3 hashes", 600, func(b *Budget) bool { return b.hash(1) }, func(b *Budget) int { return b.hashes }},
		{"128 KiB received", 128, func(b *Budget) bool { return b.Receive(1024) }, func(b *Budget) int { return b.bytes / 1024 }},
	} {
		t.Run(c.claim, func(t *testing.T) {
			b := &Budget{}
			for i := range c.limit {
				if !c.spend(b) {
					t.Fatalf("given up after %d", i)
				}
			}
			if b.Exhausted != "" || b.spent() {
				t.Errorf("spent at the bound: %q", b.Exhausted)
			}
			for range 2 {
				if c.spend(b) {
					t.Error("not given up past the bound")
				}
			}
			if c.counts(b) != c.limit {
				t.Errorf("%d counted", c.counts(b))
			}
			tr := b.Trouble()
			if b.Exhausted != c.claim || !b.spent() || !tr.Budget || !strings.Contains(tr.Text, c.claim) || tr.Unreachable {
				t.Errorf("%q: %+v", b.Exhausted, tr)
			}
		})
	}
	var none *Budget
	if !none.check() || !none.fail() || !none.hash(1e6) || none.spent() {
		t.Error("no budget is a bound")
	}
	b := &Budget{}
	b.Receive(MaxBytes + 1)
	b.hash(601)
	if b.Exhausted != "128 KiB received" {
		t.Errorf("the first bound is forgotten: %q", b.Exhausted)
	}
}

// TestKeyTrap: signatures that fail cost sixteen checks, not all of them
// (CVE-2023-50387).
func TestKeyTrap(t *testing.T) {
	keys := colliding(t, 3)
	z := proven(t, vendor, keys...)
	for _, k := range keys {
		z.keys = append(z.keys, zoneKey{k.dnskey.KeyTag(), k.dnskey.Algorithm, 257, keyIn(k.dnskey)})
	}
	msg := new(dns.Msg)
	msg.Answer = append(msg.Answer, rr(record))
	sig := keys[0].sign(rrs(record))
	for i := range 200 {
		bad := *sig
		bad.OrigTtl += uint32(i) + 1
		msg.Answer = append(msg.Answer, &bad)
	}
	x := terms()
	f := z.Answer(msg, owner, TypeTLSA, x)
	if f.Security == Secure || !f.Trouble.Budget || x.Budget.failed != 16 || x.Budget.checks != 17 {
		t.Errorf("%s %+v after %d checks, %d failed", f.Security, f.Trouble, x.Budget.checks, x.Budget.failed)
	}
	// Without collisions eight signatures are looked at.
	z = proven(t, vendor, keys[0])
	x = terms()
	if f := z.Answer(msg, owner, TypeTLSA, x); f.Security != Bogus || f.Trouble.Budget || x.Budget.checks != maxSigsPerSet {
		t.Errorf("%s %+v after %d checks", f.Security, f.Trouble, x.Budget.checks)
	}
}

// TestSpentIsNotBogus: where a bound ends the judgement nothing is known, and
// the reason is the cost.
func TestSpentIsNotBogus(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	positive := message(0, k.signed(record), nil)
	negative := message(nx, nil, k.signAll(pick(world.nsec(vendor), "~jwk.cnf", "~*")))
	hashed := message(nx, nil, k.signAll(pick(world.nsec3(vendor, 0, "", false), "=@", "~cnf", "~*")))
	wild := message(0, k.expanded("a.b.wild."+vendor, "*.wild.vendor.example. 300 TXT x"), k.signAll(pick(world.nsec(vendor), "~a.b.wild")))
	for _, c := range []struct {
		claim string
		spend func(b *Budget)
		judge func(x *Terms) (Security, Trouble)
	}{
		{"an answer without checks left", func(b *Budget) { b.checks = maxChecks }, func(x *Terms) (Security, Trouble) {
			f := z.Answer(positive, owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"an absence without checks left", func(b *Budget) { b.checks = maxChecks }, func(x *Terms) (Security, Trouble) {
			f := z.Answer(negative, owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"an absence with one check left", func(b *Budget) { b.checks = maxChecks - 1 }, func(x *Terms) (Security, Trouble) {
			f := z.Answer(negative, owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"an expanded wildcard with one check left", func(b *Budget) { b.checks = maxChecks - 1 }, func(x *Terms) (Security, Trouble) {
			f := z.Answer(wild, "a.b.wild."+vendor, dns.TypeTXT, x)
			return f.Security, f.Trouble
		}},
		{"an absence without hashes left", func(b *Budget) { b.hashes = maxHashes }, func(x *Terms) (Security, Trouble) {
			f := z.Answer(hashed, owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"an absence with two hashes left", func(b *Budget) { b.hashes = maxHashes - 2 }, func(x *Terms) (Security, Trouble) {
			f := z.Answer(hashed, owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"a delegation without checks left", func(b *Budget) { b.checks = maxChecks }, func(x *Terms) (Security, Trouble) {
			d := z.Delegation("sub."+vendor, message(0, nil, k.signAll(pick(world.nsec(vendor), "=sub"))), x)
			if d.Cut != CutUnproven {
				return Secure, d.Trouble
			}
			return Indeterminate, d.Trouble
		}},
		{"a delegation without hashes left", func(b *Budget) { b.hashes = maxHashes }, func(x *Terms) (Security, Trouble) {
			d := z.Delegation("sub."+vendor, message(0, nil, k.signAll(pick(world.nsec3(vendor, 0, "", false), "=sub"))), x)
			if d.Cut != CutUnproven {
				return Secure, d.Trouble
			}
			return Indeterminate, d.Trouble
		}},
		{"keys without checks left", func(b *Budget) { b.checks = maxChecks }, func(x *Terms) (Security, Trouble) {
			z := ProveZone(vendor, &Trust{DS: []*dns.DS{k.ds(dns.SHA256)}}, dnskeys([]*signer{k}, k), x)
			return z.Security, z.Trouble
		}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			x := terms()
			c.spend(x.Budget)
			if s, tr := c.judge(x); s != Indeterminate || !tr.Budget {
				t.Errorf("%s %+v", s, tr)
			}
			if s, tr := c.judge(terms()); s == Bogus || tr.Budget {
				t.Errorf("with a full budget: %s %+v", s, tr)
			}
		})
	}
}

// TestManyNSEC3: eight NSEC3 records in a message are looked at. With one more it
// is too costly to say what they prove, which is not Bogus (CVE-2023-50868; Knot stops at 8).
func TestManyNSEC3(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	m := maps.Clone(world)
	for i := range 40 {
		m[fmt.Sprintf("n%d.%s", i, vendor)] = []uint16{dns.TypeTXT}
	}
	chain := m.nsec3(vendor, 0, "", false)
	section := func(n int, proof ...string) []dns.RR {
		records := pick(chain, proof...)
		for i := 0; len(records) < n; i++ {
			if r := chain.record(i); !slices.ContainsFunc(records, func(o dns.RR) bool { return o.Header().Name == r.Header().Name }) {
				records = append(records, r)
			}
		}
		return k.signAll(records)
	}
	for _, c := range []struct {
		claim string
		judge func(n int, x *Terms) (Security, Trouble)
	}{
		{"no such name", func(n int, x *Terms) (Security, Trouble) {
			f := z.Answer(wire(t, message(nx, nil, section(n, "=@", "~cnf", "~*"))), owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"no data", func(n int, x *Terms) (Security, Trouble) {
			f := z.Answer(wire(t, message(0, nil, section(n, "=txt"))), "txt."+vendor, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"an expanded wildcard", func(n int, x *Terms) (Security, Trouble) {
			f := z.Answer(wire(t, message(0, k.expanded("a.wild."+vendor, "*.wild.vendor.example. 300 TXT x"), section(n, "~a.wild"))), "a.wild."+vendor, dns.TypeTXT, x)
			return f.Security, f.Trouble
		}},
		{"a delegation", func(n int, x *Terms) (Security, Trouble) {
			d := z.Delegation("sub."+vendor, wire(t, message(0, nil, section(n, "=sub"))), x)
			if d.Cut == CutInsecure { // as its parent has it, and proven
				return Secure, d.Trouble
			}
			return Indeterminate, d.Trouble
		}},
	} {
		for n, want := range map[int]Security{1: Secure, maxNSEC3: Secure, maxNSEC3 + 1: Indeterminate, 40: Indeterminate} {
			x := terms()
			s, tr := c.judge(n, x)
			if s != want || tr.Budget != (want != Secure) {
				t.Errorf("%s, %d NSEC3: %s %+v", c.claim, n, s, tr)
			}
			if want != Secure && (x.Budget.hashes != 0 || x.Budget.checks > 1 || !strings.Contains(tr.Text, "8 NSEC3")) {
				t.Errorf("%s, %d NSEC3: %d hashes, %d checks, %q", c.claim, n, x.Budget.hashes, x.Budget.checks, tr.Text)
			}
		}
	}
	f := z.Answer(message(nx, nil, section(9, "=@", "~cnf", "~*")), owner, TypeTLSA, terms())
	if f.Kind != NoAnswer || f.Rcode != dns.RcodeServerFailure {
		t.Errorf("kind %d, RCODE %d", f.Kind, f.Rcode)
	}
}

// TestNSEC3Hashes: a name of many labels under records of many salts, so that no
// hash serves for two, costs 600 hashes and no more (CVE-2023-50868).
func TestNSEC3Hashes(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	short := "a." + vendor
	long := strings.Repeat("a.", 100) + vendor
	m := names{vendor: {dns.TypeSOA, dns.TypeNS}, "z." + vendor: {dns.TypeTXT}}
	one := pick(m.nsec3(vendor, 50, "", false), "=@", "~a", "~*")
	many := slices.Clone(one)
	for i := len(many); i < maxNSEC3; i++ {
		many = append(many, m.nsec3(vendor, 50, fmt.Sprintf("%02X", i), false).record(0))
	}
	for _, c := range []struct {
		claim   string
		records []dns.RR
		name    string
		want    Security
	}{
		{"one salt", one, short, Secure},
		{"one salt, many labels", one, long, Secure},
		{"many salts", many, short, Secure},
		{"many salts, many labels", many, long, Indeterminate},
	} {
		x := terms()
		f := z.Answer(wire(t, message(nx, nil, k.signAll(c.records))), c.name, TypeTLSA, x)
		if f.Security != c.want || f.Trouble.Budget != (c.want != Secure) || x.Budget.hashes > maxHashes {
			t.Errorf("%s: %s %+v after %d hashes", c.claim, f.Security, f.Trouble, x.Budget.hashes)
		}
		if c.want != Secure && (f.Kind != NoAnswer || f.Rcode != dns.RcodeServerFailure || !strings.Contains(f.Trouble.Text, "600 NSEC3 hashes")) {
			t.Errorf("%s: kind %d, RCODE %d, %q", c.claim, f.Kind, f.Rcode, f.Trouble.Text)
		}
	}
}

// TestNSECWork: of thousands of NSEC records none is looked at.
func TestNSECWork(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	var records []dns.RR
	for i := range 200 {
		records = append(records, rr(fmt.Sprintf("n%d.%s 300 NSEC %s TXT", i, vendor, vendor)))
	}
	sixteen := k.signAll(append(records[:maxNSEC-2:maxNSEC-2], pick(world.nsec(vendor), "~jwk.cnf", "~*")...))
	if f := z.Answer(message(nx, nil, sixteen), owner, TypeTLSA, terms()); f.Security != Secure {
		t.Fatalf("%s %+v", f.Security, f.Trouble)
	}
	x := terms()
	f := z.Answer(message(nx, nil, append(sixteen, k.signAll(records[100:])...)), owner, TypeTLSA, x)
	if f.Security != Indeterminate || !f.Trouble.Budget || x.Budget.checks != 0 {
		t.Errorf("%s %+v, %d checks", f.Security, f.Trouble, x.Budget.checks)
	}
}
