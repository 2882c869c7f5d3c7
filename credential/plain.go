package credential

import (
	"bytes"

	"cnfd/internal/strict"
)

// plainSign1 gives the payload of a COSE_Sign1 (RFC 9052 §4.2) whose headers have
// nothing but what most CWTs have: plainHeaders says what. It is false for every
// other, which go-cose is left to judge. What it takes go-cose takes too, and as
// the same (FuzzPlain): it is there to take it without allocating.
func plainSign1(body []byte) (payload []byte, ok bool) {
	rest, ok := plainBuckets(body, 0x84)
	if !ok {
		return nil, false
	}
	content, rest, err := strict.FirstCBOR(rest)
	if err != nil || !plainSignature(rest) {
		return nil, false
	}
	return content.Bytes()
}

// plainSign does the same with a COSE_Sign (RFC 9052 §4.1), whose signers' headers
// are as plain; tagged begins with its tag.
func plainSign(tagged []byte) (payload []byte, ok bool) {
	body, ok := bytes.CutPrefix(tagged, []byte{0xd8, tagSign})
	if !ok {
		return nil, false
	}
	rest, ok := plainBuckets(body, 0x84)
	if !ok {
		return nil, false
	}
	content, rest, err := strict.FirstCBOR(rest)
	if err != nil {
		return nil, false
	}
	signatures, rest, err := strict.FirstCBOR(rest)
	if err != nil || len(rest) > 0 || signatures.Major != strict.MajorArray || signatures.Indefinite || signatures.Arg == 0 || signatures.Arg > maxSignatures {
		return nil, false
	}
	for rest = signatures.Body; len(rest) > 0; {
		var one strict.Item
		if one, rest, err = strict.FirstCBOR(rest); err != nil {
			return nil, false
		}
		if signature, ok := plainBuckets(one.Raw, 0x83); !ok || !plainSignature(signature) {
			return nil, false
		}
	}
	return content.Bytes()
}

// plainSignature reports whether a byte string that is not empty, and no more, is
// left.
func plainSignature(rest []byte) bool {
	item, rest, err := strict.FirstCBOR(rest)
	value, ok := item.Bytes()
	return err == nil && ok && len(value) > 0 && len(rest) == 0
}

// plainBuckets cuts the head of an array, which go-cose knows in its shortest form
// only, and both buckets of headers off; false where they are not plain.
func plainBuckets(b []byte, head byte) (rest []byte, ok bool) {
	if len(b) == 0 || b[0] != head {
		return nil, false
	}
	first, rest, err := strict.FirstCBOR(b[1:])
	protected, ok := first.Bytes()
	if err != nil || !ok {
		return nil, false
	}
	if len(protected) > 0 {
		inner, more, err := strict.FirstCBOR(protected)
		if err != nil || len(more) > 0 || !plainHeaders(inner) {
			return nil, false
		}
	}
	unprotected, rest, err := strict.FirstCBOR(rest)
	return rest, err == nil && plainHeaders(unprotected)
}

// The header parameters of RFC 9052 §3.1, RFC 9596 and RFC 9360 that neither say
// how to read the payload nor are checked for more than their type.
const (
	labelAlg         = 1
	labelContentType = 3
	labelKID         = 4
	labelTyp         = 16
	labelX5Chain     = 33
	labelX5T         = 34
)

// plainHeaders reports whether a bucket of headers is a map of these alone, each
// once and of a type that go-cose lets it have.
func plainHeaders(bucket strict.Item) bool {
	if bucket.Major != strict.MajorMap || bucket.Indefinite {
		return false
	}
	var seen uint64
	headers := bucket.Entries()
	for headers.Next() {
		label, isInt := headers.Key.Int()
		if !isInt || label < 0 || label > 63 || seen&(1<<label) != 0 {
			return false
		}
		seen |= 1 << label
		if !plainHeader(label, headers.Value) {
			return false
		}
	}
	return headers.Err() == nil
}

func plainHeader(label int64, value strict.Item) bool {
	n, isInt := value.Int()
	text, isText := value.Text()
	_, isBytes := value.Bytes()
	switch label {
	case labelAlg:
		return isInt || isText
	case labelContentType, labelTyp:
		return isInt && n >= 0 || isText && isMediaType(text)
	case labelKID:
		return isBytes
	case labelX5Chain, labelX5T:
		if isBytes {
			return true
		}
		if value.Major != strict.MajorArray || value.Indefinite || value.Arg > strict.MaxCBORItems {
			return false
		}
		for rest := value.Body; len(rest) > 0; {
			var one strict.Item
			var err error
			if one, rest, err = strict.FirstCBOR(rest); err != nil {
				return false
			}
			_, isInt := one.Int()
			if _, isBytes := one.Bytes(); !isInt && !isBytes {
				return false
			}
		}
		return true
	}
	return false
}

// isMediaType is what go-cose asks of a content type and a typ in text.
func isMediaType(text []byte) bool {
	return len(text) > 0 && text[0] != ' ' && text[len(text)-1] != ' ' && bytes.Count(text, []byte{'/'}) == 1
}
