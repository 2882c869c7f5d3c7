package gate

import (
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/verifier"
)

// TestRemediesAreTheClients: what a problem of the DNS says to do, whoever runs an ACME client can do: it names no setting and
// no command of this server, and not what the verifier tells its own operator.
func TestRemediesAreTheClients(t *testing.T) {
	for _, r := range verifier.Reasons() {
		if r.Outcome() != verifier.Unproven {
			continue
		}
		p := unproven("the record jwk.cnf.vendor.example.", r, dnssec.Trouble{})
		for _, foreign := range []string{r.Remedy(), "cnfd ", "record.allow", "resolver.", "issuers", "dns.ede", "detail"} {
			if strings.Contains(p.Detail, foreign) {
				t.Errorf("%s: %q is for another reader: %s", r, foreign, p.Detail)
			}
		}
		if !strings.HasPrefix(p.Detail, "the record jwk.cnf.vendor.example. cannot be proven ("+r.String()+"). ") || !strings.HasSuffix(p.Detail, ".") {
			t.Errorf("%s: %s", r, p.Detail)
		}
	}
	for r, says := range map[verifier.Reason]string{
		verifier.Unreachable: "name server", verifier.Bogus: "DS record", verifier.Insecure: "sign the domain's zone", verifier.Wildcard: "exact name",
		verifier.DelegatedName: "without a delegation", verifier.TooCostly: "Trim", verifier.Indeterminate: "trust anchor",
	} {
		if p := unproven("x", r, dnssec.Trouble{}); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %s, want %q", r, p.Detail, says)
		}
	}
}
