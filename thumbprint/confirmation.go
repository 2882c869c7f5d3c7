package thumbprint

// Confirmation is a cnf claim reduced to the one thumbprint that it names. The
// zero Confirmation names nothing.
type Confirmation struct {
	// Method is the first of the claim's members, in the order of the methods,
	// that names a key.
	Method Method
	// Thumbprint is what it names; zero where Encrypted.
	Thumbprint Thumbprint
	// Encrypted says that a member (jwe, or 2) was opened by no key, so that it
	// is not known which key the claim names, or not known that its members
	// name the same one. Nothing may be confirmed by it.
	Encrypted bool
}

// Options turns on what a confirmation claim may hold beyond what is safe for
// everybody. The zero value allows none of it.
type Options struct {
	X5T       bool // x5t#S256, which names a certificate and not a key
	TBH       bool // tbh, of an expired draft
	Symmetric bool // symmetric keys, whose published hash lets anybody try guesses offline

	// Opener opens what was encrypted for this verifier. nil: nothing is opened,
	// and a claim that holds such a key is Encrypted.
	Opener Opener
}

// Error is why a key or a confirmation claim gives no thumbprint. It never
// repeats what the key or claim holds.
type Error struct {
	Rule  Rule
	Where string // the place: "cnf.jwk.x"
	What  string // what is wrong there and, if NotReducible, what would work
}

func (e *Error) Error() string {
	if e.Where == "" {
		return e.What
	}
	return e.Where + ": " + e.What
}

// Rule is the rule that a key or a confirmation claim breaks.
type Rule uint8

// The rules. The zero Rule is none.
const (
	Malformed    Rule = iota + 1 // it is not what it says it is
	NotReducible                 // it is well-formed and leads to no thumbprint
	PrivateKey                   // it holds a private key where only a public one may stand
)

// String is a short name for the rule: "malformed", "not-reducible",
// "private-key"; "" for none.
func (r Rule) String() string {
	switch r {
	case Malformed:
		return "malformed"
	case NotReducible:
		return "not-reducible"
	case PrivateKey:
		return "private-key"
	}
	return ""
}
