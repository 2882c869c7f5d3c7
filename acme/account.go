package acme

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"cnfd/internal/strict"
)

const (
	newAccountPath = "/acme/new-account"
	accountPath    = "/acme/acct/"
)

// accountWish is what a newAccount request and an update say (RFC 8555 §7.3, §7.3.2, §7.3.6).
type accountWish struct {
	Contact  *[]string       `json:"contact"`
	Terms    bool            `json:"termsOfServiceAgreed"`
	Existing bool            `json:"onlyReturnExisting"`
	Binding  json.RawMessage `json:"externalAccountBinding"`
	Status   string          `json:"status"`
}

var accountNames = strict.NewNames("contact", "termsOfServiceAgreed", "onlyReturnExisting", "externalAccountBinding", "status")

// newAccount makes the account of a key, or finds the one that there is (RFC 8555
// §7.3, §7.3.1). All is decided in one Update: of two requests with one key one makes the account.
func (s *Server) newAccount(c *call) (*answer, *Problem) {
	if p := s.weak(c.key); p != nil {
		return nil, p
	}
	if p := padded(c.message.JWK); p != nil {
		return nil, p
	}
	var wish accountWish
	if p := decode(c.message.Payload, accountNames, &wish); p != nil {
		return nil, p
	}
	now, created := s.Now(), false
	a, err := update(c, s.Store, func(tx Tx) (*Account, error) {
		created = false
		a, err := holderOf(tx, c.thumbprint())
		if err != nil {
			return nil, err
		}
		if a != nil {
			return a, nil // as it is: whoever wants to change it updates it
		}
		if wish.Existing {
			return nil, Problemf(AccountDoesNotExist, "there is no account with this key, and onlyReturnExisting asks for none to be made")
		}
		created = true
		return s.register(tx, c, &wish, now)
	})
	if err != nil {
		return nil, s.internal(c, "making the account", err)
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
		s.Log.Info("acme: account", "account", a.ID, "external", a.External)
	}
	return &answer{status: status, location: s.accountURL(a.ID), object: s.accountObject(a)}, nil
}

// longestKey is what the longest key comes to as a JWK, and room for a few words beside it. An
// account's key is kept for good as it was sent, and anybody makes an account.
const longestKey = 4096

// padded refuses what is no key's length, whatever members there are that say nothing of the key.
func padded(jwk []byte) *Problem {
	if len(jwk) > longestKey {
		return Problemf(BadPublicKey, "jwk: over %d octets: leave out what is not needed to tell the key", longestKey)
	}
	return nil
}

// holderOf returns the account that a key signs for, nil where the key is new. A key
// that has left an account comes back to none, nor does one whose account has ended.
func holderOf(tx Tx, thumbprint string) (*Account, error) {
	use, err := tx.KeyUse(thumbprint)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := tx.Account(use.Account)
	if err != nil {
		return nil, err
	}
	switch {
	case !use.Current || a.Thumbprint != thumbprint:
		return nil, Problemf(Unauthorized, "key: it was an account's, which has another key now, and comes back to none: make a new one")
	case a.Status != Valid:
		return nil, ended(a)
	}
	return a, nil
}

// ended is what the holder of an account that is no more is told (RFC 8555 §7.3.6).
func ended(a *Account) *Problem {
	p := Problemf(Unauthorized, "the account is %s, for good: neither it nor its key comes back: make a new account with a new key", a.Status)
	p.Status = http.StatusUnauthorized
	return p
}

// register makes the account of a key that is new.
func (s *Server) register(tx Tx, c *call, wish *accountWish, now time.Time) (*Account, error) {
	a := &Account{ID: newID(), Status: Valid, Key: c.message.JWK, Thumbprint: c.thumbprint(), Terms: wish.Terms, Created: now}
	if s.Terms != "" && !wish.Terms {
		return nil, Problemf(UserActionRequired, "termsOfServiceAgreed: an account is for those who agree to %s", s.Terms)
	}
	if wish.Terms {
		a.TermsURL = s.Terms
	}
	if wish.Contact != nil {
		if p := checkContact(*wish.Contact); p != nil {
			return nil, p
		}
		a.Contact = *wish.Contact
	}
	if err := s.bindExternal(tx, c, a, wish.Binding); err != nil {
		return nil, err
	}
	if p := s.countAccount(c); p != nil {
		return nil, p
	}
	if err := tx.PutAccount(a); err != nil {
		return nil, err
	}
	return a, tx.PutKeyUse(&KeyUse{Thumbprint: a.Thumbprint, Account: a.ID, Current: true})
}

// agreed lets nobody begin who has agreed to other terms than those of now, where that is required (RFC 8555 §7.3.3).
func (s *Server) agreed(handle func(*call) (*answer, *Problem)) func(*call) (*answer, *Problem) {
	return func(c *call) (*answer, *Problem) {
		if s.TermsRequired && s.Terms != "" && c.account.TermsURL != s.Terms {
			p := Problemf(UserActionRequired, "the terms of service have changed: read %s, then agree: update the account with \"termsOfServiceAgreed\": true (RFC 8555 §7.3.2)", s.Terms)
			p.Instance = s.Terms
			return nil, p
		}
		return handle(c)
	}
}

// account shows an account, updates its contacts and what terms it has agreed to, or ends it (RFC 8555 §7.3.2, §7.3.3, §7.3.6).
func (s *Server) account(c *call) (*answer, *Problem) {
	if c.http.PathValue("account") != c.account.ID {
		return nil, forbidden("account")
	}
	if len(c.message.Payload) == 0 {
		return s.accountAnswer(c.account), nil
	}
	var wish accountWish
	if p := decode(c.message.Payload, accountNames, &wish); p != nil {
		return nil, p
	}
	// Of status only this one is taken; what else an update says is passed over (RFC 8555 §7.3.2).
	if wish.Status == string(Deactivated) {
		return s.deactivate(c)
	}
	agrees := wish.Terms && s.Terms != "" && c.account.TermsURL != s.Terms
	if wish.Contact == nil && !agrees {
		return s.accountAnswer(c.account), nil
	}
	if wish.Contact != nil {
		if p := checkContact(*wish.Contact); p != nil {
			return nil, p
		}
	}
	a, err := update(c, s.Store, func(tx Tx) (*Account, error) {
		if err := unchanged(tx, c.account); err != nil {
			return nil, err
		}
		a, err := tx.Account(c.account.ID)
		if err != nil {
			return nil, err
		}
		if wish.Contact != nil {
			a.Contact = *wish.Contact
		}
		if agrees {
			a.Terms, a.TermsURL = true, s.Terms
		}
		return a, tx.PutAccount(a)
	})
	if err != nil {
		return nil, s.internal(c, "updating the account", err)
	}
	return s.accountAnswer(a), nil
}

// deactivate ends the account that asks for it.
func (s *Server) deactivate(c *call) (*answer, *Problem) {
	now, why := s.Now(), Problemf(Unauthorized, "the account was deactivated")
	a, err := update(c, s.Store, func(tx Tx) (*Account, error) {
		if err := unchanged(tx, c.account); err != nil {
			return nil, err
		}
		if err := DeactivateAccount(tx, c.account.ID, Deactivated, why, now); err != nil {
			return nil, err
		}
		return tx.Account(c.account.ID)
	})
	if err != nil {
		return nil, s.internal(c, "deactivating the account", err)
	}
	s.Log.Info("acme: account deactivated", "account", a.ID)
	return s.accountAnswer(a), nil
}

// accountObject is an account as its holder sees it (RFC 8555 §7.1.2).
type accountObject struct {
	Status  Status          `json:"status"`
	Contact []string        `json:"contact,omitempty"`
	Terms   bool            `json:"termsOfServiceAgreed"`
	Binding json.RawMessage `json:"externalAccountBinding,omitempty"`
	Orders  string          `json:"orders"`
}

func (s *Server) accountObject(a *Account) accountObject {
	return accountObject{a.Status, a.Contact, a.Terms, a.Binding, s.ordersURL(a.ID)}
}

func (s *Server) accountAnswer(a *Account) *answer {
	return &answer{status: http.StatusOK, location: s.accountURL(a.ID), object: s.accountObject(a)}
}
