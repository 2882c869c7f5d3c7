package verifier

import (
	"testing"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// TestJudgeOfEveryCombination walks through every combination of what a
// judgement rests on. It states when a key is confirmed and when the record
// refutes it as two conditions, in both directions, apart from the switch.
func TestJudgeOfEveryCombination(t *testing.T) {
	key, err := thumbprint.OfJWK([]byte(jwk), thumbprint.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	long, err := thumbprint.OfJWK([]byte(jwk), thumbprint.SHA512)
	if err != nil {
		t.Fatal(err)
	}
	sets := []struct {
		data  [][]byte
		holds string // of the key: "it", "another", "nothing", "too many"
	}{
		{nil, "nothing"},
		{[][]byte{ours}, "it"},
		{[][]byte{theirs}, "another"},
		{[][]byte{record.RDATA(long), {255, 255, 255}, {}}, "nothing"},
		{append(make([][]byte, 255), ours), "too many"},
	}
	zones := []struct {
		apex         string
		above, below bool // of the domain
	}{
		{zone, true, false}, {".", true, false}, {"cnf." + zone, false, true}, {"", false, false}, {"other.example.", false, false},
	}
	bools := []bool{false, true}
	confirmed, refuted, total := 0, 0, 0

	one := func(e evidence, a dnssec.Answer, holds string, above, below bool) {
		e.answer = &a
		reason, c := judge(&e)
		total++

		decidable := e.token.good && !e.confirmation.Encrypted && !e.confirmation.Thumbprint.IsZero() &&
			a.Name == owner && a.Type == 52 && holds != "too many" && a.Trouble == (dnssec.Trouble{}) &&
			(above || below && (e.form != record.Dotted || e.allow.delegated)) &&
			(!a.Wildcard || e.allow.wildcard)
		positive := a.Kind == dnssec.Positive && len(a.Data) > 0
		negative := (a.Kind == dnssec.NoData || a.Kind == dnssec.NoName) && len(a.Data) == 0
		confirms := decidable && positive && holds == "it" && !a.Overridden && (a.Security == dnssec.Secure || a.Security == dnssec.Insecure && e.allow.insecure)
		decidable = decidable && !a.Overridden
		differs := decidable && positive && holds == "another" && a.Security == dnssec.Secure
		missing := decidable && (negative || positive && holds == "nothing") && a.Security == dnssec.Secure

		if (reason.Outcome() == Confirmed) != confirms || (reason == RecordMatches) != confirms {
			t.Fatalf("%v; confirmed should be %v, of %+v, answer %+v", reason, confirms, e, a)
		}
		if (reason == RecordDiffers) != differs || (reason == RecordAbsent) != missing {
			t.Fatalf("%v; differs should be %v, absent %v, of %+v, answer %+v", reason, differs, missing, e, a)
		}
		if reason.Outcome() == Refuted && !differs && !missing && (e.token.good || reason != e.token.reason) {
			t.Fatalf("%v of %+v, answer %+v", reason, e, a)
		}
		if confirms && (c.Usable == 0 || !c.Matches) {
			t.Fatalf("confirmed by %+v", c)
		}
		switch reason.Outcome() {
		case Confirmed:
			confirmed++
		case Refuted:
			refuted++
		}
	}

	e := evidence{name: []byte(owner), prefix: len("jwk.cnf."), confirmation: thumbprint.Confirmation{Method: thumbprint.MethodJWK}}
	answers := func(yield func(dnssec.Answer, string, bool, bool)) {
		for security := dnssec.Indeterminate; security <= dnssec.Secure+1; security++ {
			for kind := dnssec.NoAnswer; kind <= dnssec.NoName+1; kind++ {
				for _, set := range sets {
					for _, z := range zones {
						for _, wildcard := range bools {
							for _, trouble := range []dnssec.Trouble{{}, {Budget: true}, {Unreachable: true}} {
								for _, overridden := range bools {
									yield(dnssec.Answer{
										Name: owner, Type: dnssec.TypeTLSA, Security: security, Kind: kind, Zone: z.apex,
										Wildcard: wildcard, Data: set.data, Trouble: trouble, Overridden: overridden,
									}, set.holds, z.above, z.below)
								}
							}
						}
					}
				}
			}
		}
	}
	for _, token := range []standing{
		{good: true}, {}, {reason: Expired}, {reason: NotYetValid}, {reason: SignatureInvalid}, {reason: Unreachable}, {reason: RecordMatches}, {reason: 200},
	} {
		for _, encrypted := range bools {
			for _, of := range []thumbprint.Thumbprint{{}, key} {
				for allow := range 8 {
					for form := record.Dotted; form <= record.LegacyDID; form++ {
						e.token, e.form = &token, form
						e.confirmation.Encrypted, e.confirmation.Thumbprint = encrypted, of
						e.allow = allowances{insecure: allow&1 != 0, wildcard: allow&2 != 0, delegated: allow&4 != 0}
						if (!token.good || encrypted || of.IsZero()) && form != record.Dotted {
							continue // the form matters only once the token lets it
						}
						answers(func(a dnssec.Answer, holds string, above, below bool) { one(e, a, holds, above, below) })
					}
				}
			}
		}
	}
	if confirmed == 0 || refuted == 0 {
		t.Errorf("%d confirmed and %d refuted of %d", confirmed, refuted, total)
	}
	t.Logf("%d combinations: %d confirmed, %d refuted", total, confirmed, refuted)
}

func TestZeroValuesConfirmNothing(t *testing.T) {
	var v Verdict
	if v.Outcome() != Unproven || Outcome(0) != Unproven || Reason(0).Outcome() != Unproven || Reason(0) != Indeterminate {
		t.Error("a zero value is not unproven")
	}
	for r := reasonCount; r < 256; r++ {
		if Reason(r).Outcome() != Unproven || Outcome(r).String() != "unproven" {
			t.Errorf("reason %d is %v", r, Reason(r).Outcome())
		}
	}
	if reason, _ := judge(&evidence{}); reason.Outcome() != Unproven {
		t.Errorf("no evidence gives %v", reason)
	}
}
