package acme

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind is the type of a Problem: the last part of its urn:ietf:params:acme:error:
// name (RFC 8555 §6.7, RFC 9773 §7.4, draft-ietf-acme-profiles §6). Its text is what goes out.
type Kind string

// The kinds.
const (
	AccountDoesNotExist     Kind = "accountDoesNotExist"
	AlreadyReplaced         Kind = "alreadyReplaced"
	AlreadyRevoked          Kind = "alreadyRevoked"
	BadCSR                  Kind = "badCSR"
	BadNonce                Kind = "badNonce"
	BadPublicKey            Kind = "badPublicKey"
	BadRevocationReason     Kind = "badRevocationReason"
	BadSignatureAlgorithm   Kind = "badSignatureAlgorithm"
	CAA                     Kind = "caa"
	Compound                Kind = "compound"
	Connection              Kind = "connection"
	DNS                     Kind = "dns"
	ExternalAccountRequired Kind = "externalAccountRequired"
	IncorrectResponse       Kind = "incorrectResponse"
	InvalidContact          Kind = "invalidContact"
	InvalidProfile          Kind = "invalidProfile"
	Malformed               Kind = "malformed"
	OrderNotReady           Kind = "orderNotReady"
	RateLimited             Kind = "rateLimited"
	RejectedIdentifier      Kind = "rejectedIdentifier"
	ServerInternal          Kind = "serverInternal"
	TLS                     Kind = "tls"
	Unauthorized            Kind = "unauthorized"
	UnsupportedContact      Kind = "unsupportedContact"
	UnsupportedIdentifier   Kind = "unsupportedIdentifier"
	UserActionRequired      Kind = "userActionRequired"
)

const problemPrefix = "urn:ietf:params:acme:error:"

// Problem is why something was refused, for people and for clients: a problem
// document (RFC 7807) of RFC 8555 §6.7. Detail says what to do, and repeats no
// key, token or secret. The zero Problem is none.
type Problem struct {
	Kind        Kind        `json:"type"`
	Detail      string      `json:"detail"`
	Status      int         `json:"status,omitempty"` // of HTTP; in a subproblem 0
	Identifier  *Identifier `json:"identifier,omitempty"`
	Subproblems []*Problem  `json:"subproblems,omitempty"` // RFC 8555 §6.7.1
	Instance    string      `json:"instance,omitempty"`    // with UserActionRequired: where its holder goes (RFC 8555 §7.3.3)
	Algorithms  []string    `json:"algorithms,omitempty"`  // with BadSignatureAlgorithm: what is taken (RFC 8555 §6.2)
	// Passing says that nothing is proven either way (a name server is silent, a
	// zone is bogus): what was asked is not refused for good. It is not sent.
	Passing bool `json:"-"`
	// Reason is the word of the verifier's reason where one was (docs/reasons.md), for the log. It is not sent.
	Reason string `json:"-"`
	// Retry, if not zero, is when to come again: Retry-After.
	Retry   time.Duration `json:"-"`
	limited *limited      // whose limit it is, of RateLimited
	// Location, if not "", is the URL that the answer points to: of the account
	// that a key belongs to (RFC 8555 §7.3.5).
	Location string `json:"-"`
}

// Error returns the problem's kind and detail, for the log.
func (p *Problem) Error() string { return string(p.Kind) + ": " + p.Detail }

// MarshalText returns the kind's whole urn.
func (k Kind) MarshalText() ([]byte, error) { return []byte(problemPrefix + string(k)), nil }

// UnmarshalText reads the whole urn back, as the Store holds it.
func (k *Kind) UnmarshalText(text []byte) error {
	if len(text) < len(problemPrefix) || string(text[:len(problemPrefix)]) != problemPrefix {
		return fmt.Errorf("problem type: not of %s", problemPrefix)
	}
	*k = Kind(text[len(problemPrefix):])
	return nil
}

// statuses are the HTTP statuses of kinds whose status is not 400.
var statuses = map[Kind]int{
	AlreadyReplaced: http.StatusConflict,
	OrderNotReady:   http.StatusForbidden, Unauthorized: http.StatusForbidden, CAA: http.StatusForbidden,
	UserActionRequired: http.StatusForbidden, RateLimited: http.StatusTooManyRequests, ServerInternal: http.StatusInternalServerError,
}

// Problemf returns a Problem of a kind, with the kind's own HTTP status.
func Problemf(kind Kind, format string, args ...any) *Problem {
	p := &Problem{Kind: kind, Detail: fmt.Sprintf(format, args...), Status: statuses[kind]}
	if p.Status == 0 {
		p.Status = http.StatusBadRequest
	}
	return p
}

// For says which identifier the problem is of.
func (p *Problem) For(i Identifier) *Problem {
	p.Identifier = &i
	return p
}

// Joined returns one Problem for those of several identifiers: nil for none, and
// otherwise one of their common kind, or a Compound, with each as a subproblem. It
// is passing only where every one is.
func Joined(problems []*Problem) *Problem {
	var whole *Problem
	for _, p := range problems {
		if p == nil {
			continue
		}
		if whole == nil {
			whole = &Problem{Kind: p.Kind, Status: p.Status, Passing: true}
		}
		if p.Kind != whole.Kind {
			whole.Kind, whole.Status = Compound, http.StatusForbidden
		}
		whole.Passing = whole.Passing && p.Passing
		whole.Retry = max(whole.Retry, p.Retry)
		whole.Subproblems = append(whole.Subproblems, p.parts()...)
	}
	if whole == nil {
		return nil
	}
	whole.Detail = whole.Subproblems[0].Detail
	if n := len(whole.Subproblems); n > 1 {
		whole.Detail = fmt.Sprintf("%d identifiers are refused; the first: %s", n, whole.Detail)
	}
	return whole
}

// parts are the subproblems of p, or p itself as one: a subproblem has none of its
// own (RFC 8555 §6.7.1).
func (p *Problem) parts() []*Problem {
	if len(p.Subproblems) > 0 {
		return p.Subproblems
	}
	sub := *p
	sub.Status = 0
	return []*Problem{&sub}
}

// tell counts and logs that a request came to nothing: the kind, and for each identifier the reason's
// word. What names a domain is in the detail, which is logged where LogDetails says so.
func (s *Server) tell(when moment, p *Problem, more ...any) {
	var reasons, details []string
	for _, part := range p.parts() {
		word := part.Reason
		if word == "" {
			word = string(part.Kind)
		}
		if !slices.Contains(reasons, word) {
			reasons = append(reasons, word)
			s.Counter.Count(Refusals, when.word, word)
		}
		details = append(details, part.Detail)
	}
	more = append(more, "kind", string(p.Kind), "reasons", strings.Join(reasons, " "))
	if s.LogDetails {
		more = append(more, "detail", strings.Join(details, "; "))
	}
	s.Log.Info("acme: "+when.line, more...)
}
