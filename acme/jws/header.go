package jws

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"slices"
	"strings"

	"cnfd/internal/strict"
	"cnfd/signature"
	"cnfd/thumbprint"
)

// The header parameters that are read. Those from headerCrit on are refused.
const (
	headerAlg = iota
	headerNonce
	headerURL
	headerKID
	headerJWK
	headerCrit
)

var headerNames = strict.NewNames("alg", "nonce", "url", "kid", "jwk", "crit", "b64", "jku", "x5u", "x5c")

// refused says why a header parameter from headerCrit on may not be there.
var refused = [...]string{
	"critical extensions, none of which is understood here (RFC 7515 §4.1.11)",
	"the payload is always encoded (RFC 8555 §6.1)",
	"another way to name a key: want jwk or kid (RFC 8555 §6.2)",
	"another way to name a key: want jwk or kid (RFC 8555 §6.2)",
	"another way to name a key: want jwk or kid (RFC 8555 §6.2)",
}

// readHeader reads the protected header, and judges it in the order in which a
// client would mend it: what is not of ACME, the algorithm, the key, the rest.
func (m *Message) readHeader(header []byte, form Form) error {
	var s strict.Scanner
	s.Reset(header, "protected")
	var texts [headerJWK]strict.Text
	for object := s.Object(headerNames); ; {
		member, ok := object.Next()
		if !ok {
			break
		}
		switch {
		case member == strict.Other:
		case member < headerJWK:
			texts[member] = s.Text()
		case member == headerJWK:
			m.JWK = s.Raw()
		default:
			return malformed(s.Where(s.At()), refused[member-headerCrit])
		}
	}
	if err := s.Close(); err != nil {
		return &Error{Malformed, err.Error()}
	}
	if err := m.readAlgorithm(texts[headerAlg], form); err != nil {
		return err
	}
	if err := m.readSigner(texts[headerKID], form); err != nil {
		return err
	}
	if err := m.readURL(texts[headerURL]); err != nil {
		return err
	}
	return m.readNonce(texts[headerNonce], form)
}

// algorithms are those that requests are signed with. RSASSA-PSS is not among
// them: no ACME client uses it, and RFC 8555 §6.2 asks for ES256 and Ed25519 only.
var algorithms = [...]signature.Algorithm{
	signature.RS256, signature.RS384, signature.RS512,
	signature.ES256, signature.ES384, signature.ES512,
	signature.EdDSA, signature.Ed25519,
}

// Algorithms returns the JOSE names of the algorithms that a Request and a KeyInner
// may be signed with, as a problem document lists them (RFC 8555 §6.2). EdDSA is
// with Ed25519 alone.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.String()
	}
	return names
}

// macs are the algorithms of an External (RFC 7518 §3.2).
var macs = [...]struct {
	name string
	hash crypto.Hash
}{{"HS256", crypto.SHA256}, {"HS384", crypto.SHA384}, {"HS512", crypto.SHA512}}

func (m *Message) readAlgorithm(alg strict.Text, form Form) error {
	if !alg.Present() {
		return malformed("protected.alg", "missing (RFC 8555 §6.2)")
	}
	name := alg.Bytes()
	if form == External {
		for _, mac := range macs {
			if string(name) == mac.name {
				m.mac = mac.hash
				return nil
			}
		}
		return &Error{Algorithm, "protected.alg: want a MAC, for which the CA has given a key: HS256, HS384 or HS512 (RFC 8555 §7.3.4)"}
	}
	a := signature.OfJOSE(name)
	switch {
	case a != 0 && slices.Contains(algorithms[:], a):
		m.Algorithm = a
		return nil
	case bytes.EqualFold(name, []byte("none")):
		return &Error{Algorithm, "protected.alg: none, which signs nothing" + insteadOf}
	case bytes.HasPrefix(name, []byte("HS")):
		return &Error{Algorithm, "protected.alg: a MAC, which whoever checks it can make" + insteadOf}
	}
	return &Error{Algorithm, "protected.alg: not an algorithm that is taken here" + insteadOf}
}

var insteadOf = ": want one of " + strings.Join(Algorithms(), ", ") + " (RFC 8555 §6.2)"

// readSigner reads whose signature it is said to be: a jwk's or a kid's.
func (m *Message) readSigner(kid strict.Text, form Form) error {
	switch {
	case m.JWK != nil && kid.Present() && form == Request:
		return malformed("protected", "both jwk and kid: want exactly one, kid with an account's URL once there is an account (RFC 8555 §6.2)")
	case m.JWK == nil && !kid.Present() && form == Request:
		return malformed("protected", "neither jwk nor kid: want exactly one, kid with an account's URL once there is an account (RFC 8555 §6.2)")
	case form == KeyInner && kid.Present():
		return malformed("protected.kid", "the inner object is signed by the new key, which stands in jwk (RFC 8555 §7.3.5)")
	case form == KeyInner && m.JWK == nil:
		return malformed("protected.jwk", "missing: the inner object holds the new key (RFC 8555 §7.3.5)")
	case form == External && m.JWK != nil:
		return malformed("protected.jwk", "an external account is named by its kid (RFC 8555 §7.3.4)")
	case form == External && !kid.Present():
		return malformed("protected.kid", "missing: it names the external account (RFC 8555 §7.3.4)")
	}
	if m.JWK != nil {
		return m.readJWK()
	}
	id := kid.Bytes()
	if len(id) == 0 || !printable(id) || form != External && bytes.IndexByte(id, ' ') >= 0 {
		return malformed("protected.kid", "empty, or not of printable ASCII")
	}
	m.KID = string(id)
	return nil
}

// readJWK judges the key that the message itself holds.
func (m *Message) readJWK() error {
	key, err := thumbprint.ParseJWK(m.JWK)
	if err != nil {
		return &Error{Key, "protected." + err.Error()}
	}
	switch {
	case key.Symmetric():
		return &Error{Key, "protected.jwk: a symmetric key, which is now known to whoever saw it: send a public key"}
	case key.Private():
		return &Error{Key, "protected.jwk: holds a private key: send the public part only, and take the private key for exposed"}
	case !taken(key):
		return &Error{Key, "protected.jwk: " + notTaken(key)}
	case !m.Algorithm.Fits(key):
		return &Error{Algorithm, "protected.alg: " + m.Algorithm.String() + " is not for the key in jwk, which is " + key.Algorithm()}
	}
	m.Key = key
	return nil
}

// taken reports whether a key is of a type that signs requests.
func taken(key thumbprint.Key) bool {
	switch key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

func notTaken(key thumbprint.Key) string {
	if strings.HasPrefix(key.Algorithm(), "RSA") {
		return "an RSA key whose exponent is over 31 bits, with which no library verifies: use 65537"
	}
	return "not a type of key that is taken here (" + key.Algorithm() + "): use RSA, EC P-256, P-384 or P-521, or OKP Ed25519"
}

func (m *Message) readURL(url strict.Text) error {
	if !url.Present() {
		return malformed("protected.url", "missing: it is the URL that the request goes to (RFC 8555 §6.4)")
	}
	text := url.Bytes()
	if len(text) == 0 || !printable(text) || bytes.IndexByte(text, ' ') >= 0 {
		return malformed("protected.url", "empty, or not of printable ASCII")
	}
	m.URL = string(text)
	return nil
}

func (m *Message) readNonce(nonce strict.Text, form Form) error {
	text := nonce.Bytes()
	switch {
	case form != Request && nonce.Present():
		return malformed("protected.nonce", "only the outer object has one (RFC 8555 §7.3.4, §7.3.5)")
	case form != Request:
		return nil
	case len(text) == 0:
		return &Error{Nonce, "protected.nonce: missing: take it from the Replay-Nonce of the answer before (RFC 8555 §6.5)"}
	}
	if _, err := decode(text, "protected.nonce"); err != nil { // RFC 8555 §6.5.2
		return err
	}
	m.Nonce = string(text)
	return nil
}

func printable(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
