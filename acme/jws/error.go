package jws

// Error is why a JWS is refused. It never repeats a key, nor what else stands in it.
type Error struct {
	Rule Rule
	What string // with its place: "protected.jwk.x: not a point on the curve P-256"
}

// Error returns what is wrong, and where.
func (e *Error) Error() string { return e.What }

// Rule is the rule that a JWS breaks: which problem a server has to answer with.
type Rule uint8

// The rules. The zero Rule is none.
const (
	Malformed Rule = iota + 1 // it is not what it says it is, or not of the form: malformed
	Algorithm                 // not one of Algorithms, or not for this key: badSignatureAlgorithm (RFC 8555 §6.2)
	Key                       // its key is none, private, symmetric, or of a type that is not taken: badPublicKey
	Nonce                     // it has none: badNonce (RFC 8555 §6.5)
	Signature                 // the key has not made it
)

// String returns a short name: "malformed", "algorithm", "key", "nonce",
// "signature"; "" for none.
func (r Rule) String() string {
	if r > Signature {
		return ""
	}
	return [...]string{"", "malformed", "algorithm", "key", "nonce", "signature"}[r]
}

func malformed(where, what string) error {
	if where != "" {
		what = where + ": " + what
	}
	return &Error{Malformed, what}
}
