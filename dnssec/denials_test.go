package dnssec

import (
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestOrderKey: the octets of the keys sort as the names do (RFC 4034 §6.1).
func TestOrderKey(t *testing.T) {
	names := []string{"example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`, `\000.z.example.`, `\000\000.z.example.`, `a\.b.example.`, "."}
	for _, a := range names {
		for _, b := range names {
			a, b := Canonical(a), Canonical(b)
			if got := orderKey(a) < orderKey(b); got != less(a, b) {
				t.Errorf("%s before %s: %v by key, %v by name", a, b, got, less(a, b))
			}
		}
	}
	if !slices.IsSortedFunc([]string{"example.", "a.example.", "yljkjljk.a.example.", "z.a.example.", "zabc.a.example.", "z.example.", `\001.z.example.`, "*.z.example.", `\200.z.example.`}, func(a, b string) int {
		if orderKey(a) < orderKey(b) {
			return -1
		}
		return 1
	}) {
		t.Error("the order of RFC 4034 §6.1 is not kept")
	}
}

// TestBesideAnAlias: a denial that comes with an alias is kept where it holds,
// and changes nothing about the alias where it does not.
func TestBesideAnAlias(t *testing.T) {
	const sub = "sub.vendor.example."
	nsec := sub + " 300 NSEC www.vendor.example. NS RRSIG NSEC"
	for _, c := range []struct {
		claim  string
		beside func(k *signer) []dns.RR
		cut    Cut
	}{
		{"nothing", func(k *signer) []dns.RR { return nil }, CutUnproven},
		{"a proof that a delegation has no DS", func(k *signer) []dns.RR { return k.signed(nsec) }, CutInsecure},
		{"one without a signature", func(k *signer) []dns.RR { return rrs(nsec) }, CutUnproven},
		{"one by a stranger", func(k *signer) []dns.RR { return newSigner(vendor, dns.ED25519).signed(nsec) }, CutUnproven},
		{"one that was changed", func(k *signer) []dns.RR {
			s := k.signed(sub + " 300 NSEC www.vendor.example. NS DS RRSIG NSEC")
			s[0].(*dns.NSEC).TypeBitMap = []uint16{dns.TypeNS, dns.TypeRRSIG, dns.TypeNSEC}
			return s
		}, CutUnproven},
		{"one that says there is a DS", func(k *signer) []dns.RR { return k.signed(sub + " 300 NSEC www.vendor.example. NS DS RRSIG NSEC") }, CutUnproven},
		{"a child's own", func(k *signer) []dns.RR { return k.signed(sub + " 300 NSEC www.vendor.example. NS SOA RRSIG NSEC") }, CutUnproven},
	} {
		k := newSigner(vendor, dns.ED25519)
		z, terms := proven(t, vendor, k), terms()
		f := z.Answer(wire(t, message(0, k.signed(owner+" 300 CNAME www."+sub), c.beside(k))), owner, TypeTLSA, terms)
		if f.Security != Secure || f.Target != "www."+sub {
			t.Errorf("%s: %s to %q", c.claim, f.Security, f.Target)
		}
		d := (*Denials)(nil).With(vendor, now, f.Proofs)
		if got := d.Delegation(sub, terms).Cut; got != c.cut {
			t.Errorf("%s: cut %d, want %d", c.claim, got, c.cut)
		}
		terms.Now = now.Add(301 * time.Second)
		if got := d.Delegation(sub, terms).Cut; got != CutUnproven {
			t.Errorf("%s: cut %d after its TTL", c.claim, got)
		}
	}
}
