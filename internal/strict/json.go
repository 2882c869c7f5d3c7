// Package strict reads JSON and CBOR so that a document has one meaning or none:
// what two readers could take differently (a duplicate member, a name in another
// case, octets that are not UTF-8) is an error with a place.
package strict

// MaxDepth bounds the nesting of objects and arrays, the outermost counted as
// one: deeper input is an error, so that no caller's recursion can be driven by
// a stranger's brackets.
const MaxDepth = 32

// maxJSON bounds a document's octets, since names are remembered as 32-bit
// offsets. Callers bound their input far below it.
const maxJSON = 1 << 30

// Scanner reads one JSON text (RFC 8259) in one pass and trusts none of it.
// Beyond the grammar these are errors: invalid UTF-8, a lone surrogate, a number
// outside the range of a float64, nesting over MaxDepth, anything after the
// value, and a member name that an object has twice once its escapes are undone,
// in the objects that the caller reads and in those it skips alike.
//
// The first error stays: every method then gives zero values and Next gives
// false, so a caller may read on and ask for it once, at Close. A Scanner is
// meant to live on the stack and allocates nothing, save where an object has
// more than manyNames members, or an error is made.
//
// The caller reads the outermost value with Object, Array, Text, Number, Bool,
// Raw or Skip, does the same for each member or element, and then calls Close.
// The zero Scanner is at the end of an empty document, an error.
type Scanner struct {
	data    []byte
	root    string
	err     *Error
	pos     int
	depth   int
	pending bool // a value comes next and nobody has taken it
	top     int  // how many of seen are in use
	seen    [seenNames]seenName
}

// Reset makes the Scanner read data from its start; root is what a path begins
// with ("claims" in "claims.cnf.jwk.x"). Texts read from data point into it.
func (s *Scanner) Reset(data []byte, root string) {
	s.data, s.root, s.err, s.pos, s.depth, s.pending, s.top = data, root, nil, 0, 0, true, 0
	if len(data) > maxJSON {
		s.fail(0, "too long")
	}
}

// Err is the first error met, nil if none yet. It is an *Error.
func (s *Scanner) Err() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

// Close ends the reading: a value that was not taken is skipped (and checked),
// anything but white space after it is an error. It returns the first error.
func (s *Scanner) Close() error {
	if s.pending {
		s.Skip()
	}
	s.space()
	switch {
	case s.err != nil:
	case s.depth != 0:
		s.fail(s.pos, "not read to its end")
	case s.pos < len(s.data):
		s.fail(s.pos, "trailing data")
	case s.pos == 0:
		s.fail(0, "ends too early")
	}
	return s.Err()
}

// Peek gives the first octet of the value that comes next: '{', '[', '"', 't',
// 'f', 'n', '-' or a digit. What else it gives starts no value; 0 is the end.
func (s *Scanner) Peek() byte {
	if s.err != nil {
		return 0
	}
	return s.space()
}

// At is the offset of the value that comes next, for Where.
func (s *Scanner) At() int {
	s.space()
	return s.pos
}

// space passes over white space and gives the octet after it, 0 at the end.
func (s *Scanner) space() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
		s.pos++
	}
	return 0
}

// begin starts a value: it gives its first octet, 0 where there is an error.
func (s *Scanner) begin() byte {
	if s.err != nil {
		return 0
	}
	if !s.pending {
		s.fail(s.pos, "no value left to read")
		return 0
	}
	s.pending = false
	c := s.space()
	if c == 0 && s.pos >= len(s.data) {
		s.fail(s.pos, "ends too early")
	}
	return c
}

// Text reads a string; any other value is an error.
func (s *Scanner) Text() Text {
	if c := s.begin(); c != '"' {
		s.fail(s.pos, "not a string")
		return Text{}
	}
	at := s.pos
	raw, escaped := s.str()
	return Text{raw: raw, at: at, escaped: escaped}
}

// Number reads a number; any other value is an error.
func (s *Scanner) Number() Number {
	if c := s.begin(); c != '-' && (c < '0' || c > '9') {
		s.fail(s.pos, "not a number")
		return nil
	}
	return s.number()
}

// Bool reads true or false; any other value is an error.
func (s *Scanner) Bool() bool {
	switch s.begin() {
	case 't':
		return s.literal("true")
	case 'f':
		s.literal("false")
	default:
		s.fail(s.pos, "not true or false")
	}
	return false
}

// Raw reads any value, checks it as Skip does, and gives its octets, which
// point into the input.
func (s *Scanner) Raw() []byte {
	s.space()
	start := s.pos
	s.Skip()
	if s.err != nil {
		return nil
	}
	return s.data[start:s.pos:s.pos]
}

// Skip reads any value and forgets it; it is checked as strictly as one that is
// read.
func (s *Scanner) Skip() {
	switch c := s.begin(); c {
	case '{':
		o := s.enterObject(nil)
		for {
			if _, ok := o.Next(); !ok {
				return
			}
			s.Skip()
		}
	case '[':
		a := s.enterArray()
		for a.Next() {
			s.Skip()
		}
	case '"':
		s.str()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		s.number()
	default:
		s.fail(s.pos, "not JSON")
	}
}

func (s *Scanner) literal(word string) bool {
	end := s.pos + len(word)
	if end > len(s.data) || string(s.data[s.pos:end]) != word {
		s.fail(s.pos, "not JSON")
		return false
	}
	s.pos = end
	return true
}
