package dnssec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestDenialsThatNobodySigned: they prove nothing and cost nothing, so that
// however many of them a server adds, what comes with them holds.
func TestDenialsThatNobodySigned(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	nsec, nsec3 := world.nsec(vendor), world.nsec3(vendor, 0, "", false)
	var padding []dns.RR
	for i := range 40 {
		padding = append(padding, rr(fmt.Sprintf("x%d.%s 300 NSEC z.%[2]s A", i, vendor)), rr(fmt.Sprintf("%032d.%s 300 NSEC3 1 0 0 - 00000000000000000000000000000000 A", i, vendor)))
	}
	for _, c := range []struct {
		claim string
		proof []dns.RR
		judge func(section []dns.RR, x *Terms) (Security, Trouble)
	}{
		{"no such name, by NSEC", pick(nsec, "~jwk.cnf", "~*"), func(section []dns.RR, x *Terms) (Security, Trouble) {
			f := z.Answer(wire(t, message(nx, nil, section)), owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"no such name, by NSEC3", pick(nsec3, "=@", "~cnf", "~*"), func(section []dns.RR, x *Terms) (Security, Trouble) {
			f := z.Answer(wire(t, message(nx, nil, section)), owner, TypeTLSA, x)
			return f.Security, f.Trouble
		}},
		{"an expanded wildcard", pick(nsec3, "~a.wild"), func(section []dns.RR, x *Terms) (Security, Trouble) {
			f := z.Answer(wire(t, message(0, k.expanded("a.wild."+vendor, "*.wild.vendor.example. 300 TXT x"), section)), "a.wild."+vendor, dns.TypeTXT, x)
			return f.Security, f.Trouble
		}},
		{"a delegation", pick(nsec3, "=sub"), func(section []dns.RR, x *Terms) (Security, Trouble) {
			d := z.Delegation("sub."+vendor, wire(t, message(0, nil, section)), x)
			if d.Cut == CutInsecure { // as its parent has it, and proven
				return Secure, d.Trouble
			}
			return Indeterminate, d.Trouble
		}},
	} {
		proof := k.signAll(c.proof)
		for _, section := range [][]dns.RR{proof, append(padding[:len(padding):len(padding)], proof...)} {
			x := terms()
			if s, tr := c.judge(section, x); s != Secure || x.Budget.checks > len(c.proof)+1 {
				t.Errorf("%s, %d records: %s %+v after %d checks", c.claim, len(section), s, tr, x.Budget.checks)
			}
		}
		if s, tr := c.judge(padding, terms()); s == Secure || tr.Budget || tr.Code != CodeSignatureMissing {
			t.Errorf("%s, by nothing else: %s %+v", c.claim, s, tr)
		}
	}
}

// TestOverfull: what one message has too much of is that message's trouble: another
// one is judged under the same budget.
func TestOverfull(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	honest := k.signAll(pick(world.nsec3(vendor, 0, "", false), "=@", "~cnf", "~*"))
	sub := k.signAll(pick(world.nsec3(vendor, 0, "", false), "=sub"))
	var nine, seventeen []dns.RR
	for i := range 9 {
		nine = append(nine, k.signAll([]dns.RR{world.nsec3(vendor, 0, fmt.Sprintf("%02X", i), false).record(i)})...)
	}
	for i := range 17 {
		seventeen = append(seventeen, k.signed(fmt.Sprintf("x%d.%s 300 NSEC z.%[2]s A", i, vendor))...)
	}
	x := terms()
	for what, padding := range map[string][]dns.RR{"8 NSEC3": nine, "16 NSEC": seventeen} {
		f := z.Answer(message(nx, nil, append(padding[:len(padding):len(padding)], honest...)), owner, TypeTLSA, x)
		if !f.Overfull || f.Security != Indeterminate || f.Kind != NoAnswer || f.Rcode != dns.RcodeServerFailure || !f.Trouble.Budget || !strings.Contains(f.Trouble.Text, what) {
			t.Errorf("%s: %+v", what, f)
		}
		d := z.Delegation("sub."+vendor, message(0, nil, append(padding[:len(padding):len(padding)], sub...)), x)
		if d.Cut != CutUnproven || !d.Trouble.Budget || !strings.Contains(d.Trouble.Text, what) {
			t.Errorf("%s in a referral: %+v", what, d)
		}
	}
	if x.Budget.spent() || x.Budget.checks > 0 || x.Budget.hashes > 0 {
		t.Errorf("spent: %+v", x.Budget)
	}
	if f := z.Answer(message(nx, nil, honest), owner, TypeTLSA, x); f.Security != Secure || f.Overfull {
		t.Errorf("the next one: %s %+v", f.Security, f.Trouble)
	}
	if d := z.Delegation("sub."+vendor, message(0, nil, sub), x); d.Cut != CutInsecure {
		t.Errorf("the next referral: %+v", d)
	}
}
