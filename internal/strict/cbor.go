package strict

import (
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
)

// CheckCBOR returns nil where b is exactly one CBOR item of the kind that may
// stand in sub, cnf and keys: definite lengths, no tags, valid UTF-8, map keys
// that are integers or text and distinct by value at every depth, within the
// bounds of WellFormedCBOR. root is what a path begins with ("claims.8"). The
// error is an *Error.
func CheckCBOR(b []byte, root string) error {
	if err := strictMode.Wellformed(b); err != nil {
		return notWellFormed(err, root)
	}
	item, _, err := FirstCBOR(b)
	if err == nil {
		err = check(item)
	}
	return under(root, err)
}

// WellFormedCBOR returns nil where b is exactly one well-formed CBOR item
// (RFC 8949 §5.3.1) nested at most MaxCBORDepth deep with at most MaxCBORItems
// elements in an array and as many pairs in a map. Tags, indefinite lengths,
// duplicate keys and invalid UTF-8 pass: it is for bytes that nobody reads.
// The error is an *Error at root.
func WellFormedCBOR(b []byte, root string) error {
	if err := looseMode.Wellformed(b); err != nil {
		return notWellFormed(err, root)
	}
	return nil
}

// MaxCBORDepth bounds the nesting of arrays, maps and tags, MaxCBORItems the
// elements of an array and the pairs of a map: against stacks and against the
// comparison of every key with every other.
const (
	MaxCBORDepth = 16
	MaxCBORItems = 256
)

// strictMode judges what is read, looseMode what is skipped.
var (
	strictMode = mode(cbor.DecOptions{
		IndefLength: cbor.IndefLengthForbidden,
		TagsMd:      cbor.TagsForbidden,
		BignumTag:   cbor.BignumTagForbidden,
	})
	looseMode = mode(cbor.DecOptions{})
)

// mode panics at start-up where the library no longer knows an option: going on
// with its defaults would be reading less strictly than promised.
func mode(o cbor.DecOptions) cbor.DecMode {
	o.DupMapKey = cbor.DupMapKeyEnforcedAPF
	o.UTF8 = cbor.UTF8RejectInvalid
	o.MaxNestedLevels = MaxCBORDepth
	o.MaxArrayElements = MaxCBORItems
	o.MaxMapPairs = MaxCBORItems
	m, err := o.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

func notWellFormed(err error, root string) error {
	what := strings.TrimPrefix(err.Error(), "cbor: ")
	switch {
	case errors.Is(err, io.EOF):
		what = "empty"
	case errors.Is(err, io.ErrUnexpectedEOF):
		what = "cut short"
	}
	return &Error{Where: root, What: what}
}

// check holds what well-formedness leaves open: UTF-8 and the keys of maps.
func check(item Item) error {
	switch item.Major {
	case MajorText:
		if !utf8.Valid(item.Body) {
			return &Error{What: "text that is not UTF-8"}
		}
	case MajorArray:
		rest := item.Body
		for i := uint64(0); i < item.Arg; i++ {
			element, after, err := FirstCBOR(rest)
			if err == nil {
				err = check(element)
			}
			if err != nil {
				return err
			}
			rest = after
		}
	case MajorMap:
		if err := item.distinctKeys(); err != nil {
			return err
		}
		entries := item.Entries()
		for entries.Next() {
			if entries.Key.Major == MajorSimple {
				return &Error{What: "a map key that is neither an integer nor text"}
			}
			if err := check(entries.Value); err != nil {
				return under(entries.Key.Label(), err)
			}
		}
		return entries.Err()
	}
	return nil
}

// under puts a place in front of that of err. The inner parts work without
// places, so that nothing is spelt out while nothing is wrong.
func under(place string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Where != "" {
		place += "." + e.Where
	}
	return &Error{Where: place, What: e.What}
}
