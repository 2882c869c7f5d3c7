package strict

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Span delimits an object without judging what is in it: it only finds the brace
// that closes it, strings respected. What it returns must be judged by whoever
// is handed it; a valid object ends nowhere else, so that nothing is gained by
// fooling it. For claims that pass through an envelope to their own reader,
// which would otherwise be read twice.
func (s *Scanner) Span() []byte {
	if s.begin() != '{' {
		s.fail(s.pos, "not an object")
		return nil
	}
	start, depth := s.pos, 0
	for i := s.pos; i < len(s.data); i++ {
		switch s.data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.pos = i + 1
				return s.data[start:s.pos:s.pos]
			}
		case '"':
			end := closingQuote(s.data[i+1:])
			if end < 0 {
				s.fail(i, "a string without an end")
				return nil
			}
			i += 1 + end
		}
	}
	s.fail(start, "an object without an end")
	return nil
}

// nextQuote finds a quote, -1 where there is none. Most strings are short: a call of
// bytes.IndexByte costs more than looking at their first octets.
func nextQuote(text []byte) int {
	const lo, hi = 0x0101010101010101, 0x8080808080808080
	at := 0
	for ; at < 16 && at+8 <= len(text); at += 8 {
		q := binary.LittleEndian.Uint64(text[at:]) ^ lo*'"'
		// A borrow makes false hits only above a true one, and the lowest is taken.
		if m := (q - lo) &^ q & hi; m != 0 {
			return at + bits.TrailingZeros64(m)>>3
		}
	}
	if n := bytes.IndexByte(text[at:], '"'); n >= 0 {
		return at + n
	}
	return -1
}

// closingQuote finds the quote that ends a string, -1 where none does.
func closingQuote(text []byte) int {
	for at := 0; ; {
		n := nextQuote(text[at:])
		if n < 0 {
			return -1
		}
		at += n
		backslashes := 0
		for at-backslashes > 0 && text[at-backslashes-1] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return at
		}
		at++
	}
}
