package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Verdict is a daemon's answer. The zero value confirms nothing.
type Verdict struct {
	Outcome    Outcome    `json:"outcome"`
	Reason     Reason     `json:"reason"`
	Detail     string     `json:"detail"` // which rule a check found broken; for people
	Subject    string     `json:"subject"`
	Domain     string     `json:"domain"`
	Method     string     `json:"method"` // how the credential names its key
	Thumbprint Thumbprint `json:"thumbprint"`
	Record     *Record    `json:"record"` // nil where the DNS was not asked, as DNS
	DNS        *DNS       `json:"dns"`
	Signature  State      `json:"signature"`
	KeyBinding State      `json:"key_binding"`
	DPoP       State      `json:"dpop"`
	MTLS       State      `json:"mtls"`
	Time       State      `json:"time"`
	// ValidUntil is when the DNS data used stops being true, or the token's exp if that
	// is sooner; zero where unproven.
	ValidUntil time.Time `json:"valid_until"`
	Testing    bool      `json:"testing"` // of a daemon with testing settings: trust nothing of it
	ID         string    `json:"id"`      // names the decision in the daemon's log

	// Document is the verdict as it came.
	Document []byte `json:"-"`
}

// Confirmed reports whether the domain vouches for the key: nobody is let in on
// anything else.
func (v *Verdict) Confirmed() bool { return v.Outcome == Confirmed }

// Thumbprint is the key's; empty where that is encrypted.
type Thumbprint struct {
	Hash string `json:"hash"`
	Hex  string `json:"hex"`
	URI  string `json:"uri"`
}

// Record is the confirmation record that decided. TTL is in seconds.
type Record struct {
	Name   string `json:"name"`
	Form   string `json:"form"`
	Usable int    `json:"usable"`
	TTL    int64  `json:"ttl"`
}

// DNS is how the record was learnt. Age is in seconds.
type DNS struct {
	Security string `json:"security"` // secure, insecure, bogus, indeterminate
	Cached   bool   `json:"cached"`
	Age      int64  `json:"age"`
	EDE      *EDE   `json:"ede"`
}

// EDE is trouble of the DNS (RFC 8914).
type EDE struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

// Outcome is what a verdict comes to. The zero value is none.
type Outcome string

// The outcomes. A verdict with another is an error of Verify.
const (
	Confirmed Outcome = "confirmed"
	Refuted   Outcome = "refuted"
	Unproven  Outcome = "unproven"
)

// Reason is why a verdict is what it is (docs/reasons.md). A newer daemon may know more.
type Reason string

// The reasons, by outcome: confirmed, refuted, unproven.
const (
	RecordMatches Reason = "record_matches"

	RecordDiffers     Reason = "record_differs"
	RecordAbsent      Reason = "record_absent"
	Expired           Reason = "expired"
	NotYetValid       Reason = "not_yet_valid"
	SignatureInvalid  Reason = "signature_invalid"
	KeyBindingInvalid Reason = "key_binding_invalid"
	DPoPInvalid       Reason = "dpop_invalid"
	DPoPReplayed      Reason = "dpop_replayed"
	MTLSMismatch      Reason = "mtls_mismatch"
	AudienceMismatch  Reason = "audience_mismatch"

	Undecryptable Reason = "undecryptable"
	TooCostly     Reason = "too_costly"
	Unreachable   Reason = "unreachable"
	Bogus         Reason = "bogus"
	Indeterminate Reason = "indeterminate"
	ServersDiffer Reason = "servers_differ"
	DelegatedName Reason = "delegated_name"
	Insecure      Reason = "insecure"
	Wildcard      Reason = "wildcard"
)

// Reasons returns every reason known here.
func Reasons() []Reason {
	return []Reason{
		RecordMatches,
		RecordDiffers, RecordAbsent, Expired, NotYetValid, SignatureInvalid, KeyBindingInvalid, DPoPInvalid, DPoPReplayed, MTLSMismatch, AudienceMismatch,
		Undecryptable, TooCostly, Unreachable, Bogus, Indeterminate, ServersDiffer, DelegatedName, Insecure, Wildcard,
	}
}

// State is what became of a check. The zero value is none.
type State string

// The states. A check that came out badly is the verdict's Reason.
const (
	NotChecked State = "not_checked"
	Checked    State = "checked" // of Time
	Valid      State = "valid"
)

// readVerdict reads a verdict. One that is not whole is none.
func readVerdict(doc []byte) (Verdict, error) {
	var v Verdict
	if err := json.Unmarshal(doc, &v); err != nil || v.Outcome == "" {
		return Verdict{}, errors.New("the answer is not a verdict")
	}
	switch v.Outcome {
	case Confirmed, Refuted, Unproven:
	default:
		return Verdict{}, fmt.Errorf("the answer's outcome is %q: this is no verdict", string(v.Outcome))
	}
	if v.Reason == "" || (v.Outcome == Confirmed) != (v.Reason == RecordMatches) {
		return Verdict{}, fmt.Errorf("the answer's outcome is %s and its reason %q: this is no verdict", v.Outcome, string(v.Reason))
	}
	v.Document = doc
	return v, nil
}

// holds returns an error where v confirms without a check that was asked for.
func (v *Verdict) holds(asked []Check) error {
	if !v.Confirmed() {
		return nil
	}
	made := map[Check]State{CheckSignature: v.Signature, CheckKeyBinding: v.KeyBinding, CheckDPoP: v.DPoP, CheckMTLS: v.MTLS}
	for _, c := range asked {
		if made[c] != Valid {
			return fmt.Errorf("the answer confirms without the check that was asked for: %s", c)
		}
	}
	return nil
}

// Problem is a question that the daemon refuses (RFC 9457).
type Problem struct {
	Type   string `json:"type"`   // urn:cnfd:problem:malformed, …
	Title  string `json:"title"`  // "" where whoever answered is no cnfd
	Status int    `json:"status"` // of HTTP; of an item in a batch, what it would have been alone
	Detail string `json:"detail"`
	ID     string `json:"id"`
	Index  *int   `json:"index"` // the item's place in a batch, from 0

	// RetryAfter is when the daemon wants to be asked again, in whole seconds (Retry-After);
	// zero: it did not say, as of every item of a batch.
	RetryAfter time.Duration `json:"-"`
}

// Error says what to change.
func (p *Problem) Error() string {
	if p.Title == "" {
		return fmt.Sprintf("the server answered %d %s: is this cnfd?", p.Status, http.StatusText(p.Status))
	}
	return fmt.Sprintf("%s (the server's id %s)", p.Detail, p.ID)
}

func readProblem(r *http.Response, doc []byte) *Problem {
	p := &Problem{}
	if json.Unmarshal(doc, p) != nil || p.Title == "" {
		p = &Problem{}
	}
	p.Status = r.StatusCode
	p.RetryAfter, _ = retryAfter(r.Header)
	return p
}
