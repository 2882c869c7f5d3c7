package strict

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Text is a JSON string as it stands in the document: its escapes are undone
// when it is asked for. The zero Text is that of no string.
type Text struct {
	raw     []byte
	at      int
	escaped bool
}

// Present reports whether a string was read, be it an empty one.
func (t Text) Present() bool { return t.raw != nil }

// At is the offset of the string in the document, for Scanner.Where.
func (t Text) At() int { return t.at }

// Is reports whether the string, its escapes undone, is v. It does not allocate.
func (t Text) Is(v string) bool {
	if !t.escaped {
		return string(t.raw) == v && t.raw != nil
	}
	var buf [64]byte
	return string(unescape(buf[:0], t.raw)) == v
}

// Bytes is the string, its escapes undone, in valid UTF-8. It points into the
// document where there are no escapes, and allocates only where there are.
func (t Text) Bytes() []byte {
	if !t.escaped {
		return t.raw
	}
	return unescape(make([]byte, 0, len(t.raw)), t.raw)
}

// AppendTo appends the string, its escapes undone, to dst.
func (t Text) AppendTo(dst []byte) []byte {
	if !t.escaped {
		return append(dst, t.raw...)
	}
	return unescape(dst, t.raw)
}

// str reads a string at its opening quote and gives what is between the quotes,
// with its escapes as they stand but checked.
func (s *Scanner) str() (raw []byte, escaped bool) {
	data, i := s.data, s.pos+1
	start := i
	for {
		i = plain(data, i)
		if i >= len(data) {
			s.fail(len(data), "string not closed")
			return nil, false
		}
		switch c := data[i]; {
		case c == '"':
			s.pos = i + 1
			return data[start:i:i], escaped
		case c == '\\':
			escaped = true
			n := escapeLen(data[i:])
			if n == 0 {
				s.fail(i, "not a valid escape in a string")
				return nil, false
			}
			i += n
		case c < ' ':
			s.fail(i, "control character in a string")
			return nil, false
		default:
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n <= 1 {
				s.fail(i, "not UTF-8")
				return nil, false
			}
			i += n
		}
	}
}

// plain gives the first place at or after i of a quote, a backslash, a control
// character or an octet over 0x7f, eight octets at a time; len(data) if none.
func plain(data []byte, i int) int {
	const lo, hi = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(data) {
		w := binary.LittleEndian.Uint64(data[i:])
		q, e := w^(lo*'"'), w^(lo*'\\')
		// A borrow makes false hits only above a true one, and the lowest hit
		// is taken.
		if m := ((q-lo)&^q | (e-lo)&^e | (w-lo*' ')&^w | w) & hi; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for ; i < len(data); i++ {
		if c := data[i]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// escapeLen gives the length of the escape that b begins with, a surrogate pair
// as one; 0 where it is none, or a lone surrogate.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(b)
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case len(b) >= 12 && utf16.DecodeRune(r, hex4(b[6:])) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hex4 reads \uXXXX; -1 where b does not begin with it.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends raw, whose escapes str has checked, with them undone.
func unescape(dst, raw []byte) []byte {
	for len(raw) > 0 {
		if raw[0] != '\\' {
			dst = append(dst, raw[0])
			raw = raw[1:]
			continue
		}
		n := escapeLen(raw)
		if n == 0 {
			return dst
		}
		switch c := raw[1]; c {
		case 'u':
			r := hex4(raw)
			if n == 12 {
				r = utf16.DecodeRune(r, hex4(raw[6:]))
			}
			dst = utf8.AppendRune(dst, r)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, c)
		}
		raw = raw[n:]
	}
	return dst
}
