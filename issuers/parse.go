package issuers

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"

	"cnfd/signature"
	"cnfd/thumbprint"
)

// Parse reads the keys that an issuer has published: a JWK or a JWK Set (RFC
// 7517), PEM of public keys and certificates, a COSE_Key or a COSE_KeySet (RFC
// 9052 §7) in octets or in hexadecimal. Of a certificate it takes the key and
// nothing else: neither its validity nor who signed it. Keys that are for
// something else (use or key_ops other than to verify, a type that signs nothing
// or is not known) are passed over, and so are those that cannot be used, since
// one strange key must not lose the others (RFC 7517 §5, RFC 9052 §7). The error
// is that of a file in which no key is left. It repeats nothing that a key holds.
func Parse(file []byte) (Set, error) {
	set, _, err := Read(file)
	return set, err
}

// Read is Parse that also gives what is wrong with the keys that it passes over
// for that: malformed ones, symmetric ones, and private ones, which are exposed
// and trusted nowhere in the file. It says nothing of those that are for something
// else.
func Read(file []byte) (set Set, wrong []error, err error) {
	if len(file) > maxFile {
		return nil, nil, errors.New("keys: over 1 MiB")
	}
	all, err := read(file)
	if err != nil {
		return nil, nil, err
	}
	exposed := map[thumbprint.Thumbprint]bool{}
	for i := range all {
		if all[i].private {
			exposed[all[i].key.Key.JKT(thumbprint.SHA256)] = true
		}
	}
	var reason error
	broken := false
	for i := range all {
		f := &all[i]
		if f.err == nil && !f.private && exposed[f.key.Key.JKT(thumbprint.SHA256)] {
			f.private = true
			f.err = errors.New(f.place + ": its private key stands in the file too, so that it is exposed and signs for nobody")
		}
		broken = broken || !f.other && !f.private
		switch {
		case f.err == nil:
			f.key.Key = f.key.Key.Ready()
			set = append(set, f.key)
		case !f.other:
			wrong = append(wrong, f.err)
		}
		if reason == nil {
			reason = f.err
		}
	}
	switch {
	case len(set) > 0:
		return set, wrong, nil
	case reason == nil:
		return nil, nil, &Withdrawn{errors.New("keys: none in it")}
	case !broken || len(exposed) > 0: // whatever else is wrong with the file
		return nil, nil, &Withdrawn{reason}
	}
	return nil, nil, reason
}

// Withdrawn is the error of a file that is whole and has no key to sign with: it has
// none, or what it has is exposed or for something else; and of one without a usable key
// that exposes one. Who gives it trusts none of the keys that were there before, either.
type Withdrawn struct{ Reason error }

// Error returns what became of the first key.
func (w *Withdrawn) Error() string { return w.Reason.Error() }

// Unwrap returns the same as an error.
func (w *Withdrawn) Unwrap() error { return w.Reason }

// What an issuer publishes is bounded in octets and in keys, since each of them
// may be tried for each token.
const (
	maxFile = 1 << 20
	maxKeys = 100
)

// found is one key of a file, or why it is none.
type found struct {
	place   string
	key     Key
	err     error
	other   bool // it is a good key, for something else, or of a kind that is not known
	private bool // key is the public part of it
}

func (f found) because(what string) found {
	f.err = errors.New(f.place + ": " + what)
	return f
}

func (f found) elsewhere(what string) found {
	f.other = true
	return f.because(what)
}

// judge decides whether a key that has been read signs credentials: with alg where
// it says so (stated).
func (f found) judge(key thumbprint.Key, alg signature.Algorithm, stated bool) found {
	f.key.Key = key
	switch {
	case key.Symmetric():
		return f.because("a symmetric key: who checks with it can sign with it; the issuer must give a public key")
	case key.Private():
		f.private = true
		return f.because(isPrivate)
	case stated && alg == 0:
		return f.elsewhere("alg: not a signature algorithm that is known here")
	case stated && !alg.Fits(key):
		return f.because("alg: " + alg.String() + " is not for this key, which is " + key.Algorithm())
	case !signs(key):
		return f.elsewhere("not a key to sign with (" + key.Algorithm() + ")")
	case key.Public() == nil:
		return f.because("a key that no library verifies with (" + key.Algorithm() + ")")
	}
	if stated {
		f.key.Algorithms = []signature.Algorithm{alg}
	}
	return f
}

const isPrivate = "a private key, which is exposed and signs for nobody: the issuer must replace it, and give the public part"

func signs(key thumbprint.Key) bool {
	for a := signature.ES256; a.String() != ""; a++ {
		if a.Fits(key) {
			return true
		}
	}
	return false
}

var errTooMany = errors.New("keys: more than " + strconv.Itoa(maxKeys))

// read cuts a file into its keys.
func read(file []byte) ([]found, error) {
	text := bytes.TrimSpace(bytes.TrimPrefix(file, []byte("\ufeff")))
	switch {
	case len(text) == 0:
		return nil, errors.New("keys: empty")
	case text[0] == '{':
		return readJSON(text)
	case bytes.Contains(text, []byte("-----BEGIN ")):
		return readPEM(text)
	}
	octets := file
	if !isCBOR(octets) {
		text = bytes.Join(bytes.Fields(text), nil)
		octets = make([]byte, len(text))
		n, err := hex.Decode(octets, text)
		octets = octets[:n]
		if err != nil || !isCBOR(octets) {
			return nil, errors.New("keys: not in a format that is known: JWK, JWK Set, PEM or COSE_Key")
		}
	}
	return readCOSE(octets)
}

// isCBOR reports whether octets begin as a map or an array does (RFC 8949 §3.1),
// which no text does.
func isCBOR(octets []byte) bool {
	return len(octets) > 0 && (octets[0]>>5 == 4 || octets[0]>>5 == 5)
}

func nth(set string, i int) string { return set + "[" + strconv.Itoa(i) + "]" }

// malformed puts a place in front of that of an error of a key, in the stead of
// what that error's own reader called its document.
func (f found) malformed(err error) found {
	var e *thumbprint.Error
	if !errors.As(err, &e) {
		return f.because(err.Error())
	}
	f.err = &thumbprint.Error{Rule: e.Rule, Where: f.place + place(e.Where), What: e.What}
	return f
}

// place is a place less the name of its document.
func place(where string) string {
	for i := range len(where) {
		if where[i] == '.' || where[i] == '[' {
			return where[i:]
		}
	}
	return ""
}
