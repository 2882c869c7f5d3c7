package acme

import (
	"context"
	"errors"
	"time"
)

// ErrNotFound is the error of a Tx that has no such thing.
var ErrNotFound = errors.New("acme store: not found")

// ErrExists is the error of a Tx that has another such thing already.
var ErrExists = errors.New("acme store: exists")

// Store keeps what must outlive the process. Several processes may share one.
type Store interface {
	// View gives f what is there at one instant.
	View(ctx context.Context, f func(Tx) error) error
	// Update carries out all of what f does, or, where f or the store has an error,
	// nothing; once it returns nil a crash loses nothing of it. No other Update runs
	// between what f reads and what it writes, or f is called again from the start: f
	// touches nothing but the Tx and what it sets anew each time.
	Update(ctx context.Context, f func(Tx) error) error
}

// Tx reads and writes in a View or an Update. What it returns is the caller's own
// copy. Reading what is not there is ErrNotFound. Put… inserts, or replaces what has the same
// id; other errors are the store's, and end the transaction.
type Tx interface {
	Account(id string) (*Account, error)
	PutAccount(*Account) error
	Accounts(after string, most int) ([]*Account, error) // by id
	// KeyUse returns what is known of a key, by its thumbprint.
	KeyUse(thumbprint string) (*KeyUse, error)
	PutKeyUse(*KeyUse) error

	Order(id string) (*Order, error)
	PutOrder(*Order) error
	// Orders returns an account's orders that are not invalid, oldest first, from after the one named.
	Orders(account, after string, most int) ([]*Order, error)
	// OpenOrders returns an account's orders in state Open or Processing.
	OpenOrders(account string) ([]*Order, error)
	// OpenCount returns how many of them expire after now; it costs little even where others are many.
	OpenCount(account string, now time.Time) (int, error)
	// OrdersOf returns the orders that rest on an authorization, in whatever state.
	OrdersOf(authorization string) ([]*Order, error)
	// Overdue returns orders in state Processing whose lease has passed, or ends after
	// horizon: no lease does that was given by now, so the clock was set back. One of each account comes before the second of any.
	Overdue(now, horizon time.Time, most int) ([]*Order, error)

	Authorization(id string) (*Authorization, error)
	PutAuthorization(*Authorization) error
	// Live returns an account's authorizations in status Pending or Valid that expire
	// after now; of one identifier where that is not zero.
	Live(account string, i Identifier, now time.Time) ([]*Authorization, error)
	// LiveCount returns how many of them there are; it costs little even where they are many.
	LiveCount(account string, i Identifier, now time.Time) (int, error)
	// Ahead returns those of one identifier that are Valid, and were made ahead of any order.
	Ahead(account string, i Identifier, now time.Time) ([]*Authorization, error)
	// Unfinished returns authorizations with a challenge in status Processing of whose
	// lease the same is true as of an order's, in the same order.
	Unfinished(now, horizon time.Time, most int) ([]*Authorization, error)

	// Reserve notes the serial of a certificate that is about to be signed: ErrExists
	// where it was ever used.
	Reserve(*Reservation) error
	Reservation(serial string) (*Reservation, error)
	Certificate(serial string) (*Certificate, error)
	PutCertificate(*Certificate) error
	// Certificates returns those that a Filter lets through, by the time of issue, then serial.
	Certificates(f Filter, after string, most int) ([]*Certificate, error)

	// Blob is a value by an id that names it for good: PutBlob of an id that is there does nothing.
	Blob(id string) ([]byte, error)
	PutBlob(id string, b []byte) error

	// CRL returns an issuer's newest revocation list.
	CRL(issuer string) (*CRL, error)
	PutCRL(*CRL) error

	ExternalAccount(kid string) (*ExternalAccount, error)
	PutExternalAccount(*ExternalAccount) error
	ExternalAccounts() ([]*ExternalAccount, error)
	Grants() ([]Grantee, error)
	GrantsOf(account string) ([]Grantee, error)
	PutGrant(Grantee) error
	DropGrant(Grantee) error // ErrNotFound where there is none

	// Nonces takes out the nonces that were put aside at a clean stop.
	Nonces() ([]string, error)
	PutNonces([]string) error

	// Prune drops orders and authorizations that ended before then, at most so many.
	Prune(before time.Time, most int) (int, error)
}

// Status is the status of an account, an authorization or a challenge (RFC 8555
// §7.1.6), also what an order's comes to. The zero value is none.
type Status string

// The statuses.
const (
	Pending     Status = "pending"
	Ready       Status = "ready"
	Processing  Status = "processing"
	Valid       Status = "valid"
	Invalid     Status = "invalid"
	Deactivated Status = "deactivated"
	Expired     Status = "expired"
	Revoked     Status = "revoked"
)

// Account is one key's holder, as far as this server knows it (RFC 8555 §7.1.2).
type Account struct {
	ID         string
	Status     Status // Valid, Deactivated, Revoked
	Key        []byte // the public key as a JWK
	Thumbprint string // its RFC 7638 thumbprint, base64url
	Contact    []string
	Terms      bool   // agreed to
	TermsURL   string // to which; "": to none, or it was not kept by the release that made the account
	External   string // the kid of the external account that vouches for it, or ""
	// Binding is the request's externalAccountBinding as the client sent it: a JSON object, or nil.
	Binding []byte
	Created time.Time
}

// KeyUse says whose an account key is or was. None is ever forgotten: a key that
// has left an account comes back to no other.
type KeyUse struct {
	Thumbprint string
	Account    string
	Current    bool // it signs for the account
}

// Order is what a client has ordered (RFC 8555 §7.1.3).
type Order struct {
	ID, Account    string
	Thumbprint     string // of the account's key when it was made: with another key it is void
	Profile        string
	State          OrderState
	Identifiers    []Identifier
	Authorizations []string // ids, in the order of the identifiers
	Created        time.Time
	Expires        time.Time
	NotBefore      time.Time // as asked; zero: not said
	NotAfter       time.Time
	Replaces       string // the ARI id of the certificate that it takes the place of (RFC 9773 §5)
	Error          *Problem
	Certificate    string // serial
	// While Processing: what was asked for at finalize (DER), and until when the process that
	// works on it has it to itself, or it rests; then any takes it up.
	CSR   []byte
	Lease time.Time
	Tries int // how often it was taken up
}

// OrderState is what of an order's status does not follow from its authorizations.
// The zero value is OrderInvalid.
type OrderState uint8

// The states.
const (
	OrderInvalid    OrderState = iota
	OrderOpen                  // pending or ready, as its authorizations are
	OrderProcessing            // a certificate is being made
	OrderValid                 // it has a certificate
)

// Authorization is one identifier's, of one account (RFC 8555 §7.1.4).
type Authorization struct {
	ID, Account string
	Thumbprint  string     // of the account's key when it was made
	Identifier  Identifier // a base
	Wildcard    bool
	Status      Status // Pending, Valid, Invalid, Deactivated, Revoked; Expired follows from Expires
	Expires     time.Time
	Profile     string
	// Method is what made it valid: MethodCNF or a challenge's type; "" while it is not.
	Method string
	// Ahead: it was made by newAuthz, and later orders may use it once the gate has judged anew.
	Ahead      bool
	Challenges []Challenge
}

// Challenge is one way to fulfil an authorization (RFC 8555 §8).
type Challenge struct {
	Type      string
	Token     string
	Status    Status // Pending, Processing, Valid, Invalid
	Validated time.Time
	Error     *Problem
	Lease     time.Time // while Processing, as an order's
	Tries     int
}

// Reservation is a certificate that is about to be signed, or was.
type Reservation struct {
	Serial  string
	Order   string // "" of the server's own certificate
	TBS     []byte
	Created time.Time
}

// Certificate is one that was signed.
type Certificate struct {
	Serial      string // lower-case hex
	Issuer      string // id of the issuing certificate
	Account     string // "" of the server's own
	Order       string
	Profile     string
	Identifiers []Identifier
	Leaf        []byte   // DER
	Chains      []string // Blobs: PEM of the certificates above the leaf, the default first
	KeyHash     string   // SHA-256 of the SubjectPublicKeyInfo, hex
	AKI         []byte   // key identifier of the issuing key
	Issued      time.Time
	NotBefore   time.Time
	NotAfter    time.Time
	ReplacedBy  string // serial
	Revoked     time.Time
	Reason      int // of the revocation (RFC 5280 §5.3.1)
}

// Filter chooses certificates; a zero field chooses all.
type Filter struct {
	Account, Issuer string
	KeyHash         string
	Domain          string    // an identifier's value, or what it is a wildcard of
	Revoked         bool      // only those that are
	Alive           time.Time // only those that end after
}

// CRL is a revocation list (RFC 5280 §5).
type CRL struct {
	Issuer     string
	Number     int64
	DER        []byte
	ThisUpdate time.Time
	NextUpdate time.Time
	Count      int // of entries
}

// ExternalAccount is a key that lets somebody make an account (RFC 8555 §7.3.4).
type ExternalAccount struct {
	KID     string
	Key     []byte // HMAC; nothing prints it
	Note    string
	Domains []string // for which the record alone suffices, as in a Grantee
	Account string   // that has used it
	Created time.Time
	Removed bool
}

// Grantee is a domain for which the record alone suffices, for one account.
type Grantee struct {
	Account string
	Domain  string // exact; "*.vendor.example" for the wildcard
}
