package thumbprint

import "cnfd/internal/strict"

var setMembers = strict.NewNames("keys")

// SplitJWKSet cuts the keys out of a JWK Set (RFC 7517 §5), each as it stands there, and
// judges none of them. set is false where the object has no member keys: it is then
// one JWK, if anything. The error says where the JSON is wrong.
func SplitJWKSet(text []byte) (keys [][]byte, set bool, err error) {
	var s strict.Scanner
	s.Reset(text, "json")
	for o := s.Object(setMembers); ; {
		m, ok := o.Next()
		if !ok {
			break
		}
		if m == strict.Other {
			continue
		}
		set = true
		for a := s.Array(); a.Next(); {
			keys = append(keys, s.Raw())
		}
	}
	return keys, set, s.Close()
}
