// Package dnssec decides what a DNS message proves; it asks nobody and reads no clock.
//
// The resolver fetches, this package judges: given a [Zone] whose keys are
// proven and a message from one of its servers, it says what the message
// proves about a [Question] at a stated time (RFC 4033-4035, 5155, 6840).
package dnssec

import (
	"strings"
	"time"
)

// Name is a domain name in lower-case presentation form with its trailing dot,
// held by value so that a question can be asked without allocating.
// The zero Name is no name. Octets outside [!-~] and dots inside labels are
// escaped as RFC 1035 §5.1 has it.
type Name struct {
	n uint16
	b [maxNameText]byte
}

// maxNameText bounds the presentation form that a Name holds. RFC 1035 §2.3.4
// allows 255 octets of wire form; escaped octets make the text longer (\DDD is
// four characters for one), so a name of binary labels may need 1004.
// Names with that many escapes are refused: no host or confirmation name has any.
const maxNameText = 510

// NameOf takes a name in presentation form, lower-cases it and adds the final
// dot where it is missing. It reports false where the text does not fit; it
// does not check the syntax of the labels.
func NameOf[T ~string | ~[]byte](text T) (Name, bool) {
	var n Name
	if len(text) == 0 || len(text) >= maxNameText {
		return n, false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		n.b[i] = c
	}
	n.n = uint16(len(text))
	if n.b[n.n-1] != '.' {
		n.b[n.n] = '.'
		n.n++
	}
	return n, true
}

// Bytes is the name's text; it points into n.
func (n *Name) Bytes() []byte { return n.b[:n.n] }

// String returns the name's text, with the trailing dot.
func (n Name) String() string { return string(n.b[:n.n]) }

// IsZero reports whether n is no name at all.
func (n *Name) IsZero() bool { return n.n == 0 }

// Question is what is asked of a Source: the records of one type at one name
// (class IN), no older than the caller allows.
type Question struct {
	Name Name
	Type uint16 // RR type code, TLSA is 52 (RFC 6698 §7.1)
	// MaxAge bounds the age of the data used, where Bounded says so; zero with
	// Bounded means that nothing cached may be used (protocol: Cache-Control: no-cache).
	MaxAge  time.Duration
	Bounded bool
	// ChainAge, where set, bounds the age of the DS and DNSKEY records that the answer rests on,
	// from the trust anchor down, and has the answer itself fetched anew. Zero: they may be as
	// old as the resolver lets them be.
	ChainAge time.Duration
	// At, where set, is the time at which signatures are judged instead of now.
	// Answers judged at another time are neither read from nor put into the cache.
	At time.Time
	// Now is what the resolver's clock says, from a caller who has just read it and asks
	// the cache; zero: it is read.
	Now time.Time
}

// TypeTLSA is the RR type of a confirmation record (RFC 6698 §7.1).
const TypeTLSA = 52

// IsSubdomain reports whether child is parent or lies under it, by whole
// labels; both in lower case with the trailing dot. A comparison by string
// suffix alone would let example. sign for notexample.
func IsSubdomain(child, parent string) bool {
	if parent == "." {
		return true
	}
	if !strings.HasSuffix(child, parent) {
		return false
	}
	if len(child) == len(parent) {
		return true
	}
	i := len(child) - len(parent) - 1
	return child[i] == '.' && !escaped(child, i)
}

// escaped reports whether the octet at i of a presentation-form name is escaped.
func escaped(name string, i int) bool {
	n := 0
	for i--; i >= 0 && name[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}
