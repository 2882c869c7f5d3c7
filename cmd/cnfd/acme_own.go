package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"time"

	"cnfd/acme"
)

// ownCertificate is the one that the CA issues to the ACME server itself, where the
// configuration has none. Its key never leaves the memory: each start makes another.
type ownCertificate struct {
	issuer acme.Issuer
	store  acme.Store
	now    func() time.Time
	host   string // a name or an address
	show   func(*tls.Certificate)

	leaf *x509.Certificate // that is shown
}

const (
	// ownLife is short, since no list is looked at by those who only want a certificate of their own.
	ownLife = 7 * 24 * time.Hour
	// ownLook is how often it is looked whether the half of it is over: by the clock, which
	// may be set, and not by a timer.
	ownLook = time.Minute
)

// run keeps the certificate renewed until ctx ends.
func (o *ownCertificate) run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(ownLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !o.due() && !o.revoked(ctx) {
			continue
		}
		if err := o.renew(ctx); err != nil && ctx.Err() == nil {
			log.Error("acme: the server's own certificate is not renewed", "err", err, "until", utc(o.leaf.NotAfter))
		}
	}
}

// due is true from the half of the certificate's life, and where the clock is before it.
func (o *ownCertificate) due() bool {
	now := o.now()
	return now.Before(o.leaf.NotBefore) || !now.Before(o.leaf.NotBefore.Add(o.leaf.NotAfter.Sub(o.leaf.NotBefore)/2))
}

// revoked is true where the operator has revoked the certificate. Where the store does not say, it goes on.
func (o *ownCertificate) revoked(ctx context.Context) bool {
	var c *acme.Certificate
	err := o.store.View(ctx, func(tx acme.Tx) (err error) {
		c, err = tx.Certificate(hex.EncodeToString(o.leaf.SerialNumber.Bytes()))
		return err
	})
	return err == nil && !c.Revoked.IsZero()
}

// renew has a certificate issued to a new key, as to any client: the store has its serial
// before it is signed, and all of it before anybody sees it.
func (o *ownCertificate) renew(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := o.now()
	r := &acme.Request{
		Profile: &acme.Profile{
			Name: "the server's own", Identifiers: []string{acme.TypeDNS, acme.TypeIP}, KeyTypes: []acme.KeyType{acme.P256},
			Usage: x509.KeyUsageDigitalSignature, ExtUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, Life: ownLife, Backdate: time.Hour,
		},
		Identifiers: []acme.Identifier{identifierOfHost(o.host)}, PublicKey: key.Public(), Now: now,
	}
	issued, err := o.issuer.Issue(ctx, r, func(serial string, tbs []byte) error {
		return o.store.Update(ctx, func(tx acme.Tx) error {
			return tx.Reserve(&acme.Reservation{Serial: serial, TBS: tbs, Created: now})
		})
	})
	if err != nil {
		return fmt.Errorf("acme: the server's own certificate for %s: %w; acme.tls names another", o.host, err)
	}
	leaf, err := x509.ParseCertificate(issued.Leaf)
	if err != nil {
		return err
	}
	// What was signed is stored, whoever wants to end meanwhile.
	if err := o.store.Update(context.WithoutCancel(ctx), func(tx acme.Tx) error { return putOwn(tx, issued, leaf, r.Identifiers, now) }); err != nil {
		return err
	}
	shown := &tls.Certificate{Certificate: [][]byte{issued.Leaf}, PrivateKey: key, Leaf: leaf}
	if len(issued.Chains) > 0 {
		for block, rest := pem.Decode(issued.Chains[0]); block != nil; block, rest = pem.Decode(rest) {
			shown.Certificate = append(shown.Certificate, bytes.Clone(block.Bytes))
		}
	}
	o.leaf = leaf
	o.show(shown)
	return nil
}

func putOwn(tx acme.Tx, issued *acme.Issued, leaf *x509.Certificate, identifiers []acme.Identifier, now time.Time) error {
	sum := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	c := &acme.Certificate{
		Serial: issued.Serial, Issuer: issued.Issuer, Identifiers: identifiers, Leaf: issued.Leaf, KeyHash: hex.EncodeToString(sum[:]),
		AKI: leaf.AuthorityKeyId, Issued: now, NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter,
	}
	for _, chain := range issued.Chains {
		sum := sha256.Sum256(chain)
		id := hex.EncodeToString(sum[:])
		if err := tx.PutBlob(id, chain); err != nil {
			return err
		}
		c.Chains = append(c.Chains, id)
	}
	return tx.PutCertificate(c)
}
