package cnfd

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestEveryFuzzTargetHasRun holds docs/testing.md to the fuzz targets that there are:
// each has a row with how many inputs it was tried with, and no row is of one that is gone.
func TestEveryFuzzTargetHasRun(t *testing.T) {
	page, err := os.ReadFile("docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z/]+) \| (Fuzz[A-Za-z0-9]*) \| ([0-9 a-z]+ \| )?[1-9][0-9,]* `).FindAllStringSubmatch(string(page), -1) {
		counted[row[1]+"."+row[2]] = true
	}
	if len(counted) < 50 {
		t.Fatalf("%d rows were read: has their form changed?", len(counted))
	}
	for target := range fuzzTargets(t, os.DirFS(".")) {
		if !counted[target] {
			t.Errorf("%s: no count in docs/testing.md: run it (scripts/fuzz.sh 60s %s) and put its row there", target, path.Ext(target)[1:])
		}
		delete(counted, target)
	}
	for target := range counted {
		t.Errorf("%s: docs/testing.md has a count of it, and there is no such target", target)
	}
}

// fuzzTargets are the fuzz targets of the module, as room.Name.
func fuzzTargets(t *testing.T, house fs.FS) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Fuzz[A-Za-z0-9]*)\(f \*testing\.F\)`)
	targets := map[string]bool{}
	err := fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || isModule(house, name)):
			return fs.SkipDir
		case !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(house, name)
		for _, f := range declared.FindAllStringSubmatch(string(text), -1) {
			targets[path.Dir(name)+"."+f[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return targets
}
