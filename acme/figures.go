package acme

import "time"

// Counter is told of what a Server does, for its operator's figures. It is used by many at once. No word names an
// account, an address or a domain, and of each there are few.
type Counter interface {
	// Count counts one thing; words are those of the Figure, in its order.
	Count(f Figure, words ...string)
	// Finalized is told how long it took until a certificate was there or it was known that there is none, each time that it was tried.
	Finalized(took time.Duration)
}

// Figure is a kind of things that are counted.
type Figure uint8

// The figures, and their words.
const (
	// Orders: what they come to: OrderBegun or OrderRefused, and later OrderIssued or OrderFailed.
	Orders Figure = iota
	// Issuances: the profile.
	Issuances
	// Refusals: by what was wrong with identifiers, in new orders and authorizations, in challenges and at finalize. When, and the reason's
	// word (docs/reasons.md) or else the problem's kind. Each reason counts once in a request; what was not proven counts each time.
	Refusals
	// Validations: the challenge's type, and Valid, Invalid, or ChallengeUnproven where it is looked at again.
	Validations
	// Problems: the kind of each problem document that was sent.
	Problems
	// Revocations: the reason's number (RFC 5280 §5.3.1), by requests of clients.
	Revocations
	// FigureCount is how many figures there are.
	FigureCount
)

// Words of figures.
const (
	OrderBegun        = "begun"
	OrderRefused      = "refused"
	OrderIssued       = "issued"
	OrderFailed       = "failed"
	ChallengeUnproven = "unproven"
)

// moment is when something came to nothing: as the figures and as the log have it.
type moment struct{ word, line string }

var (
	atOrder         = moment{"order", "order refused"}
	atAuthorization = moment{"authorization", "authorization refused"}
	atChallenge     = moment{"challenge", "challenge not met"}
	atFinalize      = moment{"finalize", "no certificate"}
)

// uncounted is the Counter of a Config that has none.
type uncounted struct{}

func (uncounted) Count(Figure, ...string) {}
func (uncounted) Finalized(time.Duration) {}

// Waiting is how many wait for a turn: to have the gate asked about an identifier of a new order, about one of what has begun, and
// to be validated.
func (s *Server) Waiting() (beginning, begun, validating int) {
	return s.beginning.waiting(), s.begun.waiting(), s.validating.waiting()
}

// NextUpdate returns until when all revocation lists are good, without making any: the first end of those that were made last.
// It is the zero time where one cannot be made, and false before any was looked at.
func (s *Server) NextUpdate() (first time.Time, ok bool) {
	if s.Authority == nil {
		return time.Time{}, false
	}
	for _, issuer := range s.Authority.Issuers() {
		if s.over(issuer) {
			continue
		}
		list, looked := s.lists.of(issuer).last()
		if !looked {
			continue
		}
		end := time.Time{}
		if list != nil {
			end = list.NextUpdate
		}
		if !ok || end.Before(first) {
			first, ok = end, true
		}
	}
	return first, ok
}

// last is the list that was made last, and whether it was looked for.
func (k *kept) last() (list *CRL, looked bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.newest, k.newest != nil || k.failed != nil
}
