package api

import (
	"context"
	"net/http"
	"time"

	"cnfd/internal/strict"
	"cnfd/verifier"
)

// Prechecker is what answers an issuer before it signs (verifier.Verifier). Every
// answer is of every name server, and of now.
type Prechecker interface {
	// PrecheckKey is asked of a subject and a key without a credential around them.
	PrecheckKey(ctx context.Context, subject string, k verifier.Key) (verifier.Verdict, error)
	// PrecheckToken is asked of a credential.
	PrecheckToken(ctx context.Context, q *verifier.Request) (verifier.Verdict, error)
}

// precheck answers POST /v1/precheck: a subject and a key, or a credential as
// /v1/verify takes it; a verdict or a problem out. Nobody may keep it: it says what
// was so at that moment.
func (h *handler) precheck(w http.ResponseWriter, r *http.Request) {
	if h.Prechecker == nil {
		h.notFound(w)
		return
	}
	c := calls.Get().(*call)
	c.request = verifier.Request{Scratch: &c.scratch}
	ask, p := h.readPrecheck(c, r)
	if p != nil {
		h.problem(w, *p)
		calls.Put(c)
		return
	}
	v, id, now, err := h.prechecked(r.Context(), ask)
	if err != nil {
		h.refuse(w, r, err)
		calls.Put(c)
		return
	}
	c.out = append(v.AppendJSON(c.out[:0], id), '\n')
	h.life.write(w.Header(), 0, time.Time{}, now)
	h.write(w, r, c.out)
	calls.Put(c)
}

// prechecked has a question answered, and whoever listens told.
func (h *handler) prechecked(ctx context.Context, ask func(context.Context) (verifier.Verdict, error)) (v verifier.Verdict, id string, now time.Time, err error) {
	began := h.Now()
	if h.Decisions != nil {
		ctx = h.Decisions.Begins(ctx)
	}
	if v, err = ask(ctx); err != nil {
		return v, "", now, err
	}
	now = h.Now()
	id = h.ids.next(now)
	if h.Decisions != nil {
		h.Decisions.Decided(ctx, &Decision{ID: []byte(id), Verdict: &v, Took: now.Sub(began)})
	}
	return v, id, now, nil
}

// readPrecheck makes a question of the whole of r.
func (h *handler) readPrecheck(c *call, r *http.Request) (ask func(context.Context) (verifier.Verdict, error), p *problem) {
	token := func(ctx context.Context) (verifier.Verdict, error) {
		return h.Prechecker.PrecheckToken(ctx, &c.request)
	}
	m, p := mediaOf(r.Header)
	if p != nil {
		return nil, p
	}
	if m != mediaJSON {
		return token, h.readVerify(c, r)
	}
	if c.body, p = readBody(c.body, r); p != nil {
		return nil, p
	}
	var s subjectAndKey
	ours, p := s.read(c.body)
	switch {
	case p != nil:
		return nil, p
	case !ours:
		c.saidTime = false
		if p = c.readEnvelope(c.body); p == nil {
			p = readQuery(&c.request, r.URL.RawQuery, c.saidTime)
		}
		return token, p
	case r.URL.RawQuery != "":
		return nil, &problem{malformed, "the query has options, and a subject and a key take none: there is no token to check"}
	}
	return func(ctx context.Context) (verifier.Verdict, error) {
		return h.Prechecker.PrecheckKey(ctx, s.subject, s.key)
	}, nil
}

// subjectAndKey is a question without a credential.
type subjectAndKey struct {
	subject string
	key     verifier.Key
}

var subjectMembers = strict.NewNames("subject", "cnf", "method", "thumbprint")

// read reads {"subject": …, "cnf": {…}}, or method and thumbprint in the place of
// cnf. ours is false where the body has none of these members: it is a token's then.
// The claim is passed on as it stands; the verifier reads it as strictly.
func (k *subjectAndKey) read(body []byte) (ours bool, p *problem) {
	var s strict.Scanner
	s.Reset(body, "")
	texts := [...]*string{0: &k.subject, 2: &k.key.Method, 3: &k.key.Thumbprint}
	var seen [4]bool
	strange := false
	o := s.Object(subjectMembers)
	for member, ok := o.Next(); ok; member, ok = o.Next() {
		switch {
		case member == strict.Other:
			strange = true
			continue
		case member == 1:
			if s.Peek() != '{' {
				return true, envelopeProblem(s.Err(), "cnf: not an object")
			}
			k.key.Claim = s.Span()
		default:
			*texts[member] = string(s.Text().Bytes())
		}
		ours, seen[member] = true, true
	}
	if err := s.Close(); err != nil {
		return true, envelopeProblem(err, "")
	}
	switch {
	case !ours:
		return false, nil
	case strange:
		return true, &problem{malformed, "a member that is not read here beside a subject: subject and cnf are, or subject, method and thumbprint; a token stands alone"}
	case !seen[0]:
		return true, &problem{malformed, "subject: missing: whose key it is"}
	case seen[1] == (seen[2] && seen[3]) || seen[1] && (seen[2] || seen[3]):
		return true, &problem{malformed, "want cnf, or both method and thumbprint"}
	}
	return true, nil
}
