package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// RevocationList signs the list of an intermediate, the one in use or a former one, in
// DER: v2, with its number. It is of all that the intermediate has issued, from wherever a certificate says that
// it is had: URLs change, and many verifiers can read no list with an issuing distribution point, which
// only a part of a list needs (RFC 5280 §5.2.5). Times are in whole seconds; a
// revocation that lies after thisUpdate is listed with thisUpdate, since a clock that
// was set back must not keep it off. Reasons are those of RFC 5280 §5.3.1 but
// removeFromCRL and certificateHold. An error signs nothing that leaves this package.
func (c *CA) RevocationList(issuer string, number int64, thisUpdate, nextUpdate time.Time, revoked []x509.RevocationListEntry) (der []byte, err error) {
	i := c.present.Load().issuer(issuer)
	switch {
	case i == nil:
		return nil, fmt.Errorf("ca: revocation list: there is no intermediate %q here", issuer)
	case i.key == nil:
		return nil, fmt.Errorf("ca: revocation list: %s has ended, and its key is not there: nothing that it issued is good any more", i.path)
	case number < 0:
		return nil, fmt.Errorf("ca: revocation list of %s: number %d: it cannot be negative", issuer, number)
	}
	der, err = signList(c.linter, i.cert, i.key, &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: second(thisUpdate), NextUpdate: second(nextUpdate), RevokedCertificateEntries: revoked,
	})
	if err != nil {
		return nil, fmt.Errorf("ca: revocation list %d of %s: %w", number, issuer, err)
	}
	return der, nil
}

// signList signs what list says, reads it again, with a linter too, and returns it in DER.
func signList(l *linter, by *x509.Certificate, key crypto.Signer, list *x509.RevocationList) (der []byte, err error) {
	if list.ThisUpdate.IsZero() || !list.NextUpdate.After(list.ThisUpdate) {
		return nil, fmt.Errorf("the next update, %s, is not after this one, %s", day(list.NextUpdate), day(list.ThisUpdate))
	}
	if list.RevokedCertificateEntries, err = entriesOf(list.RevokedCertificateEntries, list.ThisUpdate); err != nil {
		return nil, err
	}
	if der, err = x509.CreateRevocationList(rand.Reader, list, by, key); err != nil {
		return nil, err
	}
	read, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	if err := read.CheckSignatureFrom(by); err != nil {
		return nil, err
	}
	if len(read.RevokedCertificateEntries) != len(list.RevokedCertificateEntries) {
		return nil, errors.New("it says something else than what was asked")
	}
	if found := l.revocationList(der); len(found) > 0 {
		return nil, fmt.Errorf("it breaks a rule: %s", found[0])
	}
	return der, nil
}

// entriesOf are the entries of a list, by serial number.
func entriesOf(revoked []x509.RevocationListEntry, thisUpdate time.Time) ([]x509.RevocationListEntry, error) {
	entries := make([]x509.RevocationListEntry, 0, len(revoked))
	for _, r := range revoked {
		switch {
		case r.SerialNumber == nil || r.SerialNumber.Sign() <= 0:
			return nil, errors.New("an entry without a serial number")
		case r.SerialNumber.BitLen() >= 20*8:
			return nil, fmt.Errorf("serial number %x: longer than 20 octets (RFC 5280 §4.1.2.2)", r.SerialNumber)
		case r.RevocationTime.IsZero():
			return nil, fmt.Errorf("serial number %x: no time of revocation", r.SerialNumber)
		case !slices.Contains(reasons, r.ReasonCode):
			return nil, fmt.Errorf("serial number %x: reason %d: want one of %v", r.SerialNumber, r.ReasonCode, reasons)
		}
		// Reason 0 is said by leaving it out (RFC 5280 §5.3.1), which x509 does.
		entries = append(entries, x509.RevocationListEntry{
			SerialNumber: r.SerialNumber, RevocationTime: earliest(second(r.RevocationTime), thisUpdate), ReasonCode: r.ReasonCode,
		})
	}
	slices.SortFunc(entries, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	for n := range entries[:max(len(entries)-1, 0)] {
		if entries[n].SerialNumber.Cmp(entries[n+1].SerialNumber) == 0 {
			return nil, fmt.Errorf("serial number %x: twice", entries[n].SerialNumber)
		}
	}
	return entries, nil
}

// reasons are the CRLReasons that a list can have: removeFromCRL (8) is for delta lists,
// and what is on hold (6) might come back, which nothing here does.
var reasons = []int{0, 1, 2, 3, 4, 5, 9, 10}
