package weakkey

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Blocklist is a set of keys whose private keys are known. A nil Blocklist is empty.
type Blocklist struct{ sums [][sha256.Size]byte } // sorted

// ParseBlocklist reads a list of keys: on each line the SHA-256, in hex of either
// case, of a SubjectPublicKeyInfo in DER, as
//
//	openssl pkey -pubin -in key.pem -outform DER | sha256sum
//
// prints it without the name behind. '#' begins a comment, empty lines are passed
// over, and a key may be there twice. Shortened sums, as some lists have them, are
// an error: they would block keys that nobody knows. The error names the line.
func ParseBlocklist(file []byte) (*Blocklist, error) {
	b := &Blocklist{}
	for n := 1; len(file) > 0; n++ {
		line, rest, _ := bytes.Cut(file, []byte{'\n'})
		file = rest
		line, _, _ = bytes.Cut(line, []byte{'#'})
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var sum [sha256.Size]byte
		if len(line) != 2*len(sum) {
			return nil, fmt.Errorf("blocklist: line %d: want the 64 hex digits of a SHA-256 and nothing else, or a comment after #", n)
		}
		if _, err := hex.Decode(sum[:], line); err != nil {
			return nil, fmt.Errorf("blocklist: line %d: not a SHA-256 in hex", n)
		}
		b.sums = append(b.sums, sum)
	}
	slices.SortFunc(b.sums, compare)
	b.sums = slices.Compact(b.sums)
	return b, nil
}

// Len returns how many keys there are in the list.
func (b *Blocklist) Len() int {
	if b == nil {
		return 0
	}
	return len(b.sums)
}

// Holds reports whether a key is in the list: by the SubjectPublicKeyInfo that
// x509.MarshalPKIXPublicKey writes. A key that has none is an error, whatever is in
// the list.
func (b *Blocklist) Holds(public crypto.PublicKey) (bool, error) {
	if public == nil {
		return false, errors.New("blocklist: key missing")
	}
	info, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return false, fmt.Errorf("blocklist: key has no SubjectPublicKeyInfo (%T)", public)
	}
	if b == nil {
		return false, nil
	}
	_, found := slices.BinarySearchFunc(b.sums, sha256.Sum256(info), compare)
	return found, nil
}

func compare(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) }
