package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cnfd/acme"
)

// Issue makes a certificate with the newest intermediate; see acme.Issuer. What is
// signed is rehearsed with a key of no worth, parsed again, verified, linted, and then
// given to commit; the intermediate's key signs these octets and can sign no others.
//
// The subject is empty, and the names are in a critical subjectAltName (RFC 5280
// §4.1.2.6). Where the order wants no times, the certificate lasts for the profile's life, both
// its first and its last second counted, and ends with the intermediate at the latest;
// what an order wants is kept to the second or refused.
//
// A *acme.Problem says what is wrong with what was asked; any other error is this
// machine's, or commit's, as it was. After commit only a key that does not sign as
// it should is an error.
func (c *CA) Issue(ctx context.Context, r *acme.Request, commit func(serial string, tbs []byte) error) (*acme.Issued, error) {
	if r == nil || r.Profile == nil || r.Now.IsZero() || commit == nil {
		return nil, errors.New("ca: a request without a profile or a time, or nobody to keep what will be signed")
	}
	h, err := c.inUse()
	if err != nil {
		return nil, err
	}
	template, err := c.template(r, h)
	if err != nil {
		return nil, err
	}
	number, serial, err := newSerial(c.config.Rand)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	template.SerialNumber = number
	tbs, err := c.rehearse(r, h, template)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := commit(serial, bytes.Clone(tbs)); err != nil {
		return nil, err
	}
	i := h.newest()
	leaf, err := sign(i, template, r.PublicKey, tbs)
	if err != nil {
		return nil, fmt.Errorf("ca: %s: serial number %s, which was noted, is of no certificate: %w", i.path, serial, err)
	}
	return &acme.Issued{Serial: serial, Issuer: i.id, Leaf: leaf, Chains: i.chains(r.Now)}, nil
}

// rehearse returns the octets that will be signed, once they are known to be good.
func (c *CA) rehearse(r *acme.Request, h *hierarchy, template *x509.Certificate) (tbs []byte, err error) {
	der, err := x509.CreateCertificate(rand.Reader, template, h.understudy, r.PublicKey, h.understudyKey)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("ca: what would be signed cannot be read: %w", err)
	}
	if what := differs(cert, template, r.PublicKey, h.newest().cert); what != "" {
		return nil, fmt.Errorf("ca: what would be signed says something else than what was asked: %s", what)
	}
	if err := h.verifies(cert, r.Now); err != nil {
		return nil, fmt.Errorf("ca: what would be signed would not be accepted: %w", err)
	}
	if problem := refusal(c.linter.certificate(der)); problem != nil {
		return nil, problem
	}
	return cert.RawTBSCertificate, nil
}

// sign signs tbs, which template says, and reads what came of it.
func sign(i *issuer, template *x509.Certificate, public crypto.PublicKey, tbs []byte) (leaf []byte, err error) {
	leaf, err = x509.CreateCertificate(rand.Reader, template, i.cert, public, &bound{i.key, tbs})
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(leaf)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(cert.RawTBSCertificate, tbs) {
		return nil, errOthers
	}
	return leaf, cert.CheckSignatureFrom(i.cert)
}

var errOthers = errors.New("other octets were to be signed than those that were noted")

// bound is a key that signs certain octets and no others.
type bound struct {
	key  crypto.Signer
	only []byte
}

// Public returns the key's public half.
func (b *bound) Public() crypto.PublicKey { return b.key.Public() }

// Sign refuses: a digest does not show what it is of.
func (b *bound) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errOthers }

// SignMessage signs the octets that b is bound to; see crypto.MessageSigner.
func (b *bound) SignMessage(random io.Reader, message []byte, o crypto.SignerOpts) ([]byte, error) {
	if !bytes.Equal(message, b.only) {
		return nil, errOthers
	}
	return crypto.SignMessage(b.key, random, message, o)
}

// verifies holds what the understudy has signed against the root as a relying party will,
// for every use that it is for: what root and intermediate allow of names, uses and depth is
// among that. The understudy has all of the intermediate but its key, the root's signature too.
func (h *hierarchy) verifies(cert *x509.Certificate, now time.Time) error {
	roots, above := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(h.root)
	above.AddCert(h.understudy)
	chains, err := cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: above, CurrentTime: latest(now, cert.NotBefore), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return err
	}
	for _, use := range cert.ExtKeyUsage { // the signatures are the same for each
		if !slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool { return allows(chain[1:], use) }) {
			return x509.CertificateInvalidError{Cert: cert, Reason: x509.IncompatibleUsage}
		}
	}
	return nil
}

// allows reports whether all that stands above a certificate lets it have a use (RFC 5280 §4.2.1.12): a certificate that
// names none allows all.
func allows(above []*x509.Certificate, use x509.ExtKeyUsage) bool {
	for _, c := range above {
		names := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0
		if names && !slices.Contains(c.ExtKeyUsage, use) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
			return false
		}
	}
	return true
}

// differs says what of a certificate, as it is read, is other than what was to be put
// into it; "": nothing.
func differs(got, want *x509.Certificate, public crypto.PublicKey, issuer *x509.Certificate) string {
	switch {
	case got.SerialNumber.Cmp(want.SerialNumber) != 0:
		return "serial number"
	case !samePublic(got.PublicKey, public):
		return "public key"
	case !slices.Equal(got.DNSNames, want.DNSNames) || !slices.EqualFunc(got.IPAddresses, want.IPAddresses, sameIP) || len(got.EmailAddresses)+len(got.URIs) > 0:
		return "names"
	case len(got.Subject.Names) > 0 || !bytes.Equal(got.RawIssuer, issuer.RawSubject):
		return "subject or issuer"
	case !got.NotBefore.Equal(want.NotBefore) || !got.NotAfter.Equal(want.NotAfter):
		return "validity"
	case !got.BasicConstraintsValid || got.IsCA:
		return "basic constraints"
	case got.KeyUsage != want.KeyUsage || !slices.Equal(got.ExtKeyUsage, want.ExtKeyUsage) || len(got.UnknownExtKeyUsage) > 0:
		return "key usage"
	case !bytes.Equal(got.AuthorityKeyId, issuer.SubjectKeyId) || !bytes.Equal(got.SubjectKeyId, want.SubjectKeyId):
		return "key identifiers"
	case !slices.Equal(got.CRLDistributionPoints, want.CRLDistributionPoints) || !slices.Equal(got.IssuingCertificateURL, want.IssuingCertificateURL):
		return "URLs"
	}
	return ""
}
