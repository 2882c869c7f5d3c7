package integration

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"cnfd/internal/testnames"
	"cnfd/verifier"
)

var update = flag.Bool("update", false, "write the table of flips in docs/reasons.md anew")

// proofs are, of every reason, the tests that confirm first, and then change this one thing and nothing else.
var proofs = []struct{ reason, changed, test string }{
	{"record_matches", "a record that was not there is published", "`stories/fresh_data_shows_the_publication.rpl`"},
	{"record_matches", "the clock: what is kept of a zone's old keys is forgotten", "`stories/key_changed_from_one_moment_to_the_next.rpl`"},

	{"record_differs", "the record names another key", "`integration.TestKnot/another key's record refutes` `stories/another_key_is_published.rpl` `integration.TestDPoPBoundTokens/another record is published` `integration.TestCertificateBoundTokens/another record is published`"},
	{"record_differs", "the holder's record is withdrawn beside those of others", "`integration.TestPresented/the holder's record is withdrawn` `integration.TestSigned/the record is another key's`"},
	{"record_differs", "the key in the token", "`integration.TestKnot/a tampered token names another key`"},

	{"record_absent", "the record is deleted", "`integration.TestKnot/a deleted record refutes, denied by NSEC` `integration.TestKnot/a deleted record refutes, denied by NSEC3` `integration.TestPresented/every record is withdrawn` `integration.TestDPoPBoundTokens/the record is withdrawn` `integration.TestCertificateBoundTokens/the record is withdrawn`"},
	{"record_absent", "the record has another usage, and is no confirmation record any more", "`stories/record_of_another_usage.rpl`"},

	{"expired", "the clock: the token's `exp` passes", "`integration.TestPresented/eleven hours later the credential has expired` `integration.TestDPoPBoundTokens/a token that is too old` `stories/token_expired_between_two_questions.rpl`"},
	{"expired", "`exp` lies in the past", "`integration.TestPresented/expired` `integration.TestSigned/expired`"},
	{"not_yet_valid", "`nbf` lies in the future", "`integration.TestPresented/not yet valid`"},
	{"not_yet_valid", "the time of the judgement", "`stories/token_judged_before_its_time.rpl`"},

	{"signature_invalid", "one bit of the signature", "`integration.TestPresented/a bit of the issuer's signature` `integration.TestSigned/a bit of every signature` `integration.TestDPoPBoundTokens/a byte of the token's signature is another`"},
	{"signature_invalid", "one claim", "`integration.TestPresented/a claim that lengthens its life` `integration.TestSigned/an octet of the subject's path` `integration.TestDPoPBoundTokens/a byte of the token's claims is another`"},
	{"signature_invalid", "the signature is that of another credential", "`integration.TestPresented/the claims stay and the signature is another credential's`"},
	{"signature_invalid", "`alg`: another algorithm, an HMAC keyed with the public key", "`integration.TestPresented/another algorithm of the same length` `integration.TestPresented/HMAC with the public key in PEM as the secret` `integration.TestPresented/HMAC with the file of public keys as the secret` `integration.TestSigned/alg that is another's` `integration.TestSigned/HMAC with the public key as the secret`"},
	{"signature_invalid", "a MAC in the signature's place", "`integration.TestSigned/a MAC in the place of the signature`"},
	{"signature_invalid", "`typ`", "`integration.TestPresented/typ of a logout token` `integration.TestSigned/typ of a key binding`"},
	{"signature_invalid", "`kid` names another key, or none that there is", "`integration.TestPresented/kid of another key` `integration.TestPresented/kid of nobody` `integration.TestSigned/kid of another key` `integration.TestSigned/kid of nobody`"},
	{"signature_invalid", "`iss`", "`integration.TestPresented/issuer unknown` `integration.TestSigned/issuer unknown` `integration.TestSigned/no issuer`"},
	{"signature_invalid", "the issuer's key file", "`integration.TestPresented/the issuer's key file is replaced` `integration.TestPresented/the issuer's key file is replaced while the daemon runs, and put back` `integration.TestSigned/the issuer's key file is replaced`"},
	{"signature_invalid", "the keys at the issuer's URL: rotated, and the token's is not among them, or only by its name", "`integration.TestIssuersKeysRotate`"},
	{"signature_invalid", "what the configuration holds the issuer to", "`integration.TestPresented/the issuer is held to another algorithm` `integration.TestPresented/the issuer is held to another type` `integration.TestIssuersTerms/another type of token is configured` `integration.TestIssuersTerms/another issuer is configured`"},

	{"key_binding_invalid", "there is no key binding", "`integration.TestPresented/no key binding` `integration.TestSigned/a key binding is asked for, which a CWT has not`"},
	{"key_binding_invalid", "another key has signed it, or none that is known", "`integration.TestPresented/a key binding by another key` `integration.TestPresented/jkt, and no key`"},
	{"key_binding_invalid", "one bit of its signature", "`integration.TestPresented/a bit of the holder's signature`"},
	{"key_binding_invalid", "its `typ` or `alg`", "`integration.TestPresented/a key binding whose typ is JWT` `integration.TestPresented/a key binding that says alg none`"},
	{"key_binding_invalid", "its nonce is missing, or its audiences are several", "`integration.TestPresented/a key binding without a nonce` `integration.TestPresented/a key binding for several audiences`"},
	{"key_binding_invalid", "its `iat`, or the clock", "`integration.TestPresented/a key binding of last hour` `integration.TestPresented/a key binding of next hour` `integration.TestPresented/a key binding without a time` `integration.TestPresented/ten minutes later the key binding is too old` `integration.TestPresented/ten minutes before it was made it is of the future`"},
	{"key_binding_invalid", "the nonce or the audience that the verifier expects", "`integration.TestPresented/another nonce is expected` `integration.TestPresented/another audience is expected`"},
	{"key_binding_invalid", "what is presented: a disclosure more, one less, the key binding of another presentation", "`integration.TestPresented/a disclosure is added` `integration.TestPresented/a disclosure is removed after the key binding was made` `integration.TestPresented/the key binding of another presentation`"},

	{"dpop_invalid", "the request: its method, its address", "`integration.TestDPoPBoundTokens/the request's method is another` `integration.TestDPoPBoundTokens/the request's path is another` `integration.TestDPoPBoundTokens/the request's host is another`"},
	{"dpop_invalid", "the proof: by another key, for another token, none, a bit of its signature", "`integration.TestIssuersTerms/the proof is left out` `integration.TestDPoPBoundTokens/the proof is by another key` `integration.TestDPoPBoundTokens/the proof is for another token` `integration.TestDPoPBoundTokens/no proof is there` `integration.TestDPoPBoundTokens/a byte of the proof's signature is another`"},
	{"dpop_invalid", "the nonce", "`integration.TestDPoPBoundTokens/a nonce was demanded` `integration.TestDPoPBoundTokens/the nonce is another than the client was given`"},
	{"dpop_invalid", "the clock", "`integration.TestDPoPBoundTokens/a proof that is too old`"},
	{"dpop_replayed", "nothing but that the proof comes a second time", "`integration.TestDPoPBoundTokens/the same proof comes again` `replay.TestAProofIsTakenOnce`"},

	{"mtls_mismatch", "the client's certificate, by nginx and in every form in which a gateway writes it", "`integration.TestCertificateBoundTokens/the certificate is another, by nginx` `integration.TestCertificateBoundTokens`"},
	{"mtls_mismatch", "there is none", "`integration.TestCertificateBoundTokens/no certificate is there`"},
	{"mtls_mismatch", "nobody has vouched for the certificate beside the key", "`verifier.TestChecks/a certificate that nobody has vouched for`"},

	{"audience_mismatch", "the audience that the caller names, or the configuration", "`integration.TestSigned/another audience is expected` `integration.TestDPoPBoundTokens/it is for another resource` `integration.TestIssuersTerms/another resource is configured`"},
	{"audience_mismatch", "the token's `aud`", "`integration.TestPresented/aud of another` `integration.TestSigned/aud of another` `integration.TestSigned/no aud`"},

	{"undecryptable", "the daemon has no key that opens it", "`integration.TestKnot/keys of every kind are confirmed`"},
	{"undecryptable", "the token is encrypted for somebody else", "`stories/key_encrypted_for_somebody_else.rpl`"},

	{"too_costly", "one record more than 255", "`integration.TestKnot/255 records are judged and 256 are too many` `stories/one_record_past_255.rpl`"},
	{"too_costly", "one alias more than eleven", "`stories/one_alias_past_eleven.rpl`"},
	{"too_costly", "the proof was made before the daemon began, after one that was killed and may have taken it", "`integration.TestDPoPBoundTokens/a proof that the daemon before has taken`"},
	{"too_costly", "the memory of proofs is full, or there is none", "`verifier.TestChecks/the proof cannot be remembered` `verifier.TestChecks/there is no memory of proofs`"},

	{"unreachable", "the servers fall silent", "`integration.TestKnot/silence is unreachable` `stories/servers_fall_silent_and_come_back.rpl`"},
	{"unreachable", "the issuer's keys cannot be fetched: another address, a certificate by nobody", "`integration.TestIssuerUnreachable/another address is pinned` `integration.TestIssuerUnreachable/its certificate is by another authority` `verifier.TestChecks/the issuer's keys cannot be had`"},
	{"unreachable", "of a precheck: a forwarder stands before the name servers", "`integration.TestPrecheckThroughAForwarder` `stories/precheck_behind_a_forwarder.rpl`"},

	{"bogus", "the DS fits no key", "`integration.TestKnot/a DS that fits no key is bogus` `stories/key_that_the_parent_does_not_know.rpl`"},
	{"bogus", "one bit of a record or of its signature", "`stories/one_bit_of_the_record.rpl` `stories/one_bit_of_the_signature.rpl` `integration.TestNSD/a record written into a signed zone without its key is bogus`"},
	{"bogus", "a signature or a proof of absence is missing", "`integration.TestKnot/a zone without the signatures that its DS promises is bogus` `integration.TestNSD/a record whose signature is missing is bogus` `integration.TestNSD/a record withheld beside the NSEC that says it is there is bogus`"},
	{"bogus", "the clock", "`integration.TestKnot/signatures of the zone that have expired are bogus` `integration.TestNSD/signatures of next week are bogus`"},
	{"bogus", "the trust anchor", "`integration.TestKnot/another trust anchor makes all of it bogus`"},

	{"indeterminate", "there is no trust anchor", "`integration.TestKnot/without a trust anchor nothing is determined`"},
	{"indeterminate", "an alias leads back to itself", "`stories/alias_turns_into_a_loop.rpl`"},

	{"servers_differ", "a record is published or withdrawn, or is another key's, and the secondary has not got the change", "`integration.TestPrecheckOfBINDAndKnot` `integration.TestPrecheckOfBINDAndNSD` `stories/precheck_of_a_secondary_that_lags.rpl` `stories/precheck_of_an_alias.rpl`"},
	{"servers_differ", "the delegation or the DS of the zone is changed, and one of its parent's servers has not got the change", "`integration.TestPrecheckOfTheZoneAbove` `integration.TestPrecheckOfTheZoneAboveOnNSD` `stories/precheck_of_a_parent_that_lags.rpl`"},
	{"servers_differ", "the secondary is killed, or is silent", "`integration.TestPrecheckOfBINDAndKnot` `integration.TestPrecheckOfBINDAndNSD` `stories/precheck_with_a_server_out_of_order.rpl`"},
	{"servers_differ", "what one server says is forged, unsigned or a cache's, or it refuses", "`integration.TestPrecheckOfBINDAndKnot` `integration.TestPrecheckOfBINDAndNSD` `resolver.TestServersThatDiffer`"},

	{"delegated_name", "`cnf` is delegated away", "`stories/cnf_delegated_away.rpl`"},
	{"delegated_name", "`record.allow_delegated`", "`integration.TestKnot/cnf delegated away is refused`"},

	{"insecure", "the DS is withdrawn", "`integration.TestKnot/no DS is insecure` `stories/ds_withdrawn.rpl`"},
	{"insecure", "an alias leads into an unsigned zone", "`integration.TestKnot/a CNAME into an unsigned zone is insecure` `stories/alias_into_an_unsigned_zone.rpl`"},
	{"insecure", "one iteration of NSEC3 more than 50", "`integration.TestNSD/NSEC3 with 50 iterations proves and with 51 does not`"},

	{"wildcard", "a wildcard in the place of the record", "`integration.TestKnot/a wildcard left behind by the record does not decide` `stories/wildcard_in_place_of_the_record.rpl`"},
	{"wildcard", "`record.allow_wildcard`", "`integration.TestKnot/a wildcard's answer does not decide`"},
}

const (
	reasonsPage   = "../docs/reasons.md"
	proofsHeading = "\n## How each is shown\n"
)

// TestEveryReasonIsFlipped holds docs/reasons.md to the tests: every reason that a verdict can carry has a flip, in a test that
// there is.
func TestEveryReasonIsFlipped(t *testing.T) {
	written, err := os.ReadFile(reasonsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(written), proofsHeading)
	if !found {
		t.Fatalf("%s has no %q", reasonsPage, strings.TrimSpace(proofsHeading))
	}
	if *update {
		if err := os.WriteFile(reasonsPage, []byte(before+proofsHeading+tableOfProofs()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if after != tableOfProofs() {
		t.Errorf("the table of flips is not what there is: go test ./integration -run %s -update", t.Name())
	}
	house, proven := testnames.New(".."), map[string]bool{}
	for _, p := range proofs {
		named := testnames.Named(p.test)
		if len(named) != strings.Count(p.test, "`")/2 || len(named) == 0 {
			t.Errorf("%s: %s: names no test, or not only tests", p.reason, p.test)
		}
		for _, n := range named {
			if fault := house.Missing(n); fault != "" {
				t.Errorf("%s: %s", p.reason, fault)
			} else if n.Story != "" && !flips(t, house.StoryFile(n), p.reason) {
				t.Errorf("%s: the story %s does not come to it from another verdict", p.reason, n.Story)
			}
		}
		proven[p.reason] = true
	}
	for _, r := range verifier.Reasons() {
		later := strings.Contains(before, "| `"+r.String()+"` (later) |")
		if proven[r.String()] == later {
			t.Errorf("%s: shown by a test: %t; to be built later: %t", r, proven[r.String()], later)
		}
		delete(proven, r.String())
	}
	for reason := range proven {
		t.Errorf("%s is no reason", reason)
	}
}

var storyVerdict = regexp.MustCompile(`(?m)^STEP \d+ CHECK_VERDICT (.*)$`)

// flips reports whether a story comes to the reason after a verdict that was another: one that confirms, but where the reason does so.
func flips(t testing.TB, file, reason string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	confirms := reason == "record_matches"
	before := false
	for _, m := range storyVerdict.FindAllStringSubmatch(string(text), -1) {
		if _, word, _ := strings.Cut(m[1], " "); word == reason && before {
			return true
		}
		before = before || (m[1] == confirmed) != confirms
	}
	return false
}

func tableOfProofs() string {
	var b strings.Builder
	b.WriteString(`
<!-- Written by ` + "`go test ./integration -run TestEveryReasonIsFlipped -update`" + ` from integration/flips_test.go; a test holds it to the tests that there are. -->

Each of these tests first has the very same set-up confirmed (or, of ` + "`record_matches`" + `, not confirmed), then changes the one thing that is
named here, and wants exactly that reason. Those of ` + "`integration`" + ` ask the real daemon, with other people's servers of the DNS and
tokens that other people's libraries made; ` + "`integration.TestKnot`" + ` stands for the other servers too, which are told the same stories.

| reason | what is changed | by |
|---|---|---|
`)
	for _, p := range proofs {
		b.WriteString("| `" + p.reason + "` | " + p.changed + " | " + p.test + " |\n")
	}
	return b.String()
}
