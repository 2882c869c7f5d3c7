package acme

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"cnfd/thumbprint"
)

// issueLater works on an order that was set to Processing, for the request that waits, if any. The channel
// gives what kept it from its certificate, nil for nothing, and then nothing more.
func (s *Server) issueLater(who party, o *Order, w *waiting) <-chan *Problem {
	done := make(chan *Problem, 1)
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(s.end, issueTime)
		defer cancel()
		begun := s.Now()
		p := s.issue(ctx, who, o)
		s.Counter.Finalized(s.Now().Sub(begun))
		if p != nil {
			s.tell(atFinalize, p, "order", o.ID, "account", o.Account, "profile", o.Profile, "for_good", !p.Passing)
			if err := s.settle(o, p, w); err != nil {
				s.Log.Error("acme: storing why there is no certificate", "error", err, "order", o.ID)
			}
		}
		done <- p
	})
	return done
}

// issue is the step that signs. What the authorizations rest on is judged anew,
// past the cache and with the account's current key, before anything is signed;
// the serial and what will be signed are stored before the signature, the certificate
// before anybody hears of it.
func (s *Server) issue(ctx context.Context, who party, o *Order) *Problem {
	if o.Tries > mostTries {
		p := Problemf(ServerInternal, "the order was tried %d times: order anew", mostTries)
		return p
	}
	profile := s.profiles[o.Profile]
	if profile == nil {
		return Problemf(InvalidProfile, "profile %s is no more: order anew", o.Profile)
	}
	key, p := readCSR(o.CSR, o.Identifiers, profile, s.blocked())
	if p != nil {
		return p
	}
	certified, err := thumbprint.KeyOf(key)
	if err != nil {
		return Problemf(BadCSR, "csr: its key: %v", err)
	}
	claims, p := s.final(ctx, o, profile, certified.JKT(thumbprint.SHA256))
	if p != nil {
		return p
	}
	if p := Joined(s.judge(ctx, s.begun, who, claims)); p != nil {
		return p
	}
	r := &Request{Profile: profile, Identifiers: o.Identifiers, PublicKey: key, NotBefore: o.NotBefore, NotAfter: o.NotAfter, Now: s.Now()}
	issued, err := s.Issuer.Issue(ctx, r, func(serial string, tbs []byte) error { return s.reserve(ctx, o, key, claims, serial, tbs) })
	if err != nil {
		return s.internal(ctx, "making the certificate", err)
	}
	return s.store(o, issued)
}

// final is what has to hold of every identifier at finalize.
func (s *Server) final(ctx context.Context, o *Order, profile *Profile, certified thumbprint.Thumbprint) ([]*Claim, *Problem) {
	var all []*Authorization
	var account *Account
	var domains []string
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if _, all, err = orderOf(tx, o.ID); err != nil {
			return err
		}
		if account, err = tx.Account(o.Account); err != nil {
			return err
		}
		domains, err = grants(tx, account)
		return err
	})
	if err != nil {
		return nil, s.internal(ctx, "reading the order", err)
	}
	var claims []*Claim
	for n, a := range all {
		if !a.of(o, o.Identifiers[n]) || a.status(s.Now()) != Valid {
			return nil, Problemf(Unauthorized, "its authorization is %s: order anew", a.status(s.Now())).For(o.Identifiers[n])
		}
		if _, p := o.Identifiers[n].check(profile); p != nil { // the profile may have been narrowed since
			return nil, p
		}
		if !profile.takes(a.Method) {
			return nil, Problemf(Unauthorized, "profile %s asks for another challenge by now than %s: order anew", profile.Name, a.Method).For(o.Identifiers[n])
		}
		claim, p := s.resting(a, account, profile, domains)
		if p != nil {
			return nil, p
		}
		if profile.Bind != BindAccount {
			claim.Keys = append(claim.Keys, certified)
		}
		claims = append(claims, claim)
	}
	if len(claims) == 0 || len(claims) != len(o.Identifiers) {
		return nil, Problemf(ServerInternal, "the order and its authorizations do not agree: order anew")
	}
	return claims, nil
}

// reserve notes what is about to be signed, where everything that the gate was asked
// about, and what it was told, is still so and this process still has the order to itself.
func (s *Server) reserve(ctx context.Context, worked *Order, key crypto.PublicKey, claims []*Claim, serial string, tbs []byte) error {
	return s.Store.Update(ctx, func(tx Tx) error {
		o, all, err := orderOf(tx, worked.ID)
		if err != nil {
			return err
		}
		now := s.Now()
		if !o.worked(worked) {
			return errStale
		}
		if err := unchanged(tx, &Account{ID: o.Account, Thumbprint: o.Thumbprint}); err != nil {
			return err
		}
		for _, a := range all {
			if a.status(now) != Valid {
				return errStale
			}
		}
		if err := stillGranted(tx, o.Account, claims); err != nil {
			return err
		}
		if err := certifiable(tx, key); err != nil {
			return err
		}
		return tx.Reserve(&Reservation{Serial: serial, Order: o.ID, TBS: tbs, Created: now})
	})
}

// stillGranted is errStale where a claim rests on a grant that was taken back meanwhile.
func stillGranted(tx Tx, id string, claims []*Claim) error {
	account, err := tx.Account(id)
	if err != nil {
		return err
	}
	domains, err := grants(tx, account)
	if err != nil {
		return err
	}
	for _, c := range claims {
		if c.Method == MethodCNF && c.Granted && !slices.Contains(domains, c.Identifier.grantee()) {
			return errStale
		}
	}
	return nil
}

// worked reports whether o is as the process that was given it left it.
func (o *Order) worked(by *Order) bool { return o.State == OrderProcessing && o.Tries == by.Tries }

// store keeps a certificate, and with it the order's end. One whose order has come to
// another end meanwhile is kept, too, since it was signed: it is revoked in the same step, and nobody gets it.
func (s *Server) store(worked *Order, issued *Issued) *Problem {
	ctx := context.Background() // a signature was made: that is stored whoever is asked to end
	leaf, err := x509.ParseCertificate(issued.Leaf)
	if err != nil {
		return s.internal(ctx, "reading the new certificate", err)
	}
	stale := false
	err = s.Store.Update(ctx, func(tx Tx) error {
		o, err := tx.Order(worked.ID)
		if err != nil {
			return err
		}
		now := s.Now()
		sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
		cert := &Certificate{
			Serial: issued.Serial, Issuer: issued.Issuer, Account: o.Account, Order: o.ID, Profile: o.Profile, Identifiers: o.Identifiers,
			Leaf: issued.Leaf, KeyHash: hex.EncodeToString(sum[:]), AKI: leaf.AuthorityKeyId, Issued: now, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
		}
		if cert.Chains, err = putChains(tx, issued.Chains); err != nil {
			return err
		}
		if stale = !o.worked(worked); stale {
			cert.Revoked, cert.Reason = now, cessationOfOperation
			return tx.PutCertificate(cert)
		}
		o.State, o.Certificate, o.CSR, o.Lease = OrderValid, issued.Serial, nil, time.Time{}
		if err := s.replace(tx, o); err != nil {
			return err
		}
		if err := tx.PutCertificate(cert); err != nil {
			return err
		}
		return tx.PutOrder(o)
	})
	if err != nil {
		return s.internal(ctx, "storing the certificate", err)
	}
	if stale {
		return s.internal(ctx, "storing the certificate", errStale)
	}
	s.Counter.Count(Orders, OrderIssued)
	s.Counter.Count(Issuances, worked.Profile)
	s.Log.Info("acme: certificate", "serial", issued.Serial, "order", worked.ID, "account", worked.Account, "profile", worked.Profile, "not_after", leaf.NotAfter)
	return nil
}

// cessationOfOperation is the reason of a certificate that nobody was given (RFC 5280 §5.3.1).
const cessationOfOperation = 5

// putChains stores chains by what they are.
func putChains(tx Tx, chains [][]byte) (ids []string, err error) {
	for _, c := range chains {
		sum := sha256.Sum256(c)
		id := hex.EncodeToString(sum[:])
		if err := tx.PutBlob(id, c); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// replace marks the certificate that an order takes the place of (RFC 9773 §5).
func (s *Server) replace(tx Tx, o *Order) error {
	if o.Replaces == "" {
		return nil
	}
	account, err := tx.Account(o.Account)
	if err != nil {
		return err
	}
	serial, p := s.replaced(tx, account, o.Replaces, o.Identifiers)
	if p != nil {
		return nil // another order was quicker: the certificate is good all the same
	}
	old, err := tx.Certificate(serial)
	if err != nil {
		return err
	}
	old.ReplacedBy = o.Certificate
	return tx.PutCertificate(old)
}

// settle stores why an order has no certificate: for good, or so that its client may finalize it again; or,
// where the client knows it to be processing, so that it is taken up again after a while.
func (s *Server) settle(worked *Order, p *Problem, w *waiting) error {
	ctx := context.Background() // see store
	failed := false
	err := s.Store.Update(ctx, func(tx Tx) error {
		failed = false
		o, err := tx.Order(worked.ID)
		if err != nil {
			return err
		}
		if !o.worked(worked) {
			return nil
		}
		now := s.Now()
		o.Lease = time.Time{}
		if p.Passing && s.end.Err() != nil {
			return tx.PutOrder(o) // this process ends: whoever is next takes it up at once
		}
		switch {
		case !p.Passing || o.Tries >= mostTries:
			failed = true
			o.State, o.CSR, o.Error = OrderInvalid, nil, p
		case w.heard():
			o.State, o.CSR, o.Error = OrderOpen, nil, nil
		default:
			o.Lease = now.Add(p.rest())
		}
		if err := tx.PutOrder(o); err != nil {
			return fmt.Errorf("order %s: %w", o.ID, err)
		}
		return nil
	})
	if err == nil && failed {
		s.Counter.Count(Orders, OrderFailed)
	}
	return err
}
