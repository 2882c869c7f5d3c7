package acme

import (
	"fmt"
	"slices"
	"time"
)

// DeactivateAccount ends an account for good, in an Update: status is Deactivated where
// its holder and Revoked where the operator ends it. Its live authorizations are
// deactivated, its open orders become invalid, and why says so to whoever asks for
// them. Of an account that has ended already it ends what is left. The error is ErrNotFound or the Store's.
func DeactivateAccount(tx Tx, id string, status Status, why *Problem, now time.Time) error {
	if status != Deactivated && status != Revoked {
		return fmt.Errorf("acme: account %s: status %q: an account ends deactivated or revoked", id, status)
	}
	a, err := tx.Account(id)
	if err != nil {
		return fmt.Errorf("acme: account %s: %w", id, err)
	}
	if a.Status == Valid {
		a.Status = status
		if err := tx.PutAccount(a); err != nil {
			return err
		}
	}
	return void(tx, id, why, now)
}

// void ends all that rests on an account's key: its live authorizations and its
// orders that have no certificate yet, also those that are being worked on.
func void(tx Tx, account string, why *Problem, now time.Time) error {
	live, err := tx.Live(account, Identifier{}, now)
	if err != nil {
		return err
	}
	for _, a := range live {
		a.Status = Deactivated
		for n := range a.Challenges {
			// Left in Processing it would be taken up again and again.
			if c := &a.Challenges[n]; c.Status == Processing {
				c.Status, c.Error, c.Lease = Invalid, why, time.Time{}
			}
		}
		if err := tx.PutAuthorization(a); err != nil {
			return err
		}
	}
	open, err := tx.OpenOrders(account)
	if err != nil {
		return err
	}
	for _, o := range open {
		o.State, o.Error, o.CSR, o.Lease = OrderInvalid, why, nil, time.Time{}
		if err := tx.PutOrder(o); err != nil {
			return err
		}
	}
	return nil
}

// reasons are those that a revocation may have (RFC 5280 §5.3.1): of a leaf, and for good.
var reasons = []int{0, 1, 3, 4, 5, 9}

// RevokeCertificate revokes a certificate, in an Update; reason is one of RFC 5280 §5.3.1. The next
// revocation list has it. One that is revoked for another reason can come to be so for keyCompromise, as of when
// it was revoked, and never the other way. A *Problem is an error of kind BadRevocationReason,
// AlreadyRevoked, or Unauthorized for one that has ended anyhow; others are ErrNotFound and the Store's.
func RevokeCertificate(tx Tx, serial string, reason int, now time.Time) error {
	if !slices.Contains(reasons, reason) {
		return Problemf(BadRevocationReason, "reason: %d: want 0 (unspecified), 1 (keyCompromise), 3 (affiliationChanged), 4 (superseded), 5 (cessationOfOperation) or 9 (privilegeWithdrawn)", reason)
	}
	c, err := tx.Certificate(serial)
	if err != nil {
		return fmt.Errorf("acme: certificate %s: %w", serial, err)
	}
	leaked := reason == keyCompromise && c.Reason != keyCompromise // found out only now
	switch {
	case !c.Revoked.IsZero() && !leaked:
		return alreadyRevoked(c)
	case !c.NotAfter.After(now):
		return Problemf(Unauthorized, "certificate %s: it ended on %s: there is nothing to revoke", serial, c.NotAfter.UTC().Format(time.RFC3339))
	}
	if c.Revoked.IsZero() {
		c.Revoked = now
	}
	c.Reason = reason
	return tx.PutCertificate(c)
}

func alreadyRevoked(c *Certificate) *Problem {
	return Problemf(AlreadyRevoked, "certificate %s: revoked already, on %s", c.Serial, c.Revoked.UTC().Format(time.RFC3339))
}
