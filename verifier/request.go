package verifier

import (
	"time"

	"cnfd/credential"
)

// Request is one question about one credential.
type Request struct {
	Input Input
	Bytes []byte
	// MaxAge bounds the age of the DNS data used, where Bounded says so; zero
	// with Bounded means that nothing cached may be used.
	MaxAge  time.Duration
	Bounded bool
	// SkipTime leaves exp and nbf alone; the verdict then says so.
	SkipTime bool
	// Checks are those that are made beyond what is configured. What they need
	// is below; what the holder has not brought is a verdict.
	Checks Checks
	// Audience is whom the credential must be for, if not "", and to whom a key
	// binding must have been made.
	Audience string
	// Nonce is the one that the holder was given for a key binding or a DPoP proof.
	Nonce      string
	DPoP       DPoP
	ClientCert string // as a gateway hands it on (possession.MutualTLS)
	// At is the time of the judgement, of the token and of DNSSEC signatures
	// alike; zero is now.
	At time.Time
	// Now is what Config.Now and the clock of the Source say, which are one then, for a
	// caller who has just read it; zero: each is asked.
	Now time.Time
	// Scratch is memory for what is decoded, so that nothing is allocated. A
	// Verdict's Subject may point into it; one question at a time uses it. May be nil.
	Scratch *Scratch
}

// Scratch is memory that is used again for the next question; the zero Scratch is
// ready for use.
type Scratch = credential.Scratch

// DPoP is a DPoP proof and the request that it came with (RFC 9449 §4.3).
type DPoP struct {
	Proof       []byte // the value of the one DPoP header
	Method, URL string // "GET", "https://api.example/a"; query and fragment are ignored
}

// Input is what a Request's bytes are.
type Input uint8

const (
	InputToken  Input = iota // text told apart by its form: JWT, SD-JWT, base64url CWT
	InputClaims              // a JWT claim set, already verified by the caller
	InputJWT                 // a compact JWT
	InputSDJWT               // an SD-JWT
	InputCWT                 // CBOR: a tagged CWT, or a bare claims map
)

// Freshness bounds the DNS data that Confirm uses, as the fields of a Request do.
type Freshness struct {
	MaxAge  time.Duration
	Bounded bool
	At      time.Time
	// ChainAge is that of a dnssec.Question; no Request has it.
	ChainAge time.Duration
}

// parse reads the credential in q.
func (v *Verifier) parse(q *Request) (credential.Credential, error) {
	switch q.Input {
	case InputToken:
		return q.Scratch.Parse(q.Bytes, &v.credential)
	case InputClaims:
		return credential.ParseClaims(q.Bytes, &v.credential)
	case InputJWT, InputSDJWT:
		return q.Scratch.ParseJWT(q.Bytes, &v.credential)
	case InputCWT:
		return credential.ParseCWT(q.Bytes, &v.credential)
	}
	return credential.Credential{}, &Error{Problem: Internal, Detail: "unknown kind of input"}
}
