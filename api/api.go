// Package api serves the verifier over HTTP, on TCP and unix sockets alike.
//
// It reads the request, bounds it, and hands the bytes of the credential to the
// [Verifier]; every answer is a verdict or a problem document (RFC 9457). What
// it cannot do for a caller it refuses: a check that was asked for is made or
// the request fails, it is never passed over.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"cnfd/dnssec"
	"cnfd/record"
	"cnfd/verifier"
)

// New returns the handler of every path of the API. The error names the field
// of c that is missing.
func New(c Config) (Handler, error) {
	switch {
	case c.Verifier == nil:
		return nil, errors.New("api: no Verifier")
	case c.Resolver == nil:
		return nil, errors.New("api: no Resolver")
	case c.Now == nil:
		return nil, errors.New("api: no Now")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &handler{Config: c, life: newLife()}, nil
}

// Config is what the API stands on. Verifier, Resolver and Now are required.
type Config struct {
	Verifier Verifier
	Cached   CachedVerifier // decides as Verifier does; nil: nothing is answered beneath net/http
	Resolver Resolver
	Now      func() time.Time
	Log      *slog.Logger    // failures of this machine alone; nil is silent
	Purge    Purge           // default PurgeUnix
	Subjects record.Subjects // how a subject to purge is turned into a domain
	Testing  bool            // marks what /v1/resolve answers
	Authz    http.Handler    // answers gateways at /v1/authz and below; nil: nobody does
	// Prechecker asks every name server, for issuers; nil: nobody does.
	Prechecker Prechecker
	// Stopping is closed when the daemon is to end: a batch then ends after what it has
	// read. nil: batches last as long as their clients.
	Stopping <-chan struct{}
	// Decisions is told of every verdict; nil: nobody is.
	Decisions Decisions
	// Beside says in a line what else of the daemon is not ready, which keeps nobody from asking, and /readyz shows beneath "ready"; "": all is.
	// May be nil.
	Beside func() string
	// Metrics answers GET /metrics; nil: nothing is there.
	Metrics       http.Handler
	MetricsOnUnix bool // to callers on a unix socket alone
	// BodyLimit bounds the body of every request but a batch, in octets; 0: MaxBody, which
	// is as well the most.
	BodyLimit int64
}

// Verifier is what decides (verifier.Verifier).
type Verifier interface {
	Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error)
}

// Resolver is the part of resolver.Resolver that the API shows.
type Resolver interface {
	// Explain answers q with the chain of trust, the root first.
	Explain(ctx context.Context, q dnssec.Question) (*dnssec.Answer, []dnssec.Link, error)
	// Drop forgets what is known of a name and of all names below it.
	Drop(name string) int
	// Ready is nil once questions can be answered, else says what is missing. It may ask the DNS.
	Ready(ctx context.Context) error
}

// Purge says who may purge the cache.
type Purge uint8

const (
	PurgeUnix Purge = iota // callers on a unix socket
	PurgeAll
	PurgeOff
)

// ParsePurge reads the configuration's word.
func ParsePurge(word string) (Purge, error) {
	for p, w := range [...]string{"unix", "all", "off"} {
		if w == word {
			return Purge(p), nil
		}
	}
	return PurgeOff, fmt.Errorf("%q: want unix, all or off", word)
}

type handler struct {
	Config
	ids  ids
	life *life
}

// ServeHTTP is the whole routing: a switch, so that every path that is not here
// is a problem document, and no pattern can shadow another.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.recovered(w)
	if h.BodyLimit > 0 && h.BodyLimit < MaxBody && r.URL.Path != "/v1/verify/batch" {
		r.Body = http.MaxBytesReader(w, r.Body, h.BodyLimit)
	}
	switch r.URL.Path {
	case "/v1/verify":
		if h.allowed(w, r, http.MethodPost) {
			h.verify(w, r)
		}
	case "/v1/verify/batch":
		if h.allowed(w, r, http.MethodPost) {
			h.verifyBatch(w, r)
		}
	case "/v1/precheck":
		if h.allowed(w, r, http.MethodPost) {
			h.precheck(w, r)
		}
	case "/v1/resolve":
		if h.allowed(w, r, http.MethodGet) {
			h.resolve(w, r)
		}
	case "/v1/cache/purge":
		if h.allowed(w, r, http.MethodPost) {
			h.purge(w, r)
		}
	case "/healthz":
		if h.allowed(w, r, http.MethodGet) {
			plain(w, "alive\n")
		}
	case "/readyz":
		if h.allowed(w, r, http.MethodGet) {
			h.readyz(w, r)
		}
	case "/metrics":
		h.metrics(w, r)
	case "/openapi.json":
		if h.allowed(w, r, http.MethodGet) {
			h.describe(w)
		}
	default:
		if p := r.URL.Path; h.Authz != nil && (p == "/v1/authz" || strings.HasPrefix(p, "/v1/authz/")) {
			h.Authz.ServeHTTP(w, r)
			return
		}
		h.notFound(w)
	}
}

func (h *handler) notFound(w http.ResponseWriter) {
	h.problem(w, problem{kind: notFound, detail: "nothing is served at this path; /v1/verify takes credentials"})
}

func (h *handler) metrics(w http.ResponseWriter, r *http.Request) {
	switch {
	case h.Metrics == nil:
		h.notFound(w)
	case h.MetricsOnUnix && !onUnix(r):
		h.problem(w, problem{forbidden, "the metrics are read on the unix socket: metrics.read in the configuration says who may"})
	case h.allowed(w, r, http.MethodGet):
		w.Header()["Cache-Control"] = noStore
		h.Metrics.ServeHTTP(w, r)
	}
}

// allowed answers 405 where the method is not the path's own; HEAD is GET.
func (h *handler) allowed(w http.ResponseWriter, r *http.Request, method string) bool {
	if r.Method == method {
		return true
	}
	allow := method
	if method == http.MethodGet {
		if r.Method == http.MethodHead {
			return true
		}
		allow = "GET, HEAD"
	}
	w.Header().Set("Allow", allow)
	h.problem(w, problem{kind: methodNotAllowed, detail: "this path takes " + allow})
	return false
}

func (h *handler) readyz(w http.ResponseWriter, r *http.Request) {
	if err := h.Resolver.Ready(r.Context()); err != nil {
		w.Header().Set("Retry-After", "1")
		h.problem(w, problem{kind: notReady, detail: err.Error()})
		return
	}
	text := "ready\n"
	if h.Beside != nil {
		if more := h.Beside(); more != "" {
			text += more + "\n"
		}
	}
	plain(w, text)
}

// recovered answers a panic with a 500. The value is not logged unless it is the
// runtime's own: anything else may hold what a stranger sent.
func (h *handler) recovered(w http.ResponseWriter) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	what := fmt.Sprintf("%T", v)
	if e, ok := v.(runtime.Error); ok {
		what = e.Error()
	}
	id := h.problem(w, problem{kind: internal, detail: "this is a bug in cnfd; its log has more under this id"})
	h.Log.Error("panic while answering", "id", id, "what", what, "stack", string(debug.Stack()))
}

// onUnix reports whether the request came in on a unix socket.
func onUnix(r *http.Request) bool {
	a, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && a.Network() == "unix"
}

func plain(w http.ResponseWriter, text string) {
	h := w.Header()
	h["Content-Type"] = []string{"text/plain; charset=utf-8"}
	h["Cache-Control"] = noStore
	w.Write([]byte(text))
}

var noStore = []string{"no-store"}
