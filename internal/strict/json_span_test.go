package strict

import (
	"bytes"
	"testing"
)

func TestSpan(t *testing.T) {
	for _, c := range []struct{ what, in, want, rest string }{
		{"an empty object", `{}`, `{}`, ""},
		{"white space before it", " \n{} ", `{}`, " "},
		{"braces in strings do not count", `{"}":"{["} ,1`, `{"}":"{["}`, " ,1"},
		{"an escaped quote does not end a string", `{"a\"}":"\\"}]`, `{"a\"}":"\\"}`, "]"},
		{"nested ones", `{"a":[{},{"b":[]}]}x`, `{"a":[{},{"b":[]}]}`, "x"},
		{"what is in it is not judged", `{a:01,}`, `{a:01,}`, ""},
		{"an array is none", `[]`, "", ""},
		{"no end", `{"a":{}`, "", ""},
		{"a string without an end", `{"a`, "", ""},
		{"nothing", ``, "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			var s Scanner
			s.Reset([]byte(c.in), "")
			got := s.Span()
			if string(got) != c.want || (s.Err() != nil) != (c.want == "") {
				t.Fatalf("Span = %q, %v; want %q", got, s.Err(), c.want)
			}
			if s.Err() == nil && string(s.data[s.pos:]) != c.rest {
				t.Errorf("rest %q, want %q", s.data[s.pos:], c.rest)
			}
		})
	}
}

// FuzzSpan holds Span against Raw: an object that is valid ends at the same place.
func FuzzSpan(f *testing.F) {
	f.Add([]byte(`{"a":[{"b":"}\\\""}]} `))
	f.Fuzz(func(t *testing.T, doc []byte) {
		var a, b Scanner
		a.Reset(doc, "")
		b.Reset(doc, "")
		if a.Peek() != '{' {
			return
		}
		raw, span := a.Raw(), b.Span()
		if a.Err() == nil && (b.Err() != nil || !bytes.Equal(raw, span) || a.pos != b.pos) {
			t.Fatalf("Raw %q to %d, Span %q to %d, %v", raw, a.pos, span, b.pos, b.Err())
		}
	})
}
