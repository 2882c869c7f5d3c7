// Package verifier decides whether a key is confirmed by its subject's domain.
//
// It reads the credential, forms the record's name, asks its [Source] for the
// record and judges what came back. It neither opens a socket nor reads the
// clock itself.
package verifier

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// CachedSource is a Source that can be asked for no more than it has. It is used by many
// callers at once.
type CachedSource interface {
	// LookupCached answers q as Lookup does where that waits for nobody; else it asks
	// nobody and says false.
	LookupCached(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool)
}

// Config is what a Verifier needs. Source and Now are required; every other
// zero value is the default.
type Config struct {
	Source     Source
	Each       EachSource   // asks each server of a zone; required for prechecks
	Cached     CachedSource // required for VerifyCached ever to answer
	Now        func() time.Time
	Subjects   record.Subjects
	Credential credential.Options
	Forms      []record.Form // looked up in this order; default {record.Dotted}

	AllowInsecure  bool // an Insecure match confirms; Insecure data never refutes
	AllowWildcard  bool // a record made from a wildcard decides as any other
	AllowDelegated bool // a zone cut between the domain and a dotted record is accepted

	Checks  Checks     // made of every credential, whatever the caller asks for
	Issuers []Issuer   // whose signatures can be checked
	Keys    IssuerKeys // theirs; required where there are Issuers
	Proofs  Proofs     // required for a DPoP proof ever to be good

	Leeway  time.Duration // for exp and nbf; default credential.DefaultLeeway; negative for none
	Testing bool          // marks every verdict
}

// Verifier answers with verdicts. It is made by New, never changes, and may be
// used by many at once.
type Verifier struct {
	source     Source
	each       EachSource
	cached     CachedSource
	now        func() time.Time
	subjects   record.Subjects
	credential credential.Options
	forms      []record.Form
	allow      allowances
	checks     Checks
	issuers    map[string]*Issuer
	keys       IssuerKeys
	proofs     Proofs
	leeway     time.Duration
	testing    bool
}

// New makes a Verifier; the error names the field that is missing or wrong.
func New(c Config) (*Verifier, error) {
	switch {
	case c.Source == nil:
		return nil, errors.New("verifier: Config.Source is missing")
	case c.Now == nil:
		return nil, errors.New("verifier: Config.Now is missing")
	}
	v := &Verifier{
		source:     c.Source,
		each:       c.Each,
		cached:     c.Cached,
		now:        c.Now,
		subjects:   c.Subjects,
		credential: c.Credential,
		forms:      slices.Clone(c.Forms),
		allow:      allowances{insecure: c.AllowInsecure, wildcard: c.AllowWildcard, delegated: c.AllowDelegated},
		checks:     c.Checks,
		keys:       c.Keys,
		proofs:     c.Proofs,
		leeway:     max(c.Leeway, 0),
		testing:    c.Testing,
	}
	var err error
	if v.issuers, err = issuersByName(c.Issuers, c.Keys); err != nil {
		return nil, err
	}
	v.subjects.Local = slices.Clone(c.Subjects.Local)
	if c.Leeway == 0 {
		v.leeway = credential.DefaultLeeway
	}
	if len(v.forms) == 0 {
		v.forms = []record.Form{record.Dotted}
	}
	for i, f := range v.forms {
		if f > record.LegacyDID || slices.Contains(v.forms[:i], f) {
			return nil, errors.New("verifier: Config.Forms: unknown or given twice: " + f.String())
		}
	}
	if v.credential.Memory == nil {
		v.credential.Memory = newKnown(v)
	}
	return v, nil
}

// Verify says whether the credential in q is confirmed by its subject's domain.
// The error is an *Error where the bytes form no question, else the end of ctx.
func (v *Verifier) Verify(ctx context.Context, q *Request) (Verdict, error) {
	return v.answer(ctx, q, fromSource)
}

// VerifyCached is Verify where that waits for nobody: the cache has the record, the caller
// and the configuration ask for no check. Else, and where the bytes form no question,
// it says false and has done nothing.
func (v *Verifier) VerifyCached(ctx context.Context, q *Request) (Verdict, bool) {
	d, err := v.answer(ctx, q, fromCache)
	return d, err == nil
}

// where is from where the answer to an ask comes.
type where uint8

const (
	fromSource where = iota
	fromEach         // every server of the zone is asked, and nothing else
	fromCache        // nobody is asked
)

// errNotCached ends a question that nobody may be asked about.
var errNotCached = errors.New("verifier: the cache does not answer this")

// answer is Verify, out of what from says.
func (v *Verifier) answer(ctx context.Context, q *Request, from where) (Verdict, error) {
	c, err := v.parse(q)
	if err == nil {
		err = c.NoSubject()
	}
	if err != nil {
		return Verdict{}, problemOf(err)
	}
	if err := q.owed(); err != nil {
		return Verdict{}, err
	}
	a := ask{
		subject:      c.Subject,
		confirmation: c.Confirmation,
		freshness:    Freshness{MaxAge: q.MaxAge, Bounded: q.Bounded, At: q.At},
		now:          v.instant(q.At, q.Now),
		from:         from,
	}
	a.known, _ = c.Memo.(*knownClaims)
	a.token = v.timely(q, &c, a.now)
	w := v.wanted(q, &c, a.now)
	a.prompt = w.nothing() && q.At.IsZero() && !q.Now.IsZero()
	if a.token.good && !w.nothing() {
		if from == fromCache {
			return Verdict{}, errNotCached
		}
		if a.token, err = v.examine(ctx, w, c, a.token); err != nil {
			return Verdict{}, fmt.Errorf("verifier: keys of the issuer: %w", err)
		}
	}
	if !q.SkipTime {
		a.expires, a.hasExpires = c.Expires, c.HasExpires
	}
	d, err := v.decide(ctx, &a)
	if err == nil {
		err = v.takeOnce(ctx, &a, &d)
	}
	if err != nil {
		return Verdict{}, err
	}
	return d, nil
}

// Confirm asks the same question for a subject and a key without a credential
// around them, as an issuer does before it signs.
// The error is an *Error where the subject names no domain, else the end of ctx.
func (v *Verifier) Confirm(ctx context.Context, subject string, c thumbprint.Confirmation, f Freshness) (Verdict, error) {
	return v.decide(ctx, &ask{
		subject:      []byte(subject),
		confirmation: c,
		freshness:    f,
		now:          v.instant(f.At, time.Time{}),
		token:        standing{good: true}, // there is none
	})
}

// instant is the time of a judgement: the one that is asked for, or now, if that is known.
func (v *Verifier) instant(at, now time.Time) time.Time {
	switch {
	case !at.IsZero():
		return at
	case !now.IsZero():
		return now
	}
	return v.now()
}

// ask is one question of a subject and a key.
type ask struct {
	subject      []byte
	confirmation thumbprint.Confirmation
	freshness    Freshness
	now          time.Time
	token        standing
	expires      int64
	hasExpires   bool
	from         where
	prompt       bool         // it is still now: nobody has been waited for since
	known        *knownClaims // nil: the subject and the key are of no known claims
}
