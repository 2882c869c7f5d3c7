package dnssec

import "testing"

func TestConclusive(t *testing.T) {
	const name, rrtype = "jwk.cnf.vendor.example.", TypeTLSA
	whole := func(kind Kind, data ...[]byte) Answer {
		return Answer{Name: name, Type: rrtype, Security: Secure, Kind: kind, Zone: "vendor.example.", Data: data}
	}
	record := []byte{255, 255, 255}
	for _, tt := range []struct {
		claim string
		base  Answer
		flip  func(*Answer)
	}{
		{"another type", whole(Positive, record), func(a *Answer) { a.Type = 257 }},
		{"Bogus", whole(Positive, record), func(a *Answer) { a.Security = Bogus }},
		{"Indeterminate", whole(NoName), func(a *Answer) { a.Security = Indeterminate }},
		{"of no zone", whole(Positive, record), func(a *Answer) { a.Zone = "" }},
		{"of a zone elsewhere", whole(NoData), func(a *Answer) { a.Zone = "other.example." }},
		{"records and none", whole(Positive, record), func(a *Answer) { a.Data = nil }},
		{"no such name, and records", whole(NoName), func(a *Answer) { a.Data = [][]byte{record} }},
		{"no such records, and records", whole(NoData), func(a *Answer) { a.Data = [][]byte{record} }},
		{"of no kind", whole(Positive, record), func(a *Answer) { a.Kind = 0 }},
	} {
		for _, security := range []Security{Secure, Insecure} {
			a := tt.base
			a.Security = security
			if !a.Conclusive(rrtype) {
				t.Errorf("%s: %s and not conclusive before", tt.claim, security)
			}
			tt.flip(&a)
			if a.Conclusive(rrtype) {
				t.Errorf("%s: conclusive", tt.claim)
			}
		}
	}
	if (&Answer{}).Conclusive(0) {
		t.Error("the zero Answer is conclusive")
	}
}
