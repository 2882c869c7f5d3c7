package strict

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// Item is one CBOR data item, cut out of the bytes that hold it. The zero Item
// is no item: its Raw is empty.
type Item struct {
	Major      Major
	Indefinite bool   // a string, array or map closed by a break (RFC 8949 §3.2)
	Arg        uint64 // the argument: value, length, count, tag number or float bits (RFC 8949 §3)
	Raw        []byte // the whole item
	// Body is what follows the head: the octets of a string, the items of an
	// array or a map, the content of a tag. Where Indefinite, it ends in the break.
	Body []byte
}

// Major is a CBOR major type (RFC 8949 §3.1).
type Major uint8

const (
	MajorUint Major = iota
	MajorNint
	MajorBytes
	MajorText
	MajorArray
	MajorMap
	MajorTag
	MajorSimple // simple values and floating-point numbers
)

// FirstCBOR cuts the first item off b and returns what follows it. It checks
// no more than it needs to find the end, so b should have passed CheckCBOR or
// WellFormedCBOR as a whole; on other bytes it returns an error or an item that
// lies within b, and never reads past it.
func FirstCBOR(b []byte) (item Item, rest []byte, err error) {
	rest, err = item.cut(b)
	return item, rest, err
}

// cut makes i the first item of b, in place: an Item is large. Where there is an
// error it is the zero Item.
func (i *Item) cut(b []byte) (rest []byte, err error) {
	end := skipShort(b)
	if end == 0 {
		if end, err = skip(b, 0); err != nil {
			*i = Item{}
			return nil, err
		}
	}
	major, info, arg, n, _ := head(b)
	i.Major, i.Arg, i.Indefinite = major, arg, info == indefinite && major != MajorSimple
	i.Raw, i.Body = b[:end:end], b[n:end:end]
	return b[end:], nil
}

// Int returns the value of an integer item that fits.
func (i Item) Int() (v int64, ok bool) {
	if len(i.Raw) == 0 || i.Arg > 1<<63-1 {
		return 0, false
	}
	switch i.Major {
	case MajorUint:
		return int64(i.Arg), true
	case MajorNint:
		return -1 - int64(i.Arg), true
	}
	return 0, false
}

// Bool returns the value of a boolean item.
func (i Item) Bool() (v, ok bool) {
	if len(i.Raw) != 1 {
		return false, false
	}
	return i.Raw[0] == 0xf5, i.Raw[0] == 0xf4 || i.Raw[0] == 0xf5
}

// Float returns the value of a floating-point item of any width.
func (i Item) Float() (v float64, ok bool) {
	if !i.isFloat() || strictMode.Unmarshal(i.Raw, &v) != nil {
		return 0, false
	}
	return v, true
}

// IsNull reports whether i is null.
func (i Item) IsNull() bool { return len(i.Raw) == 1 && i.Raw[0] == 0xf6 }

func (i Item) isFloat() bool {
	return i.Major == MajorSimple && len(i.Raw) >= 3
}

// Bytes returns the octets of a byte string of definite length.
func (i Item) Bytes() (octets []byte, ok bool) {
	return i.Body, i.Major == MajorBytes && !i.Indefinite
}

// Text returns the octets of a text string of definite length, if they are UTF-8.
func (i Item) Text() (text []byte, ok bool) {
	return i.Body, i.Major == MajorText && !i.Indefinite && utf8.Valid(i.Body)
}

// Label returns a map key as an error's place shows it: an integer in decimal,
// text as it is where it is short and plain, otherwise "*".
func (i Item) Label() string {
	if v, ok := i.Int(); ok && (i.Major == MajorUint || i.Major == MajorNint) {
		return strconv.FormatInt(v, 10)
	}
	if i.Major != MajorText || len(i.Body) > 32 {
		return "*"
	}
	for _, c := range i.Body {
		if c <= ' ' || c > '~' {
			return "*"
		}
	}
	return string(i.Body)
}

// Entries walks over the pairs of a map; over any other item there are none.
func (i Item) Entries() Entries {
	if i.Major != MajorMap {
		return Entries{}
	}
	return Entries{rest: i.Body, left: i.Arg, indefinite: i.Indefinite}
}

// Entries is a walk over the pairs of a map, in their own order.
type Entries struct {
	Key, Value Item
	rest       []byte
	left       uint64
	indefinite bool
	err        error
}

// Next steps to the next pair and reports whether there is one.
func (e *Entries) Next() bool {
	if e.err != nil || !e.indefinite && e.left == 0 {
		return false
	}
	if e.indefinite && len(e.rest) > 0 && e.rest[0] == breakCode {
		return false
	}
	if e.rest, e.err = e.Key.cut(e.rest); e.err == nil {
		e.rest, e.err = e.Value.cut(e.rest)
	}
	e.left--
	return e.err == nil
}

// Err returns what ended the walk early, if anything did.
func (e *Entries) Err() error { return e.err }

// DistinctKeys returns nil where every key of the map is an integer, a text of
// definite length or a simple value, and no two are equal. Integers are
// compared by value, whatever their encoding. root is what a path begins with.
// The error is an *Error.
func (i Item) DistinctKeys(root string) error { return under(root, i.distinctKeys()) }

func (i Item) distinctKeys() error {
	var room [16]seenKey
	seen := room[:0]
	entries := i.Entries()
	for entries.Next() {
		key := entries.Key
		if !plainKey(key) {
			return &Error{What: "a map key that is neither an integer nor text"}
		}
		this := seenKey{major: key.Major, arg: key.Arg, at: len(i.Raw) - len(entries.rest) - len(entries.Value.Raw) - len(key.Body)}
		for _, other := range seen {
			if other.arg == this.arg && other.major == this.major &&
				(key.Major != MajorText || bytes.Equal(i.Raw[other.at:][:other.arg], key.Body)) {
				return &Error{Where: key.Label(), What: "given twice"}
			}
		}
		seen = append(seen, this)
	}
	return entries.Err()
}

// seenKey remembers a key: its text, if it is one, stands at at in the map.
type seenKey struct {
	arg   uint64
	at    int
	major Major
}

// plainKey: a bignum (a tag) of a small number is the same number as the
// integer (RFC 8949 §3.4.3), and -0.0, 0.0 and 0 are one key to some readers;
// without tags and floats no such question arises. Simple values are keys in
// an SD-CWT's redactions.
func plainKey(key Item) bool {
	switch key.Major {
	case MajorUint, MajorNint:
		return true
	case MajorText:
		return !key.Indefinite && utf8.Valid(key.Body)
	case MajorSimple:
		return !key.isFloat()
	}
	return false
}

const (
	indefinite = 31   // additional information (RFC 8949 §3)
	breakCode  = 0xff // RFC 8949 §3.2.1

	// maxSkipDepth bounds the stack. WellFormedCBOR counts a tag as a level
	// only inside a tag, so that its deepest item has twice as many heads above it.
	maxSkipDepth = 2*MaxCBORDepth + 2
)

var errCutShort = &Error{What: "cut short"}

// head reads an initial byte and its argument; n is their length.
func head(b []byte) (major Major, info byte, arg uint64, n int, err error) {
	if len(b) == 0 {
		return 0, 0, 0, 0, errCutShort
	}
	major, info = Major(b[0]>>5), b[0]&31
	if info < 24 {
		return major, info, uint64(info), 1, nil
	}
	if info == indefinite {
		return major, info, 0, 1, nil
	}
	if info > 27 {
		return 0, 0, 0, 0, &Error{What: "a reserved length encoding"}
	}
	n = 1 + 1<<(info-24)
	if len(b) < n {
		return 0, 0, 0, 0, errCutShort
	}
	switch info {
	case 24:
		arg = uint64(b[1])
	case 25:
		arg = uint64(binary.BigEndian.Uint16(b[1:]))
	case 26:
		arg = uint64(binary.BigEndian.Uint32(b[1:]))
	default:
		arg = binary.BigEndian.Uint64(b[1:])
	}
	return major, info, arg, n, nil
}

// skip returns where the first item of b ends.
func skip(b []byte, depth int) (end int, err error) {
	major, info, arg, n, err := head(b)
	if err != nil {
		return 0, err
	}
	if depth > maxSkipDepth {
		return 0, &Error{What: "nested too deeply"}
	}
	var items uint64
	switch {
	case info == indefinite:
		if major == MajorUint || major == MajorNint || major == MajorTag || major == MajorSimple {
			return 0, &Error{What: "a break or length where none may stand"}
		}
		return skipToBreak(b, n, depth)
	case major == MajorBytes || major == MajorText:
		if arg > uint64(len(b)-n) {
			return 0, errCutShort
		}
		return n + int(arg), nil
	case major == MajorTag:
		items = 1
	case major == MajorArray || major == MajorMap:
		if arg > uint64(len(b)) {
			return 0, errCutShort
		}
		items = arg
		if major == MajorMap {
			items = 2 * arg
		}
	}
	for ; items > 0; items-- {
		size := skipShort(b[n:])
		if size == 0 {
			if size, err = skip(b[n:], depth+1); err != nil {
				return 0, err
			}
		}
		n += size
	}
	return n, nil
}

// skipShort is skip for most items that stand in a map: a number or simple value
// of one octet, a string of up to 255 octets. 0 is any other, and what is cut short.
func skipShort(b []byte) (end int) {
	if len(b) == 0 {
		return 0
	}
	end = 1
	major, info := Major(b[0]>>5), int(b[0]&31)
	switch {
	case major == MajorBytes || major == MajorText:
		if info == 24 && len(b) > 1 {
			end, info = 2, int(b[1])
		} else if info > 23 {
			return 0
		}
		end += info
	case info > 23 || major == MajorArray || major == MajorMap || major == MajorTag:
		return 0
	}
	if end > len(b) {
		return 0
	}
	return end
}

// skipToBreak is skip for an item of indefinite length whose head has n octets.
func skipToBreak(b []byte, n, depth int) (end int, err error) {
	for n < len(b) && b[n] != breakCode {
		size, err := skip(b[n:], depth+1)
		if err != nil {
			return 0, err
		}
		n += size
	}
	if n == len(b) {
		return 0, errCutShort
	}
	return n + 1, nil
}
