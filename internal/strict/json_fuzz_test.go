package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"
	"unicode/utf8"
)

// tree reads any value into what encoding/json reads it into.
func tree(s *Scanner) any {
	switch s.Peek() {
	case '{':
		members := map[string]any{}
		for o := s.Object(nil); ; {
			at := s.At()
			if _, ok := o.Next(); !ok {
				return members
			}
			// The name is not the caller's own, so it is read from the document.
			var name string
			at += bytes.IndexByte(s.data[at:], '"')
			if err := json.Unmarshal(s.data[at:closing(s.data, at)], &name); err != nil {
				return err
			}
			members[name] = tree(s)
		}
	case '[':
		elements := []any{}
		for a := s.Array(); a.Next(); {
			elements = append(elements, tree(s))
		}
		return elements
	case '"':
		return string(s.Text().Bytes())
	case 't', 'f':
		return s.Bool()
	case 'n':
		s.Skip()
		return nil
	default:
		return json.Number(s.Number())
	}
}

// duplicate reports whether an object of a document that encoding/json takes has
// a name twice.
func duplicate(d *json.Decoder) bool {
	type level struct {
		names map[any]bool // nil in an array
		value bool         // a value comes next, not a name
	}
	levels := []level{{}}
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		l := &levels[len(levels)-1]
		if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if l.names != nil && !l.value {
			if l.names[token] {
				return true
			}
			l.names[token], l.value = true, true
			continue
		}
		l.value = false
		switch token {
		case json.Delim('{'):
			levels = append(levels, level{names: map[any]bool{}})
		case json.Delim('['):
			levels = append(levels, level{})
		}
	}
}

// FuzzScanner holds the Scanner against encoding/json: what it takes,
// encoding/json takes and reads the same; what only encoding/json takes has one
// of the faults that it lets pass.
func FuzzScanner(f *testing.F) {
	for _, doc := range []string{
		claims, `{}`, `[]`, `""`, `0`, `-1.5e+7`, `null`, ` true `, `{"a":{"b":[1,"\u00e9\ud83d\ude00\\"]}}`,
		`{"a":1,"\u0061":2}`, `{"a":1,"A":2}`, `["\ud800"]`, "[\"\xff\"]", `[1e309]`, `[1,]`, `{"a":1,}`, nested(32), nested(33),
		`{"` + "\u212a" + `id":1}`, `{` + members(60) + `"m0":1}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var s Scanner
		s.Reset(doc, "doc")
		got := tree(&s)
		err := s.Close()

		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber()
		var want any
		theirs := d.Decode(&want)
		if theirs == nil {
			if _, end := d.Token(); end != io.EOF {
				theirs = errors.New("trailing data")
			}
		}

		if _, skipped := passOver(string(doc)); (skipped == nil) != (err == nil) {
			t.Fatalf("read: %v, skipped: %v", err, skipped)
		}
		if err == nil {
			if theirs != nil {
				t.Fatalf("encoding/json refuses what is accepted: %v", theirs)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("read %#v, encoding/json %#v", got, want)
			}
			if json.Unmarshal(doc, new(any)) != nil {
				t.Fatal("a number does not fit")
			}
			return
		}
		if theirs == nil {
			var e *Error
			if !errors.As(err, &e) || !utf8.ValidString(e.Where) {
				t.Fatalf("%q", err)
			}
			known := map[string]bool{
				"given twice":                    duplicate(json.NewDecoder(bytes.NewReader(doc))),
				"not UTF-8":                      !utf8.Valid(doc),
				"nested too deep":                bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) > MaxDepth,
				"number does not fit":            json.Unmarshal(doc, new(any)) != nil,
				"not a valid escape in a string": bytes.Contains(bytes.ToLower(doc), []byte(`\ud`)),
			}
			if !known[e.What] {
				t.Fatalf("refused what encoding/json reads: %v", err)
			}
		}
	})
}

// FuzzScannerMembers holds Next against encoding/json reading into a struct,
// which folds case as a careless verifier does: where both accept, both have
// read the same members.
func FuzzScannerMembers(f *testing.F) {
	for _, doc := range []string{claims, `{"sub":"a","exp":1}`, `{"Sub":"a"}`, `{"\u0073ub":"a"}`, `{"cnf":{"` + "\u212a" + `id":"a"}}`, `{"` + "\u017f" + `ub":"a"}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		sub, kid, exp, err := readDoc(string(doc))
		if err != nil {
			return
		}
		var want struct {
			Sub *string
			Exp *json.Number
			Cnf *struct{ Kid *string }
		}
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatal(err)
		}
		if want.Sub != nil && *want.Sub != sub || want.Sub == nil && sub != "" {
			t.Errorf("sub: %q", sub)
		}
		if want.Exp != nil && want.Exp.String() != string(exp) || want.Exp == nil && exp != nil {
			t.Errorf("exp: %q", exp)
		}
		if want.Cnf != nil && want.Cnf.Kid != nil && *want.Cnf.Kid != kid {
			t.Errorf("kid: %q", kid)
		}
	})
}
