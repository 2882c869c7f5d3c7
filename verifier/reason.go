package verifier

// Outcome is what a verdict comes to. The zero value is Unproven, which is
// never success.
type Outcome uint8

const (
	Unproven  Outcome = iota // nothing is proven either way: ask again later, or refuse
	Refuted                  // it is proven that the subject's domain does not vouch for the key now, or the token is out of its time
	Confirmed                // the subject's domain vouches for the key now, proven by DNSSEC
)

// String returns the word used in the JSON, the metric label, the log and the documents.
func (o Outcome) String() string {
	if o > Confirmed {
		return "unproven"
	}
	return [...]string{"unproven", "refuted", "confirmed"}[o]
}

// Reason is why a verdict is what it is: one value from birth, and one word
// in the JSON, the metric label, the log and docs/reasons.md. It decides the
// Outcome. The zero value is Indeterminate, which is unproven.
type Reason uint8

// The reasons, by outcome. Their order says nothing: judge and weigh hold the
// order in which they are looked for.
const (
	Indeterminate Reason = iota
	Undecryptable
	TooCostly
	Unreachable
	Bogus
	ServersDiffer
	DelegatedName
	Insecure
	Wildcard

	RecordDiffers
	RecordAbsent
	Expired
	NotYetValid
	SignatureInvalid
	KeyBindingInvalid
	DPoPInvalid
	DPoPReplayed
	MTLSMismatch
	AudienceMismatch

	RecordMatches

	reasonCount = iota
)

// String returns the reason's word, as in docs/reasons.md.
func (r Reason) String() string { return r.entry().word }

// Outcome returns what r comes to; a value that is no reason is Unproven.
func (r Reason) Outcome() Outcome { return r.entry().outcome }

// Meaning returns one sentence for people: what r says.
func (r Reason) Meaning() string { return r.entry().meaning }

// Remedy returns one sentence for people: what to do about r.
func (r Reason) Remedy() string { return r.entry().remedy }

// Reasons returns every reason there is: confirmed, then refuted, then unproven
// in the order in which they are looked for.
func Reasons() []Reason {
	return append([]Reason{
		RecordMatches,
		RecordDiffers, RecordAbsent, Expired, NotYetValid,
		SignatureInvalid, KeyBindingInvalid, DPoPInvalid, DPoPReplayed, MTLSMismatch, AudienceMismatch,
	}, unproven[:]...)
}

// unproven holds the unproven reasons in docs/profile.md §5's order: of several
// that apply the first is given.
var unproven = [...]Reason{Undecryptable, TooCostly, Unreachable, Bogus, Indeterminate, ServersDiffer, DelegatedName, Insecure, Wildcard}

func (r Reason) entry() *reasonEntry {
	if int(r) >= len(reasons) {
		r = Indeterminate
	}
	return &reasons[r]
}

// reasonEntry is one row of docs/reasons.md, which a test writes from here.
type reasonEntry struct {
	word    string
	outcome Outcome
	later   bool // nothing produces it yet: the check that will has not been built
	meaning string
	remedy  string
}

var reasons = [reasonCount]reasonEntry{
	RecordMatches: {"record_matches", Confirmed, false,
		"The subject's domain publishes the thumbprint of this key. It is proven from a trust anchor where `dns.security` is secure, and only believed where it is insecure, which `record.allow_insecure` alone permits.",
		"Nothing to do; ask again once `valid_until` has passed."},

	RecordDiffers: {"record_differs", Refuted, false,
		"The subject's domain is proven to publish usable confirmation records, and none of them names this key.",
		"The subject adds a record for this key, or the holder presents a credential with the key that is published."},
	RecordAbsent: {"record_absent", Refuted, false,
		"It is proven that the subject's domain publishes no usable confirmation record: never published, or revoked by deletion.",
		"The subject publishes the record that `cnfd thumbprint --subject … --method …` prints, at `record.name`: each `method` has a name of its own. If it was withdrawn, the holder needs a credential with a new key."},
	Expired: {"expired", Refuted, false,
		"The credential's `exp` has passed, leeway included; the DNS was not asked.",
		"The holder gets a fresh credential; check this machine's clock if it should still be good."},
	NotYetValid: {"not_yet_valid", Refuted, false,
		"The credential's `nbf` lies in the future, leeway included; the DNS was not asked.",
		"Ask again once `nbf` has come; check this machine's clock if it should be good already."},
	SignatureInvalid: {"signature_invalid", Refuted, false,
		"No configured key of the issuer that the credential names has signed it as it stands, by an algorithm and of a type that the issuer is held to; `detail` says which rule it breaks.",
		"Check the issuer and its keys in the configuration (`issuers`); if they are right, the credential cannot be trusted."},
	KeyBindingInvalid: {"key_binding_invalid", Refuted, false,
		"The key-binding token (RFC 9901 §4.3) is missing, or the confirmation key has not made it lately, over what was presented, for this nonce and audience; `detail` says which.",
		"The holder presents again, with a key binding over this credential, audience and nonce."},
	DPoPInvalid: {"dpop_invalid", Refuted, false,
		"The DPoP proof (RFC 9449 §4.3) is missing, or the confirmation key has not made it lately, for this method, address and token; `detail` says which.",
		"The client sends a proof for this very request, signed with the key that the credential names."},
	DPoPReplayed: {"dpop_replayed", Refuted, false,
		"The DPoP proof has been used before (RFC 9449 §11.1).",
		"The client makes a new proof for every request."},
	MTLSMismatch: {"mtls_mismatch", Refuted, false,
		"The client certificate is missing, or is not the one that the credential names (RFC 8705 §3), or the credential names none that anybody vouches for; `detail` says which.",
		"The client connects with the certificate that the credential was issued for, or gets a credential that is bound to its own (`x5t#S256`)."},
	AudienceMismatch: {"audience_mismatch", Refuted, false,
		"The credential's `aud` names another audience, or it has none and no key binding says whom it was presented to.",
		"The holder gets a credential for this audience, or the caller corrects `aud`."},

	Undecryptable: {"undecryptable", Unproven, false,
		"The confirmation key is encrypted and no configured key opens it; the DNS was not asked.",
		"Configure the recipient's key (`decryption_keys`), or have the credential issued with a plain key."},
	TooCostly: {"too_costly", Unproven, false,
		"Proving the answer would have taken more work than one question is allowed (signatures, hashes, queries, or more than 255 records), or a DPoP proof cannot be remembered, so that nobody would see it come again.",
		"The domain's operator trims the record set, the keys or the alias chain; `dns.ede` says which bound was reached. Where `detail` speaks of proofs, ask again once older ones are forgotten."},
	Unreachable: {"unreachable", Unproven, false,
		"No name server gave a usable answer; or, where `detail` says so, the issuer's keys could not be fetched, or a precheck cannot ask name servers because questions are handed on to forwarders.",
		"Where there is a `detail`, mend what it names (the address of the issuer's keys in `issuers`, `resolver.mode`, a name server). Else check this machine's network and the domain's name servers (`cnfd resolve` shows each), and ask again later."},
	Bogus: {"bogus", Unproven, false,
		"A DNSSEC proof should exist and does not hold: an expired or false signature, a broken chain, or an attack.",
		"The domain's operator repairs the chain that `cnfd resolve` names; never override it."},
	Indeterminate: {"indeterminate", Unproven, false,
		"No trust anchor covers the name, or what was learnt decides nothing.",
		"Check the configured trust anchors; `cnfd resolve` shows where the chain of trust stops."},
	ServersDiffer: {"servers_differ", Unproven, false,
		"The zone's authoritative servers do not all give the same answer, or not all of them answer, or the servers of the zone above do not all delegate it alike: a precheck, which alone asks each, names them in `detail`.",
		"Wait until every server has the change, then ask again; the domain's operator repairs a server that gives no answer or a false one, or takes it out of the delegation; whoever runs the zone above brings its servers together."},
	DelegatedName: {"delegated_name", Unproven, false,
		"The record's name is delegated away from the zone that holds the subject's domain, so that somebody else may answer for it.",
		"The domain serves the name from its own zone, or the underscore form is used; `record.allow_delegated` accepts it."},
	Insecure: {"insecure", Unproven, false,
		"The name lies in a part of the DNS that is proven to be unsigned, so that the answer proves nothing.",
		"The domain's operator signs the zone and has a DS record published; `record.allow_insecure` lets a match confirm all the same."},
	Wildcard: {"wildcard", Unproven, false,
		"The answer was made from a wildcard, which would vouch for every name under the domain.",
		"The domain publishes the record at its exact name; `record.allow_wildcard` accepts it."},
}
