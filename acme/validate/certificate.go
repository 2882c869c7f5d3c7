package validate

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// judgeCertificates says what is wrong with what a server has presented for
// tls-alpn-01; nil where it is one self-signed certificate for h alone, with the digest
// of the key authorization (RFC 8737 §3).
func judgeCertificates(presented []*x509.Certificate, h host, digest []byte) error {
	if len(presented) != 1 {
		return fmt.Errorf("the server has presented %d: want one, that the client has made for this challenge", len(presented))
	}
	c := presented[0]
	if !bytes.Equal(c.RawIssuer, c.RawSubject) || c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) != nil {
		return errors.New("not self-signed: is it the server's usual one, and not that of this challenge?")
	}
	return judgeExtensions(c.Extensions, h, digest)
}

var (
	oidSAN            = asn1.ObjectIdentifier{2, 5, 29, 17}               // RFC 5280 §4.2.1.6
	oidACMEIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31} // RFC 8737 §6.1
)

// judgeExtensions holds the two extensions to RFC 8737 §3: each is there once.
func judgeExtensions(extensions []pkix.Extension, h host, digest []byte) error {
	san, err := only(extensions, oidSAN, "subjectAltName")
	if err != nil {
		return err
	}
	if err := judgeSAN(san.Value, h); err != nil {
		return fmt.Errorf("subjectAltName: %w", err)
	}
	id, err := only(extensions, oidACMEIdentifier, "acmeIdentifier")
	switch {
	case err != nil:
		return err
	case !id.Critical:
		return errors.New("acmeIdentifier: not critical")
	case len(id.Value) != len(octets)+sha256.Size || !bytes.HasPrefix(id.Value, octets):
		return errors.New("acmeIdentifier: not an OCTET STRING of 32 octets")
	case subtle.ConstantTimeCompare(id.Value[len(octets):], digest) != 1:
		return errors.New("acmeIdentifier: not the digest of this challenge's key authorization by this account's key")
	}
	return nil
}

// octets is how the DER of an OCTET STRING of 32 octets begins; there is no other way.
var octets = []byte{asn1.TagOctetString, sha256.Size}

// only finds the one extension of its kind.
func only(extensions []pkix.Extension, oid asn1.ObjectIdentifier, name string) (*pkix.Extension, error) {
	var found *pkix.Extension
	for i := range extensions {
		if !extensions[i].Id.Equal(oid) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%s: there twice", name)
		}
		found = &extensions[i]
	}
	if found == nil {
		return nil, fmt.Errorf("%s: missing", name)
	}
	return found, nil
}

// The tags of names in a subjectAltName (RFC 5280 §4.2.1.6).
const (
	tagDNSName   = 2
	tagIPAddress = 7
)

// judgeSAN reports whether the DER of a subjectAltName holds h and nothing else. A
// name is compared without regard to case (RFC 8737 §3).
func judgeSAN(der []byte, h host) error {
	var names, name asn1.RawValue
	rest, err := asn1.Unmarshal(der, &names)
	if err != nil || len(rest) > 0 || names.Class != asn1.ClassUniversal || names.Tag != asn1.TagSequence || !names.IsCompound {
		return errors.New("not a sequence of names")
	}
	rest, err = asn1.Unmarshal(names.Bytes, &name)
	switch {
	case err != nil || name.Class != asn1.ClassContextSpecific:
		return errors.New("its first name is none")
	case len(rest) > 0:
		return fmt.Errorf("there are others beside the first: want %s alone", h)
	case name.IsCompound:
		return fmt.Errorf("not %s", h)
	case h.name != "" && name.Tag == tagDNSName && lower(string(name.Bytes)) == h.name:
		return nil
	case h.address.IsValid() && name.Tag == tagIPAddress && bytes.Equal(name.Bytes, h.address.AsSlice()):
		return nil
	}
	return fmt.Errorf("not %s", h)
}
