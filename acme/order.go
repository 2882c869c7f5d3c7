package acme

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"cnfd/thumbprint"
)

// newOrder begins an order (RFC 8555 §7.4), once the gate has let every identifier through.
func (s *Server) newOrder(c *call) (*answer, *Problem) {
	now := s.Now()
	w, p := s.wants(c, now)
	if p != nil {
		return nil, p
	}
	known, p := s.knownOf(c, w, now)
	if p != nil {
		return nil, p
	}
	if p := s.countIdentifiers(c, len(w.identifiers)); p != nil {
		return nil, p
	}
	claims := make([]*Claim, len(w.identifiers))
	for n, i := range w.identifiers {
		claims[n] = s.starting(c, i, w.profile, known)
	}
	found := s.judge(c, s.beginning, c.party(), claims)
	if p := s.refused(found); p != nil {
		s.Counter.Count(Orders, OrderRefused)
		s.tell(atOrder, p, "account", c.account.ID, "profile", w.profile.Name, "identifiers", len(claims))
		return nil, p
	}
	o, all := s.begin(c, w, claims, found, known, now)
	err := s.Store.Update(c, func(tx Tx) error {
		if w.replaces != "" {
			if _, p := s.replaced(tx, c.account, w.replaces, w.identifiers); p != nil {
				return p
			}
		}
		if err := s.room(tx, c.account.ID, now); err != nil {
			return err
		}
		return putOrder(tx, c.account, o, all)
	})
	if err != nil {
		return nil, s.internal(c, "storing the order", err)
	}
	s.Counter.Count(Orders, OrderBegun)
	a := s.orderAnswer(o, all, now)
	a.status = http.StatusCreated
	return a, nil
}

// known is what an order may rest on besides the record.
type known struct {
	ahead  []*Authorization // valid, and made by newAuthz
	grants []string         // domains for which the record alone suffices
}

// knownOf reads it.
func (s *Server) knownOf(c *call, w *wanted, now time.Time) (*known, *Problem) {
	k, err := view(c, s.Store, func(tx Tx) (*known, error) {
		if err := s.room(tx, c.account.ID, now); err != nil {
			return nil, err
		}
		var k known
		for _, i := range w.identifiers { // of these alone: an account may have tens of thousands
			ahead, err := tx.Ahead(c.account.ID, i, now.Add(s.OrderLife/2))
			if err != nil {
				return nil, err
			}
			for _, a := range ahead {
				if a.Thumbprint == c.account.Thumbprint && !a.Wildcard {
					k.ahead = append(k.ahead, a)
				}
			}
		}
		var err error
		k.grants, err = grants(tx, c.account)
		return &k, err
	})
	if err != nil {
		return nil, s.internal(c, "reading the account's authorizations", err)
	}
	return k, nil
}

// room is nil where the account may have one more order.
func (s *Server) room(tx Tx, account string, now time.Time) error {
	n, err := tx.OpenCount(account, now)
	if err != nil {
		return err
	}
	if n >= s.OpenOrders {
		p := Problemf(RateLimited, "the account has %d open orders: finish some, or wait until they expire", n)
		p.Retry = time.Hour
		return p
	}
	return nil
}

// grants are the domains for which the operator lets the record alone suffice for an account.
func grants(tx Tx, a *Account) ([]string, error) {
	var domains []string
	all, err := tx.GrantsOf(a.ID)
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		domains = append(domains, g.Domain)
	}
	if a.External == "" {
		return domains, nil
	}
	e, err := tx.ExternalAccount(a.External)
	if errors.Is(err, ErrNotFound) {
		return domains, nil
	}
	if err != nil {
		return nil, err
	}
	if !e.Removed && e.Account == a.ID {
		domains = append(domains, e.Domains...)
	}
	return domains, nil
}

// starting is what has to hold of an identifier before its order begins.
func (s *Server) starting(c *call, i Identifier, profile *Profile, k *known) *Claim {
	claim := &Claim{Identifier: i, Account: s.accountURL(c.account.ID), Granted: slices.Contains(k.grants, i.grantee())}
	if profile.Bind != BindCSR {
		claim.Keys = []thumbprint.Thumbprint{c.key.JKT(thumbprint.SHA256)}
	}
	switch a := k.fulfilled(i, profile); {
	case a != nil:
		claim.Method = a.Method
	case profile.Grant == GrantRecord:
		claim.Method = MethodCNF
	}
	return claim
}

// grantee is how a grant names an identifier: by its domain, a wildcard as such.
func (i Identifier) grantee() string {
	if i.Wildcard() {
		return i.Value
	}
	return i.Domain()
}

// fulfilled is the authorization made ahead that an identifier may use under a
// profile; nil where it has none.
func (k *known) fulfilled(i Identifier, profile *Profile) *Authorization {
	for _, a := range k.ahead {
		if a.Identifier == i && profile.takes(a.Method) {
			return a
		}
	}
	return nil
}

// takes reports whether what made an authorization valid is enough under a profile, whatever
// profile that was made under. Where the record alone is, any challenge besides is too.
func (p *Profile) takes(method string) bool {
	return p.Grant == GrantRecord || method != MethodCNF && slices.Contains(p.Methods, method)
}

// begin makes an order with its authorizations.
func (s *Server) begin(c *call, w *wanted, claims []*Claim, found []*Problem, k *known, now time.Time) (*Order, []*Authorization) {
	o := &Order{
		ID: newID(), Account: c.account.ID, Thumbprint: c.account.Thumbprint, Profile: w.profile.Name, State: OrderOpen,
		Identifiers: w.identifiers, Created: now, Expires: now.Add(s.OrderLife).Truncate(time.Second), NotBefore: w.notBefore, NotAfter: w.notAfter, Replaces: w.replaces,
	}
	all := make([]*Authorization, len(w.identifiers))
	for n, i := range w.identifiers {
		a := k.fulfilled(i, w.profile)
		if a == nil || found[n] != nil {
			a = s.authorize(c.account, i, w.profile, found[n] == nil, now)
		}
		if a.Expires.Before(o.Expires) {
			o.Expires = a.Expires // an authorization lives at least as long as its order
		}
		all[n], o.Authorizations = a, append(o.Authorizations, a.ID)
	}
	return o, all
}

// putOrder stores an order with those of its authorizations that are new, where the account is still what it was.
func putOrder(tx Tx, seen *Account, o *Order, all []*Authorization) error {
	if err := unchanged(tx, seen); err != nil {
		return err
	}
	for _, a := range all {
		if err := putNew(tx, a); err != nil {
			return err
		}
	}
	return tx.PutOrder(o)
}

// putNew stores an authorization that is new; one made ahead must be valid still.
func putNew(tx Tx, a *Authorization) error {
	there, err := tx.Authorization(a.ID)
	if errors.Is(err, ErrNotFound) {
		return tx.PutAuthorization(a)
	}
	if err == nil && there.Status != Valid {
		return errStale
	}
	return err
}

// unchanged is errStale where an account is not valid any more or has another key than was seen.
func unchanged(tx Tx, seen *Account) error {
	a, err := tx.Account(seen.ID)
	if err != nil {
		return err
	}
	if a.Status != Valid || a.Thumbprint != seen.Thumbprint {
		return errStale
	}
	return nil
}

// order shows an order (RFC 8555 §7.1.3).
func (s *Server) order(c *call) (*answer, *Problem) {
	if p := c.read(); p != nil {
		return nil, p
	}
	o, all, p := s.ordered(c, c.http.PathValue("order"))
	if p != nil {
		return nil, p
	}
	return s.orderAnswer(o, all, s.Now()), nil
}

// ordered reads an order of the account that asks.
func (s *Server) ordered(c *call, id string) (o *Order, all []*Authorization, p *Problem) {
	err := s.Store.View(c, func(tx Tx) (err error) {
		o, all, err = orderOf(tx, id)
		return err
	})
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil, notFound("order")
	case err != nil:
		return nil, nil, s.internal(c, "reading the order", err)
	case o.Account != c.account.ID:
		return nil, nil, forbidden("order")
	}
	return o, all, nil
}

// orderOf reads an order and its authorizations.
func orderOf(tx Tx, id string) (*Order, []*Authorization, error) {
	o, err := tx.Order(id)
	if err != nil {
		return nil, nil, err
	}
	var all []*Authorization
	for _, id := range o.Authorizations {
		a, err := tx.Authorization(id)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, a)
	}
	return o, all, nil
}
