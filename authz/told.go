package authz

import (
	"context"
	"log/slog"

	"cnfd/verifier"
)

// Answer is what a gateway is told on a verdict.
type Answer struct {
	Status   int    // 200, 401, 403 or 503; where Observed, what it would have been
	Cause    string // as in Cnf-Reason
	Observed bool   // it is let through all the same, with 200
}

// AnswerTo is what the question that a Verifier is asked with ctx is answered when v is
// the verdict: a confirmation lets nobody through by itself. It is false where ctx is
// not of such a question.
func AnswerTo(ctx context.Context, v *verifier.Verdict) (Answer, bool) {
	q, ok := ctx.Value(questionKey{}).(*question)
	if !ok {
		return Answer{}, false
	}
	status, _, reason := q.handler.says(q.handler.judge(v, q.demanded), v)
	return Answer{Status: status, Cause: reason, Observed: q.handler.c.Observe}, true
}

// IDOf is the name of the question that a Verifier is asked with ctx, which its problem
// document has as well; "" where ctx is not of one.
func IDOf(ctx context.Context) string {
	if q, ok := ctx.Value(questionKey{}).(*question); ok {
		return q.id
	}
	return ""
}

// question is what a verifier's context says of whom it is asked for. It is no part of
// the call: a look-up that goes on may keep the context.
type question struct {
	handler  *Handler
	id       string
	demanded verifier.Checks
}

type questionKey struct{}

// says is the status and the words of an answer.
func (h *Handler) says(c cause, v *verifier.Verdict) (status int, outcome, reason string) {
	e := &causes[c]
	status, outcome, reason = e.status, e.outcome, e.word
	if e.judged {
		outcome, reason = v.Outcome().String(), v.Reason.String()
	}
	if c == unproven {
		status = h.c.Unproven
	}
	return status, outcome, reason
}

// log writes the line of the nth answer of its kind, with the id that its problem
// document has: of a question that came to no verdict nothing else has it.
func (h *Handler) log(k *call, n uint64, status int, outcome, reason string) {
	level, message, what := slog.LevelInfo, "authz: not let through", causes[k.cause].detail
	if h.c.Observe {
		level, message = slog.LevelWarn, "authz: observed: would not have been let through"
	}
	if k.cause == strangePeer || k.cause == oddHeaders {
		level = slog.LevelWarn
	}
	if k.uncertified && k.verdict.Reason == verifier.MTLSMismatch {
		level, what = slog.LevelWarn, h.c.Gateway.uncertified()
	}
	all := []slog.Attr{
		slog.String("id", h.idOf(k)), slog.Int("status", status), slog.String("outcome", outcome), slog.String("reason", reason),
		slog.Uint64("times", n), slog.Bool("observed", h.c.Observe), slog.String("what", what),
	}
	if k.verdict.Detail != "" {
		all = append(all, slog.String("detail", k.verdict.Detail))
	}
	h.c.Log.LogAttrs(context.Background(), level, message, all...)
}

// uncertified says what it may mean that the gateway has not written the certificate's
// header. Caddy writes it for clients without one, too.
func (g Gateway) uncertified() string {
	says := "the gateway has sent no " + shapes[g].certificate + ": it is misconfigured (docs/gateways.md)"
	if g != Caddy {
		says += ", or the client has shown it no certificate"
	}
	return says
}
