package sandbox

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// Sample is a signed credential with a confirmation claim, and the verdict that
// a verifier in front of the sandbox must come to.
type Sample struct {
	Name    string // fit for a file name: "vendor.jwt"
	Subject string // its sub claim
	Token   []byte // a compact JWS, or a CWT in binary, tags 61 and 18
	Outcome string // "confirmed", "refuted" or "unproven"
	Reason  string // as in docs/reasons.md
	Why     string // for people
}

// Text is the token as it travels in JSON: the JWS itself, or the CWT in base64url.
func (s Sample) Text() string {
	if len(s.Token) > 0 && s.Token[0] == 'e' {
		return string(s.Token)
	}
	return b64(s.Token)
}

// Samples makes one credential for each verdict that the DNS can lead to. All
// are signed by one issuer; the key is the one that most zones confirm, unless
// the reason is another key.
func (n *Internet) Samples() ([]Sample, error) {
	const confirmed, refuted, unproven = "confirmed", "refuted", "unproven"
	var out []Sample
	for _, s := range []struct {
		name, domain, outcome, reason, why string
	}{
		{"vendor.jwt", "vendor.example", confirmed, "record_matches", "the vendor's domain publishes the key"},
		{"vendor.cwt", "vendor.example", confirmed, "record_matches", "the same, as a CWT"},
		{"optout.jwt", "vendor.test", confirmed, "record_matches", "another top-level domain, with NSEC3"},
		{"alias.jwt", "cross.alias.example", confirmed, "record_matches", "a CNAME leads to the record, securely"},
		{"several.cwt", "several.example", confirmed, "record_matches", "one of several records is the key's"},
		{"stranger.jwt", "vendor.example", refuted, "record_differs", "the vendor publishes another key than this one"},
		{"stranger.cwt", "vendor.example", refuted, "record_differs", "the same, as a CWT"},
		{"differs.jwt", "differs.example", refuted, "record_differs", "the domain publishes another key"},
		{"absent.jwt", "empty.example", refuted, "record_absent", "the domain proves that it publishes nothing"},
		{"unusable.jwt", "unusable.example", refuted, "record_absent", "the domain publishes records of other uses only"},
		{"expired.jwt", "vendor.example", refuted, "expired", "the credential itself is out of date"},
		{"leaving.jwt", "leaving.example", confirmed, "record_matches", "until the record is deleted; then record_absent"},
		{"leaving.cwt", "leaving.example", confirmed, "record_matches", "until the record is deleted; then record_absent"},
		{"unsigned.jwt", "unsigned.example", unproven, "insecure", "the domain is not signed"},
		{"sha1.jwt", "sha1.example", unproven, "insecure", "the domain is signed with SHA-1 only"},
		{"outdated.jwt", "expired.example", unproven, "bogus", "the domain's signatures have expired"},
		{"forged.jwt", "forged.example", unproven, "bogus", "the record's signature does not verify"},
		{"wildcard.jwt", "anyone.wild.example", unproven, "wildcard", "a wildcard would vouch for every name"},
		{"delegated.jwt", "delegated.example", unproven, "delegated_name", "somebody else may run the zone cnf.delegated.example"},
		{"silent.jwt", "silent.example", unproven, "unreachable", "no server answers for the domain"},
		{"toomany.jwt", "toomany.example", unproven, "too_costly", "300 records are more than anybody needs"},
	} {
		who, expires := n.holder, n.config.Now().AddDate(10, 0, 0)
		if s.reason == "record_differs" && s.domain == "vendor.example" {
			who = n.stranger
		}
		if s.reason == "expired" {
			expires = n.config.Now().AddDate(0, 0, -1)
		}
		sample := Sample{Name: s.name, Subject: "https://" + s.domain, Outcome: s.outcome, Reason: s.reason, Why: s.why}
		issue := n.jwt
		if strings.HasSuffix(s.name, ".cwt") {
			issue = n.cwt
		}
		var err error
		if sample.Token, err = issue(sample.Subject, who, expires); err != nil {
			return nil, fmt.Errorf("sandbox: sample %s: %w", s.name, err)
		}
		out = append(out, sample)
	}
	return out, nil
}

// Issuer is who signs the credentials; IssuerKeys are its keys.
const Issuer = "https://issuer.example"

func (n *Internet) jwt(subject string, who *holder, expires time.Time) ([]byte, error) {
	return n.issuer.jws(`{"alg":"ES256","typ":"JWT"}`, fmt.Sprintf(`{"iss":%q,"sub":%q,"exp":%d,"cnf":{"jwk":%s}}`, Issuer, subject, expires.Unix(), who.jwk))
}

// cwt is a COSE_Sign1 with ES256 over a claims map, in the CWT tag (RFC 8392 §6).
func (n *Internet) cwt(subject string, who *holder, expires time.Time) ([]byte, error) {
	claims, err := canonical(map[int]any{
		1: Issuer, 2: subject, 4: expires.Unix(), 8: map[int]cbor.RawMessage{1: who.cose},
	})
	if err != nil {
		return nil, err
	}
	signer, err := cose.NewSigner(cose.AlgorithmES256, n.issuer.key)
	if err != nil {
		return nil, err
	}
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmES256)
	m.Payload = claims
	if err := m.Sign(rand.Reader, nil, signer); err != nil {
		return nil, err
	}
	inner, err := m.MarshalCBOR()
	if err != nil {
		return nil, err
	}
	const cwtTag = 61
	return canonical(cbor.RawTag{Number: cwtTag, Content: inner})
}
