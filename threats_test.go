package cnfd

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// TestThreatsPage holds docs/threats.md to the code: what it names exists, its figures
// are the constants', each constant says in a comment what it is for, and no row is without a test.
func TestThreatsPage(t *testing.T) {
	page, err := os.ReadFile("docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range pageFaults(os.DirFS("."), string(page)) {
		t.Error(fault)
	}
}

// TestThreatsPageCanBeWrong shows that each kind of untruth is found, and nothing else.
func TestThreatsPageCanBeWrong(t *testing.T) {
	house := fstest.MapFS{
		"a/b/x.go":      {Data: []byte("package b\n\nconst bare = 3\n\n// Bounds.\nconst (\n\tmost = 1 << 10 * 2\n\tlong = 2 * 30 * time.Second\n)\nfunc (t T) Do() {}\n")},
		"a/b/x_test.go": {Data: []byte("package b\nfunc TestX(t *testing.T) { _ = \"a row\"\n _ = `another` }\n")},
	}
	for _, c := range []struct {
		line string
		want string // the beginning of the only fault; "" for none
	}{
		{"| x | `a/b.most` 2 KiB, `a/b.long` 1 min, `a/b.Do` | `a/b.TestX` `a/b.TestX/a row` `a/b.TestX/another` |", ""},
		{"| x | `a/b.most` 2048, `a/b.long` 60 s | `a/b.TestX` |", ""},
		{"| x | `a/b.most` 4 KiB | `a/b.TestX` |", "a/b.most is 2048, not 4 KiB"},
		{"| x | `a/b.none` | `a/b.TestX` |", "a/b.none: there is no such thing"},
		{"| x | `a/b.bare` 3 | `a/b.TestX` |", "a/b.bare: no comment"},
		{"| x | `a/b.most` | `a/b.TestY` |", "a/b.TestY: there is no such test"},
		{"| x | `a/b.most` | `a/b.TestX/a column` |", "a/b.TestX: has no row \"a column\""},
		{"| x | `a/b.most` | |", "no test: | x"},
		{"In `a/c.most` there is text.", "a/c.most: there is no such thing"},
	} {
		got := pageFaults(house, "| threat | limit | test |\n|---|---|---|\n"+c.line+"\n")
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
			t.Errorf("%s: found %q, want %q", c.line, got, c.want)
		}
	}
}

// TestChanceComesFromCryptoRand: what carries messages has no other source of chance.
func TestChanceComesFromCryptoRand(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "resolver/transport/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range f.Imports {
			if !strings.HasSuffix(name, "_test.go") && within(imported(i), "math/rand") {
				t.Errorf("%s: imports %s", name, imported(i))
			}
		}
	}
}

// named is what a page names in code spans: `room.Name`, with `/row` behind a test's
// and a figure behind a constant's.
var named = regexp.MustCompile("`([a-z]+(?:/[a-z]+)*)\\.([A-Za-z]\\w*)(/[^`]+)?`(?: ([0-9]+(?: (?:KiB|ms|s|min|h|d)\\b)?))?")

func pageFaults(house fs.FS, page string) (faults []string) {
	rooms := map[string]*room{}
	for _, line := range strings.Split(page, "\n") {
		tests := 0
		for _, m := range named.FindAllStringSubmatch(line, -1) {
			dir, name, row, figure := m[1], m[2], strings.TrimPrefix(m[3], "/"), m[4]
			if strings.HasPrefix(name, "md") || path.Ext(dir+"."+name) == ".go" {
				continue // a file
			}
			if rooms[dir] == nil {
				rooms[dir] = readRoom(house, dir)
			}
			if regexp.MustCompile("^(Test|Fuzz|Benchmark)").MatchString(name) {
				tests++
			}
			faults = append(faults, rooms[dir].faults(dir+"."+name, name, row, figure)...)
		}
		row := strings.HasPrefix(line, "| ") && strings.Count(line, "|") == 4 && !strings.HasSuffix(line, "| test |")
		if row && tests == 0 {
			faults = append(faults, "no test: "+line)
		}
	}
	return faults
}

// room is what a directory's files declare.
type room struct {
	values    map[string]ast.Expr // of constants
	commented map[string]bool
	others    map[string]bool     // functions, methods, types, variables
	tests     map[string][]string // what functions and variables hold of texts
}

func readRoom(house fs.FS, dir string) *room {
	r := &room{map[string]ast.Expr{}, map[string]bool{}, map[string]bool{}, map[string][]string{}}
	files, _ := fs.Glob(house, dir+"/*.go")
	for _, name := range files {
		text, err := fs.ReadFile(house, name)
		if err != nil {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue // the compiler says it better
		}
		for _, d := range f.Decls {
			r.declare(d)
		}
	}
	return r
}

func (r *room) declare(d ast.Decl) {
	if f, ok := d.(*ast.FuncDecl); ok {
		r.others[f.Name.Name] = true
		r.tests[f.Name.Name] = append(r.tests[f.Name.Name], texts(f)...) // methods of one name together
		return
	}
	g := d.(*ast.GenDecl)
	for _, s := range g.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			r.others[s.Name.Name] = true
		case *ast.ValueSpec:
			for i, n := range s.Names {
				if g.Tok != token.CONST || i >= len(s.Values) {
					r.others[n.Name], r.tests[n.Name] = true, append(r.tests[n.Name], texts(g)...)
					continue
				}
				r.values[n.Name] = s.Values[i]
				r.commented[n.Name] = g.Doc != nil || s.Doc != nil || s.Comment != nil
			}
		}
	}
}

// texts are the string literals in a declaration, the names of a table's rows among
// them, and what it refers to: a table may be declared on its own.
func texts(d ast.Decl) (out []string) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				out = append(out, s)
			}
		case *ast.Ident:
			out = append(out, "→"+n.Name)
		}
		return true
	})
	return out
}

// hasRow looks for a row in a test and in what the test calls.
func (r *room) hasRow(test, row string) bool {
	for _, s := range r.tests[test] {
		if s == row {
			return true
		}
		if called, ok := strings.CutPrefix(s, "→"); ok && called != test && slices.Contains(r.tests[called], row) {
			return true
		}
	}
	return false
}

func (r *room) faults(full, name, row, figure string) []string {
	if regexp.MustCompile("^(Test|Fuzz|Benchmark)").MatchString(name) {
		switch {
		case r.tests[name] == nil:
			return []string{full + ": there is no such test"}
		case row != "" && !r.hasRow(name, row):
			return []string{fmt.Sprintf("%s: has no row %q", full, row)}
		}
		return nil
	}
	value, isConst := r.values[name]
	switch {
	case !isConst && !r.others[name]:
		return []string{full + ": there is no such thing"}
	case !isConst:
		return nil
	case !r.commented[name]:
		return []string{full + ": no comment says what it is for"}
	case figure == "":
		return nil
	}
	if got := r.eval(value); got == nil || !constant.Compare(got, token.EQL, read(figure)) {
		return []string{fmt.Sprintf("%s is %v, not %s", full, got, figure)}
	}
	return nil
}

// units are what a page writes behind a figure.
var units = map[string]int64{"": 1, "KiB": 1 << 10, "ms": int64(time.Millisecond), "s": int64(time.Second), "min": int64(time.Minute), "h": int64(time.Hour), "d": 24 * int64(time.Hour)}

func read(figure string) constant.Value {
	number, unit, _ := strings.Cut(figure, " ")
	n, _ := strconv.ParseInt(number, 10, 64)
	return constant.MakeInt64(n * units[unit])
}

// eval computes a constant of whole numbers and durations; nil for any other.
func (r *room) eval(e ast.Expr) constant.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.ParenExpr:
		return r.eval(e.X)
	case *ast.Ident:
		if v := r.values[e.Name]; v != nil {
			return r.eval(v)
		}
	case *ast.SelectorExpr:
		for name, d := range map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour} {
			if e.Sel.Name == name {
				return constant.MakeInt64(int64(d))
			}
		}
	case *ast.BinaryExpr:
		x, y := r.eval(e.X), r.eval(e.Y)
		if x == nil || y == nil {
			return nil
		}
		if e.Op == token.SHL {
			n, _ := constant.Uint64Val(y)
			return constant.Shift(x, e.Op, uint(n))
		}
		return constant.BinaryOp(x, e.Op, y)
	}
	return nil
}
