package acme

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
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
	if o, p = s.claim(c, o.ID, der, key, now); p != nil {
		return nil, p
	}
	return s.await(c, o)
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
// former ones included, becomes a certificate's (RFC 8555 §11.1), nor does one that others have.
func (s *Server) claim(c *call, id string, csr []byte, key crypto.PublicKey, now time.Time) (o *Order, p *Problem) {
	err := s.Store.Update(c, func(tx Tx) (err error) {
		if err := certifiable(tx, key); err != nil {
			return err
		}
		if err := unchanged(tx, c.account); err != nil {
			return err
		}
		var all []*Authorization
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
		return nil, s.internal(c, "beginning with the certificate", err)
	}
	return o, nil
}

// certifiable is nil for a key that is no account's, former ones included (RFC 8555
// §11.1), and that nobody is known to have but its holder.
func certifiable(tx Tx, key crypto.PublicKey) error {
	k, err := thumbprint.KeyOf(key)
	if err != nil {
		return Problemf(BadCSR, "csr: its key: %v", err)
	}
	if _, err = tx.KeyUse(k.JKT(thumbprint.SHA256).Base64()); err == nil {
		return Problemf(BadCSR, "csr: its key is an account's: make another for the certificate (RFC 8555 §11.1)")
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	return compromised(tx, key)
}

// keyCompromise is the reason of a certificate whose key somebody else has (RFC 5280 §5.3.1).
const keyCompromise = 1

// compromised is why no certificate is made for a key: one of its certificates was
// revoked since others have it.
func compromised(tx Tx, key crypto.PublicKey) error {
	hash, err := keyHash(key)
	if err != nil {
		return err
	}
	revoked, err := tx.Certificates(Filter{KeyHash: hash, Revoked: true}, "", mostOfOneKey)
	if err != nil {
		return err
	}
	if len(revoked) == mostOfOneKey || slices.ContainsFunc(revoked, func(c *Certificate) bool { return c.Reason == keyCompromise }) {
		return Problemf(BadCSR, "csr: a certificate of its key was revoked, since others have the key: make another")
	}
	return nil
}

// mostOfOneKey bounds how many revoked certificates of one key are looked at; a key with more is not certified again.
const mostOfOneKey = 1000

// keyHash is the SHA-256 of a key's SubjectPublicKeyInfo, in hex.
func keyHash(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// await works on an order, and answers once there is a certificate or none; after
// Patience the client is told that the order is processing, and to come again.
func (s *Server) await(c *call, o *Order) (*answer, *Problem) {
	var w waiting
	w.begin()
	done := s.issueLater(c.party(), o, &w)
	patience := time.NewTimer(s.Patience)
	defer patience.Stop()
	select {
	case p := <-done:
		if p != nil {
			return nil, p
		}
	case <-patience.C:
		if p := w.over(done); p != nil {
			return nil, p
		}
	case <-c.Done():
		if p := w.over(done); p != nil {
			return nil, p
		}
	}
	o, all, p := s.ordered(c, o.ID)
	if p != nil {
		return nil, p
	}
	return s.orderAnswer(o, all, s.Now()), nil
}

// waiting is whether a finalize request still waits for what comes of its order. An order whose
// client was told that it is processing comes to its certificate or to an error, and is not
// ready again (RFC 8555 §7.1.6); one whose client hears the problem itself is. The zero value: the client was told.
type waiting struct{ state atomic.Int32 }

const (
	told  = iota
	waits // until one of the two below has decided
	hears // the request is left to answer with the problem
)

// begin says that a request waits.
func (w *waiting) begin() { w.state.Store(waits) }

// over ends the wait: the client is told that its order is processing, unless the worker
// was quicker and has left it to the request to answer with the problem, which is returned.
func (w *waiting) over(done <-chan *Problem) *Problem {
	if w.state.CompareAndSwap(waits, told) {
		return nil
	}
	return <-done
}

// heard reports whether the request that waits answers with the problem; from then on it does.
func (w *waiting) heard() bool {
	return w.state.CompareAndSwap(waits, hears) || w.state.Load() == hears
}
