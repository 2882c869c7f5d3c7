package dnssec

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestThreatKeptDenials: what a zone may have us remember of what it denied, and how
// much of a name is hashed to look it up there.
func TestThreatKeptDenials(t *testing.T) {
	k := newSigner(vendor, dns.ED25519)
	z := proven(t, vendor, k)
	var d *Denials
	soaOf := k.signed(soa(vendor))
	ask := func(name string, rcode int, ns []dns.RR) {
		t.Helper()
		f := z.Answer(wire(t, message(rcode, nil, append(soaOf, ns...))), name, TypeTLSA, terms())
		if f.Security != Secure {
			t.Fatalf("%s: %s %+v", name, f.Security, f.Trouble)
		}
		d = d.With(vendor, now, f.Proofs)
	}
	for i := range 200 {
		name := fmt.Sprintf("n%03d.%s", i, vendor)
		ask(name, 0, k.signed(fmt.Sprintf("%s 300 NSEC n%03da.%s TXT", name, i, vendor)))
		if i == 100 && len(d.nsec) != 101 {
			t.Fatalf("%d of 101 are kept, so that nothing can be shown", len(d.nsec))
		}
	}
	if len(d.nsec) != 128 {
		t.Errorf("%d records are kept", len(d.nsec))
	}

	d = nil
	ask("jwk.cnf.absent."+vendor, nx, k.signAll(pick(world.nsec3(vendor, 50, "AA", false), "=@", "~absent", "~*")))
	for labels, hashes := range map[int]bool{8: true, 9: false, 100: false} {
		x := terms()
		_, known := d.Absent(strings.Repeat("a.", labels-1)+"absent."+vendor, TypeTLSA, time.Time{}, x)
		if known != hashes || (x.Budget.hashes > 0) != hashes || x.Budget.hashes > 11 {
			t.Errorf("a name of %d labels: known %v, %d hashes", labels, known, x.Budget.hashes)
		}
	}
}
