package acme

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

const (
	// challengeLease is how long the process that validates has a challenge to itself.
	// It is longer than validationTime, so that no two ever work on it.
	challengeLease = 90 * time.Second
	validationTime = 60 * time.Second
	// mostTries bounds how often one cnf-01 is looked at, and how often a challenge or an order is taken
	// up again of which nothing was proven either way, or over which a process has died.
	mostTries = 10
	// validatedAtOnce bounds the connections to whoever account holders name: some answer
	// slowly, and the files that this process may open are the resolver's and the listeners' too.
	validatedAtOnce = 256
)

var responseNames = strict.NewNames()

// challenge shows a challenge, or begins its validation (RFC 8555 §7.5.1).
func (s *Server) challenge(c *call) (*answer, *Problem) {
	id, now := c.http.PathValue("authz"), s.Now()
	n, err := strconv.Atoi(c.http.PathValue("n"))
	if err != nil || n < 0 {
		return nil, notFound("challenge")
	}
	responds := len(c.message.Payload) > 0
	if responds {
		if p := decode(c.message.Payload, responseNames, &struct{}{}); p != nil {
			return nil, p
		}
	}
	begun := false
	look := func(tx Tx) (*Authorization, error) {
		begun = false
		a, err := tx.Authorization(id)
		if err != nil {
			return nil, err
		}
		if a.Account != c.account.ID {
			return nil, forbidden("challenge")
		}
		if n >= len(a.Challenges) {
			return nil, ErrNotFound
		}
		ch := &a.Challenges[n]
		if !responds || a.status(now) != Pending || ch.Status != Pending {
			return a, nil // what has been begun or is over is only shown
		}
		if err := unchanged(tx, c.account); err != nil {
			return nil, err
		}
		begun = true
		ch.Status, ch.Lease, ch.Tries, ch.Error = Processing, now.Add(challengeLease), ch.Tries+1, nil
		return a, tx.PutAuthorization(a)
	}
	var a *Authorization
	if responds {
		a, err = update(c, s.Store, look)
	} else {
		a, err = view(c, s.Store, look)
	}
	if errors.Is(err, ErrNotFound) {
		return nil, notFound("challenge")
	}
	if err != nil {
		return nil, s.internal(c, "reading the challenge", err)
	}
	if begun {
		s.validateLater(c.party(), a, n)
	}
	reply := &answer{status: http.StatusOK, object: s.challengeObject(a, n), links: []string{link(s.authorizationURL(a.ID), "up")}}
	reply.retry = a.Challenges[n].comeAgain(now)
	return reply, nil
}

// comeAgain is after how many seconds a client looks again at a challenge that is being
// validated: of one that rests, once it has been looked at again (RFC 8555 §8.2). 0 of any other.
func (c *Challenge) comeAgain(now time.Time) int {
	switch {
	case c.Status != Processing:
		return 0
	case c.Error == nil:
		return comeAgain
	}
	return seconds(min(max(c.Lease.Sub(now), 0), longestRest) + sweepEvery)
}

// validateLater works on a challenge that was set to Processing.
func (s *Server) validateLater(who party, a *Authorization, n int) {
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(s.end, validationTime)
		defer cancel()
		p := s.validate(ctx, who, a, n)
		if s.end.Err() != nil {
			return // nothing was found out: its lease ends, and whoever is next takes it up
		}
		if p != nil {
			s.tell(atChallenge, p, "authorization", a.ID, "account", a.Account, "type", a.Challenges[n].Type, "tries", a.Challenges[n].Tries)
		}
		if err := s.validated(a, n, p); err != nil {
			s.Log.Error("acme: storing what came of a challenge", "error", err, "authorization", a.ID)
		}
	})
}

// validate finds out whether a challenge is fulfilled: the record first, which is
// necessary under any profile, then what the challenge itself asks for.
func (s *Server) validate(ctx context.Context, who party, a *Authorization, n int) *Problem {
	c := &a.Challenges[n]
	if c.Tries > mostTries {
		return Problemf(ServerInternal, "the challenge was tried %d times: order anew", mostTries).For(a.Identifier)
	}
	profile := s.profiles[a.Profile]
	if profile == nil {
		return Problemf(InvalidProfile, "profile %s is no more: order anew", a.Profile).For(a.Identifier)
	}
	account, domains, err := s.holder(ctx, a)
	if err != nil {
		return s.internal(ctx, "reading the account", err)
	}
	claim, p := s.resting(a, account, profile, domains)
	if p != nil {
		return p
	}
	claim.Method = c.Type
	if p := Joined(s.judge(ctx, s.begun, who, []*Claim{claim})); p != nil || c.Type == MethodCNF {
		return p
	}
	if !s.validating.take(ctx, who) {
		p := Problemf(Connection, "too many challenges are being validated").For(a.Identifier)
		p.Passing = true
		return p
	}
	defer s.validating.give(who)
	p = s.Validator.Validate(ctx, c.Type, a.Identifier, c.Token, c.Token+"."+a.Thumbprint)
	if p == nil || ctx.Err() != nil {
		return p
	}
	final := *p
	final.Passing = false // whoever says that it is ready has its server answer (RFC 8555 §8.2 lets us give up at once)
	return &final
}

// holder reads the account of an authorization and the domains that are granted to it.
func (s *Server) holder(ctx context.Context, a *Authorization) (account *Account, domains []string, err error) {
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		if account, err = tx.Account(a.Account); err != nil {
			return err
		}
		domains, err = grants(tx, account)
		return err
	})
	return account, domains, err
}

// resting is what has to hold of an authorization's identifier, with the account's
// current key: one that was made with another rests on nothing.
func (s *Server) resting(a *Authorization, account *Account, profile *Profile, domains []string) (*Claim, *Problem) {
	i := a.Identifier
	if a.Wildcard {
		i.Value = "*." + i.Value
	}
	if account.Status != Valid || account.Thumbprint != a.Thumbprint {
		return nil, Problemf(Unauthorized, "the account's key has changed: order anew").For(i)
	}
	key, err := thumbprint.ParseJWK(account.Key)
	if err != nil {
		return nil, Problemf(ServerInternal, "the account's key cannot be read").For(i)
	}
	if p := s.exposed(key); p != nil {
		return nil, p.For(i)
	}
	claim := &Claim{Identifier: i, Method: a.Method, Account: s.accountURL(account.ID)}
	for _, d := range domains {
		claim.Granted = claim.Granted || d == i.grantee()
	}
	if profile.Bind != BindCSR {
		claim.Keys = append(claim.Keys, key.JKT(thumbprint.SHA256))
	}
	return claim, nil
}

// validated stores what came of a challenge. Where nothing was proven either way a cnf-01 can be
// responded to again, since its client knows what it waits for; any other challenge stays
// Processing and is taken up again by itself, since no client responds twice (RFC 8555
// §8.2). Every other failure is the authorization's end (RFC 8555 §7.1.6).
func (s *Server) validated(worked *Authorization, n int, p *Problem) error {
	ctx := context.Background() // what is known must not be lost because a process is asked to end
	came := ""
	err := s.Store.Update(ctx, func(tx Tx) error {
		came = ""
		a, err := tx.Authorization(worked.ID)
		if err != nil {
			return err
		}
		c := &a.Challenges[n]
		if a.Status != Pending || c.Status != Processing || c.Tries != worked.Challenges[n].Tries {
			return nil // deactivated meanwhile, or taken up by another
		}
		now := s.Now()
		again := p != nil && p.Passing && c.Tries < mostTries && a.status(now) == Pending
		c.Lease = time.Time{}
		switch {
		case p == nil && a.status(now) == Pending:
			account, err := tx.Account(a.Account)
			if err != nil {
				return err
			}
			if account.Status != Valid || account.Thumbprint != a.Thumbprint {
				return nil
			}
			came = string(Valid)
			c.Status, c.Validated, c.Error = Valid, now, nil
			a.Status, a.Method = Valid, c.Type
			a.leave()
		case again && c.Type == MethodCNF:
			came = ChallengeUnproven
			c.Status, c.Error = Pending, p
		case again:
			came = ChallengeUnproven
			c.Error, c.Lease = p, now.Add(p.rest())
		default:
			came = string(Invalid)
			c.Status, c.Error = Invalid, p
			a.Status = Invalid
			a.leave()
			if err := endOrders(tx, a.ID); err != nil {
				return err
			}
		}
		return tx.PutAuthorization(a)
	})
	if err == nil && came != "" {
		s.Counter.Count(Validations, worked.Challenges[n].Type, came)
	}
	return err
}

// leave ends the work on challenges of an authorization that has come to its end otherwise: left in
// Processing they would be taken up again and again. Nobody is shown them beside what has decided.
func (a *Authorization) leave() {
	for n := range a.Challenges {
		if c := &a.Challenges[n]; c.Status == Processing {
			c.Status, c.Error, c.Lease = Pending, nil, time.Time{}
		}
	}
}

// fromBase64 decodes unpadded base64url, strictly (RFC 8555 §6.1).
func fromBase64(text string) ([]byte, bool) {
	octets, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return octets, err == nil && !strings.ContainsAny(text, "\r\n")
}
