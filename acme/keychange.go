package acme

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"cnfd/acme/jws"
	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

var keyChangeNames = strict.NewNames("account", "oldKey")

// keyChange gives an account another key (RFC 8555 §7.3.5). The old one signs the
// request, the new one what is in it.
func (s *Server) keyChange(c *call) (*answer, *Problem) {
	inner, p := s.readKeyChange(c)
	if p != nil {
		return nil, p
	}
	now, fresh := s.Now(), inner.Key.JKT(thumbprint.SHA256).Base64()
	a, err := update(c, s.Store, func(tx Tx) (*Account, error) {
		if err := unchanged(tx, c.account); err != nil {
			return nil, err
		}
		use, err := tx.KeyUse(fresh)
		if err == nil {
			return nil, s.keyUsed(use)
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		return changeKey(tx, c.account.ID, inner.JWK, fresh, now)
	})
	if err != nil {
		return nil, s.internal(c, "changing the account's key", err)
	}
	s.Log.Info("acme: account key changed", "account", a.ID)
	return s.accountAnswer(a), nil
}

// readKeyChange checks what the new key has signed, in the order of RFC 8555 §7.3.5.
func (s *Server) readKeyChange(c *call) (*jws.Message, *Problem) {
	inner, err := jws.Parse(c.message.Payload, jws.KeyInner)
	if err != nil {
		return nil, inInner(unreadable(err))
	}
	if p := s.weak(inner.Key); p != nil {
		return nil, inInner(p)
	}
	if p := padded(inner.JWK); p != nil {
		return nil, inInner(p)
	}
	if err := inner.Verify(inner.Key); err != nil {
		return nil, inInner(unreadable(err))
	}
	if inner.URL != c.message.URL {
		return nil, Problemf(Malformed, "inner object: protected.url: not that of the request around it (RFC 8555 §7.3.5)")
	}
	var change struct {
		Account string          `json:"account"`
		OldKey  json.RawMessage `json:"oldKey"`
	}
	if p := decode(inner.Payload, keyChangeNames, &change); p != nil {
		return nil, inInner(p)
	}
	if change.Account != c.message.KID {
		return nil, Problemf(Malformed, "inner object: account: not the one that has signed the request around it (RFC 8555 §7.3.5)")
	}
	old, err := thumbprint.ParseJWK(change.OldKey)
	if err != nil || old.JKT(thumbprint.SHA256) != c.key.JKT(thumbprint.SHA256) {
		return nil, Problemf(Malformed, "inner object: oldKey: not the account's key, which has signed the request around it (RFC 8555 §7.3.5)")
	}
	return inner, nil
}

// inInner says where in a request a problem is.
func inInner(p *Problem) *Problem {
	p.Detail = "inner object: " + p.Detail
	return p
}

// keyUsed is why a key becomes no account's: it is one's, or was.
func (s *Server) keyUsed(use *KeyUse) *Problem {
	p := Problemf(Malformed, "inner object: the new key is, or was, an account's: make another")
	p.Status, p.Location = http.StatusConflict, s.accountURL(use.Account)
	return p
}

// changeKey gives an account a key that is new. What rests on the old one ends: the
// record that confirms it says nothing of the new one.
func changeKey(tx Tx, id string, jwk []byte, fresh string, now time.Time) (*Account, error) {
	a, err := tx.Account(id)
	if err != nil {
		return nil, err
	}
	former := a.Thumbprint
	a.Key, a.Thumbprint = jwk, fresh
	if err := tx.PutAccount(a); err != nil {
		return nil, err
	}
	if err := tx.PutKeyUse(&KeyUse{Thumbprint: former, Account: id}); err != nil {
		return nil, err
	}
	if err := tx.PutKeyUse(&KeyUse{Thumbprint: fresh, Account: id, Current: true}); err != nil {
		return nil, err
	}
	return a, void(tx, id, Problemf(Unauthorized, "the account's key has changed: order anew"), now)
}
