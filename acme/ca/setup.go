package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cnfd/acme"
)

const (
	rootLife         = 10 * 365 * 24 * time.Hour
	intermediateLife = 3 * 365 * 24 * time.Hour
	// backdate lets the clocks of relying parties be behind when a CA is new.
	backdate = time.Hour
	// leastIntermediate is what a root must still have before it: no certificate outlives it.
	leastIntermediate = 24 * time.Hour
	// maxName leaves room in a common name of 64 characters (RFC 5280 appendix A.1,
	// ub-common-name) for what is put behind it.
	maxName = 40

	defaultName = "cnfd"
	rootSuffix  = " Root CA"
)

// Setup is what Init and Rotate make. Now is required.
type Setup struct {
	// Name is what people see: the subjects are "<Name> Root CA" and "<Name> Intermediate
	// CA <n>". At most 40 characters. "": cnfd, and for Rotate what the root is called.
	Name string
	// Type is the type of the keys, of RSA with 3072 bits. "": P256, and for Rotate that
	// of the newest intermediate.
	Type             acme.KeyType
	RootLife         time.Duration // default 10 years
	IntermediateLife time.Duration // default 3 years; never beyond the root's end
	// URL is Config.URL of the CA: the intermediate names it as the place of the root's revocation
	// list. "": it is not known, and the intermediate names none.
	URL string
	// RevokeFormer is for Rotate: it puts the former intermediates on the root's list, the one that
	// the new one follows too, for this Reason (see Revocation).
	RevokeFormer bool
	Reason       int
	Now          time.Time
	Rand         io.Reader // of serial numbers; nil is crypto/rand
	// Also is for Init: it makes what else belongs to a CA that issues, such as a store, before
	// intermediate-1.pem, without which nothing can be issued. On its error nothing is left of what Init has made.
	Also func() error
}

// Init makes a CA in a directory, which need not be there and is for its owner alone: root.pem, root.key,
// intermediate-1.pem, intermediate-1.key and the root's revocation list, root-1.crl, which names nothing and is good for
// a year. All but the keys are for everybody whom the directory lets in. Where anything of a CA is there
// already it changes nothing, and the error says whether that is whole or was cut short. After a crash at
// any moment each file is there whole or not at all, the last one to come being
// intermediate-1.pem, without which nothing can be issued; a file .new-… may be left,
// and is to be removed.
//
// Once root.pem has been given to relying parties, root.key is best moved to where no
// network reaches; Rotate and RenewRootList alone need it.
func Init(dir string, s Setup) error {
	if err := s.fill(defaultName, acme.P256); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	if err := makeDir(dir); err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	there, err := list(dir)
	switch {
	case err != nil:
		return fmt.Errorf("ca: %w", err)
	case there.empty():
	case there.whole() == nil:
		return fmt.Errorf("ca: %s: there is a CA already (%s): nothing was changed. Rotate makes its next intermediate; another CA needs another directory", dir, strings.Join(there.names(), ", "))
	default:
		return fmt.Errorf("ca: nothing was changed: %w", there.whole())
	}
	root, rootKey, err := s.root()
	if err != nil {
		return fmt.Errorf("ca: root: %w", err)
	}
	intermediate, key, err := s.intermediate(root, rootKey, 1)
	if err != nil {
		return fmt.Errorf("ca: intermediate: %w", err)
	}
	revoked, err := (&relisting{root: root, n: 1}).sign(rootKey, s.Now)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	return writeAll(dir, []newFile{
		{name: rootKeyFile, key: rootKey}, {name: rootCertFile, cert: root}, revoked,
		{name: keyFile(1), key: key}, {name: certFile(1), cert: intermediate, before: s.Also},
	})
}

// fill puts in what is left out, and refuses what cannot be.
func (s *Setup) fill(name string, t acme.KeyType) error {
	if s.Name == "" {
		s.Name = name
	}
	if s.Type == "" {
		s.Type = t
	}
	if s.RootLife == 0 {
		s.RootLife = rootLife
	}
	if s.IntermediateLife == 0 {
		s.IntermediateLife = intermediateLife
	}
	if s.Rand == nil {
		s.Rand = rand.Reader
	}
	s.Now = second(s.Now)
	if s.URL != "" {
		base, err := baseURL(s.URL)
		if err != nil {
			return fmt.Errorf("url: %w", err)
		}
		s.URL = base
	}
	switch {
	case s.Now.Year() < 2000:
		return errors.New("no Now is given")
	case s.IntermediateLife < leastIntermediate:
		return fmt.Errorf("life of the intermediate: %v: want at least %v", s.IntermediateLife, leastIntermediate)
	case s.RootLife < s.IntermediateLife:
		return fmt.Errorf("life of the root: %v: want no less than the intermediate's, %v", s.RootLife, s.IntermediateLife)
	}
	return checkName(s.Name)
}

func checkName(name string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("name %q: want text that can be printed, without space at its ends", name)
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("name %q: longer than %d characters", name, maxName)
	}
	return nil
}

// root makes a root and its key. Its path length lets intermediates issue leaves, and
// nothing between.
func (s *Setup) root() (*x509.Certificate, crypto.Signer, error) {
	key, err := newKey(s.Type, rsaBits)
	if err != nil {
		return nil, nil, err
	}
	t := s.authority(s.Name+rootSuffix, 1, s.Now.Add(s.RootLife-time.Second))
	cert, err := s.certify(t, t, key.Public(), key)
	return cert, key, err
}

// intermediate makes the n-th intermediate and its key.
func (s *Setup) intermediate(root *x509.Certificate, rootKey crypto.Signer, n int) (*x509.Certificate, crypto.Signer, error) {
	if root.NotAfter.Sub(s.Now) < leastIntermediate || s.Now.Before(root.NotBefore) {
		return nil, nil, fmt.Errorf("the root is good from %s to %s, and now it is %s: if the clock is right, make a new CA in another directory, and have its root trusted",
			day(root.NotBefore), day(root.NotAfter), day(s.Now))
	}
	key, err := newKey(s.Type, rsaBits)
	if err != nil {
		return nil, nil, err
	}
	t := s.authority(fmt.Sprintf("%s Intermediate CA %d", s.Name, n), 0, earliest(s.Now.Add(s.IntermediateLife-time.Second), root.NotAfter))
	t.NotBefore = latest(t.NotBefore, root.NotBefore)
	if s.URL != "" {
		t.CRLDistributionPoints = []string{listURL(s.URL, issuerID(root))}
	}
	cert, err := s.certify(t, root, key.Public(), rootKey)
	if err != nil {
		return nil, nil, err
	}
	h := &hierarchy{root: root}
	return cert, key, h.check(&issuer{cert: cert}, s.Now)
}

func (s *Setup) authority(name string, depth int, ends time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             s.Now.Add(-backdate),
		NotAfter:              ends,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            depth,
		MaxPathLenZero:        depth == 0,
	}
}

// certify signs a certificate of a CA and reads it again, with a linter too.
func (s *Setup) certify(t, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	var err error
	if t.SerialNumber, _, err = newSerial(s.Rand); err != nil {
		return nil, err
	}
	if t.SubjectKeyId, err = keyID(public); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, public, key)
	if err != nil {
		return nil, err
	}
	l, err := newLinter()
	if err != nil {
		return nil, err
	}
	if found := l.certificate(der); len(found) > 0 {
		return nil, fmt.Errorf("the certificate would break a rule: %s", found[0])
	}
	return x509.ParseCertificate(der)
}
