package stories

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestANeighbourCannotPoison has the server of host.example. say at random, beside what it was asked or in its place,
// whatever it likes about vendor.example., example. and the root, in a tree where next to nothing is signed and the
// operator lets unsigned records confirm. vendor.example. goes on to confirm its key, and not the thief's. The same
// lies do harm where it is the parent's server that tells them.
func TestANeighbourCannotPoison(t *testing.T) {
	harmed := 0
	for seed := range uint64(150) {
		if err := playLiar(t, seed, "192.0.2.6"); err != nil {
			t.Error(err)
		}
		if playLiar(t, seed, "192.0.2.2") != nil {
			harmed++
		}
	}
	if harmed < 50 {
		t.Errorf("of 150 parents that lied %d did harm", harmed)
	}
}

func playLiar(t *testing.T, seed uint64, liar string) error {
	text := randomLiar(rand.New(rand.NewPCG(seed, 11)), liar)
	s, err := parseStory(fmt.Sprintf("seed %d", seed), text)
	if err == nil {
		err = play(t, s)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// liarsWorld wants a TTL, our record, the thief's, the liar's address, and how its lie begins.
const liarsWorld = `record: {allow_insecure: true}
CONFIG_END
SCENARIO_BEGIN A server says what it likes
ZONE_BEGIN .
SERVER 192.0.2.1
ZONE_END
ZONE_BEGIN example.
SERVER 192.0.2.2
SIGNED no
ZONE_END
ZONE_BEGIN vendor.example.
SERVER 192.0.2.4
SIGNED no
jkt.cnf %[1]s %[2]s
ZONE_END
ZONE_BEGIN host.example.
SERVER 192.0.2.6
SIGNED no
jkt.cnf %[1]s %[2]s
jkt.cnf.a 0 CNAME jkt.cnf.vendor.example.
b 0 DNAME vendor.example.
ZONE_END
RANGE_BEGIN 0 99
ADDRESS 192.0.2.66
ENTRY_BEGIN
MATCH qtype
REPLY QR AA NOERROR
SECTION QUESTION
. IN TLSA
SECTION ANSWER
jkt.cnf.vendor.example. 9000 IN %[3]s
ENTRY_END
RANGE_END
RANGE_BEGIN 2 99
ADDRESS %[4]s
ENTRY_BEGIN
%[5]s
`

func randomLiar(r *rand.Rand, liar string) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var b strings.Builder
	fmt.Fprintf(&b, liarsWorld, pick("300", "5", "0"), ours, theirs, liar, pick("ADJUST honest", "ADJUST honest", "REPLY QR AA NOERROR", "REPLY QR NOERROR", "REPLY QR AA NXDOMAIN"))
	for range 1 + r.IntN(4) {
		fmt.Fprintf(&b, "SECTION %s\n%s 9000 IN %s\n", pick("ANSWER", "AUTHORITY", "ADDITIONAL"),
			pick("vendor.example.", "example.", ".", "jkt.cnf.vendor.example.", "cnf.vendor.example.", "ns1.vendor.example.", "host.example.", "ns1.example.", "ns1."),
			pick("NS ns1.host.example.", "NS ns66.host.example.", "A 192.0.2.66", "CNAME jkt.cnf.host.example.", "DNAME host.example.", theirs, "SOA ns1.host.example. x. 1 2 3 4 9000"))
	}
	b.WriteString("SECTION ADDITIONAL\nns66.host.example. 9000 IN A 192.0.2.66\nENTRY_END\nRANGE_END\n")
	step := 0
	add := func(text string) {
		step++
		fmt.Fprintf(&b, "STEP %d %s\n", step, text)
	}
	verify := func(domain, thumbprint string) {
		add(fmt.Sprintf("VERIFY\n"+`{"sub": "https://%s", "cnf": {"jkt": "%s"}}`, domain, thumbprint))
	}
	verify("vendor.example", ourThumbprint)
	add("CHECK_VERDICT confirmed record_matches")
	for range 3 {
		verify(pick("host.example", "a.host.example", "b.host.example", "cnf.host.example", "x.y.host.example"), ourThumbprint)
		add("TIME_PASSES ELAPSE " + pick("0", "1", "6", "301", "3601"))
		verify("vendor.example", ourThumbprint)
		add("CHECK_VERDICT confirmed record_matches")
		verify("vendor.example", theirThumbprint)
		add("CHECK_VERDICT unproven insecure")
	}
	b.WriteString("SCENARIO_END\n")
	return b.String()
}
