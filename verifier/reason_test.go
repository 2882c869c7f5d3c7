package verifier

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/reasons.md anew")

const (
	reasonsPage   = "../docs/reasons.md"
	proofsHeading = "\n## How each is shown\n" // what follows is integration's to write
)

// ofTokens are the reasons that the checks of the token give, in the order in which they are made.
var ofTokens = []Reason{Expired, NotYetValid, SignatureInvalid, KeyBindingInvalid, DPoPInvalid, MTLSMismatch, AudienceMismatch}

// page writes docs/reasons.md from the reasons' table, but for the tests that show them.
func page() []byte {
	var b bytes.Buffer
	var order []string
	for _, r := range slices.Concat(ofTokens, unproven[:]) {
		order = append(order, "`"+r.String()+"`")
	}
	b.WriteString(`# Outcomes and reasons

<!-- Written by ` + "`go test ./verifier -run TestReasonsPage -update`" + ` from verifier/reason.go; a test holds the two together. -->

Every verdict has one of three outcomes and one reason for it. The reason is the
same word in the JSON, in the metric's label, in the log and here. Where several
apply, the first is given: ` + strings.Join(order, ", ") + `,
and then what the record says. ` + "`dpop_replayed`" + ` comes after a record that matches:
only a proof by a confirmed key is used up.

` + "`unproven` is never success." + ` Where a record is looked up in several forms, any
form that matches confirms; the key is refuted only if every form refutes it
(` + "`record_differs` is given before `record_absent`" + `); otherwise the first
unproven reason in the order above is given.
`)
	var later []string
	for _, o := range []Outcome{Confirmed, Refuted, Unproven} {
		b.WriteString("\n## `" + o.String() + "`\n\n| reason | what it says | what to do |\n|---|---|---|\n")
		for _, r := range Reasons() {
			if r.Outcome() != o {
				continue
			}
			mark := ""
			if r.entry().later {
				mark = " (later)"
				later = append(later, "`"+r.String()+"`")
			}
			b.WriteString("| `" + r.String() + "`" + mark + " | " + r.Meaning() + " | " + r.Remedy() + " |\n")
		}
	}
	if len(later) > 0 {
		b.WriteString("\n## Not produced yet\n\nThe checks behind these reasons have not been built; no verdict carries them today: " + strings.Join(later, ", ") + ".\n")
	}
	return b.Bytes()
}

func TestReasonsPage(t *testing.T) {
	written, err := os.ReadFile(reasonsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := bytes.Cut(written, []byte(proofsHeading))
	if !found {
		t.Fatalf("docs/reasons.md has no %q", strings.TrimSpace(proofsHeading))
	}
	if *update {
		if err := os.WriteFile(reasonsPage, slices.Concat(page(), []byte(proofsHeading), after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(before, page()) {
		t.Error("docs/reasons.md is not what verifier/reason.go says: go test ./verifier -run TestReasonsPage -update")
	}
}

func TestReasonsAreComplete(t *testing.T) {
	words := map[string]Outcome{
		"record_matches": Confirmed,
		"record_differs": Refuted, "record_absent": Refuted, "expired": Refuted, "not_yet_valid": Refuted, "signature_invalid": Refuted,
		"key_binding_invalid": Refuted, "dpop_invalid": Refuted, "dpop_replayed": Refuted, "mtls_mismatch": Refuted, "audience_mismatch": Refuted,
		"insecure": Unproven, "bogus": Unproven, "indeterminate": Unproven, "unreachable": Unproven, "too_costly": Unproven, "wildcard": Unproven,
		"delegated_name": Unproven, "servers_differ": Unproven, "undecryptable": Unproven,
	}
	seen := map[string]bool{}
	for _, r := range Reasons() {
		if outcome, known := words[r.String()]; !known || outcome != r.Outcome() || seen[r.String()] {
			t.Errorf("%q is %v", r, r.Outcome())
		}
		seen[r.String()] = true
		for _, sentence := range []string{r.Meaning(), r.Remedy()} {
			if !strings.HasSuffix(sentence, ".") || strings.ContainsAny(sentence, "|\n") {
				t.Errorf("%v: not one sentence of a table: %q", r, sentence)
			}
		}
	}
	if len(seen) != len(words) || reasonCount != len(words) {
		t.Errorf("%d reasons listed, %d in the table, want %d", len(seen), reasonCount, len(words))
	}
}

// TestWeighingKnowsEveryReasonOfAForm: a reason that judge can give and that
// weigh does not know would lose against every other.
func TestWeighingKnowsEveryReasonOfAForm(t *testing.T) {
	for _, r := range Reasons() {
		byToken := r.Outcome() == Refuted && r != RecordDiffers && r != RecordAbsent
		if (weight(r) == weight(255)) != byToken {
			t.Errorf("%v has the weight %d", r, weight(r))
		}
	}
}
