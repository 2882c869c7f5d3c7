package acme

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cnfd/internal/strict"
)

var revokeNames = strict.NewNames("certificate", "reason")

// revoke revokes a certificate (RFC 8555 §7.6) for the account that it was issued to,
// for one that holds authorizations for all of it, and for whoever has its key: who has that
// can also say of a revoked one that the key is known to others.
func (s *Server) revoke(c *call) (*answer, *Problem) {
	var wish struct {
		Certificate string `json:"certificate"`
		Reason      int    `json:"reason"`
	}
	if p := decode(c.message.Payload, revokeNames, &wish); p != nil {
		return nil, p
	}
	der, ok := fromBase64(wish.Certificate)
	if !ok || len(der) == 0 {
		if strings.Contains(wish.Certificate, "=") {
			return nil, Problemf(Malformed, "certificate: base64url must not be padded with = (RFC 8555 §6.1)")
		}
		return nil, Problemf(Malformed, "certificate: want its DER in base64url, not PEM (RFC 8555 §7.6)")
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil || leaf.SerialNumber.Sign() <= 0 {
		return nil, Problemf(Malformed, "certificate: not the DER of a certificate")
	}
	serial, now := hex.EncodeToString(leaf.SerialNumber.Bytes()), s.Now()
	err = s.Store.Update(c, func(tx Tx) error {
		ours, err := tx.Certificate(serial)
		if errors.Is(err, ErrNotFound) || err == nil && !bytes.Equal(ours.Leaf, der) {
			return notOurs()
		}
		if err != nil {
			return err
		}
		if err := mayRevoke(tx, c, ours, leaf.PublicKey, now); err != nil {
			return err
		}
		if c.account != nil && !ours.Revoked.IsZero() {
			return alreadyRevoked(ours) // that a key is known to others is shown by its use
		}
		return RevokeCertificate(tx, serial, wish.Reason, now)
	})
	if err != nil {
		return nil, s.internal(c, "revoking the certificate", err)
	}
	s.lists.forget()
	s.Counter.Count(Revocations, strconv.Itoa(wish.Reason))
	by := "its own key"
	if c.account != nil {
		by = "account " + c.account.ID
	}
	s.Log.Info("acme: certificate revoked", "serial", serial, "reason", wish.Reason, "by", by)
	return &answer{status: http.StatusOK}, nil
}

func notOurs() *Problem {
	p := Problemf(Malformed, "certificate: this server has issued no such one")
	p.Status = http.StatusNotFound
	return p
}

// mayRevoke is nil where whoever has signed the request may revoke a certificate.
func mayRevoke(tx Tx, c *call, ours *Certificate, certified crypto.PublicKey, now time.Time) error {
	if c.account == nil {
		k, ok := certified.(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !k.Equal(c.key.Public()) {
			return Problemf(Unauthorized, "certificate: the key in jwk is not this certificate's: sign with that, or for an account with kid (RFC 8555 §7.6)")
		}
		return nil
	}
	if err := unchanged(tx, c.account); err != nil {
		return err
	}
	if ours.Account == c.account.ID {
		return nil
	}
	for _, i := range ours.Identifiers {
		held, err := holds(tx, c.account, i, now)
		if err != nil {
			return err
		}
		if !held {
			return Problemf(Unauthorized, "certificate: it was issued to another account, and this one has no valid authorization for it").For(i)
		}
	}
	if len(ours.Identifiers) == 0 {
		return forbidden("certificate")
	}
	return nil
}

// holds reports whether an account has a valid authorization for an identifier, made
// with its current key; a wildcard's is another than its base's.
func holds(tx Tx, a *Account, i Identifier, now time.Time) (bool, error) {
	live, err := tx.Live(a.ID, i.Base(), now)
	if err != nil {
		return false, err
	}
	for _, z := range live {
		if z.status(now) == Valid && z.Account == a.ID && z.Thumbprint == a.Thumbprint && z.Identifier == i.Base() && z.Wildcard == i.Wildcard() {
			return true, nil
		}
	}
	return false, nil
}
