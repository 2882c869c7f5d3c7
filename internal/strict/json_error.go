package strict

import "strconv"

// Error is what is wrong with a document and where: never a value of it, since
// that may be a key.
type Error struct {
	Where string // "claims.cnf.jwk.x"
	What  string // "given twice"
}

func (e *Error) Error() string { return e.Where + ": " + e.What }

// fail notes the first error and where it is.
func (s *Scanner) fail(at int, what string) {
	if s.err == nil {
		s.err = &Error{Where: s.Where(at), What: what}
	}
	s.pending = false
}

// maxShown bounds the octets of a stranger's member name in a path.
const maxShown = 40

// Where is the path of the value, or of the member name, at an offset that the
// Scanner has reached: "claims.cnf.jwk.x", "claims.aud[2]". It reads the document
// again from the start, so that no path is kept while nothing is wrong. Of a name
// that is not the caller's own only a short run of plain characters is shown.
func (s *Scanner) Where(at int) string {
	type level struct {
		name  []byte
		index int
		array bool
		named bool // the name was read and its value not yet passed
	}
	var levels [MaxDepth + 1]level
	depth := 0
	data := s.data
	for i := 0; i < len(data) && i <= at; {
		l := &levels[depth]
		c := data[i]
		if i == at && c != '"' || depth == MaxDepth && (c == '{' || c == '[') {
			break
		}
		switch c {
		case '{', '[':
			depth++
			levels[depth] = level{array: c == '['}
		case '}', ']':
			if depth > 0 {
				depth--
			}
		case ',':
			l.index++
			l.named = false
		case '"':
			end := closing(data, i)
			if depth > 0 && !l.array && !l.named {
				l.name, l.named = data[i+1:max(i+1, min(end, len(data))-1)], true
			}
			i = end
			continue
		}
		i++
	}
	path := []byte(s.root)
	for _, l := range levels[1 : depth+1] {
		switch {
		case l.array:
			path = append(path, '[')
			path = strconv.AppendInt(path, int64(l.index), 10)
			path = append(path, ']')
		case l.named:
			path = append(append(path, '.'), shown(l.name)...)
		}
	}
	return string(path)
}

// closing gives the place after the string that opens at i.
func closing(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// shown is a member name fit to be printed.
func shown(raw []byte) string {
	name := unescape(nil, raw)
	if len(name) == 0 {
		return `""`
	}
	cut := len(name) > maxShown
	if cut {
		name = name[:maxShown]
	}
	for i, c := range name {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			name[i] = '?'
		}
	}
	if cut {
		return string(name) + "…"
	}
	return string(name)
}
