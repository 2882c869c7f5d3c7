package ca

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// RevocationList signs the list of an intermediate, the one in use or a former one, in
// DER: v2, with its number and with the critical issuing distribution point that the certificates
// name (RFC 5280 §5.2.5), for user certificates only. Times are in whole seconds; a
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
	der, err = c.revocationList(i, number, second(thisUpdate), second(nextUpdate), revoked)
	if err != nil {
		return nil, fmt.Errorf("ca: revocation list %d of %s: %w", number, issuer, err)
	}
	return der, nil
}

func (c *CA) revocationList(i *issuer, number int64, thisUpdate, nextUpdate time.Time, revoked []x509.RevocationListEntry) ([]byte, error) {
	if thisUpdate.IsZero() || !nextUpdate.After(thisUpdate) {
		return nil, fmt.Errorf("the next update, %s, is not after this one, %s", day(nextUpdate), day(thisUpdate))
	}
	entries, err := entriesOf(revoked, thisUpdate)
	if err != nil {
		return nil, err
	}
	point, err := issuingPoint(c.listURL(i.id))
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number:                    big.NewInt(number),
		ThisUpdate:                thisUpdate,
		NextUpdate:                nextUpdate,
		RevokedCertificateEntries: entries,
		ExtraExtensions:           []pkix.Extension{point},
	}, i.cert, i.key)
	if err != nil {
		return nil, err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, err
	}
	if err := list.CheckSignatureFrom(i.cert); err != nil {
		return nil, err
	}
	if len(list.RevokedCertificateEntries) != len(entries) {
		return nil, errors.New("it says something else than what was asked")
	}
	if found := c.linter.revocationList(der); len(found) > 0 {
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

// issuingPoint is the extension that ties a list to the certificates which name url, so that
// a list of another scope cannot take its place (RFC 5280 §5.2.5).
func issuingPoint(url string) (pkix.Extension, error) {
	type name struct {
		Full []asn1.RawValue `asn1:"tag:0"`
	}
	value, err := asn1.Marshal(struct {
		Point     name `asn1:"tag:0"`
		UserCerts bool `asn1:"tag:1"`
	}{name{[]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(url)}}}, true})
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 28}, Critical: true, Value: value}, err
}
