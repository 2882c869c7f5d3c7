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
	// mostTries bounds how often one cnf-01 is looked at, and how often a challenge or
	// an order is taken up again after a process has died over it.
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
	a, err := update(c, s.Store, func(tx Tx) (*Authorization, error) {
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
	})
	if errors.Is(err, ErrNotFound) {
		return nil, notFound("challenge")
	}
	if err != nil {
		return nil, s.internal(c, "reading the challenge", err)
	}
	if begun {
		s.validateLater(a, n)
	}
	reply := &answer{status: http.StatusOK, object: s.challengeObject(a, n), links: []string{link(s.authorizationURL(a.ID), "up")}}
	if a.Challenges[n].Status == Processing {
		reply.retry = comeAgain
	}
	return reply, nil
}

// validateLater works on a challenge that was set to Processing.
func (s *Server) validateLater(a *Authorization, n int) {
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(s.end, validationTime)
		defer cancel()
		p := s.validate(ctx, a, n)
		if s.end.Err() != nil {
			return // nothing was found out: its lease ends, and whoever is next takes it up
		}
		if err := s.validated(a, n, p); err != nil {
			s.Log.Error("acme: storing what came of a challenge", "error", err, "authorization", a.ID)
		}
	})
}

// validate finds out whether a challenge is fulfilled: the record first, which is
// necessary under any profile, then what the challenge itself asks for.
func (s *Server) validate(ctx context.Context, a *Authorization, n int) *Problem {
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
	if p := Joined(s.judge(ctx, s.begun, []*Claim{claim})); p != nil || c.Type == MethodCNF {
		return p
	}
	select {
	case s.validating <- struct{}{}:
		defer func() { <-s.validating }()
	case <-ctx.Done():
		p := Problemf(Connection, "too many challenges are being validated: order anew").For(a.Identifier)
		p.Passing = true
		return p
	}
	return s.Validator.Validate(ctx, c.Type, a.Identifier, c.Token, c.Token+"."+a.Thumbprint)
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

// validated stores what came of a challenge. A cnf-01 of which nothing was proven
// either way can be responded to again; any other failure is the authorization's end
// (RFC 8555 §7.1.6).
func (s *Server) validated(worked *Authorization, n int, p *Problem) error {
	ctx := context.Background() // what is known must not be lost because a process is asked to end
	return s.Store.Update(ctx, func(tx Tx) error {
		a, err := tx.Authorization(worked.ID)
		if err != nil {
			return err
		}
		c := &a.Challenges[n]
		if a.Status != Pending || c.Status != Processing || c.Tries != worked.Challenges[n].Tries {
			return nil // deactivated meanwhile, or taken up by another
		}
		c.Lease = time.Time{}
		switch {
		case p == nil && a.status(s.Now()) == Pending:
			account, err := tx.Account(a.Account)
			if err != nil {
				return err
			}
			if account.Status != Valid || account.Thumbprint != a.Thumbprint {
				return nil
			}
			c.Status, c.Validated = Valid, s.Now()
			a.Status, a.Method = Valid, c.Type
		case p != nil && p.Passing && c.Type == MethodCNF && c.Tries < mostTries:
			c.Status, c.Error = Pending, p
		default:
			c.Status, c.Error = Invalid, p
			a.Status = Invalid
			if err := endOrders(tx, a.ID); err != nil {
				return err
			}
		}
		return tx.PutAuthorization(a)
	})
}

// fromBase64 decodes unpadded base64url, strictly (RFC 8555 §6.1).
func fromBase64(text string) ([]byte, bool) {
	octets, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return octets, err == nil && !strings.ContainsAny(text, "\r\n")
}
