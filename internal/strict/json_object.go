package strict

// Other is the member that Next gives for a name that the caller does not read.
const Other = -1

// Object is a JSON object being read: Next moves from member to member.
type Object struct {
	s     *Scanner
	known *Names
	large map[string]struct{} // the names, once there are too many for seen
	base  int                 // where this object's names begin in seen
	depth int
	begun bool
}

// Object opens the object that comes next; any other value is an error. known
// are the members that the caller reads at this level: a name that differs from
// one of them only in case is an error, since a reader that folds case (as
// encoding/json does) would take it for the other. A nil known reads none.
func (s *Scanner) Object(known *Names) Object {
	if c := s.begin(); c != '{' {
		s.fail(s.pos, "not an object")
		return Object{s: s}
	}
	return s.enterObject(known)
}

func (s *Scanner) enterObject(known *Names) Object {
	s.enter()
	return Object{s: s, known: known, base: s.top, depth: s.depth}
}

// Next moves to the next member and gives its index in known, or Other; false
// at the end of the object, and after any error. The member's value comes next
// in the Scanner; a value that the caller leaves is skipped, and checked.
func (o *Object) Next() (member int, ok bool) {
	s := o.s
	if !s.between(o.depth, o.begun, '}') {
		if s.err == nil {
			s.top = o.base
		}
		return Other, false
	}
	o.begun = true
	at := s.pos
	if s.space() != '"' {
		s.fail(s.pos, "not a member name")
		return Other, false
	}
	raw, escaped := s.str()
	if s.err != nil {
		return Other, false
	}
	if s.space() != ':' {
		s.fail(s.pos, "no colon after a member name")
		return Other, false
	}
	s.pos++
	s.pending = true
	member = o.name(at, raw, escaped)
	return member, s.err == nil
}

// Array is a JSON array being read: Next moves from element to element.
type Array struct {
	s     *Scanner
	depth int
	begun bool
}

// Array opens the array that comes next; any other value is an error.
func (s *Scanner) Array() Array {
	if c := s.begin(); c != '[' {
		s.fail(s.pos, "not an array")
		return Array{s: s}
	}
	return s.enterArray()
}

func (s *Scanner) enterArray() Array {
	s.enter()
	return Array{s: s, depth: s.depth}
}

// Next moves to the next element; false at the end of the array, and after any
// error. The element comes next in the Scanner; one that the caller leaves is
// skipped, and checked.
func (a *Array) Next() bool {
	if !a.s.between(a.depth, a.begun, ']') {
		return false
	}
	a.begun = true
	a.s.pending = true
	return true
}

func (s *Scanner) enter() {
	if s.depth == MaxDepth {
		s.fail(s.pos, "nested too deep")
		return
	}
	s.depth++
	s.pos++
}

// between stands between two members or elements: it passes over the comma and
// white space, or over the closing bracket, and then gives false.
func (s *Scanner) between(depth int, begun bool, closing byte) bool {
	if s.pending {
		s.Skip()
	}
	if s.err != nil {
		return false
	}
	if s.depth != depth {
		// A bug in the caller, who opened a value within and did not read it
		// to its end, or reads past the end: what it believes it has read is
		// not what the document says.
		s.fail(s.pos, "not read to its end")
		return false
	}
	c := s.space()
	switch {
	case c == closing:
		s.pos++
		s.depth--
		return false
	case !begun:
		return true
	case c == ',':
		s.pos++
		s.space()
		return true
	}
	s.fail(s.pos, "no comma or closing bracket after a value")
	return false
}
