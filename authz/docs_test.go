package authz

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
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

// TestDescribedHeaders holds the headers that /openapi.json names for /v1/authz to those that are read.
func TestDescribedHeaders(t *testing.T) {
	octets, err := os.ReadFile("../api/openapi.json")
	must(t, err)
	var d struct {
		Paths      map[string]struct{ Parameters []map[string]any }
		Components struct {
			Parameters map[string]struct{ Name, In string }
		}
	}
	must(t, json.Unmarshal(octets, &d))
	read := map[string]bool{}
	for g := range gatewayCount {
		for name := range guarded(&Config{Gateway: Gateway(g)}) {
			read[name] = name != "Authorization" && name != "Host" // which every request may have
		}
	}
	maps.DeleteFunc(read, func(_ string, named bool) bool { return !named })
	want := slices.Sorted(maps.Keys(read))
	for _, path := range []string{"/v1/authz", "/v1/authz/{path}"} {
		var described []string
		for _, p := range d.Paths[path].Parameters {
			ref, _ := p["$ref"].(string)
			if h := d.Components.Parameters[strings.TrimPrefix(ref, "#/components/parameters/")]; h.In == "header" {
				described = append(described, http.CanonicalHeaderKey(h.Name))
			}
		}
		if slices.Sort(described); !slices.Equal(described, want) {
			t.Errorf("%s: described %q, read %q", path, described, want)
		}
	}
}
