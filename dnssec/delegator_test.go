package dnssec

import "testing"

// TestDelegatorsAlike: two servers delegate alike where they name the same servers and the same DS records, whatever
// else they say; one that says what is no good is like another such, and like none that is.
func TestDelegatorsAlike(t *testing.T) {
	good := Delegator{Heard: true, NS: []string{"a.", "b."}, DS: []string{"1 13 2 00"}}
	for _, c := range []struct {
		claim string
		other Delegator
		want  bool
	}{
		{"the same", Delegator{Name: "x.", NS: []string{"a.", "b."}, DS: []string{"1 13 2 00"}}, true},
		{"a server less", Delegator{NS: []string{"a."}, DS: good.DS}, false},
		{"other servers", Delegator{NS: []string{"a.", "c."}, DS: good.DS}, false},
		{"it holds the zone itself", Delegator{DS: good.DS}, true},
		{"it holds the zone itself, with another DS", Delegator{DS: []string{"2 13 2 00"}}, false},
		{"another DS", Delegator{NS: good.NS, DS: []string{"2 13 2 00"}}, false},
		{"a DS more", Delegator{NS: good.NS, DS: []string{"1 13 2 00", "2 13 2 00"}}, false},
		{"no DS", Delegator{NS: good.NS, DS: []string{}}, false},
		{"what it says is no good", Delegator{NS: good.NS, DS: good.DS, Trouble: Trouble{Text: "no signature"}}, false},
	} {
		if good.Same(&c.other) != c.want || c.other.Same(&good) != c.want {
			t.Errorf("%s: they are not alike: %t", c.claim, c.want)
		}
	}
	bad, worse := Delegator{Trouble: Trouble{Text: "no signature"}}, Delegator{Trouble: Trouble{Text: "no zone"}}
	if !bad.Same(&worse) {
		t.Error("two that are no good differ")
	}
}
