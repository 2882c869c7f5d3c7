package stories

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the list of stories in docs/behaviours.md anew")

const page = "../docs/behaviours.md"

// shown is a test that the page names: a story, or a test with or without one of its rows.
var shown = regexp.MustCompile("`(?:stories/([a-z0-9_/]+\\.rpl)|([a-z/]+)\\.((?:Test|Fuzz|Example)[A-Za-z0-9_]*)(?:/([^`]+))?)`")

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
	there := house{}
	for i, line := range strings.Split(before, "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| behaviour") {
			continue
		}
		named := shown.FindAllStringSubmatch(line, -1)
		if len(named) == 0 && !strings.Contains(line, "**none yet**") {
			t.Errorf("%s:%d: names no test", page, i+1)
		}
		for _, n := range named {
			if fault := there.missing(n[1], n[2], n[3], n[4]); fault != "" {
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

// house is the tests of the rooms that were looked into.
type house map[string]room

// room is the tests of a package, and every string that is written in them: a row's name is one of those.
type room struct{ tests, literals map[string]bool }

// missing says what of a name on the page there is not; "" where all is there.
func (h house) missing(story, where, test, row string) string {
	if story != "" {
		if _, err := os.Stat(filepath.Join("testdata", story)); err != nil {
			return "there is no story " + story
		}
		return ""
	}
	if h[where].tests == nil {
		h[where] = look(where)
	}
	switch r := h[where]; {
	case !r.tests[test]:
		return "there is no " + where + "." + test
	case row != "" && !r.literals[row]:
		return where + "." + test + " has no row " + strconv.Quote(row)
	}
	return ""
}

// look reads the tests of a room.
func look(where string) room {
	r := room{map[string]bool{}, map[string]bool{}}
	files, _ := filepath.Glob(filepath.Join("..", where, "*_test.go"))
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			continue // go vet says it better
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				r.tests[n.Name.Name] = n.Recv == nil
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					r.literals[text] = true
				}
			}
			return true
		})
	}
	return r
}

// TestWhatThePageNamesIsLookedFor: a test, a row or a story that there is not is found out.
func TestWhatThePageNamesIsLookedFor(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // what missing says; "" where all is there
	}{
		{"`stories.TestStories`", ""},
		{"`stories.TestAStoryCanFail/another EDE`", ""},
		{"`stories/confirmed_by_a_record.rpl`", ""},
		{"`stories.TestNothing`", "there is no stories.TestNothing"},
		{"`stories.TestStories/" + strings.Repeat("x", 9) + "`", `stories.TestStories has no row "xxxxxxxxx"`},
		{"`stories/nothing.rpl`", "there is no story nothing.rpl"},
		{"`nowhere.TestStories`", "there is no nowhere.TestStories"},
	} {
		n := shown.FindStringSubmatch(c.text)
		if n == nil {
			t.Errorf("%s is not seen", c.text)
			continue
		}
		if got := (house{}).missing(n[1], n[2], n[3], n[4]); got != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}
