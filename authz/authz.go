// Package authz answers gateways that ask, request by request, whether to let one
// through (nginx's auth_request, Caddy's forward_auth, Traefik's forwardAuth,
// Envoy's ext_authz): with 200, 401 or 403.
//
// Records are public, and anybody can write a token with somebody else's
// thumbprint. So nothing is presumed: signature, time and a proof of possession are
// always checked, only listed domains pass, and without that being configured
// nobody does. Gateways turn every other status into an error or, failing open,
// into a pass: this package has no other, but 503 where it is configured so.
package authz

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"cnfd/credential"
	"cnfd/verifier"
)

// New makes the handler of /v1/authz and all below it. The error names the field
// of c that cannot work. What is merely not configured yet is no error: the handler
// then answers 503 and says what is missing.
func New(c Config) (*Handler, error) {
	if c.Unproven == 0 {
		c.Unproven = http.StatusForbidden
	}
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Counts == nil {
		c.Counts = &Counts{}
	}
	if c.Possession == 0 {
		c.Possession = verifier.CheckDPoP
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	h := &Handler{c: c, missing: c.missing(), challenges: newChallenges(c.Possession)}
	h.domains = make(map[string]bool, len(c.Subjects))
	for _, domain := range c.Subjects {
		h.domains[domain] = true
	}
	h.guarded = guarded(&c)
	return h, nil
}

// Config is what is let through, for whom, and by what proof. Verifier and NewID are
// required; without Issuers, Subjects and Gateway the handler answers 503.
type Config struct {
	Verifier Verifier
	// NewID makes a name for each question that does not pass or comes to a verdict, of
	// letters and digits: its problem document has it, and its verdict is known by it (IDOf).
	NewID      func() string
	Credential credential.Options // those of the Verifier
	Log        *slog.Logger       // nil is silent
	Counts     *Counts            // nil: nobody reads them

	Gateway Gateway        // whose headers say what is asked for
	Peers   []netip.Prefix // whence they are believed, besides a unix socket
	Issuers bool           // the Verifier knows issuers whose signatures it can check

	Subjects []string // the domains that may pass, in A-labels and lower case; [Any]: all

	// Possession is which proofs of possession are taken: CheckDPoP,
	// CheckKeyBinding, CheckMTLS; default CheckDPoP. A token's binding decides
	// which of them it needs.
	Possession  verifier.Checks
	Audience    string // whom tokens, and key bindings, must be for; "": whomever
	NonceHeader string // in which the gateway hands on the nonce of a key binding

	// DPoPNonce has DPoP proofs hold one of Nonces; clients are told which (RFC 9449 §9).
	DPoPNonce bool
	Nonces    *Nonces

	Unproven int           // the status of what is unproven: 403, the default, or 503
	Observe  bool          // nobody is kept out: what would have been is said and counted
	Deadline time.Duration // after which all is unproven; default DefaultDeadline
}

// Any, alone among Config.Subjects, lets every domain pass whose record confirms.
const Any = "any"

// DefaultDeadline is shorter than Envoy waits for ext_authz (200 ms), so that the
// client gets an answer and not an error.
const DefaultDeadline = 150 * time.Millisecond

// Verifier is what decides (verifier.Verifier). The context that it is given has the
// question's id (IDOf), and knows what a verdict is answered (AnswerTo).
type Verifier interface {
	Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error)
}

// Handler answers gateways. It is made by New, and used by many at once.
type Handler struct {
	c          Config
	missing    string          // what is not configured; "" where all is
	domains    map[string]bool // that may pass
	guarded    map[string]bool // headers that somebody may want to smuggle, by canonical name
	challenges challenges
}

// check refuses what cannot work: it would be a check that is not made.
func (c *Config) check() error {
	const proofs = verifier.CheckDPoP | verifier.CheckKeyBinding | verifier.CheckMTLS
	switch {
	case c.Verifier == nil:
		return errors.New("authz: no Verifier")
	case c.NewID == nil:
		return errors.New("authz: no NewID")
	case c.Possession&^proofs != 0:
		return errors.New("authz: Possession: a check that proves no possession")
	case c.Possession&verifier.CheckKeyBinding != 0 && (c.Audience == "" || c.NonceHeader == ""):
		return errors.New("authz: Possession: a key binding needs an Audience, and a NonceHeader by which the gateway says which nonce it gave")
	case c.DPoPNonce && (c.Nonces == nil || c.Possession&verifier.CheckDPoP == 0):
		return errors.New("authz: DPoPNonce: there are no Nonces, or no proofs that could hold them")
	case c.Unproven != http.StatusForbidden && c.Unproven != http.StatusServiceUnavailable:
		return errors.New("authz: Unproven: want 403 or 503")
	case c.Deadline < 0:
		return errors.New("authz: Deadline: in the past")
	case c.Gateway >= gatewayCount:
		return errors.New("authz: Gateway: there is no such gateway")
	}
	for _, domain := range c.Subjects {
		if domain == "" || domain == Any && len(c.Subjects) > 1 {
			return errors.New("authz: Subjects: an empty one, or any beside others")
		}
	}
	return nil
}

// missing says what must be configured before anybody can pass; "" for nothing.
func (c *Config) missing() string {
	switch {
	case c.Gateway == 0:
		return "authz.gateway is not set: it says which headers carry the request"
	case !c.Issuers:
		return "no issuers are configured: nobody's signature can be checked (issuers)"
	case len(c.Subjects) == 0:
		return "authz.subjects is not set: it lists the domains that may pass, or says any"
	}
	return ""
}

// ServeHTTP answers one question of a gateway: whatever happens, with one of the
// statuses that the package's doc names.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k := calls.Get().(*call)
	k.reset()
	defer h.recovered(w, k)
	if h.missing != "" {
		h.notConfigured(w, k)
		calls.Put(k)
		return
	}
	h.decide(r, k)
	// Always, whoever has gone: a handler that returns without a word has said 200, and
	// a gateway that has closed its half of the connection would hear that.
	h.answer(w, k)
	// A panic above leaves k to the garbage collector: its buffers may still be in use.
	calls.Put(k)
}

// call is one question and what came of it. Nothing of it is kept by anybody once
// it is answered.
type call struct {
	request verifier.Request
	scratch verifier.Scratch
	token   []byte
	proof   []byte
	bearer  bool   // the scheme that the token came by is Bearer
	id      string // "" until it is asked for (Handler.idOf)
	out     []byte // the problem document

	uncertified bool // the gateway has not written the certificate's header

	cause   cause
	verdict verifier.Verdict // where there is one (cause.judged)
}

var calls = sync.Pool{New: func() any { return &call{token: make([]byte, 0, 4<<10), proof: make([]byte, 0, 1<<10)} }}

func (k *call) reset() {
	k.request = verifier.Request{Scratch: &k.scratch}
	k.verdict = verifier.Verdict{}
	k.cause, k.bearer, k.uncertified, k.id = undecided, false, false, ""
}

// idOf is the name of a question.
func (h *Handler) idOf(k *call) string {
	if k.id == "" {
		k.id = h.c.NewID()
	}
	return k.id
}

// decide fills in k's cause, and its verdict where it comes to one.
func (h *Handler) decide(r *http.Request, k *call) {
	if k.cause = h.read(r, k); k.cause != undecided {
		return
	}
	demanded, cause := h.demanded(k)
	if cause != undecided {
		k.cause = cause
		return
	}
	if h.c.DPoPNonce && demanded&verifier.CheckDPoP != 0 {
		if k.cause = h.nonced(k); k.cause != undecided {
			return
		}
	}
	k.request.Checks = demanded | verifier.CheckSignature
	k.request.Audience = h.c.Audience
	q := &question{handler: h, id: h.idOf(k), demanded: k.request.Checks}
	ctx, cancel := context.WithTimeout(context.WithValue(r.Context(), questionKey{}, q), h.c.Deadline)
	defer cancel() // what the resolver is about to learn, it learns all the same
	v, err := h.c.Verifier.Verify(ctx, &k.request)
	if err != nil {
		k.cause = h.failed(ctx, k, err)
		return
	}
	k.verdict = v
	k.cause = h.judge(&k.verdict, k.request.Checks)
}

// failed is what an error of the verifier comes to.
func (h *Handler) failed(ctx context.Context, k *call, err error) cause {
	var e *verifier.Error
	var full interface{ Busy() bool } // there is no room for a look-up
	switch {
	case errors.As(err, &e) && e.Problem == verifier.NotDerivable:
		return notDerivable
	case errors.As(err, &e) && e.Problem == verifier.NotReducible:
		return notReducible
	case errors.As(err, &e) && e.Problem != verifier.Internal:
		return malformed
	case ctx.Err() != nil, errors.As(err, &full) && full.Busy():
		k.verdict = verifier.Verdict{Reason: verifier.Unreachable}
		return unproven
	}
	h.c.Log.Error("authz: no verdict", "id", h.idOf(k), "err", err)
	return failed
}

// recovered answers a panic: with 403, since a gateway may take a 500 for a pass.
// The value is not logged: it may hold what a stranger sent.
func (h *Handler) recovered(w http.ResponseWriter, k *call) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	fresh := &call{cause: failed, id: h.idOf(k)}
	h.c.Log.Error("authz: panic while answering", "id", fresh.id, "stack", string(debug.Stack()))
	h.answer(w, fresh)
}
