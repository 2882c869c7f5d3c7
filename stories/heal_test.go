package stories

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/verifier"
)

// TestItHeals writes stories at random: a world of signed zones confirms, then some of its servers, or the forwarders in
// front of it, lie, refuse and fall silent for a while, then all is right again. In between the key that is published
// is never refuted, another is never confirmed, and no question costs more messages or time than it may; afterwards
// the same question confirms.
func TestItHeals(t *testing.T) {
	met := map[verifier.Reason]int{}
	for seed := range uint64(150) {
		text := randomStory(rand.New(rand.NewPCG(seed, 7)))
		s, err := parseStory(fmt.Sprintf("seed %d", seed), text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if err := playUnfooled(t, s, met); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	if met[verifier.Bogus] < 10 || met[verifier.Unreachable] < 10 {
		t.Errorf("the servers were too good: %v", met)
	}
}

// never is what nothing that servers say may lead to: for the key that is published, and for another.
var never = map[bool]verifier.Outcome{true: verifier.Refuted, false: verifier.Confirmed}

const (
	ourThumbprint   = "gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"
	theirThumbprint = "WM_-t3qv-wjScfEvh5Hu0w-wuBBgY99x5ocfyM1WEo8"
)

// playUnfooled plays a story, and counts the reasons that it met.
func playUnfooled(t *testing.T, s *story, met map[verifier.Reason]int) (err error) {
	synctest.Test(t, func(t *testing.T) {
		var p *player
		if p, err = newPlayer(s, time.Now()); err != nil {
			return
		}
		defer func() { err = errors.Join(err, p.resolver.Close(context.Background())) }()
		for _, step := range s.steps {
			p.world.at(step.number)
			began := time.Now()
			err = p.take(t.Context(), step)
			if err == nil && step.kind == "VERIFY" {
				met[p.verdict.Reason]++
				if took := time.Since(began); took > 7*time.Second { // of the bubble's clock
					err = step.fault("it took %s", took)
				}
			}
			if err == nil && step.kind == "VERIFY" && p.verdict.Outcome() == never[strings.Contains(string(p.claims), ourThumbprint)] {
				err = step.fault("%s", p.verdict.Reason)
			}
			if err != nil {
				err = fmt.Errorf("%w\n%s", err, p.world)
				return
			}
		}
	})
	return err
}

// randomStory writes one.
func randomStory(r *rand.Rand) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	var b strings.Builder
	liars := []string{"192.0.2.1", "192.0.2.8", "192.0.2.2", "192.0.2.9", "192.0.2.4", "192.0.2.5"}
	if forwarders := pick("", "", `"udp://192.0.2.53"`, `"udp://192.0.2.53", "udp://192.0.2.54"`); forwarders != "" {
		b.WriteString("resolver: {mode: forward, forwarders: [" + forwarders + "]}\n")
		liars = []string{"192.0.2.53", "192.0.2.54"}
	}
	b.WriteString("CONFIG_END\nSCENARIO_BEGIN What servers said for a while is forgotten\n")
	for _, z := range [][]string{
		{".", "192.0.2.1", "192.0.2.1 192.0.2.8"},
		{"example.", "192.0.2.2", "192.0.2.2 192.0.2.9", "192.0.2.1"},
		{"vendor.example.", "192.0.2.4", "192.0.2.4 192.0.2.5", "192.0.2.2", "192.0.2.4 192.0.2.2"},
	} {
		fmt.Fprintf(&b, "ZONE_BEGIN %s\nSERVER %s\nSIGNED %s\n", z[0], pick(z[1:]...), pick("denial=nsec", "denial=nsec3"))
		if z[0] == "vendor.example." {
			fmt.Fprintf(&b, "jkt.cnf %s %s\n", pick("300", "5", "0"), ours)
		}
		b.WriteString("ZONE_END\n")
	}
	for range 1 + r.IntN(3) {
		fmt.Fprintf(&b, "RANGE_BEGIN 10 19\nADDRESS %s\n", pick(liars...))
		for range 1 + r.IntN(3) {
			b.WriteString("ENTRY_BEGIN\n" + randomLie(pick) + "ENTRY_END\n")
		}
		b.WriteString("RANGE_END\n")
	}
	verify := func(thumbprint string) string {
		return `VERIFY
{"sub": "https://vendor.example", "cnf": {"jkt": "` + thumbprint + `"}}`
	}
	fmt.Fprintf(&b, `STEP 1 %[3]s
STEP 2 CHECK_VERDICT confirmed record_matches
STEP 10 TIME_PASSES ELAPSE %[1]s
STEP 11 VERIFY AGAIN
STEP 12 CHECK_SENT <= 64
STEP 13 TIME_PASSES ELAPSE %[2]s
STEP 14 %[4]s
STEP 15 CHECK_SENT <= 64
STEP 16 %[3]s
STEP 20 TIME_PASSES ELAPSE 62
STEP 21 VERIFY AGAIN
STEP 22 CHECK_VERDICT confirmed record_matches
STEP 23 TIME_PASSES ELAPSE 301
STEP 24 VERIFY AGAIN
STEP 25 CHECK_VERDICT confirmed record_matches
SCENARIO_END
`, pick("301", "3601", "90000"), pick("1", "61", "301"), verify(ourThumbprint), verify(theirThumbprint))
	return b.String()
}

// randomLie is one thing that a server says in place of the truth; addresses, which nobody has signed, among them.
func randomLie(pick func(...string) string) string {
	question := ""
	if match := pick("", "MATCH qtype\n", "MATCH qname\n"); match != "" {
		question = match + "SECTION QUESTION\n" + pick("jkt.cnf.vendor.example.", "vendor.example.", "example.", ".") + " IN " + pick("TLSA", "DNSKEY", "DS", "A", "NS") + "\n"
	}
	switch pick("silent", "wrong", "less", "flipped", "more") {
	case "silent":
		return "ADJUST do_not_answer\n" + question
	case "wrong":
		return "REPLY QR " + pick("AA ", "") + pick("REFUSED", "SERVFAIL", "NXDOMAIN", "NOERROR", "FORMERR") + "\n" + question
	case "less":
		return "ADJUST honest strip=" + pick("RRSIG", "DS", "DNSKEY", "NSEC", "NSEC3", "TLSA", "NS") + "\n" + question
	case "flipped":
		return "ADJUST honest flip=" + pick("RRSIG", "DS", "DNSKEY", "TLSA", "A") + "\n" + question
	}
	return "ADJUST honest\n" + question + "SECTION " + pick("ANSWER", "AUTHORITY", "ADDITIONAL") + "\n" + pick(
		"vendor.example. 9000 IN NS ns.thief.test.\n",
		"ns1.vendor.example. 9000 IN A 192.0.2.66\n",
		"jkt.cnf.vendor.example. 9000 IN "+theirs+"\n",
		"jkt.cnf.vendor.example. 9000 IN CNAME www.vendor.example.\n",
		"example. 900 IN DNAME vendor.example.\n")
}
