// Package credential reads what a JWT, an SD-JWT or a CWT says of its subject
// and its key.
//
// It checks no signature: a caller that has not verified the token itself
// learns what the token claims, and nothing about who made it. What it reads it
// reads strictly, since a claim set that two readers understand differently is
// a way to be confirmed as somebody else.
package credential

import (
	"time"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// Credential is what a token says of its subject and its key. The zero
// Credential says nothing: it has no Format, no subject and no key.
type Credential struct {
	Format Format
	// Subject is the sub claim in UTF-8, its escapes undone. It points into the
	// input where it can: who keeps it longer than that takes a copy.
	Subject []byte
	// HasSubject is false where there is no sub; an empty one is there.
	HasSubject bool
	// Issuer is the iss claim, as Subject is; empty where there is none. Nothing
	// here vouches for it, and it never stands in for a subject.
	Issuer []byte
	// Confirmation is the cnf claim, reduced to the thumbprint that it names.
	Confirmation thumbprint.Confirmation
	// Expires and NotBefore are exp and nbf in seconds since 1970-01-01T00:00:00Z
	// (RFC 7519 §2, NumericDate); fractions are rounded so that the credential's
	// life gets shorter.
	Expires, NotBefore       int64
	HasExpires, HasNotBefore bool

	// Memo is what a Memory has put there for those who asked it; nil of what it does not know.
	Memo any

	hidden bool // an SD-JWT or SD-CWT keeps members of the claim set to disclosures
	// What is asked for after the parsing is read again from these.
	source []byte // the token, as it was given
	claims []byte // the claim set, what is disclosed in it
	sdHash thumbprint.Hash
}

// Format is what a credential was read from. The zero Format is none.
type Format uint8

// The formats.
const (
	Claims    Format = iota + 1 // a JWT claim set in JSON (RFC 7519 §4), which the caller has verified
	JWT                         // a JWS in compact form (RFC 7519)
	SDJWT                       // an SD-JWT (RFC 9901), with what is disclosed
	CWTClaims                   // a CWT claims map (RFC 8392 §3), which the caller has verified
	CWT                         // a COSE message with a CWT claims map in it (RFC 8392)
)

// String returns "claims", "jwt", "sd-jwt", "cwt-claims" or "cwt"; "" for none.
func (f Format) String() string {
	if f > CWT {
		return ""
	}
	return [...]string{"", "claims", "jwt", "sd-jwt", "cwt-claims", "cwt"}[f]
}

// Options turns on what is read beyond what is safe for everybody. The zero
// value reads sub alone for a subject, and no special kind of key. A nil
// *Options is the zero value.
type Options struct {
	// CredentialSubject reads credentialSubject.id and vc.credentialSubject.id
	// of a JWT claim set as a subject too (the W3C VC data model). Where there are
	// several they must be equal.
	CredentialSubject bool
	Confirmation      thumbprint.Options
	// Memory knows claim sets that were read with these very Options before; may be nil.
	Memory Memory
}

// Memory knows what claim sets say that come again and again, so that they need not be
// read again. The text of a JSON object and a CBOR map are never the same to it, whatever
// their octets: what the reader of one has taken, that of the other would refuse.
type Memory interface {
	// Recall returns what ReadClaims has said of those very octets, of that kind; nil where
	// that is not known. Neither it nor what it points to is changed by anybody.
	Recall(claims []byte, cbor bool) *Credential
	// Learn is told of a claim set that was read without an error; whoever keeps it
	// takes a copy, and reads that with ReadClaims.
	Learn(claims []byte, cbor bool)
}

// ReadClaims reads a claim set, in JSON or in CBOR, as the readers of tokens do, past o's
// Memory. The Credential's Format is Claims or CWTClaims. The error is an *Error.
func ReadClaims(claims []byte, cbor bool, o *Options) (Credential, error) {
	if o == nil {
		o = &Options{}
	}
	past := *o
	past.Memory = nil
	if !cbor {
		return readClaims(claims, Claims, &past)
	}
	item, rest, err := strict.FirstCBOR(claims)
	switch {
	case err != nil:
		return Credential{}, wrong("claims", err)
	case len(rest) > 0 || item.Major != strict.MajorMap:
		return Credential{}, malformed("claims", "not a map, and nothing else")
	}
	return readClaimsMap(item, CWTClaims, &past)
}

// inCBOR reports whether the claim set of a token of that kind is a CBOR map.
func (f Format) inCBOR() bool { return f == CWT || f == CWTClaims }

// recall returns what the Memory of o knows of claims; nil for nothing.
func recall(claims []byte, f Format, o *Options) *Credential {
	if o.Memory == nil {
		return nil
	}
	c := o.Memory.Recall(claims, f.inCBOR())
	if c == nil || c.Format.inCBOR() != f.inCBOR() {
		return nil
	}
	return c
}

// learn hands claims to the Memory of o, if they could be read.
func learn(claims []byte, c Credential, err error, o *Options) (Credential, error) {
	if err != nil {
		return Credential{}, err
	}
	if o.Memory != nil {
		o.Memory.Learn(claims, c.Format.inCBOR())
	}
	return c, nil
}

// MaxToken bounds the octets of every input, text and CBOR alike.
const MaxToken = 64 << 10

// TimeState is where a time lies in a credential's life. The zero value is none
// of them, so that a state nobody has set lets nothing pass.
type TimeState uint8

// The time states.
const (
	Valid       TimeState = iota + 1
	Expired               // at or past exp and the leeway
	NotYetValid           // before nbf less the leeway
)

// DefaultLeeway is how far the clocks of issuer and verifier may be apart
// (docs/profile.md §6).
const DefaultLeeway = 60 * time.Second

// Time judges exp and nbf at now: the credential has expired unless now is
// before exp + leeway (RFC 7519 §4.1.4), and is not yet valid before
// nbf - leeway (RFC 7519 §4.1.5). Claims that are not there judge nothing.
func (c *Credential) Time(now time.Time, leeway time.Duration) TimeState {
	switch {
	case c.HasExpires && !now.Before(instant(c.Expires).Add(leeway)):
		return Expired
	case c.HasNotBefore && now.Before(instant(c.NotBefore).Add(-leeway)):
		return NotYetValid
	}
	return Valid
}

// instant keeps a second within what time.Time can add to and compare: its own
// seconds overflow past 2^63 - 2^36, and would make the far future the past.
func instant(second int64) time.Time {
	const far = 1 << 60 // 36 thousand million years
	return time.Unix(max(-far, min(second, far)), 0)
}
