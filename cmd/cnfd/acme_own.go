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
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cnfd/acme"
)

// ownCertificate is the one that the CA issues to the ACME server itself, where the
// configuration has none. It is kept with its key in the CA's directory, so that neither each start nor
// each of several daemons of one CA makes another.
type ownCertificate struct {
	issuer interface {
		acme.Issuer
		InUse() (id string, err error)
	}
	store acme.Store
	now   func() time.Time
	log   *slog.Logger
	host  string // a name or an address
	base  string // of the URLs of lists and issuers that it names
	path  string // where it is kept
	show  func(*tls.Certificate)

	leaf *x509.Certificate // that is shown
}

const (
	// ownFile keeps it, in the CA's directory.
	ownFile = "server.pem"
	// maxOwn bounds that file: a key, and a chain of any length.
	maxOwn = 128 << 10
	// ownLife is short, since no list is looked at by those who only want a certificate of their own.
	ownLife = 7 * 24 * time.Hour
	// ownLook is how often it is looked whether two thirds of it are over: by the clock, which
	// may be set, and not by a timer.
	ownLook = time.Minute
)

// notIssuedError is of a server's own certificate that could not be issued.
type notIssuedError struct{ error }

// begin shows the certificate that is kept, while it is good, and else a new one.
func (o *ownCertificate) begin(ctx context.Context) error {
	if o.take(ctx) {
		return nil
	}
	if err := o.renew(ctx); err != nil {
		return &notIssuedError{err}
	}
	return nil
}

// run keeps the certificate renewed until ctx ends.
func (o *ownCertificate) run(ctx context.Context) {
	tick := time.NewTicker(ownLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		o.look(ctx)
	}
}

// look renews it where it is not good any more, unless another daemon of this CA has.
func (o *ownCertificate) look(ctx context.Context) {
	if o.good(ctx, o.leaf) || o.take(ctx) {
		return
	}
	if err := o.renew(ctx); err != nil && ctx.Err() == nil {
		o.log.Error("acme: the server's own certificate is not renewed", "err", err, "until", utc(o.leaf.NotAfter))
	}
}

// take shows the certificate that is kept; false where there is none, or none that is good.
func (o *ownCertificate) take(ctx context.Context) bool {
	text, mode, err := readFile(o.path, maxOwn)
	if err != nil {
		return false
	}
	if w := others(o.path, mode, 0o077, "use", "another is issued"); len(w) > 0 {
		o.log.Warn("acme: the server's own certificate: " + w[0])
		return false
	}
	pair, err := tls.X509KeyPair(text, text) // which is an error where the key is another's, and passes over what is cut off: the intermediate
	if err != nil || len(pair.Certificate) < 2 || !o.good(ctx, pair.Leaf) {
		return false
	}
	o.leaf = pair.Leaf
	o.show(&pair)
	return true
}

// good reports whether a certificate is this server's and can be shown on: for its host and of the present issuer, neither revoked nor
// before its time, which is where the clock was set back, nor past two thirds of its life. Where the store or the CA does not say, it is.
func (o *ownCertificate) good(ctx context.Context, leaf *x509.Certificate) bool {
	now := o.now()
	if now.Before(leaf.NotBefore) || !now.Before(leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore)/3*2)) {
		return false
	}
	if leaf.VerifyHostname(o.host) != nil || slices.ContainsFunc(leaf.CRLDistributionPoints, func(list string) bool { return !strings.HasPrefix(list, o.base+"/crl/") }) {
		return false
	}
	var c *acme.Certificate
	err := o.store.View(ctx, func(tx acme.Tx) (err error) {
		c, err = tx.Certificate(hex.EncodeToString(leaf.SerialNumber.Bytes()))
		return err
	})
	if err != nil {
		return !errors.Is(err, acme.ErrNotFound)
	}
	if !bytes.Equal(c.Leaf, leaf.Raw) || c.Account != "" || !c.Revoked.IsZero() {
		return false
	}
	// Clients that look at the root's list would not come in any more, and nobody's order would have the next intermediate taken.
	issuer, err := o.issuer.InUse()
	return err != nil || c.Issuer == issuer
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
	if err := o.keep(shown, key); err != nil {
		o.log.Warn("acme: the server's own certificate is good, and could not be kept for the next start, which makes another", "err", err)
	}
	return nil
}

// keep puts a certificate with its key where the next start finds it.
func (o *ownCertificate) keep(shown *tls.Certificate, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, one := range shown.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one})...)
	}
	return replaceOwn(o.path, text)
}

// replaceOwn writes a file that only its owner may touch: after a crash at any moment it is the one before or this one, whole.
func replaceOwn(path string, text []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing is there once it is renamed
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncPath(dir)
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
