package credential

import (
	"strconv"

	"github.com/veraison/go-cose"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// The header parameters and marks of an SD-CWT (draft-ietf-spice-sd-cwt-07 and
// -08). Of the hash's two labels the first is -07's.
const (
	headerSDClaims = int64(17)
	headerSDAlg07  = int64(18)
	headerSDAlg08  = int64(170)

	redactedKeys    = 59 // a simple value: the key of an array of digests
	redactedElement = 60 // a tag: a digest in an array
)

// resolveCWT gives the claims map that an SD-CWT's disclosures make of its
// payload: what is disclosed is added to the map, or stands in the array, where
// its digest is, and the one reader of claims maps judges it all. It is payload
// itself where nothing is disclosed. Digests in maps and arrays of indefinite
// length and in other tags are not looked for, so that what they are of is an
// error.
func resolveCWT(payload []byte, h *cose.Headers) ([]byte, error) {
	sent, there := h.Unprotected[headerSDClaims]
	if !there {
		return payload, nil
	}
	d := cwtDisclosures{of: map[string]int{}, met: map[string]bool{}}
	hash, err := sdAlgOf(h)
	if err != nil {
		return nil, err
	}
	if err := d.read(sent, hash); err != nil {
		return nil, err
	}
	claims, _, err := strict.FirstCBOR(payload)
	if err != nil {
		return nil, wrong("claims", err)
	}
	merged, err := d.merge(nil, claims, 1)
	if err != nil {
		return nil, err
	}
	for i := range d.all {
		if !d.all[i].used {
			return nil, malformed(sdClaimAt(i), "nothing in the token refers to it")
		}
	}
	return merged, nil
}

// sdAlgOf reads the hash of the digests, by default SHA-256.
func sdAlgOf(h *cose.Headers) (thumbprint.Hash, error) {
	alg := int64(-16)
	seen := false
	for _, label := range []int64{headerSDAlg07, headerSDAlg08} {
		v, there := h.Protected[label]
		if !there {
			continue
		}
		n, ok := v.(int64)
		if !ok || seen && n != alg {
			return 0, malformed("cwt", "its sd_alg is not one integer")
		}
		alg, seen = n, true
	}
	switch alg { // RFC 9054 §3.1
	case -16:
		return thumbprint.SHA256, nil
	case -43:
		return thumbprint.SHA384, nil
	case -44:
		return thumbprint.SHA512, nil
	}
	return 0, malformed("cwt", "its sd_alg is not a hash that is known: SHA-256, SHA-384 or SHA-512")
}

// cwtDisclosures are those that came with an SD-CWT.
type cwtDisclosures struct {
	all []cwtDisclosure
	of  map[string]int
	met map[string]bool
}

type cwtDisclosure struct {
	parts []strict.Item // salt, value, and key where it is a map's
	used  bool
}

func sdClaimAt(i int) string { return "sd_claims[" + strconv.Itoa(i) + "]" }

// read takes the disclosures apart and hashes them, each as the byte string that
// it is, head and all.
func (d *cwtDisclosures) read(sent any, h thumbprint.Hash) error {
	list, ok := sent.([]any)
	if !ok {
		return malformed("cwt", "its sd_claims (17) are not an array")
	}
	for i, v := range list {
		octets, ok := v.([]byte)
		if !ok {
			return malformed(sdClaimAt(i), "not a byte string")
		}
		if err := strict.WellFormedCBOR(octets, sdClaimAt(i)); err != nil {
			return wrong("", err)
		}
		item, _, err := strict.FirstCBOR(octets)
		if err != nil || item.Major != strict.MajorArray || item.Indefinite || item.Arg < 2 || item.Arg > 3 {
			return malformed(sdClaimAt(i), "not a salt, a value and a key, nor a salt and a value")
		}
		parts := make([]strict.Item, item.Arg)
		rest := item.Body
		for j := range parts {
			if parts[j], rest, err = strict.FirstCBOR(rest); err != nil {
				return wrong(sdClaimAt(i), err)
			}
		}
		digest := string(sum(h, appendBytes(nil, octets)))
		if _, twice := d.of[digest]; twice {
			return malformed(sdClaimAt(i), "sent twice")
		}
		d.of[digest] = i
		d.all = append(d.all, cwtDisclosure{parts: parts})
	}
	return nil
}

// take gives the disclosure of a digest, -1 where it was not sent.
func (d *cwtDisclosures) take(digest strict.Item) (int, error) {
	octets, ok := digest.Bytes()
	switch {
	case !ok:
		return 0, malformed("claims", "a digest that is not a byte string")
	case d.met[string(octets)]:
		return 0, malformed("claims", metTwice)
	}
	d.met[string(octets)] = true
	i, sent := d.of[string(octets)]
	if !sent {
		return -1, nil
	}
	d.all[i].used = true
	return i, nil
}

// maxCBORDepth is the nesting that internal/strict allows one item; what
// disclosures make together has no more of it.
const maxCBORDepth = 16

// merge appends an item with what is disclosed in it; depth is that of the item
// in the whole, the claims map at 1.
func (d *cwtDisclosures) merge(dst []byte, item strict.Item, depth int) ([]byte, error) {
	container := item.Major == strict.MajorMap || item.Major == strict.MajorArray
	switch {
	case container && depth > maxCBORDepth:
		return nil, malformed("claims", "nested too deep")
	case !container || item.Indefinite:
		return append(dst, item.Raw...), nil
	case item.Major == strict.MajorArray:
		return d.mergeArray(dst, item, depth)
	}
	var body []byte
	n := item.Arg
	entries := item.Entries()
	for entries.Next() {
		key, value := entries.Key, entries.Value
		var err error
		body = append(body, key.Raw...)
		if n, ok := key.Int(); ok && n == keyCnf && depth == 1 {
			// All of a key is in the clear: a tag or a mark in it stays, and is
			// an error to who reads it.
			body = append(body, value.Raw...)
		} else if body, err = d.merge(body, value, depth+1); err != nil {
			return nil, err
		}
		if key.Major != strict.MajorSimple || key.Arg != redactedKeys {
			continue
		}
		if value.Major != strict.MajorArray || value.Indefinite {
			return nil, malformed("claims", "its digests are not an array of definite length")
		}
		rest := value.Body
		for range value.Arg {
			var digest strict.Item
			if digest, rest, err = strict.FirstCBOR(rest); err != nil {
				return nil, wrong("claims", err)
			}
			i, err := d.take(digest)
			if err != nil {
				return nil, err
			}
			if i < 0 {
				continue
			}
			if body, err = d.member(body, i, depth); err != nil {
				return nil, err
			}
			n++
		}
	}
	if err := entries.Err(); err != nil {
		return nil, wrong("claims", err)
	}
	start := len(dst)
	dst = append(appendHead(dst, strict.MajorMap, n), body...)
	if n > item.Arg {
		whole, _, err := strict.FirstCBOR(dst[start:])
		if err != nil {
			return nil, wrong("claims", err)
		}
		if err := whole.DistinctKeys("claims"); err != nil {
			return nil, wrong("", err)
		}
	}
	return dst, nil
}

// member appends a disclosed key and value.
func (d *cwtDisclosures) member(dst []byte, i, depth int) ([]byte, error) {
	parts := d.all[i].parts
	if len(parts) != 3 {
		return nil, malformed(sdClaimAt(i), "not one of a map: a salt, a value and a key")
	}
	key := parts[2]
	if n, ok := key.Int(); ok && n == keyCnf && depth == 1 {
		return nil, malformed(sdClaimAt(i), "discloses cnf (8): the issuer must leave it out of disclosures")
	}
	if key.Major == strict.MajorSimple {
		return nil, malformed(sdClaimAt(i), "discloses what is no claim")
	}
	return d.merge(append(dst, key.Raw...), parts[1], depth+1)
}

func (d *cwtDisclosures) mergeArray(dst []byte, item strict.Item, depth int) ([]byte, error) {
	dst = appendHead(dst, strict.MajorArray, item.Arg)
	rest := item.Body
	for range item.Arg {
		var one strict.Item
		var err error
		if one, rest, err = strict.FirstCBOR(rest); err != nil {
			return nil, wrong("claims", err)
		}
		if one.Major == strict.MajorTag && one.Arg == redactedElement {
			digest, _, err := strict.FirstCBOR(one.Body)
			if err != nil {
				return nil, wrong("claims", err)
			}
			i, err := d.take(digest)
			if err != nil {
				return nil, err
			}
			if i >= 0 {
				if len(d.all[i].parts) != 2 {
					return nil, malformed(sdClaimAt(i), "not one of an array: a salt and a value")
				}
				one = d.all[i].parts[1]
			}
		}
		if dst, err = d.merge(dst, one, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendHead appends the shortest head of an item (RFC 8949 §4.2.1).
func appendHead(dst []byte, major strict.Major, n uint64) []byte {
	m := byte(major) << 5
	switch {
	case n < 24:
		return append(dst, m|byte(n))
	case n < 1<<8:
		return append(dst, m|24, byte(n))
	case n < 1<<16:
		return append(dst, m|25, byte(n>>8), byte(n))
	}
	return append(dst, m|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
