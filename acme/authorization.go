package acme

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"cnfd/internal/strict"
	"cnfd/record"
	"cnfd/thumbprint"
)

// authorize makes an identifier's authorization. granted says that the gate has let
// it through: under GrantRecord it is then valid at once, so that clients which know
// no cnf-01 go straight to finalize.
func (s *Server) authorize(account *Account, i Identifier, profile *Profile, granted bool, now time.Time) *Authorization {
	a := &Authorization{
		ID: newID(), Account: account.ID, Thumbprint: account.Thumbprint, Identifier: i.Base(), Wildcard: i.Wildcard(),
		Status: Pending, Expires: now.Add(s.OrderLife).Truncate(time.Second), Profile: profile.Name,
	}
	for _, m := range profile.offers(i) {
		a.Challenges = append(a.Challenges, Challenge{Type: m, Token: newID(), Status: Pending})
	}
	if profile.Grant == GrantRecord && granted {
		a.Status, a.Method = Valid, MethodCNF
		a.Challenges[0].Status, a.Challenges[0].Validated = Valid, now
	}
	return a
}

// offers are the challenge types for an identifier.
func (p *Profile) offers(i Identifier) []string {
	if p.Grant == GrantRecord {
		return []string{MethodCNF}
	}
	var methods []string
	for _, m := range p.Methods {
		if m == MethodDNS && i.Type == TypeIP { // RFC 8738 §7
			continue
		}
		if m != MethodDNS && i.Wildcard() { // RFC 8555 §8.3, RFC 8737 §3
			continue
		}
		methods = append(methods, m)
	}
	return methods
}

var authorizationNames = strict.NewNames("identifier")

// newAuthorization authorizes an identifier ahead of any order (RFC 8555 §7.4.1), under the path's profile.
func (s *Server) newAuthorization(c *call) (*answer, *Problem) {
	var wish struct{ Identifier Identifier }
	if p := decode(c.message.Payload, authorizationNames, &wish); p != nil {
		return nil, p
	}
	now := s.Now()
	profile, p := s.named(c.http)
	if p != nil {
		return nil, p
	}
	i, p := wish.Identifier.check(profile)
	if p == nil && i.Wildcard() {
		p = Problemf(RejectedIdentifier, "a wildcard is authorized with its order alone (RFC 8555 §7.4.1)").For(i)
	}
	if p != nil {
		p.Status = http.StatusForbidden
		return nil, p
	}
	known, p := s.knownOf(c, &wanted{profile: profile}, now)
	if p != nil {
		return nil, p
	}
	if p := s.countIdentifiers(c, 1); p != nil {
		return nil, p
	}
	found := s.judge(c, s.beginning, c.party(), []*Claim{s.starting(c, i, profile, known)})
	if p := s.refused(found); p != nil {
		s.tell(atAuthorization, p, "account", c.account.ID, "profile", profile.Name)
		return nil, p
	}
	a := s.authorize(c.account, i, profile, found[0] == nil, now)
	a.Ahead = true
	err := s.Store.Update(c, func(tx Tx) error {
		n, err := tx.LiveCount(c.account.ID, Identifier{}, now)
		if err != nil {
			return err
		}
		if n >= s.OpenOrders*s.MaxNames {
			return crowded(n)
		}
		if n, err = tx.LiveCount(c.account.ID, i, now); err != nil {
			return err
		}
		if n >= s.OpenOrders {
			return crowded(n).For(i)
		}
		if err := unchanged(tx, c.account); err != nil {
			return err
		}
		return tx.PutAuthorization(a)
	})
	if err != nil {
		return nil, s.internal(c, "storing the authorization", err)
	}
	return &answer{status: http.StatusCreated, location: s.authorizationURL(a.ID), object: s.authorizationObject(a, now)}, nil
}

// crowded is why an account gets no further authorization.
func crowded(n int) *Problem {
	p := Problemf(RateLimited, "the account has %d authorizations: deactivate some, or wait until they expire", n)
	p.Retry = time.Hour
	return p
}

var statusNames = strict.NewNames("status")

// authorization shows an authorization, or deactivates it, and it alone (RFC 8555 §7.5, §7.5.2).
func (s *Server) authorization(c *call) (*answer, *Problem) {
	id, now := c.http.PathValue("authz"), s.Now()
	deactivate := false
	if len(c.message.Payload) > 0 {
		var wish struct{ Status Status }
		if p := decode(c.message.Payload, statusNames, &wish); p != nil {
			return nil, p
		}
		if deactivate = wish.Status == Deactivated; !deactivate {
			return nil, Problemf(Malformed, "status: an authorization can be set to deactivated alone")
		}
	}
	look := func(tx Tx) (*Authorization, error) {
		a, err := tx.Authorization(id)
		if err != nil {
			return nil, err
		}
		if a.Account != c.account.ID {
			return nil, forbidden("authorization")
		}
		if status := a.status(now); !deactivate || status == Deactivated {
			return a, nil
		} else if status != Pending && status != Valid {
			return nil, Problemf(Malformed, "the authorization is %s: there is nothing to deactivate", status)
		}
		a.Status = Deactivated
		a.leave()
		if err := endOrders(tx, a.ID); err != nil {
			return nil, err
		}
		return a, tx.PutAuthorization(a)
	}
	var a *Authorization
	var err error
	if deactivate {
		a, err = update(c, s.Store, look)
	} else {
		a, err = view(c, s.Store, look)
	}
	if errors.Is(err, ErrNotFound) {
		return nil, notFound("authorization")
	}
	if err != nil {
		return nil, s.internal(c, "reading the authorization", err)
	}
	reply := &answer{status: http.StatusOK, object: s.authorizationObject(a, now)}
	for n := range a.Challenges {
		reply.retry = max(reply.retry, a.Challenges[n].comeAgain(now))
	}
	return reply, nil
}

// endOrders ends the orders that wait for an authorization which came to a bad end. Left open
// they would count for what an account may have at once, with nobody able to end them.
func endOrders(tx Tx, authorization string) error {
	all, err := tx.OrdersOf(authorization)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.State != OrderOpen {
			continue
		}
		o.State = OrderInvalid // its error is that of its authorizations
		if err := tx.PutOrder(o); err != nil {
			return err
		}
	}
	return nil
}

// of reports whether a is the authorization of an order's identifier, made with the same account key.
func (a *Authorization) of(o *Order, i Identifier) bool {
	return a.Account == o.Account && a.Thumbprint == o.Thumbprint && a.Identifier == i.Base() && a.Wildcard == i.Wildcard()
}

// status is what an authorization comes to at a time.
func (a *Authorization) status(now time.Time) Status {
	if (a.Status == Pending || a.Status == Valid) && !a.Expires.After(now) {
		return Expired
	}
	return a.Status
}

// why is the problem of an authorization that came to a bad end; nil of any other.
func (a *Authorization) why(now time.Time) *Problem {
	status := a.status(now)
	if status == Pending || status == Valid {
		return nil
	}
	for _, c := range a.Challenges {
		if c.Error != nil {
			p := *c.Error
			return p.For(a.Identifier)
		}
	}
	return Problemf(Unauthorized, "its authorization is %s", status).For(a.Identifier)
}

// authorizationObject is an authorization as clients see it (RFC 8555 §7.1.4).
type authorizationObject struct {
	Identifier Identifier         `json:"identifier"`
	Status     Status             `json:"status"`
	Expires    time.Time          `json:"expires"`
	Wildcard   bool               `json:"wildcard,omitempty"`
	Challenges []*challengeObject `json:"challenges"`
}

// challengeObject is a challenge as clients see it (RFC 8555 §7.1.5).
type challengeObject struct {
	Type      string     `json:"type"`
	URL       string     `json:"url"`
	Status    Status     `json:"status"`
	Token     string     `json:"token"`
	Validated *time.Time `json:"validated,omitempty"`
	Error     *Problem   `json:"error,omitempty"`
	// Of MethodCNF, for people: the record that must be there. Nobody publishes what
	// stands here instead of what their own key comes to.
	Name  string `json:"cnf-name,omitempty"`
	RDATA string `json:"cnf-rdata,omitempty"`
}

func (s *Server) authorizationObject(a *Authorization, now time.Time) *authorizationObject {
	v := &authorizationObject{Identifier: a.Identifier, Status: a.status(now), Expires: a.Expires.UTC(), Wildcard: a.Wildcard, Challenges: []*challengeObject{}}
	for n := range a.Challenges {
		// What has decided stands alone: some clients take a challenge that is left for one to be answered.
		if (v.Status == Valid || v.Status == Invalid) && a.Challenges[n].Status != v.Status {
			continue
		}
		v.Challenges = append(v.Challenges, s.challengeObject(a, n))
	}
	return v
}

func (s *Server) challengeObject(a *Authorization, n int) *challengeObject {
	c := &a.Challenges[n]
	v := &challengeObject{Type: c.Type, URL: s.URL + "/acme/chall/" + a.ID + "/" + strconv.Itoa(n), Status: c.Status, Token: c.Token, Validated: asked(c.Validated), Error: c.Error}
	if c.Type == MethodCNF {
		v.Name, v.RDATA = s.wantedRecord(a)
	}
	return v
}

func (s *Server) authorizationURL(id string) string { return s.URL + "/acme/authz/" + id }

// wantedRecord is the confirmation record that an authorization rests on; "" where
// none can be said.
func (s *Server) wantedRecord(a *Authorization) (name, rdata string) {
	sum, ok := fromBase64(a.Thumbprint)
	if !ok {
		return "", ""
	}
	t, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, sum)
	if err != nil {
		return "", ""
	}
	name, err = record.Name(thumbprint.MethodJWK, a.Identifier.Domain(), s.Form)
	if err != nil {
		return "", ""
	}
	return name, "255 255 255 " + t.Hex()
}
