package acme

import (
	"bytes"
	"encoding/json"
	"errors"

	"cnfd/acme/jws"
	"cnfd/thumbprint"
)

// bindExternal puts an account that is being made under the external account that
// vouches for it (RFC 8555 §7.3.4). An external account makes one account: who has
// seen its key cannot make more, nor can its holder get around being blocked.
func (s *Server) bindExternal(tx Tx, c *call, a *Account, binding json.RawMessage) error {
	if len(binding) == 0 || bytes.Equal(binding, []byte("null")) {
		if s.ExternalAccounts {
			return Problemf(ExternalAccountRequired, "externalAccountBinding: an account is made with a kid and a key that the operator of this server gives out: ask for them")
		}
		return nil
	}
	m, p := s.readBinding(c, binding)
	if p != nil {
		return p
	}
	e, err := tx.ExternalAccount(m.KID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err != nil || e.Removed {
		return Problemf(Unauthorized, "externalAccountBinding: kid: there is no such external account, or it was removed: ask the operator of this server")
	}
	if err := m.VerifyMAC(e.Key); err != nil {
		return inBinding(unreadable(err))
	}
	if e.Account != "" {
		return Problemf(Unauthorized, "externalAccountBinding: kid: an account was made with it already: ask the operator of this server for another")
	}
	e.Account = a.ID
	a.External, a.Binding = e.KID, binding
	return tx.PutExternalAccount(e)
}

// readBinding reads a binding and checks that it is of this request's key and URL:
// one that was seen elsewhere binds nobody else's key.
func (s *Server) readBinding(c *call, binding []byte) (*jws.Message, *Problem) {
	m, err := jws.Parse(binding, jws.External)
	if err != nil {
		return nil, inBinding(unreadable(err))
	}
	if m.URL != c.message.URL {
		return nil, Problemf(Malformed, "externalAccountBinding: protected.url: not that of the request around it (RFC 8555 §7.3.4)")
	}
	key, err := thumbprint.ParseJWK(m.Payload)
	if err != nil || key.JKT(thumbprint.SHA256) != c.key.JKT(thumbprint.SHA256) {
		return nil, Problemf(Malformed, "externalAccountBinding: payload: not the key that has signed the request around it (RFC 8555 §7.3.4)")
	}
	return m, nil
}

// inBinding says where in a request a problem is.
func inBinding(p *Problem) *Problem {
	p.Detail, p.Algorithms = "externalAccountBinding: "+p.Detail, nil
	return p
}
