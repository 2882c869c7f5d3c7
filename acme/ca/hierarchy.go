package ca

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// hierarchy is one reading of a directory. It never changes.
type hierarchy struct {
	root    *x509.Certificate
	issuers []*issuer // newest first; never none
	revoked *rootList // the root's newest list; nil: there is none
	// understudy is the newest intermediate with a key of no worth: what it signs has the
	// octets to be signed that the intermediate's own would have, and nobody believes it.
	understudy    *x509.Certificate
	understudyKey crypto.Signer
}

// issuer is an intermediate.
type issuer struct {
	id         string
	path       string
	cert       *x509.Certificate
	key        crypto.Signer // nil only of a former one that has ended
	alternates []*alternate
}

func (h *hierarchy) newest() *issuer { return h.issuers[0] }

// issuer finds an intermediate by its id; nil: there is none.
func (h *hierarchy) issuer(id string) *issuer {
	for _, i := range h.issuers {
		if i.id == id {
			return i
		}
	}
	return nil
}

// ends is when the first certificate above a leaf of i does.
func (h *hierarchy) ends(i *issuer) time.Time {
	if h.root.NotAfter.Before(i.cert.NotAfter) {
		return h.root.NotAfter
	}
	return i.cert.NotAfter
}

// issuerID is short enough for a URL, and stays as long as the certificate does.
func issuerID(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return hex.EncodeToString(sum[:8])
}

func readHierarchy(c *Config) (*hierarchy, error) {
	now := c.Now()
	if err := checkDir(c.Dir); err != nil {
		return nil, err
	}
	files, err := list(c.Dir)
	if err != nil {
		return nil, err
	}
	if err := files.whole(); err != nil {
		return nil, err
	}
	if files.rootKey { // it is not needed here, but is worth the most
		if err := checkKeyMode(filepath.Join(c.Dir, rootKeyFile)); err != nil {
			return nil, err
		}
	}
	h := &hierarchy{}
	if h.root, err = readRoot(c.Dir); err != nil {
		return nil, err
	}
	var unlisted error // told last: where root.pem is another's, that is what is wrong
	if n := files.newestList(); n > 0 {
		h.revoked, unlisted = readRootList(c.Dir, n, h.root)
	}
	for _, n := range slices.Backward(files.certs) {
		i, err := readIssuer(c.Dir, n, len(h.issuers) == 0, now)
		if err != nil {
			return nil, err
		}
		if err := h.check(i, now); err != nil {
			return nil, fmt.Errorf("%s: %w", i.path, err)
		}
		if other := h.issuer(i.id); other != nil {
			return nil, fmt.Errorf("%s: the same certificate as %s: remove one of them", i.path, filepath.Base(other.path))
		}
		h.issuers = append(h.issuers, i)
	}
	if unlisted != nil {
		return nil, unlisted
	}
	for n, text := range c.AlternateChains {
		if err := h.addAlternate(text); err != nil {
			return nil, fmt.Errorf("alternate chain %d: %w", n+1, err)
		}
	}
	return h, h.castUnderstudy()
}

func readRoot(dir string) (*x509.Certificate, error) {
	path := filepath.Join(dir, rootCertFile)
	root, err := readOne(path)
	if err != nil {
		return nil, err
	}
	if err := mayIssue(root); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := root.CheckSignatureFrom(root); err != nil {
		return nil, fmt.Errorf("%s: no root: its own key has not signed it", path)
	}
	return root, nil
}

func readIssuer(dir string, n int, newest bool, now time.Time) (*issuer, error) {
	i := &issuer{path: filepath.Join(dir, certFile(n))}
	var err error
	if i.cert, err = readOne(i.path); err != nil {
		return nil, err
	}
	i.id = issuerID(i.cert)
	key := filepath.Join(dir, keyFile(n))
	i.key, err = readKey(key)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !newest && now.After(i.cert.NotAfter):
		return i, nil // all that it has issued has ended with it
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s is not there: put it back; what %s issued could not be revoked without it", key, filepath.Base(i.path))
	case err != nil:
		return nil, err
	case !samePublic(i.key.Public(), i.cert.PublicKey):
		return nil, fmt.Errorf("%s is not the key of %s: put the right one there", key, filepath.Base(i.path))
	}
	return i, nil
}

// readOne reads a file that holds one certificate.
func readOne(path string) (*x509.Certificate, error) {
	certs, err := readCerts(path)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 {
		return nil, fmt.Errorf("%s: %d certificates: one alone belongs here", path, len(certs))
	}
	return certs[0], nil
}

// check holds an intermediate against the root. The one that is in use must be good
// now; a former one must have been.
func (h *hierarchy) check(i *issuer, now time.Time) error {
	if err := mayIssue(i.cert); err != nil {
		return err
	}
	at, revoked := now, h.revoked.at(i.cert)
	switch newest := len(h.issuers) == 0; {
	case newest && revoked != nil:
		return fmt.Errorf("it was revoked at %s: make the next one with rotate", day(revoked.RevocationTime))
	case newest && now.Before(i.cert.NotBefore):
		return untimely{fmt.Errorf("it begins at %s, and now it is %s: is the clock right?", day(i.cert.NotBefore), day(now))}
	case newest && now.After(h.root.NotAfter):
		return untimely{fmt.Errorf("its root has ended at %s: make a new CA in another directory, and have its root trusted", day(h.root.NotAfter))}
	case newest && now.After(i.cert.NotAfter):
		return untimely{fmt.Errorf("it has ended at %s: make the next one with rotate", day(i.cert.NotAfter))}
	case h.root.MaxPathLen == 0 && h.root.MaxPathLenZero:
		return errors.New("its root allows no intermediate (path length 0, RFC 5280 §4.2.1.9): nobody would accept what it issues")
	case !newest:
		at = latest(i.cert.NotBefore, h.root.NotBefore)
	}
	roots := x509.NewCertPool()
	roots.AddCert(h.root)
	_, err := i.cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("no chain to %s: %w", rootCertFile, err)
	}
	return nil
}

// mayIssue says why a certificate is none of a CA that signs certificates and lists.
func mayIssue(c *x509.Certificate) error {
	const both = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return errors.New("no certificate of a CA")
	case c.KeyUsage&both != both:
		return errors.New("its key may not sign certificates and revocation lists: it needs the key usages keyCertSign and cRLSign")
	case len(c.SubjectKeyId) == 0:
		return errors.New("it has no subject key identifier (RFC 5280 §4.2.1.2)")
	case len(c.Subject.Names) == 0:
		return errors.New("it has no subject (RFC 5280 §4.1.2.6)")
	}
	_, err := keyType(c.PublicKey)
	return err
}

// castUnderstudy makes the key that rehearses signatures: of the type of the newest
// intermediate's, which decides on the algorithm, and so on the octets. How long an RSA key is does not.
func (h *hierarchy) castUnderstudy() error {
	cert := h.newest().cert
	t, err := keyType(cert.PublicKey)
	if err != nil {
		return err
	}
	if h.understudyKey, err = newKey(t, 2048); err != nil {
		return fmt.Errorf("key that rehearses signatures: %w", err)
	}
	understudy := *cert
	understudy.PublicKey = h.understudyKey.Public()
	h.understudy = &understudy
	return nil
}

// day is a time for people.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
