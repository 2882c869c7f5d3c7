package authz

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"cnfd/verifier"
)

// TestDocument holds the table of docs/gateways.md to what is answered.
func TestDocument(t *testing.T) {
	octets, err := os.ReadFile("../docs/gateways.md")
	must(t, err)
	rows := map[string]string{} // by status and outcome: the reasons
	for line := range strings.Lines(string(octets)) {
		cells := strings.Split(line, "|")
		if len(cells) == 6 && (strings.HasPrefix(cells[1], " 4") || strings.HasPrefix(cells[1], " 2")) {
			rows[strings.TrimSpace(cells[1])+" "+strings.Trim(cells[2], " `")] += cells[3]
		}
	}
	has := func(status int, outcome, reason string) {
		if row := fmt.Sprint(status, " ", outcome); !strings.Contains(rows[row], "`"+reason+"`") {
			t.Errorf("docs/gateways.md has no %s %s: %q", row, reason, rows[row])
		}
	}
	for _, e := range causes {
		if !e.judged {
			has(e.status, e.outcome, e.word)
		}
	}
	for _, r := range verifier.Reasons() {
		if r.Outcome() == verifier.Refuted {
			has(causes[ofRefutation(r)].status, "refuted", r.String())
		}
	}
	has(200, "confirmed", "record_matches")
	if rows["403 unproven"] == "" {
		t.Error("docs/gateways.md has no row of what is unproven")
	}
}
