package authz

import (
	"net/http"

	"cnfd/verifier"
)

// cause is why a question is answered as it is: one value from birth, which decides
// the status. The zero cause lets nothing pass.
type cause uint8

const (
	undecided cause = iota
	passed          // confirmed, and its domain may pass

	noToken        // no Authorization, or another scheme's
	twoTokens      // more than one Authorization header
	nonceWanted    // the proof does not hold a nonce that was given here lately (RFC 9449 §9)
	twoProofs      // more than one DPoP header, or one too long
	malformed      // not a token, or not one that is read here
	boundAsBearer  // bound to a DPoP key, and sent as Bearer (RFC 9449 §7.2)
	unbound        // bound by nothing that its sender has shown
	boundOtherwise // bound in a way that authz.possession does not list
	badToken       // the verdict refutes the token or its holder
	strangePeer    // neither on the unix socket nor in authz.peers
	oddHeaders     // the gateway's headers do not say what is asked for, once and plainly
	notDerivable
	notReducible
	notListed // confirmed, and its domain may not pass
	refuted   // the verdict refutes the key
	unproven
	unmade // confirmed without a check that was asked for: a bug
	failed // this machine
	causeCount
)

// entry is one row of docs/gateways.md's table, which a test holds to this.
type entry struct {
	word    string // in Cnf-Reason, where the verdict has none
	status  int
	outcome string // in Cnf-Outcome, where the verdict has none
	judged  bool   // there is a verdict, whose words are used
	error   string // of the challenge (RFC 6750 §3.1, RFC 9449 §7.1)
	detail  string // for people; of the client's own doing alone
}

var causes = [causeCount]entry{
	undecided: {"undecided", http.StatusForbidden, "denied", false, "", "nothing was decided: this is a bug in cnfd"},
	passed:    {"", http.StatusOK, "", true, "", ""},

	noToken:        {"no_token", http.StatusUnauthorized, "invalid", false, "", "send a token in the Authorization header, with the scheme DPoP or Bearer"},
	twoTokens:      {"two_tokens", http.StatusUnauthorized, "invalid", false, "invalid_token", "more than one Authorization header"},
	nonceWanted:    {"use_dpop_nonce", http.StatusUnauthorized, "invalid", false, "use_dpop_nonce", "the proof must hold the nonce that DPoP-Nonce gives: make another"},
	twoProofs:      {"two_proofs", http.StatusUnauthorized, "invalid", false, "invalid_dpop_proof", "want one DPoP header with one proof"},
	malformed:      {"malformed", http.StatusUnauthorized, "invalid", false, "invalid_token", "the token is not well-formed"},
	boundAsBearer:  {"bound_as_bearer", http.StatusUnauthorized, "invalid", false, "invalid_token", "the token is bound to a DPoP key: send it with the scheme DPoP and a proof"},
	unbound:        {"unbound", http.StatusUnauthorized, "invalid", false, "invalid_token", "nothing shows that the sender holds the token's key"},
	boundOtherwise: {"bound_otherwise", http.StatusUnauthorized, "invalid", false, "invalid_token", "the token is bound in a way that is not taken here"},
	badToken:       {"", http.StatusUnauthorized, "", true, "invalid_token", "the token or its proof does not hold"},

	strangePeer:  {"strange_peer", http.StatusForbidden, "denied", false, "", "who asks is not a gateway that is believed here: authz.peers lists them, beside the unix socket"},
	oddHeaders:   {"odd_headers", http.StatusForbidden, "denied", false, "", "the gateway's headers do not say, once and plainly, what is asked for: see docs/gateways.md"},
	notDerivable: {"not_derivable", http.StatusForbidden, "not_derivable", false, "", "the token's subject names no domain"},
	notReducible: {"not_reducible", http.StatusForbidden, "not_reducible", false, "", "the token names no key that has a thumbprint"},
	notListed:    {"domain_not_listed", http.StatusForbidden, "denied", false, "", "the subject's domain is not among those that may pass"},
	refuted:      {"", http.StatusForbidden, "", true, "", "the subject's domain does not vouch for the key"},
	unproven:     {"", http.StatusForbidden, "", true, "", "whether the subject's domain vouches for the key could not be proven"},
	unmade:       {"check_not_made", http.StatusForbidden, "denied", false, "", "a check was not made: this is a bug in cnfd"},
	failed:       {"internal", http.StatusForbidden, "denied", false, "", "cnfd failed; its log has more"},
}

// judge is what a verdict comes to. A confirmation counts only with every check
// that was demanded, and for a domain that may pass.
func (h *Handler) judge(v *verifier.Verdict, demanded verifier.Checks) cause {
	switch v.Outcome() {
	case verifier.Confirmed:
		switch {
		case v.Time != verifier.Checked || !made(v, demanded):
			return unmade
		case !h.listed(v.Domain):
			return notListed
		}
		return passed
	case verifier.Refuted:
		return ofRefutation(v.Reason)
	}
	return unproven
}

// ofRefutation tells what RFC 6750 §3.1 calls an invalid token, which its holder can
// exchange, from a key that nobody vouches for.
func ofRefutation(r verifier.Reason) cause {
	switch r {
	case verifier.Expired, verifier.NotYetValid, verifier.SignatureInvalid, verifier.AudienceMismatch,
		verifier.KeyBindingInvalid, verifier.DPoPInvalid, verifier.DPoPReplayed, verifier.MTLSMismatch:
		return badToken
	}
	return refuted
}

// made reports whether the verdict rests on the issuer's signature, on a proof of
// possession and on all else that was demanded.
func made(v *verifier.Verdict, demanded verifier.Checks) bool {
	var held verifier.Checks
	if v.Signature == verifier.Valid {
		held |= verifier.CheckSignature
	}
	if v.KeyBinding == verifier.Valid {
		held |= verifier.CheckKeyBinding
	}
	if v.DPoP == verifier.Valid {
		held |= verifier.CheckDPoP
	}
	if v.MTLS == verifier.Valid {
		held |= verifier.CheckMTLS
	}
	return held&verifier.CheckSignature != 0 && held&^verifier.CheckSignature != 0 && demanded&^held == 0
}

// listed reports whether the domain may pass: itself, and not because one above it
// may, since a record vouches for its own domain alone.
func (h *Handler) listed(domain string) bool {
	return safe(domain) != nobody && (h.domains[domain] || h.domains[Any])
}
