package decryption

import (
	"strconv"

	"cnfd/internal/strict"
)

// The header parameters that are read (RFC 9052 §3.1; RFC 9053 §6.3.1, §5.2).
const (
	headerAlg       = 1
	headerCrit      = 2
	headerKID       = 4
	headerIV        = 5
	headerPartialIV = 6

	headerEphemeral = -1  // the sender's public key
	headerSalt      = -20 // of HKDF
	headerParty     = -21 // identity, nonce and other of PartyU; PartyV's after them: to -26
)

// coseHeaders are both buckets of a layer's header parameters.
type coseHeaders struct {
	protected []byte // as it is sent; empty where there is none
	safeAlg   bool   // the algorithm is among the protected ones
	kid       []byte // nil for none
	members   map[int64]strict.Item
}

// readHeaders reads the buckets of a layer, which have passed strict.CheckCBOR.
// A label in both is malformed (RFC 9052 §3). where is the layer's place.
func readHeaders(where string, protected, unprotected strict.Item) (*coseHeaders, error) {
	octets, ok := protected.Bytes()
	if !ok || unprotected.Major != strict.MajorMap {
		return nil, malformed(where, "not a layer of an encrypted message: protected headers in a byte string, then a map")
	}
	h := &coseHeaders{protected: []byte{}, members: map[int64]strict.Item{}}
	buckets := []strict.Item{unprotected}
	if len(octets) > 0 {
		if err := strict.CheckCBOR(octets, join(where, "protected")); err != nil {
			return nil, asError(err)
		}
		inside, _, err := strict.FirstCBOR(octets)
		if err != nil || inside.Major != strict.MajorMap {
			return nil, malformed(where, "protected headers that are not a map")
		}
		buckets = append(buckets, inside)
		if inside.Arg > 0 { // an empty map is as none (RFC 9052 §5.3)
			h.protected = octets
		}
	}
	for i, bucket := range buckets {
		for entries := bucket.Entries(); entries.Next(); {
			label, ok := entries.Key.Int()
			if !ok {
				continue // in text: private, and not critical
			}
			if h.has(label) {
				return nil, malformed(join(where, strconv.FormatInt(label, 10)), "both protected and not")
			}
			h.members[label] = entries.Value
			h.safeAlg = h.safeAlg || label == headerAlg && i == 1
		}
	}
	if h.has(headerCrit) {
		return nil, refused(join(where, "2"), "asks for extensions (crit), of which none is known (RFC 9052 §3.1)")
	}
	if h.has(headerKID) {
		if h.kid, ok = h.octets(headerKID); !ok {
			return nil, malformed(join(where, "4"), "a kid that is not a byte string")
		}
	}
	return h, nil
}

func (h *coseHeaders) has(label int64) bool {
	_, ok := h.members[label]
	return ok
}

// octets gives a parameter that is a byte string, be it an empty one.
func (h *coseHeaders) octets(label int64) ([]byte, bool) {
	item, ok := h.members[label]
	if !ok {
		return nil, false
	}
	return item.Bytes()
}

func (h *coseHeaders) isAlg(id int64) bool {
	alg, ok := h.members[headerAlg].Int()
	return ok && alg == id
}
