package main

import (
	"strings"
	"testing"

	"cnfd/cmd/cnfd/internal/config"

	"github.com/miekg/dns"
)

// TestEvidenceOfAnAbsence: what record_absent rests on is there, the denial with its signatures, and proves itself: that
// there is nothing of that type at that name, with nothing from elsewhere.
func TestEvidenceOfAnAbsence(t *testing.T) {
	o := operate(t, func(c *config.Config) { c.Log.Evidence = "refuted" })
	if b, _ := o.ask(t, o.token(t, "vendor.jwt"), ""); b.Outcome != "confirmed" {
		t.Fatalf("%+v", b)
	}
	b, _ := o.ask(t, o.token(t, "absent.jwt"), "")
	told := o.log.of(t, "evidence")
	if b.Reason != "record_absent" || len(told) != 1 || told[0]["id"] != b.ID {
		t.Fatalf("%+v: %s", b, o.log)
	}
	facts := told[0]["facts"].([]any)
	if len(facts) == 0 {
		t.Fatal("nothing")
	}
	f := facts[len(facts)-1].(map[string]any)
	if f["security"] != "secure" || len(f["chain"].([]any)) < 2 {
		t.Errorf("%v", f)
	}
	deniesItself(t, f)
}

// deniesItself judges evidence of an absence by nothing but what it holds.
func deniesItself(t *testing.T, f map[string]any) {
	t.Helper()
	name := f["name"].(string)
	holds, all := signedIn(t, f)
	if holds[dns.TypeDNSKEY] < 2 || holds[dns.TypeDS] < 1 {
		t.Errorf("signatures of the chain that hold, by type: %v of %v", holds, all)
	}
	denied, denials := false, 0
	for _, rr := range all {
		nsec, ok := rr.(*dns.NSEC)
		if !ok {
			continue
		}
		denials++
		for _, kind := range nsec.TypeBitMap {
			if strings.EqualFold(nsec.Hdr.Name, name) && kind == dns.TypeTLSA {
				t.Errorf("%s: %v", name, nsec)
			}
		}
		denied = denied || strings.EqualFold(nsec.Hdr.Name, name) || liesBetween(nsec.Hdr.Name, name, nsec.NextDomain)
	}
	if !denied || holds[dns.TypeNSEC] != denials {
		t.Errorf("%s: denied: %v, by %d records with %d signatures that hold: %v", name, denied, denials, holds[dns.TypeNSEC], all)
	}
}

// liesBetween reports whether a name comes after one owner and before the next in the order of RFC 4034 §6.1, in which the
// last of a zone has its first for the next.
func liesBetween(owner, name, next string) bool {
	canonical := func(name string) string {
		labels := dns.SplitDomainName(strings.ToLower(name))
		for i, j := 0, len(labels)-1; i < j; i, j = i+1, j-1 {
			labels[i], labels[j] = labels[j], labels[i]
		}
		return strings.Join(labels, "\x00")
	}
	o, n, x := canonical(owner), canonical(name), canonical(next)
	return o < n && (n < x || x <= o)
}
