package keyfile

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"errors"

	"cnfd/thumbprint"
)

// parseDER reads the DER of any of the structures that parsePEM knows; it is
// told apart by which of them it is in full.
func parseDER(file []byte) (Entry, error) {
	if e, err := certificate(file); err == nil || !errors.Is(err, errShape) {
		return e, err
	}
	for _, read := range []struct {
		private bool
		key     func([]byte) (thumbprint.Key, error)
	}{
		{false, publicKey},
		{true, pkcs8Key},
		{true, pkcs1PrivateKey},
		{true, func(der []byte) (thumbprint.Key, error) { return sec1Key(der, nil) }},
		{false, pkcs1PublicKey},
	} {
		if k, err := read.key(file); err == nil || !errors.Is(err, errShape) {
			return Entry{Key: k, Private: read.private && err == nil}, err
		}
	}
	return Entry{}, errors.New("der: neither a public key, a private key nor a certificate that is known")
}

// errShape says that DER is of another structure than the one looked for.
var errShape = errors.New("not the DER of what it should be")

// malformed says what is wrong with a key.
func malformed(what string) error {
	return &thumbprint.Error{Rule: thumbprint.Malformed, Where: "key", What: what}
}

// exactly reads DER that is v and nothing more.
func exactly(der []byte, v any) error {
	if rest, err := asn1.Unmarshal(der, v); err != nil || len(rest) != 0 {
		return errShape
	}
	return nil
}

// publicKeyInfo is a SubjectPublicKeyInfo (RFC 5280 §4.1).
type publicKeyInfo struct {
	Algorithm algorithm
	Key       asn1.BitString
}

// algorithm is an AlgorithmIdentifier (RFC 5280 §4.1.1.2).
type algorithm struct {
	OID        asn1.ObjectIdentifier
	Parameters asn1.RawValue `asn1:"optional"`
}

// The key algorithms: RFC 8017 §A.1, RFC 5480 §2.1.1, RFC 8410 §3, RFC 9881 §2.
var (
	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidEC  = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

// named are the curves and algorithms whose OID says all, by their names in a JWK.
var named = []struct {
	oid       asn1.ObjectIdentifier
	kty, name string
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}, "EC", "P-256"},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 34}, "EC", "P-384"},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 35}, "EC", "P-521"},
	{asn1.ObjectIdentifier{1, 3, 132, 0, 10}, "EC", "secp256k1"},
	{asn1.ObjectIdentifier{1, 3, 101, 110}, "OKP", "X25519"},
	{asn1.ObjectIdentifier{1, 3, 101, 111}, "OKP", "X448"},
	{asn1.ObjectIdentifier{1, 3, 101, 112}, "OKP", "Ed25519"},
	{asn1.ObjectIdentifier{1, 3, 101, 113}, "OKP", "Ed448"},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}, "AKP", "ML-DSA-44"},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 18}, "AKP", "ML-DSA-65"},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 19}, "AKP", "ML-DSA-87"},
}

// family gives the kty and the name of a curve or algorithm: kty RSA without a
// name, and errors for what a JWK has no name for.
func (a *algorithm) family() (kty, name string, err error) {
	oid := a.OID
	switch {
	case oid.Equal(oidRSA), oid.Equal(oidPSS):
		return "RSA", "", nil
	case oid.Equal(oidEC):
		if _, err := asn1.Unmarshal(a.Parameters.FullBytes, &oid); err != nil {
			return "", "", malformed("an elliptic curve given by its parameters: only a named curve is known")
		}
		for _, n := range named {
			if n.kty == "EC" && n.oid.Equal(oid) {
				return n.kty, n.name, nil
			}
		}
		return "", "", malformed("not on a curve that is known: P-256, P-384, P-521 or secp256k1")
	}
	for _, n := range named {
		if n.kty != "EC" && n.oid.Equal(oid) {
			return n.kty, n.name, nil
		}
	}
	return "", "", malformed("not of an algorithm that is known: RSA, EC, Ed25519, Ed448, X25519, X448 or ML-DSA")
}

// publicKey reads a SubjectPublicKeyInfo.
func publicKey(der []byte) (thumbprint.Key, error) {
	var info publicKeyInfo
	if err := exactly(der, &info); err != nil {
		return thumbprint.Key{}, err
	}
	return info.key()
}

func (info *publicKeyInfo) key() (thumbprint.Key, error) {
	kty, name, err := info.Algorithm.family()
	if err != nil {
		return thumbprint.Key{}, err
	}
	if info.Key.BitLength%8 != 0 {
		return thumbprint.Key{}, malformed("not of whole octets")
	}
	if kty == "RSA" {
		return pkcs1PublicKey(info.Key.Bytes)
	}
	return keyOf(kty, name, info.Key.Bytes)
}

// keyOf makes a key of its octets as SubjectPublicKeyInfo has them. It is
// written as a JWK, so that there is one judge of keys.
func keyOf(kty, name string, octets []byte) (thumbprint.Key, error) {
	switch kty {
	case "EC":
		if len(octets)%2 != 1 || octets[0] != 4 {
			return thumbprint.Key{}, malformed("not an uncompressed point: write it as one (openssl ec -conv_form uncompressed)")
		}
		size := len(octets) / 2
		return judge(`"kty":"EC","crv":"` + name + `","x":"` + base64url(octets[1:1+size]) + `","y":"` + base64url(octets[1+size:]) + `"`)
	case "OKP":
		return judge(`"kty":"OKP","crv":"` + name + `","x":"` + base64url(octets) + `"`)
	}
	return judge(`"kty":"AKP","alg":"` + name + `","pub":"` + base64url(octets) + `"`)
}

func judge(members string) (thumbprint.Key, error) {
	k, err := thumbprint.ParseJWK([]byte("{" + members + "}"))
	if err != nil {
		return thumbprint.Key{}, at("key", err)
	}
	return k, nil
}

func base64url(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

// certificate reads the key of a certificate (RFC 5280 §4.1), of any validity
// and whoever signed it: it is a key file here and proves nothing.
func certificate(der []byte) (Entry, error) {
	var c struct {
		TBS struct {
			Version                                      int `asn1:"optional,explicit,tag:0"`
			Serial, Signature, Issuer, Validity, Subject asn1.RawValue
			Key                                          publicKeyInfo
		}
		Algorithm algorithm
		Signature asn1.BitString
	}
	if err := exactly(der, &c); err != nil {
		return Entry{}, err
	}
	k, err := c.TBS.Key.key()
	if err != nil {
		return Entry{}, err
	}
	sum := sha256.Sum256(der)
	digest, err := thumbprint.New(thumbprint.Certificate, thumbprint.SHA256, sum[:])
	if err != nil {
		return Entry{}, err
	}
	return Entry{Key: k, Certificate: digest}, nil
}
