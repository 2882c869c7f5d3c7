package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write default.yaml and docs/config.md anew from the struct")

// TestManual keeps what people read and what the daemon does one thing.
func TestManual(t *testing.T) {
	comments := structComments(t)
	var y, md strings.Builder
	y.WriteString("# cnfd: the default configuration. Every key is optional; an unknown key is an error.\n")
	writeYAML(&y, comments, reflect.TypeFor[Config](), "")
	md.WriteString(mdHead)
	writeMarkdown(&md, comments, reflect.TypeFor[Config](), "")
	md.WriteString("\n" + mdTail)
	for file, want := range map[string]string{"default.yaml": y.String(), "../../../../docs/config.md": md.String()} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the struct says (err %v): go test ./cmd/cnfd/internal/config -update", file, err)
		}
	}
}

const mdHead = `# Configuration

<!-- generated from the struct in cmd/cnfd/internal/config: go test ./cmd/cnfd/internal/config -update -->

One YAML file, named by ` + "`cnfd serve --config FILE`" + `. Every key is optional; without a file the defaults hold. An unknown
key, a value of another type and a value that cannot work are errors with file, line and column: ` + "`cnfd config check FILE`" + `
prints all of them, first those that keep a value from being read. ` + "`cnfd config print`" + ` prints the defaults with these comments, ready to edit.

| key | default | |
|---|---|---|
`

const mdTail = "Inside the lists: a hint is `{name, addresses}`, a stub `{zone, addresses, trust_anchors}`, a negative trust anchor `{name, until}` or a name, an issuer and a profile what is said above of `issuers[]` and `acme.profiles[]`.\n"

// structComments maps Type.Field to the field's doc comment, one line.
func structComments(t *testing.T) map[string]string {
	comments := map[string]string{}
	for _, file := range []string{"config.go", "acme.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				for _, name := range field.Names {
					comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
			return false
		})
	}
	return comments
}

func writeYAML(b *strings.Builder, comments map[string]string, t reflect.Type, indent string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if indent == "" {
			b.WriteString("\n")
		}
		if c := comments[t.Name()+"."+f.Name]; c != "" {
			fmt.Fprintf(b, "%s# %s\n", indent, c)
		}
		if d, ok := f.Tag.Lookup("default"); ok {
			fmt.Fprintf(b, "%s%s: %s\n", indent, f.Tag.Get("yaml"), d)
			continue
		}
		fmt.Fprintf(b, "%s%s:\n", indent, f.Tag.Get("yaml"))
		writeYAML(b, comments, f.Type, indent+"  ")
	}
}

func writeMarkdown(b *strings.Builder, comments map[string]string, t reflect.Type, path string) {
	for i := range t.NumField() {
		f := t.Field(i)
		below := join(path, f.Tag.Get("yaml"))
		c := strings.ReplaceAll(comments[t.Name()+"."+f.Name], "|", "\\|")
		if d, ok := f.Tag.Lookup("default"); ok {
			fmt.Fprintf(b, "| `%s` | `%s` | %s |\n", below, d, c)
			if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
				writeItem(b, comments, f.Type.Elem(), below+"[]")
			}
			continue
		}
		fmt.Fprintf(b, "| **`%s`** | | %s |\n", below, c)
		writeMarkdown(b, comments, f.Type, below)
	}
}

// writeItem writes what the items of a list hold, where the struct says what it is.
func writeItem(b *strings.Builder, comments map[string]string, t reflect.Type, path string) {
	for i := range t.NumField() {
		f := t.Field(i)
		c := comments[t.Name()+"."+f.Name]
		if c == "" {
			continue
		}
		d, ok := f.Tag.Lookup("default")
		if ok {
			d = "`" + d + "`"
		}
		fmt.Fprintf(b, "| `%s.%s` | %s | %s |\n", path, f.Tag.Get("yaml"), d, c)
	}
}

func TestManualIsTheDefault(t *testing.T) {
	for _, u := range []User{
		{Root: true},
		{Home: "/home/a", RuntimeDir: "/run/user/1000"},
		{Home: "/home/it's #1", StateHome: "/home/a: b/state"},
		{},
	} {
		got, err := Parse("default.yaml", []byte(Manual(u)), Config{})
		if err != nil {
			t.Fatalf("%+v: %v", u, err)
		}
		if want := Default(u); !reflect.DeepEqual(got, want) {
			t.Errorf("%+v: the printed file reads as\n%+v, the default is\n%+v", u, got, want)
		}
	}
}
