// Package verifier decides whether a key is confirmed by its subject's domain.
//
// It reads the credential, forms the record's name, asks its [Source] for the
// record and judges what came back. It neither opens a socket nor reads the
// clock itself.
package verifier

import (
	"context"
	"errors"
	"time"

	"cnfd/credential"
	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/thumbprint"
)

// Source answers questions of the DNS with proof. It is used by many callers at once.
type Source interface {
	// Lookup answers q from the cache or the network, and says which. The error
	// is only the caller's context ending; every trouble of the DNS is in the Answer.
	// The answer belongs to the source: nobody changes it.
	Lookup(ctx context.Context, q dnssec.Question) (a *dnssec.Answer, cached bool, err error)
}

// Config is what a Verifier needs. Source and Now are required; every other
// zero value is the default.
type Config struct {
	Source     Source
	Now        func() time.Time
	Subjects   record.Subjects
	Credential credential.Options
	Forms      []record.Form // looked up in this order; default {record.Dotted}

	AllowInsecure  bool // an Insecure match confirms; Insecure data never refutes
	AllowWildcard  bool // a record made from a wildcard decides as any other
	AllowDelegated bool // a zone cut between the domain and a dotted record is accepted

	Leeway  time.Duration // for exp and nbf; default 60 s; negative for none
	Testing bool          // marks every verdict
}

// DefaultLeeway is how far exp and nbf may be off (docs/profile.md §6).
const DefaultLeeway = 60 * time.Second

// Verifier answers with verdicts. It is made by New, never changes, and may be
// used by many at once.
type Verifier struct {
	source     Source
	now        func() time.Time
	subjects   record.Subjects
	credential credential.Options
	forms      []record.Form
	allow      allowances
	leeway     time.Duration
	testing    bool
}

// New makes a Verifier; the error names the field that is missing or wrong.
func New(c Config) (*Verifier, error) {
	return nil, errors.New("verifier: not built yet")
}

// Input is what a Request's bytes are.
type Input uint8

const (
	InputToken  Input = iota // text told apart by its form: JWT, SD-JWT, base64url CWT
	InputClaims              // a JWT claim set, already verified by the caller
	InputJWT
	InputSDJWT
	InputCWT // CBOR: a tagged CWT, or a bare claims map
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
	// At is the time of the judgement, of the token and of DNSSEC signatures
	// alike; zero is now.
	At time.Time
}

// Freshness bounds the DNS data that Confirm uses, as the fields of a Request do.
type Freshness struct {
	MaxAge  time.Duration
	Bounded bool
	At      time.Time
}

// allowances are the operator's departures from the default verdicts.
type allowances struct{ insecure, wildcard, delegated bool }

// Verify says whether the credential in q is confirmed by its subject's domain.
// The error is an *Error where the bytes form no question, else the end of ctx.
func (v *Verifier) Verify(ctx context.Context, q *Request) (Verdict, error) {
	return Verdict{}, errors.New("verifier: not built yet")
}

// Confirm asks the same question for a subject and a key without a credential
// around them, as an issuer does before it signs.
// The error is an *Error where the subject names no domain, else the end of ctx.
func (v *Verifier) Confirm(ctx context.Context, subject string, c thumbprint.Confirmation, f Freshness) (Verdict, error) {
	return Verdict{}, errors.New("verifier: not built yet")
}

// AppendJSON appends the verdict as the HTTP API has it, with the request's id
// where there is one.
func (v *Verdict) AppendJSON(dst []byte, id string) []byte { return dst }
