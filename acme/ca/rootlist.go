package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"time"

	"cnfd/acme"
)

// rootListLife is how long a list of the root's is good. Its key lies in a safe, and somebody has to go
// there for the next one: once a year, which is as long as the public CAs may take for theirs
// (CA/Browser Forum Baseline Requirements §4.9.7). Longer would be kinder to who forgets, and to who
// keeps an old list from a relying party so that it goes on to believe what is revoked.
const rootListLife = 365 * 24 * time.Hour

// Revocation is the end of an intermediate.
type Revocation struct {
	Issuer string // its id
	// Reason is one of RFC 5280 §5.3.1: keyCompromise (1) is listed as cACompromise (2), which is
	// what that is called of a CA.
	Reason int
}

// RenewRootList writes the root's next revocation list, signed with the root's key, which is in the file
// rootKey, or for "" in the directory: good for a year from now, with all that is on the one before and with
// revoked. It can be the first one of a CA. The intermediate in use is not revoked: Rotate can do that, which
// makes another. After a crash at any moment the list is there whole or not at all, and of two
// processes that make it at once one is told so.
func RenewRootList(dir string, now time.Time, rootKey string, revoked ...Revocation) error {
	if err := renewRootList(dir, second(now), rootKey, revoked); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	return nil
}

func renewRootList(dir string, now time.Time, rootKey string, revoked []Revocation) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	there, err := list(dir)
	if err != nil {
		return err
	}
	if err := there.whole(); err != nil {
		return err
	}
	next, err := there.relist()
	if err != nil {
		return err
	}
	for _, r := range revoked {
		i, err := next.find(r.Issuer)
		if err == nil && i == len(next.certs)-1 {
			err = fmt.Errorf("%s is the intermediate in use, and nothing could be issued any more: make the next one and revoke it in one step, with rotate --revoke-former", certFile(there.certs[i]))
		}
		if err == nil {
			err = next.revoke(i, r.Reason, now)
		}
		if err != nil {
			return err
		}
	}
	key, err := readRootKey(dir, rootKey, next.root)
	if err != nil {
		return err
	}
	file, err := next.sign(key, now)
	if err != nil {
		return err
	}
	return writeAll(dir, []newFile{file})
}

// ReadRootList returns the root's newest revocation list in a directory, and its path; nil where there is
// none, as in a directory that was made before there were any.
func ReadRootList(dir string) (path string, newest *acme.CRL, err error) {
	there, err := list(dir)
	if err != nil || there.newestList() == 0 {
		return "", nil, err
	}
	root, err := readRoot(dir)
	if err != nil {
		return "", nil, fmt.Errorf("ca: %w", err)
	}
	l, err := readRootList(dir, there.newestList(), root)
	if err != nil {
		return "", nil, fmt.Errorf("ca: %w", err)
	}
	return l.path, &l.CRL, nil
}

// rootList is a list of the root's, as it was read.
type rootList struct {
	acme.CRL
	n       int // of its file
	path    string
	entries []x509.RevocationListEntry
}

// at returns the entry of a certificate; nil where it is not on the list, or there is none.
func (l *rootList) at(cert *x509.Certificate) *x509.RevocationListEntry {
	if l == nil {
		return nil
	}
	for n := range l.entries {
		if l.entries[n].SerialNumber.Cmp(cert.SerialNumber) == 0 {
			return &l.entries[n]
		}
	}
	return nil
}

// readRootList reads the n-th list, and holds it against the root.
func readRootList(dir string, n int, root *x509.Certificate) (*rootList, error) {
	path := filepath.Join(dir, listFile(n))
	text, _, err := readFile(path)
	if err != nil {
		return nil, err
	}
	l, err := parseRootList(text)
	if err == nil {
		err = l.CheckSignatureFrom(root)
	}
	if err == nil && !bytes.Equal(l.RawIssuer, root.RawSubject) {
		err = errors.New("it names another issuer")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: no revocation list of %s: put the right one back: %w", path, rootCertFile, err)
	}
	return &rootList{
		CRL: acme.CRL{
			Issuer: issuerID(root), Number: l.Number.Int64(), ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate,
			Count: len(l.RevokedCertificateEntries), DER: l.Raw,
		},
		n: n, path: path, entries: l.RevokedCertificateEntries,
	}, nil
}

// pemList is what RFC 7468 §7 calls a list.
const pemList = "X509 CRL"

// parseRootList reads one list in PEM, which has a number and an end.
func parseRootList(text []byte) (*x509.RevocationList, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil || block.Type != pemList:
		return nil, errors.New("no PEM block \"X509 CRL\" is first in it, or it is damaged or cut off")
	case len(bytes.TrimSpace(rest)) > 0 || bytes.Count(text, []byte("-----BEGIN")) > 1:
		return nil, errors.New("more than a list is in it")
	}
	l, err := x509.ParseRevocationList(block.Bytes)
	switch {
	case err != nil:
		return nil, err
	case l.Number == nil || l.Number.Sign() < 0 || l.Number.BitLen() > 62:
		return nil, errors.New("it has no number of at most 62 bits (RFC 5280 §5.2.3)")
	case !l.NextUpdate.After(l.ThisUpdate):
		return nil, errors.New("it has no end (RFC 5280 §5.1.2.5)")
	}
	return l, nil
}

// relisting is a list of the root's that is being made.
type relisting struct {
	root   *x509.Certificate
	certs  []*x509.Certificate // the intermediates, by number
	before *rootList           // nil: it will be the first
	n      int
	more   []x509.RevocationListEntry
}

// relist begins the next list of the root's in a directory.
func (f *files) relist() (*relisting, error) {
	next := &relisting{n: f.newestList() + 1}
	var err error
	if next.root, err = readRoot(f.dir); err != nil {
		return nil, err
	}
	for _, n := range f.certs {
		cert, err := readOne(filepath.Join(f.dir, certFile(n)))
		if err != nil {
			return nil, err
		}
		next.certs = append(next.certs, cert)
	}
	if next.n > 1 {
		next.before, err = readRootList(f.dir, next.n-1, next.root)
	}
	return next, err
}

// find returns which of the intermediates is meant.
func (r *relisting) find(which string) (int, error) {
	for i, cert := range r.certs {
		if which == issuerID(cert) {
			return i, nil
		}
	}
	var ids []string
	for _, cert := range r.certs {
		ids = append(ids, issuerID(cert)+" ("+cert.Subject.CommonName+")")
	}
	return 0, fmt.Errorf("there is no intermediate %q here: want one of %v", which, ids)
}

// revoke puts an intermediate on the list.
func (r *relisting) revoke(i int, reason int, now time.Time) error {
	cert := r.certs[i]
	id := issuerID(cert)
	if e := r.before.at(cert); e != nil {
		return fmt.Errorf("the intermediate %s (%s) is revoked already, since %s", id, cert.Subject.CommonName, day(e.RevocationTime))
	}
	if now.After(cert.NotAfter) {
		return fmt.Errorf("the intermediate %s (%s) has ended at %s: nothing of it is believed any more", id, cert.Subject.CommonName, day(cert.NotAfter))
	}
	if reason == keyCompromise {
		reason = caCompromise
	}
	r.more = append(r.more, x509.RevocationListEntry{SerialNumber: cert.SerialNumber, RevocationTime: now, ReasonCode: reason})
	return nil
}

// Reasons of RFC 5280 §5.3.1.
const (
	keyCompromise = 1
	caCompromise  = 2
)

// revokeAll puts all intermediates on the list that are believed still.
func (r *relisting) revokeAll(reason int, now time.Time) error {
	for i, cert := range r.certs {
		if r.before.at(cert) != nil || now.After(cert.NotAfter) {
			continue
		}
		if err := r.revoke(i, reason, now); err != nil {
			return err
		}
	}
	return nil
}

// sign makes the list, which is of all intermediates, whatever place they name, those too that were made when
// no URL was known.
func (r *relisting) sign(key crypto.Signer, now time.Time) (newFile, error) {
	entries, number := slices.Clone(r.more), now.Unix()
	if r.before != nil {
		if now.Before(r.before.ThisUpdate) {
			return newFile{}, fmt.Errorf("%s is of %s, and now it is %s: is the clock right? If so it was not then: take that file away, revoke again what is on it, and restart the daemon", r.before.path, day(r.before.ThisUpdate), day(now))
		}
		// What was restored from a backup may have forgotten numbers; the time has not.
		number = max(number, r.before.Number+1)
		for _, e := range r.before.entries {
			if !r.over(e) {
				entries = append(entries, e)
			}
		}
	}
	l, err := newLinter()
	if err != nil {
		return newFile{}, err
	}
	der, err := signList(l, r.root, key, &x509.RevocationList{
		Number: big.NewInt(number), ThisUpdate: now, NextUpdate: now.Add(rootListLife), RevokedCertificateEntries: entries,
	})
	if err != nil {
		return newFile{}, fmt.Errorf("the root's revocation list: %w", err)
	}
	return newFile{name: listFile(r.n), list: der}, nil
}

// over reports whether an entry need not go on: the list before was made after its certificate had ended
// (RFC 5280 §3.3). One of a certificate that is not here goes on for good.
func (r *relisting) over(e x509.RevocationListEntry) bool {
	i := slices.IndexFunc(r.certs, func(c *x509.Certificate) bool { return c.SerialNumber.Cmp(e.SerialNumber) == 0 })
	return i >= 0 && r.certs[i].NotAfter.Before(r.before.ThisUpdate)
}
