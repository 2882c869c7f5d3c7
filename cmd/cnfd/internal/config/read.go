package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Parse reads a configuration over the defaults d. file names it in problems.
// The error, where there is one, is Problems: everything that is wrong, in the
// order of the file.
func Parse(file string, text []byte, d Config) (Config, error) {
	r := reader{places: map[string]place{"": {1, 1}}}
	c := d
	r.document(text, &c)
	if len(r.problems) == 0 {
		// What cannot be read cannot be judged: values are checked only where all of them were read.
		r.check(&c)
	}
	if len(r.problems) == 0 {
		return c, nil
	}
	for i := range r.problems {
		r.problems[i].File = file
	}
	sort.SliceStable(r.problems, func(i, j int) bool { return r.problems[i].before(r.problems[j]) })
	return Config{}, r.problems
}

// At says what is wrong, or doubtful, with the value at path of a configuration that
// Parse accepts ("issuers[0].keys"): with the line and column of that value, or of
// where its section begins if the file does not have it.
func At(file string, text []byte, path, what string) Problem {
	r := reader{places: map[string]place{"": {1, 1}}}
	var c Config
	r.document(text, &c)
	r.problems = nil
	r.at(path, "%s", what)
	r.problems[0].File = file
	return r.problems[0]
}

// HasSettings reports whether a configuration says anything: an empty file does not, nor one
// of comments, or of sections with nothing in them. A file that was cut off may be one.
func HasSettings(text []byte) bool {
	r := reader{places: map[string]place{}}
	var c Config
	r.document(text, &c)
	return r.values > 0
}

// Problem is one thing that is wrong in a configuration file.
// Line and Column count from 1.
type Problem struct {
	File         string
	Line, Column int
	What         string
}

// String returns file:line:column: what.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.What)
}

func (p Problem) before(q Problem) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Column < q.Column
}

// Problems is every problem of a file, first line first. It is never empty.
type Problems []Problem

// Error returns the first problem, and how many more there are.
func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].String()
	}
	return fmt.Sprintf("%s (and %d more: cnfd config check %s)", p[0], len(p)-1, p[0].File)
}

type place struct{ line, column int }

// reader fills a Config from YAML, remembering where each value stood.
type reader struct {
	problems Problems
	places   map[string]place // by path: "resolver.stubs[0].zone"
	values   int              // that are written
}

func (r *reader) problem(at place, format string, args ...any) {
	r.problems = append(r.problems, Problem{Line: at.line, Column: at.column, What: fmt.Sprintf(format, args...)})
}

func (r *reader) document(text []byte, c *Config) {
	f, err := parser.ParseBytes(text, 0)
	if err != nil {
		at := place{1, 1}
		what := err.Error()
		var y yaml.Error
		if errors.As(err, &y) {
			what = y.GetMessage()
			if t := y.GetToken(); t != nil && t.Position != nil {
				at = place{t.Position.Line, t.Position.Column}
			}
		}
		r.problem(at, "not YAML: %s", strings.Join(strings.Fields(what), " "))
		return
	}
	var bodies []ast.Node
	for _, d := range f.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	if len(bodies) > 1 {
		r.problem(where(bodies[1]), "a second document: the configuration is one")
		return
	}
	if len(bodies) == 1 {
		r.value("", bodies[0], reflect.ValueOf(c).Elem(), nil)
	}
}

// value reads node n into v. allowed, where there is one, lists the words that
// a string may be.
func (r *reader) value(path string, n ast.Node, v reflect.Value, allowed []string) {
	at := where(n)
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		r.problem(at, "%s: anchors, aliases and tags are not read: write the value out", path)
		return
	case *ast.CommentGroupNode:
		return // a file of comments alone
	case *ast.NullNode:
		if v.Kind() != reflect.Struct || isText(v) {
			r.problem(at, `%s: no value: write one ("" for an empty string, [] for an empty list) or leave the key out`, path)
		}
		return // a section with nothing in it keeps its defaults
	}
	if v.Kind() == reflect.Struct && !isText(v) {
		r.section(path, n, v)
		return
	}
	r.places[path] = at
	r.values++
	if v.Kind() == reflect.Slice {
		r.list(path, n, v, allowed)
		return
	}
	if err := scalar(n, v, allowed); err != nil {
		r.problem(at, "%s: %v", path, err)
	}
}

func (r *reader) section(path string, n ast.Node, v reflect.Value) {
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		if i := alone(v.Type()); i >= 0 {
			r.value(join(path, v.Type().Field(i).Tag.Get("yaml")), n, v.Field(i), nil)
			return
		}
		r.problem(where(n), "%s: want keys and values", orTop(path))
		return
	}
	seen := map[string]bool{}
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		at := where(pair.Key)
		if seen[name] {
			r.problem(at, "%s: written twice", join(path, name))
			continue
		}
		seen[name] = true
		i := field(v.Type(), name)
		if i < 0 {
			r.problem(at, "%s: unknown key; known here: %s", join(path, name), strings.Join(keys(v.Type()), ", "))
			continue
		}
		below := join(path, name)
		r.places[below] = at
		var allowed []string
		if words := v.Type().Field(i).Tag.Get("values"); words != "" {
			allowed = strings.Split(words, ",")
		}
		r.value(below, pair.Value, v.Field(i), allowed)
	}
}

func (r *reader) list(path string, n ast.Node, v reflect.Value, allowed []string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.problem(where(n), "%s: want a list: [a, b]", path)
		return
	}
	// A new slice: the one that is there may be the defaults'.
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		below := fmt.Sprintf("%s[%d]", path, i)
		r.places[below] = where(item)
		if one := v.Index(i); one.Kind() == reflect.Struct && !isText(one) {
			setDefaults(one)
		}
		r.value(below, item, v.Index(i), allowed)
	}
}

// scalar reads one word, number or truth value.
func scalar(n ast.Node, v reflect.Value, allowed []string) error {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		return errors.New("want a single value")
	}
	text := n.GetToken().Value
	if l, ok := n.(*ast.LiteralNode); ok {
		text = l.Value.Value
	}
	if isText(v) {
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			switch v.Interface().(type) {
			case netip.Addr:
				return errors.New(`want an IP address, such as 192.0.2.53 or "2001:db8::53"`)
			case time.Time:
				return errors.New("want a time by RFC 3339, such as 2026-11-22T06:40:00Z")
			case netip.Prefix:
				return errors.New(`want addresses and the length of their prefix, such as 192.0.2.0/24 or "2001:db8::/32"`)
			}
			return err
		}
		// netip reads "" as no address at all, without an error.
		if a, ok := v.Interface().(interface{ IsValid() bool }); ok && !a.IsValid() {
			return errors.New("empty")
		}
		return nil
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := duration(text)
		v.SetInt(int64(d))
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			return errors.New("want true or false")
		}
		v.SetBool(b.Value)
	case reflect.Uint16, reflect.Uint32:
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if _, ok := n.(*ast.IntegerNode); !ok || err != nil {
			return fmt.Errorf("want a whole number from 0 to %d", uint64(1)<<v.Type().Bits()-1)
		}
		v.SetUint(u)
	case reflect.String:
		switch n.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default:
			if allowed != nil && !slices.Contains(allowed, text) {
				break // no quotes make it one of them
			}
			return fmt.Errorf("want a string: put it in quotes")
		}
		if allowed != nil && !slices.Contains(allowed, text) {
			words := slices.DeleteFunc(slices.Clone(allowed), func(w string) bool { return w == "" }) // it is no word of a list
			return fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
		}
		v.SetString(text)
	default:
		return fmt.Errorf("a field of type %s cannot be read", v.Type())
	}
	return nil
}

func isText(v reflect.Value) bool {
	return v.CanAddr() && v.Addr().Type().Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func field(t reflect.Type, name string) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") == name {
			return i
		}
	}
	return -1
}

// alone is the field that a value without keys stands for, -1 where there is none.
func alone(t reflect.Type) int {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("alone") != "" {
			return i
		}
	}
	return -1
}

func keys(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		names = append(names, t.Field(i).Tag.Get("yaml"))
	}
	return names
}

func where(n ast.Node) place {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return where(m.Values[0].Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return place{t.Position.Line, t.Position.Column}
	}
	return place{1, 1}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orTop(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}
