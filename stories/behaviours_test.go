package stories

import (
	"flag"
	"os"
	"strings"
	"testing"

	"cnfd/internal/testnames"
)

var update = flag.Bool("update", false, "write the list of stories in docs/behaviours.md anew")

const page = "../docs/behaviours.md"

// TestBehavioursPage holds docs/behaviours.md to what there is: every test, row and story that it names exists, every
// row of its tables names one or says that there is none, and every story is in its list.
func TestBehavioursPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	list := listed(stories(t))
	const heading = "## The stories\n"
	before, after, found := strings.Cut(string(text), heading)
	if !found {
		t.Fatalf("%s has no %q", page, heading)
	}
	if *update {
		if err := os.WriteFile(page, []byte(before+heading+list), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if after != list {
		t.Errorf("the list of stories is not what there is: go test ./stories -run TestBehavioursPage -update")
	}
	there := testnames.New("..")
	for i, line := range strings.Split(before, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| behaviour") {
			continue
		}
		named := testnames.Named(line)
		if len(named) == 0 && !strings.Contains(line, "**none yet**") {
			t.Errorf("%s:%d: names no test", page, i+1)
		}
		for _, n := range named {
			if fault := there.Missing(n); fault != "" {
				t.Errorf("%s:%d: %s", page, i+1, fault)
			}
		}
	}
}

// listed is the list of stories: names and titles.
func listed(all []*story) string {
	var b strings.Builder
	b.WriteString("\n<!-- Written by `go test ./stories -run TestBehavioursPage -update`. -->\n\n| story of `stories/testdata` | what happens |\n|---|---|\n")
	for _, s := range all {
		b.WriteString("| `" + strings.TrimSuffix(s.file, ".rpl") + "` | " + s.title + " |\n")
	}
	return b.String()
}
