package strict

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Duplicates are found at every level, at the cost of a few comparisons of
// integers a member: the names of all open objects are kept as fingerprints on
// one fixed stack, where a fingerprint of up to seven octets is the name itself.
// Only an object with more than manyNames members, or one that the stack has no
// room for, is given a map, so that a body of thousands of members costs neither
// quadratic time nor, for ordinary ones, an allocation.
const (
	seenNames = 48
	manyNames = 24
)

type seenName struct {
	print   uint64
	start   uint32 // of the name's octets in the document, without quotes
	end     uint32
	escaped bool
}

// Names are the members that a caller reads in one object, all of ASCII.
type Names struct {
	names  []string
	folds  []uint64
	filter uint64
}

// NewNames gives the set of these names; Next gives their indices. It panics on
// a name that is not ASCII, and on two that differ only in case: both are
// mistakes in the program.
func NewNames(names ...string) *Names {
	n := &Names{names: names}
	for i, name := range names {
		for j := range len(name) {
			if name[j] >= utf8.RuneSelf {
				panic("strict: name not ASCII: " + name)
			}
		}
		for _, other := range names[:i] {
			if foldEqual([]byte(other), name) {
				panic("strict: names differ only in case: " + name)
			}
		}
		fold := foldprint([]byte(name))
		n.folds = append(n.folds, fold)
		n.filter |= 1 << filterBit(fold)
	}
	return n
}

// name judges a member's name: its index in known, Other, or an error where the
// object has it already or it differs only in case from a known one.
func (o *Object) name(at int, raw []byte, escaped bool) int {
	s := o.s
	name := raw
	if escaped {
		var buf [64]byte
		name = unescape(buf[:0], raw)
	}
	member, lookalike := o.known.index(name)
	switch {
	case o.twice(name, at+1, len(raw), escaped):
		s.fail(at, "given twice")
	case lookalike:
		s.fail(at, "differs only in case from "+o.known.names[member])
	default:
		return member
	}
	return Other
}

// index gives the place of name in the set; lookalike where it is not the name
// at that place but differs from it only in case.
func (n *Names) index(name []byte) (member int, lookalike bool) {
	if n == nil {
		return Other, false
	}
	fold := foldprint(name)
	if fold == notASCII {
		for i, known := range n.names {
			if foldEqual(name, known) {
				return i, true
			}
		}
		return Other, false
	}
	if n.filter>>filterBit(fold)&1 == 0 {
		return Other, false
	}
	for i, f := range n.folds {
		if f != fold {
			continue
		}
		if string(name) == n.names[i] {
			return i, false
		}
		if foldEqual(name, n.names[i]) {
			return i, true
		}
	}
	return Other, false
}

// twice reports whether the object has had this name, and remembers it.
func (o *Object) twice(name []byte, start, n int, escaped bool) bool {
	s := o.s
	if o.large == nil && (s.top == seenNames || s.top-o.base == manyNames) {
		o.large = make(map[string]struct{}, 2*manyNames)
		for _, e := range s.seen[o.base:s.top] {
			o.large[string(s.seenText(e))] = struct{}{}
		}
		s.top = o.base
	}
	if o.large != nil {
		before := len(o.large)
		o.large[string(name)] = struct{}{}
		return len(o.large) == before
	}
	print := fingerprint(name)
	for i := range s.seen[o.base:s.top] {
		e := &s.seen[o.base+i]
		if e.print == print && (print>>63 == 0 || string(s.seenText(*e)) == string(name)) {
			return true
		}
	}
	s.seen[s.top] = seenName{print: print, start: uint32(start), end: uint32(start + n), escaped: escaped}
	s.top++
	return false
}

func (s *Scanner) seenText(e seenName) []byte {
	raw := s.data[e.start:e.end]
	if e.escaped {
		return unescape(nil, raw)
	}
	return raw
}

// fingerprint is the name itself with its length for up to seven octets; for
// more the top bit is set and equal fingerprints do not make equal names.
func fingerprint(name []byte) uint64 {
	n := len(name)
	if n < 8 {
		return short(name) | uint64(n)<<56
	}
	first, last := binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	return mix(first, last, n)
}

const (
	caseBits = 0x2020202020202020
	highBits = 0x8080808080808080
	// notASCII is what foldprint gives for a name with an octet over 0x7f. No
	// other name has it: those of up to seven octets have no such top octet.
	notASCII = 0x7fff_ffff_ffff_ffff
)

// foldprint is a fingerprint that is equal for names that differ only in the
// case of ASCII letters (and for some that do not).
func foldprint(name []byte) uint64 {
	n := len(name)
	if n < 8 {
		w := short(name)
		if w&highBits != 0 {
			return notASCII
		}
		return (w|caseBits)<<8>>8&^(^uint64(0)<<(8*n)) | uint64(n)<<56
	}
	first, last := binary.LittleEndian.Uint64(name), binary.LittleEndian.Uint64(name[n-8:])
	for i := 0; i+8 <= n; i += 8 {
		if binary.LittleEndian.Uint64(name[i:])&highBits != 0 {
			return notASCII
		}
	}
	if last&highBits != 0 {
		return notASCII
	}
	return mix(first|caseBits, last|caseBits, n)
}

func short(name []byte) uint64 {
	var w uint64
	for i := len(name) - 1; i >= 0; i-- {
		w = w<<8 | uint64(name[i])
	}
	return w
}

func mix(first, last uint64, n int) uint64 {
	return (first^bits.RotateLeft64(last, 23)^uint64(n))*0x9e3779b97f4a7c15 | 1<<63
}

func filterBit(fold uint64) uint64 { return fold * 0x9e3779b97f4a7c15 >> 58 }

// foldEqual reports whether name, in UTF-8, is the ASCII name known up to case.
// Case is that of Unicode's simple folding, under which U+212A is k and U+017F
// is s, and besides that of its simple upper- and lower-casing, under which
// U+0130 becomes i and U+0131 becomes I: some reader somewhere uses one of them.
func foldEqual(name []byte, known string) bool {
	for len(name) > 0 {
		r, size := rune(name[0]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(name)
		}
		if known == "" || lower(r) != lower(rune(known[0])) {
			return false
		}
		name, known = name[size:], known[1:]
	}
	return known == ""
}

func lower(r rune) rune {
	switch {
	case 'A' <= r && r <= 'Z':
		return r + 'a' - 'A'
	case r == '\u212a':
		return 'k'
	case r == '\u017f':
		return 's'
	case r == '\u0130', r == '\u0131':
		return 'i'
	}
	return r
}
