package strict

import (
	"math"
	"strconv"
)

// Number is a JSON number as it stands in the document, which a float64 can
// approximate without overflow.
type Number []byte

// Floor is the greatest whole number not above n; false where an int64 does not
// hold it. It is exact: no float is used.
func (n Number) Floor() (int64, bool) { return n.whole(true) }

// Ceil is the least whole number not below n; false where an int64 does not
// hold it. It is exact: no float is used.
func (n Number) Ceil() (int64, bool) { return n.whole(false) }

// number reads a number, and is the only one who does.
func (s *Scanner) number() Number {
	data, start := s.data, s.pos
	i := start
	if data[i] == '-' {
		i++
	}
	whole := i
	i = digits(data, i)
	switch {
	case i == whole:
		s.fail(start, "not a number")
		return nil
	case data[whole] == '0' && i > whole+1:
		s.fail(start, "number with a leading zero")
		return nil
	}
	size, plain := i-whole, true
	if i < len(data) && data[i] == '.' {
		i++
		frac := i
		if i = digits(data, i); i == frac {
			s.fail(start, "not a number")
			return nil
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		plain = false
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		exp := i
		if i = digits(data, i); i == exp {
			s.fail(start, "not a number")
			return nil
		}
	}
	n := Number(data[start:i:i])
	if !(plain && size <= 300) {
		if f, err := strconv.ParseFloat(string(n), 64); err != nil || math.IsInf(f, 0) {
			s.fail(start, "number does not fit")
			return nil
		}
	}
	s.pos = i
	return n
}

func digits(data []byte, i int) int {
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	return i
}

// whole splits n into digits × 10^scale and rounds what is after the point.
func (n Number) whole(floor bool) (int64, bool) {
	if len(n) == 0 {
		return 0, false
	}
	i, negative := 0, n[0] == '-'
	if negative {
		i++
	}
	point, end := -1, len(n) // the point's place, the mantissa's end
	for j := i; j < len(n); j++ {
		if n[j] == '.' {
			point = j
		}
		if n[j] == 'e' || n[j] == 'E' {
			end = j
			break
		}
	}
	integral := end - i // how many digits stand before the point, once scaled
	if point >= 0 {
		integral = point - i
	}
	integral += exponent(n[end:])

	var v uint64
	var fraction bool
	at := 0
	for j := i; j < end; j++ {
		if j == point {
			continue
		}
		d := uint64(n[j] - '0')
		switch {
		case at >= integral:
			fraction = fraction || d != 0
		case v > (math.MaxUint64-9)/10:
			return 0, false
		default:
			v = v*10 + d
		}
		at++
	}
	for ; at < integral && v != 0; at++ {
		if v > (math.MaxUint64-9)/10 {
			return 0, false
		}
		v *= 10
	}
	if fraction && floor == negative {
		v++
	}
	switch {
	case !negative && v <= math.MaxInt64:
		return int64(v), true
	case negative && v <= math.MaxInt64+1:
		return -int64(v), true // -(1<<63) is its own negation
	}
	return 0, false
}

// exponent reads "", "e5", "E-07"; one too large to matter is cut to ±2^31.
func exponent(e []byte) int {
	if len(e) == 0 {
		return 0
	}
	e = e[1:]
	negative := e[0] == '-'
	if negative || e[0] == '+' {
		e = e[1:]
	}
	v := 0
	for _, c := range e {
		v = min(v*10+int(c-'0'), math.MaxInt32)
	}
	if negative {
		return -v
	}
	return v
}
