package integration

import (
	"bytes"
	"context"
	"crypto/x509"
	"database/sql"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"cnfd/acme"
	"cnfd/acme/store"
)

// An acmeAudit is what a store says of certificates.
type acmeAudit struct {
	certificates, processing, valid int
	reserved                        int // of which there is no certificate: somebody died, or was refused, in between
	revoked                         map[string]bool
}

// audit opens a store beside whoever uses it, and holds it to its promises: each certificate is what was reserved for it, no
// serial is there twice, each valid order has its certificate and each order its authorizations, and of what clients have
// received nothing is missing.
func audit(t testing.TB, path string, received ...map[string][]byte) *acmeAudit {
	t.Helper()
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := &acmeAudit{revoked: map[string]bool{}}
	if err := s.View(context.Background(), func(tx acme.Tx) error { return a.read(t, tx, received) }); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path) // by acme/store's driver: no Tx counts them
	if err == nil {
		err = errors.Join(db.QueryRow("SELECT count(*) FROM reservations WHERE serial NOT IN (SELECT serial FROM certificates)").Scan(&a.reserved), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *acmeAudit) read(t testing.TB, tx acme.Tx, received []map[string][]byte) error {
	all, err := everyCertificate(tx)
	if err != nil {
		return err
	}
	a.certificates = len(all)
	seen := map[string]bool{}
	for _, c := range all {
		leaf, err := x509.ParseCertificate(c.Leaf)
		if err != nil {
			t.Errorf("certificate %s: %v", c.Serial, err)
			continue
		}
		if serialOf(leaf) != c.Serial || seen[c.Serial] {
			t.Errorf("certificate %s has the serial %s (seen before: %v)", c.Serial, serialOf(leaf), seen[c.Serial])
		}
		seen[c.Serial] = true
		a.revoked[c.Serial] = !c.Revoked.IsZero()
		r, err := tx.Reservation(c.Serial)
		if err != nil {
			t.Errorf("certificate %s: its reservation: %v", c.Serial, err)
			continue
		}
		if !bytes.Equal(r.TBS, leaf.RawTBSCertificate) || r.Order != c.Order || !reservedSerial(r.TBS, leaf.SerialNumber) {
			t.Errorf("certificate %s is not what was reserved", c.Serial)
		}
		for _, id := range c.Chains {
			if _, err := tx.Blob(id); err != nil {
				t.Errorf("certificate %s: its chain: %v", c.Serial, err)
			}
		}
	}
	for _, some := range received {
		for serial, der := range some {
			c, err := tx.Certificate(serial)
			if err != nil || !bytes.Equal(c.Leaf, der) {
				t.Errorf("certificate %s was received, and the store: %v", serial, err)
			}
		}
	}
	return a.orders(t, tx)
}

// orders holds each order to what it says.
func (a *acmeAudit) orders(t testing.TB, tx acme.Tx) error {
	accounts, err := tx.Accounts("", 1000)
	if err != nil {
		return err
	}
	for _, account := range accounts {
		for after := ""; ; {
			some, err := tx.Orders(account.ID, after, 500)
			if err != nil {
				return err
			}
			for _, o := range some {
				after = o.ID
				a.order(t, tx, o)
			}
			if len(some) < 500 {
				break
			}
		}
	}
	return nil
}

func (a *acmeAudit) order(t testing.TB, tx acme.Tx, o *acme.Order) {
	for _, id := range o.Authorizations {
		if _, err := tx.Authorization(id); err != nil {
			t.Errorf("order %s: its authorization: %v", o.ID, err)
		}
	}
	switch o.State {
	case acme.OrderProcessing:
		a.processing++
		if len(o.CSR) == 0 || o.Lease.IsZero() {
			t.Errorf("order %s is processing, and nobody could take it up", o.ID)
		}
	case acme.OrderValid:
		a.valid++
		if c, err := tx.Certificate(o.Certificate); err != nil || c.Order != o.ID {
			t.Errorf("order %s is valid without its certificate: %v", o.ID, err)
		}
	}
}

func everyCertificate(tx acme.Tx) (all []*acme.Certificate, err error) {
	for after := ""; ; {
		some, err := tx.Certificates(acme.Filter{}, after, 500)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(some) < 500 {
			return all, nil
		}
		after = some[len(some)-1].Serial
	}
}

// reservedSerial reports whether the octets of a TBSCertificate have this serial (RFC 5280 §4.1), read by nothing that has
// read the certificate.
func reservedSerial(tbs []byte, want *big.Int) bool {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(tbs, &outer); err != nil || len(rest) > 0 {
		return false
	}
	var version asn1.RawValue
	rest, err := asn1.Unmarshal(outer.Bytes, &version)
	if err != nil {
		return false
	}
	serial := new(big.Int)
	_, err = asn1.Unmarshal(rest, &serial)
	return err == nil && serial.Cmp(want) == 0
}

// stored is one thing of a store, by its owner's leave.
func stored[T any](t testing.TB, path string, read func(acme.Tx) (T, error)) (value T) {
	t.Helper()
	s, err := store.Open(path)
	if err == nil {
		err = errors.Join(s.View(context.Background(), func(tx acme.Tx) (err error) {
			value, err = read(tx)
			return err
		}), s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}
