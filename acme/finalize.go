package acme

import (
	"crypto"
	"errors"
	"strings"
	"time"

	"cnfd/internal/strict"
	"cnfd/thumbprint"
)

// orderLease is how long the process that makes a certificate has its order to
// itself. It is longer than issueTime, so that no two ever work on it.
const (
	orderLease = 2 * time.Minute
	issueTime  = 90 * time.Second
)

var finalizeNames = strict.NewNames("csr")

// finalize has a certificate made for an order that is ready (RFC 8555 §7.4). It
// waits for it a little; a client that goes away stops nothing.
func (s *Server) finalize(c *call) (*answer, *Problem) {
	var wish struct{ CSR string }
	if p := decode(c.message.Payload, finalizeNames, &wish); p != nil {
		return nil, p
	}
	now := s.Now()
	o, all, p := s.ordered(c, c.http.PathValue("order"))
	if p != nil {
		return nil, p
	}
	if p := notReady(o, all, now); p != nil {
		return nil, p
	}
	der, ok := fromBase64(wish.CSR)
	if !ok {
		if strings.Contains(wish.CSR, "=") {
			return nil, Problemf(Malformed, "csr: base64url must not be padded with = (RFC 8555 §6.1)")
		}
		return nil, Problemf(Malformed, "csr: want the DER of the request in base64url, not PEM (RFC 8555 §7.4)")
	}
	profile := s.profiles[o.Profile]
	if profile == nil {
		return nil, Problemf(InvalidProfile, "profile %s is no more: order anew", o.Profile)
	}
	key, p := readCSR(der, o.Identifiers, profile, s.blocked())
	if p != nil {
		return nil, p
	}
	if o, all, p = s.claim(c, o.ID, der, key, now); p != nil {
		return nil, p
	}
	return s.await(c, o, all)
}

// notReady is why an order cannot be finalized.
func notReady(o *Order, all []*Authorization, now time.Time) *Problem {
	switch status := o.status(all, now); status {
	case Ready:
		return nil
	case Pending:
		return Problemf(OrderNotReady, "the order is pending: its authorizations come first")
	case Invalid:
		p := o.why(all, now)
		return Problemf(OrderNotReady, "the order is invalid: %s", p.Detail)
	default:
		return Problemf(OrderNotReady, "the order is %s: see it", status)
	}
}

// claim gives an order that is ready to this process to work on. No account's key,
// former ones included, becomes a certificate's (RFC 8555 §11.1).
func (s *Server) claim(c *call, id string, csr []byte, key crypto.PublicKey, now time.Time) (o *Order, all []*Authorization, p *Problem) {
	k, err := thumbprint.KeyOf(key)
	if err != nil {
		return nil, nil, Problemf(BadCSR, "csr: its key: %v", err)
	}
	err = s.Store.Update(c, func(tx Tx) (err error) {
		if _, err = tx.KeyUse(k.JKT(thumbprint.SHA256).Base64()); err == nil {
			return Problemf(BadCSR, "csr: its key is an account's: make another for the certificate (RFC 8555 §11.1)")
		} else if !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := unchanged(tx, c.account); err != nil {
			return err
		}
		if o, all, err = orderOf(tx, id); err != nil {
			return err
		}
		if p := notReady(o, all, now); p != nil {
			return p
		}
		o.State, o.CSR, o.Lease, o.Tries, o.Error = OrderProcessing, csr, now.Add(orderLease), o.Tries+1, nil
		return tx.PutOrder(o)
	})
	if err != nil {
		return nil, nil, s.internal(c, "beginning with the certificate", err)
	}
	return o, all, nil
}

// await works on an order, and answers once there is a certificate or none; after
// Patience the client is told to come again.
func (s *Server) await(c *call, o *Order, all []*Authorization) (*answer, *Problem) {
	done := s.issueLater(o)
	patience := time.NewTimer(s.Patience)
	defer patience.Stop()
	select {
	case p := <-done:
		if p != nil {
			return nil, p
		}
	case <-patience.C:
	case <-c.Done():
	}
	o, all, p := s.ordered(c, o.ID)
	if p != nil {
		return nil, p
	}
	return s.orderAnswer(o, all, s.Now()), nil
}
