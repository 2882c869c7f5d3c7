package acme

import (
	"context"
	"crypto"
	"crypto/x509"
	"time"
)

// Issuer makes certificates.
type Issuer interface {
	// Issue makes the certificate that r wants. Before anything is signed that a
	// relying party would believe it calls commit with the serial and the octets that
	// will be signed (the DER of TBSCertificate; nil of an issuer elsewhere), once they
	// have been linted; where commit fails nothing is signed, and its error is returned.
	// A *Problem is what the client is told; any other error is this machine's.
	Issue(ctx context.Context, r *Request, commit func(serial string, tbs []byte) error) (*Issued, error)
}

// Request is what is to be certified. Everything in it has been checked.
type Request struct {
	Profile     *Profile
	Identifiers []Identifier
	PublicKey   crypto.PublicKey
	// NotBefore and NotAfter are what the order wants; zero: the profile's.
	NotBefore, NotAfter time.Time
	Now                 time.Time // of the signature
}

// Issued is a new certificate.
type Issued struct {
	Serial string   // lower-case hex, an even number of digits, as in the certificate's INTEGER without a leading zero octet
	Issuer string   // the id of the issuing certificate: which revocation list it will be on
	Leaf   []byte   // DER
	Chains [][]byte // of each the PEM of the certificates above the leaf; the first is the default
}

// Authority is what an Issuer of our own publishes beside certificates; an Issuer elsewhere has none.
type Authority interface {
	// Issuers returns the ids of the issuing certificates, former ones too, the one in use first.
	Issuers() []string
	// IssuerDER returns an issuing certificate, as caIssuers points to (RFC 5280 §4.2.2.1).
	IssuerDER(id string) (der []byte, ok bool)
	// RevocationList signs the list of an issuer (RFC 5280 §5), its number in it.
	RevocationList(issuer string, number int64, thisUpdate, nextUpdate time.Time, revoked []x509.RevocationListEntry) (der []byte, err error)
}

// Root is what is published of the root above an Authority's issuing certificates.
type Root interface {
	// RootDER returns the root's certificate.
	RootDER() []byte
	// RootList returns the root's newest revocation list as of this moment: nobody here can make the next one, so that
	// it may have ended; nil where there is none.
	RootList() (*CRL, error)
}

// Bind is which keys the confirmation record must hold. The zero value is BindAccount.
type Bind uint8

// The bindings.
const (
	BindAccount Bind = iota // the account's current key
	BindCSR                 // the certificate's own key, known only at finalize
	BindBoth                // two records
)

// Grant is what the record is good for. The zero value is GrantChallenge.
type Grant uint8

// The grants.
const (
	GrantChallenge Grant = iota // the record is a precondition, and a challenge is answered besides
	GrantRecord                 // the record alone, where the domain's CAA or the operator says so
)

// KeyType is a type of certificate key.
type KeyType string

// The key types.
const (
	RSA     KeyType = "rsa" // 2048 to 8192 bits, a multiple of 8
	P256    KeyType = "p256"
	P384    KeyType = "p384"
	Ed25519 KeyType = "ed25519"
)

// Profile is a kind of certificate that clients can ask for by name
// (draft-ietf-acme-profiles).
type Profile struct {
	Name        string
	Description string // shown in the directory
	Bind        Bind
	Grant       Grant
	Methods     []string // challenge types that are offered under GrantChallenge
	Identifiers []string // TypeDNS, TypeIP
	Wildcards   bool
	KeyTypes    []KeyType
	Usage       x509.KeyUsage
	ExtUsage    []x509.ExtKeyUsage
	Life        time.Duration // of a certificate; also the longest that an order may want
	Backdate    time.Duration // NotBefore lies so far in the past
}
