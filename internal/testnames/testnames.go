// Package testnames finds the tests that a document names, so that a test can hold the document to what there is.
//
// A document names a test as `room.TestName`, with /row where it is one row of a table, and a story as `stories/name.rpl`.
package testnames

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

var shown = regexp.MustCompile("`(?:stories/([a-z0-9_/]+\\.rpl)|([a-z/]+)\\.((?:Test|Fuzz|Example)[A-Za-z0-9_]*)(?:/([^`]+))?)`")

// Name is a test that a document names.
type Name struct {
	Story           string // the file below stories/testdata; else what follows
	Room, Test, Row string // Row is empty where the whole test is named
}

// Named returns the tests that a line of a document names.
func Named(line string) (names []Name) {
	for _, n := range shown.FindAllStringSubmatch(line, -1) {
		names = append(names, Name{n[1], n[2], n[3], n[4]})
	}
	return names
}

// House knows the tests of the rooms that were looked into. It is no use to several goroutines.
type House struct {
	root  string
	rooms map[string]room
}

// New returns the house whose rooms are below root.
func New(root string) *House { return &House{root, map[string]room{}} }

// room is the tests of a package, and every string that is written in them: a row's name is one of those.
type room struct{ tests, literals map[string]bool }

// StoryFile returns the path of a story.
func (h *House) StoryFile(n Name) string {
	return filepath.Join(h.root, "stories", "testdata", n.Story)
}

// Missing says what of a name there is not; "" where all is there.
func (h *House) Missing(n Name) string {
	if n.Story != "" {
		if _, err := os.Stat(h.StoryFile(n)); err != nil {
			return "there is no story " + n.Story
		}
		return ""
	}
	switch r := h.room(n.Room); {
	case !r.tests[n.Test]:
		return "there is no " + n.Room + "." + n.Test
	case n.Row != "" && !r.literals[n.Row]:
		return n.Room + "." + n.Test + " has no row " + strconv.Quote(n.Row)
	}
	return ""
}

// room reads the tests of a room.
func (h *House) room(where string) room {
	if r, known := h.rooms[where]; known {
		return r
	}
	r := room{map[string]bool{}, map[string]bool{}}
	h.rooms[where] = r
	files, _ := filepath.Glob(filepath.Join(h.root, where, "*_test.go"))
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
