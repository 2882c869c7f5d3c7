package signature

import (
	"crypto"
	"slices"
	"strings"

	"cnfd/thumbprint"
)

// Algorithm is a signature algorithm of a public key. The zero Algorithm is
// none: nothing verifies with it. HMAC and "none" are no Algorithm.
type Algorithm uint8

// The algorithms, by their JOSE names.
const (
	ES256   Algorithm = iota + 1 // ECDSA P-256, SHA-256 (RFC 7518 §3.4)
	ES384                        // ECDSA P-384, SHA-384
	ES512                        // ECDSA P-521, SHA-512
	ES256K                       // ECDSA secp256k1, SHA-256 (RFC 8812 §3.2)
	EdDSA                        // Ed25519 or Ed448, by the key (RFC 8037 §3.1)
	Ed25519                      // RFC 9864 §2.2
	Ed448                        // RFC 9864 §2.2
	PS256                        // RSASSA-PSS, SHA-256 (RFC 7518 §3.5)
	PS384
	PS512
	RS256 // RSASSA-PKCS1-v1_5, SHA-256 (RFC 7518 §3.3)
	RS384
	RS512
	MLDSA44 // RFC 9964
	MLDSA65
	MLDSA87
)

// algorithms: the keys are those of thumbprint.Key.Algorithm, where "RSA" stands
// for every size that is a Key at all. RFC 9053 lets ES256 stand with any curve;
// here it is P-256's, as in JOSE and in RFC 9864 §2.1.
var algorithms = [...]struct {
	name string
	cose []int64 // RFC 9053 §2, RFC 8812 §2, RFC 9864, RFC 9964
	keys []string
	hash crypto.Hash // zero where the algorithm hashes itself
	pss  bool
}{
	ES256:   {"ES256", []int64{-7, -9}, []string{"EC P-256"}, crypto.SHA256, false},
	ES384:   {"ES384", []int64{-35, -51}, []string{"EC P-384"}, crypto.SHA384, false},
	ES512:   {"ES512", []int64{-36, -52}, []string{"EC P-521"}, crypto.SHA512, false},
	ES256K:  {"ES256K", []int64{-47}, []string{"EC secp256k1"}, crypto.SHA256, false},
	EdDSA:   {"EdDSA", []int64{-8}, []string{"OKP Ed25519", "OKP Ed448"}, 0, false},
	Ed25519: {"Ed25519", []int64{-19}, []string{"OKP Ed25519"}, 0, false},
	Ed448:   {"Ed448", []int64{-53}, []string{"OKP Ed448"}, 0, false},
	PS256:   {"PS256", []int64{-37}, []string{"RSA"}, crypto.SHA256, true},
	PS384:   {"PS384", []int64{-38}, []string{"RSA"}, crypto.SHA384, true},
	PS512:   {"PS512", []int64{-39}, []string{"RSA"}, crypto.SHA512, true},
	RS256:   {"RS256", []int64{-257}, []string{"RSA"}, crypto.SHA256, false},
	RS384:   {"RS384", []int64{-258}, []string{"RSA"}, crypto.SHA384, false},
	RS512:   {"RS512", []int64{-259}, []string{"RSA"}, crypto.SHA512, false},
	MLDSA44: {"ML-DSA-44", []int64{-48}, []string{"AKP ML-DSA-44"}, 0, false},
	MLDSA65: {"ML-DSA-65", []int64{-49}, []string{"AKP ML-DSA-65"}, 0, false},
	MLDSA87: {"ML-DSA-87", []int64{-50}, []string{"AKP ML-DSA-87"}, 0, false},
}

// OfJOSE gives the algorithm of that name in a JOSE header (RFC 7515 §4.1.1,
// case-sensitive); zero for any other, "none" and the HMACs among them.
func OfJOSE[T string | []byte](name T) Algorithm {
	for a := ES256; a <= MLDSA87; a++ {
		if algorithms[a].name == string(name) {
			return a
		}
	}
	return 0
}

// OfCOSE gives the algorithm of that identifier in a COSE header (RFC 9052
// §3.1); zero for any other.
func OfCOSE(id int64) Algorithm {
	for a := ES256; a <= MLDSA87; a++ {
		if slices.Contains(algorithms[a].cose, id) {
			return a
		}
	}
	return 0
}

// String returns the JOSE name: "ES256", "ML-DSA-44"; "" for none.
func (a Algorithm) String() string {
	if int(a) >= len(algorithms) {
		return ""
	}
	return algorithms[a].name
}

// Fits reports whether a is an algorithm of keys of that type and curve
// (RFC 8725 §3.1); false for the zero Algorithm, the zero Key and a symmetric
// one.
func (a Algorithm) Fits(key thumbprint.Key) bool {
	if a.String() == "" || key.IsZero() || key.Symmetric() {
		return false
	}
	described := key.Algorithm()
	if strings.HasPrefix(described, "RSA ") {
		described = "RSA"
	}
	return slices.Contains(algorithms[a].keys, described)
}
