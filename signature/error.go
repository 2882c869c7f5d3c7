package signature

// Error is why a signature is none of a key's. It names the algorithm and the
// kind of key, and nothing of either.
type Error struct {
	Rule      Rule
	Algorithm Algorithm
	Key       string // "EC P-256", as thumbprint.Key.Algorithm says
}

// Error returns what is wrong, for people.
func (e *Error) Error() string {
	switch e.Rule {
	case UnknownAlgorithm:
		return "algorithm: not a signature algorithm that is known here"
	case NotThisKeys:
		key := e.Key
		if key == "" {
			key = "missing"
		}
		return "algorithm: " + e.Algorithm.String() + " is not for this key, which is " + key
	case WeakKey:
		return "key: a degenerate key, or one that no library verifies with (" + e.Key + ")"
	case WrongLength:
		return "signature: not as long as those of " + e.Algorithm.String() + " by this key (" + e.Key + ")"
	case DoesNotVerify:
		return "signature: not made by this key over these octets (" + e.Algorithm.String() + ")"
	}
	return "signature: not checked"
}

// Rule is the rule that a signature breaks.
type Rule uint8

// The rules. The zero Rule is none.
const (
	UnknownAlgorithm Rule = iota + 1 // none, an HMAC, a name in another case, one that is not known
	NotThisKeys                      // the algorithm is for keys of another type or curve (RFC 8725 §3.1)
	WeakKey                          // anybody can sign with the key (RFC 8725 §3.4), or no library takes it
	WrongLength                      // ASN.1 for ECDSA, a signature cut short or with octets to spare
	DoesNotVerify                    // another key, other octets, another signature
)

// String returns a short name: "unknown-algorithm", "not-this-keys",
// "weak-key", "wrong-length", "does-not-verify"; "" for none.
func (r Rule) String() string {
	if r > DoesNotVerify {
		return ""
	}
	return [...]string{"", "unknown-algorithm", "not-this-keys", "weak-key", "wrong-length", "does-not-verify"}[r]
}
