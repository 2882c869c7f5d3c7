// Package cnfd holds nothing but the test of the house's shape.
package cnfd

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// rooms says what each may import of the others: the arrows of
// docs/architecture.md. A room that is not here is an error, so that a new one
// is given its place on purpose. Tests may import what they like.
var rooms = map[string][]string{
	".":                         {},
	"internal/strict":           {},
	"thumbprint":                {"internal/strict"},
	"thumbprint/keyfile":        {"thumbprint", "internal/strict"},
	"record":                    {"thumbprint"},
	"signature":                 {"thumbprint"},
	"decryption":                {"thumbprint", "internal/strict"},
	"credential":                {"signature", "thumbprint", "internal/strict"},
	"issuers":                   {"credential", "signature", "thumbprint", "thumbprint/keyfile", "internal/strict"},
	"issuers/source":            {"issuers"},
	"possession":                {"credential", "signature", "thumbprint", "internal/strict"},
	"replay":                    {"thumbprint"},
	"dnssec":                    {},
	"dnssec/rollover":           {"dnssec"},
	"cache":                     {},
	"resolver":                  {"resolver/transport", "dnssec", "cache"},
	"resolver/transport":        {},
	"resolver/anchor":           {"dnssec", "dnssec/rollover"},
	"resolver/listener":         {"resolver", "dnssec"},
	"verifier":                  {"credential", "issuers", "possession", "record", "thumbprint", "dnssec"},
	"lane":                      {},
	"api":                       {"verifier", "dnssec", "record", "lane", "internal/strict"},
	"authz":                     {"verifier", "credential", "possession", "signature", "thumbprint"},
	"metrics":                   {"verifier"},
	"client":                    {},
	"publish":                   {"record", "dnssec"},
	"publish/update":            {"publish", "dnssec"},
	"publish/provider":          {"publish"},
	"publish/text":              {"publish"},
	"publish/hook":              {"publish"},
	"acme":                      {"acme/jws", "acme/weakkey", "record", "thumbprint", "signature", "internal/strict"},
	"acme/jws":                  {"signature", "thumbprint", "internal/strict"},
	"acme/weakkey":              {},
	"acme/caa":                  {},
	"acme/gate":                 {"acme", "acme/caa", "verifier", "record", "thumbprint", "dnssec"},
	"acme/validate":             {"acme", "dnssec"},
	"acme/ca":                   {"acme"},
	"acme/store":                {"acme"},
	"internal/sandbox":          {"internal/sandbox/zone", "thumbprint", "record"},
	"internal/sandbox/zone":     {},
	"internal/testnames":        {},
	"internal/testneeds":        {},
	"internal/testneeds/report": {},
	"cmd/cnfd":                  {"*"},
	"cmd/cnfd/internal/config":  {"dnssec", "record", "signature"},
	"cmd/cnfd/internal/backup":  {},
	"fuzz":                      {"*"},
	"bench/eviction":            {"cache"},
	"bench/agree":               {},
	"bench/acme":                {},
	"bench/http":                {},
	"integration":               {"*"},
	"stories":                   {},
}

// pure rooms judge; they do not fetch, wait, share or look at a clock.
var pure = []string{"thumbprint", "record", "signature", "decryption", "credential", "issuers", "possession", "dnssec", "dnssec/rollover", "internal/strict", "acme/jws", "acme/weakkey", "acme/caa"}

// impure are the packages that a pure room imports neither themselves nor below;
// net/netip, which knows addresses by value and no network, is none of them.
var impure = []string{"net", "context", "os", "sync", "log"}

// behindOneFile are libraries that one file alone may know; tests may ask them
// for a second opinion.
var behindOneFile = []string{"github.com/lestrrat-go/jwx", "github.com/zmap", "modernc.org"}

func TestShape(t *testing.T) {
	for _, fault := range faults(os.DirFS("."), rooms) {
		t.Error(fault)
	}
}

// TestTheShapeCanBeBroken shows that each rule finds its breach, and no other.
func TestTheShapeCanBeBroken(t *testing.T) {
	const doc = "// Package p is there.\npackage p\n"
	cases := []struct {
		claim string
		files map[string]string
		want  []string // beginnings
	}{
		{"a house in order", map[string]string{
			"record/a.go":      doc + `import ("cnfd/thumbprint"; "net/netip"; "time"); var _ time.Time`,
			"thumbprint/a.go":  doc,
			"record/a_test.go": `package p; import ("net"; "os"; "cnfd/cmd/cnfd"); var x = time.Now`,
			"cmd/cnfd/a.go":    doc + `import "time"; var x = time.Now`,
			"bench/http/a.go":  doc + `import "time"; var x = time.Now`,
			"testdata/a/a.go":  `package broken`,
		}, nil},
		{"an arrow upward", map[string]string{"record/a.go": doc + `import "cnfd/verifier"`}, []string{"record/a.go: imports cnfd/verifier"}},
		{"an arrow into a room below another", map[string]string{"resolver/a.go": doc + `import "cnfd/resolver/listener"`}, []string{"resolver/a.go: imports cnfd/resolver/listener"}},
		{"a judge who fetches", map[string]string{"dnssec/a.go": doc + `import "net"`}, []string{"dnssec/a.go: imports net"}},
		{"a judge who fetches by a package below net", map[string]string{"dnssec/a.go": doc + `import n "net/http"`}, []string{"dnssec/a.go: imports net/http"}},
		{"a judge who logs", map[string]string{"credential/a.go": doc + `import _ "log/slog"`}, []string{"credential/a.go: imports log/slog"}},
		{"a judge who locks", map[string]string{"thumbprint/a.go": doc + `import "sync/atomic"`}, []string{"thumbprint/a.go: imports sync/atomic"}},
		{"a clock read outside of the command", map[string]string{"cache/a.go": doc + `import "time"; var x = time.Now()`}, []string{"cache/a.go:3: time.Now"}},
		{"a clock handed on under another name", map[string]string{"cache/a.go": doc + `import clock "time"; var x = clock.Now`}, []string{"cache/a.go:3: time.Now"}},
		{"a clock imported without its name", map[string]string{"cache/a.go": doc + `import . "time"; var x = Now()`}, []string{"cache/a.go: imports time as ."}},
		{"time.Since, which reads the clock too", map[string]string{"api/a.go": doc + `import "time"; var x = time.Since(time.Time{})`}, []string{"api/a.go:3: time.Since"}},
		{"a second file that knows jwx", map[string]string{
			"cmd/cnfd/a.go": doc + `import "github.com/lestrrat-go/jwx/v2/jwk"`,
			"cmd/cnfd/b.go": `package p; import "github.com/lestrrat-go/jwx/v2/jwt"`,
		}, []string{"github.com/lestrrat-go/jwx: imported by cmd/cnfd/a.go, cmd/cnfd/b.go"}},
		{"a test may know it too", map[string]string{
			"cmd/cnfd/a.go":      doc + `import "github.com/lestrrat-go/jwx/v2/jwk"`,
			"cmd/cnfd/b_test.go": `package p; import "github.com/lestrrat-go/jwx/v2/jwt"`,
		}, nil},
		{"a package that does not say what it is", map[string]string{"cache/a.go": "package cache"}, []string{"cache: no package comment"}},
		{"a room nobody has given a place", map[string]string{"attic/a.go": doc}, []string{"attic: not among the rooms"}},
		{"a file that does not parse", map[string]string{"cache/a.go": "package"}, []string{"cache/a.go:1:8: expected"}},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			house := fstest.MapFS{}
			for name, text := range tc.files {
				house[name] = &fstest.MapFile{Data: []byte(text)}
			}
			got := faults(house, rooms)
			if len(got) != len(tc.want) {
				t.Fatalf("found %q, want %q", got, tc.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("found %q, want %q…", got[i], tc.want[i])
				}
			}
		})
	}
}

// faults reads every Go file of a house and returns what breaks its shape.
func faults(house fs.FS, rooms map[string][]string) (faults []string) {
	found := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	documented, importers := map[string]bool{}, map[string][]string{}
	err := fs.WalkDir(house, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); base == "testdata" || base == "node_modules" || len(base) > 1 && base[0] == '.' || isModule(house, name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		text, err := fs.ReadFile(house, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			found("%v", err)
			return nil
		}
		room := path.Dir(name)
		documented[room] = documented[room] || file.Doc != nil
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fileFaults(set, file, name, found)
		for _, library := range behindOneFile {
			if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return within(imported(i), library) }) {
				importers[library] = append(importers[library], name)
			}
		}
		return nil
	})
	if err != nil {
		found("%v", err)
	}
	for _, room := range slices.Sorted(maps.Keys(documented)) {
		if _, ok := rooms[room]; !ok {
			found("%s: not among the rooms: give it a place in docs/architecture.md and here", room)
		}
		if !documented[room] {
			found("%s: no package comment", room)
		}
	}
	for _, library := range behindOneFile {
		if len(importers[library]) > 1 {
			found("%s: imported by %s: one file alone may know it", library, strings.Join(importers[library], ", "))
		}
	}
	return faults
}

// fileFaults holds one file to the arrows, to purity, and to the rule that only
// the command knows what time it is.
func fileFaults(set *token.FileSet, file *ast.File, name string, found func(string, ...any)) {
	room := path.Dir(name)
	inCmd := strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "bench/") // programs: what measures must know the time
	clock := ""                                                                   // the name that the file gives to package time
	for _, i := range file.Imports {
		p := imported(i)
		if other, ours := strings.CutPrefix(p, "cnfd/"); ours && !slices.Contains(rooms[room], other) && !slices.Contains(rooms[room], "*") {
			found("%s: imports %s: no arrow goes from %s there", name, p, room)
		}
		if slices.Contains(pure, room) && slices.ContainsFunc(impure, func(bad string) bool { return within(p, bad) && p != "net/netip" }) {
			found("%s: imports %s: %s is pure", name, p, room)
		}
		if p == "time" {
			clock = "time"
			if i.Name != nil {
				clock = i.Name.Name
			}
			if clock == "." && !inCmd {
				found("%s: imports time as .: write it out", name)
			}
		}
	}
	if inCmd || clock == "" {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Now", "Since", "Until"}, s.Sel.Name) {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == clock {
				found("%s:%d: time.%s: only cmd knows what time it is", name, set.Position(s.Pos()).Line, s.Sel.Name)
			}
		}
		return true
	})
}

func imported(i *ast.ImportSpec) string {
	p, _ := strconv.Unquote(i.Path.Value) // the parser has checked it
	return p
}

// within reports whether a package is the given one or lies below it.
func within(p, above string) bool { return p == above || strings.HasPrefix(p, above+"/") }

// isModule reports whether a directory is the root of a module of its own.
func isModule(house fs.FS, dir string) bool {
	_, err := fs.Stat(house, path.Join(dir, "go.mod"))
	return err == nil && dir != "."
}
