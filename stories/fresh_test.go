package stories

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cnfd/verifier"
)

// TestFreshIsFresh writes stories at random in which records, aliases and wildcards come and go while several domains
// are asked for, so that answers, denials and aliases are kept that cover each other. Who then wants nothing cached is
// told what a newborn resolver says at that moment. A failure alone may be kept (RFC 9520).
func TestFreshIsFresh(t *testing.T) {
	failures := []verifier.Reason{verifier.Bogus, verifier.Indeterminate, verifier.Unreachable}
	met := map[verifier.Reason]int{}
	for seed := range uint64(150) {
		text := randomFreshness(rand.New(rand.NewPCG(seed, 13)))
		s, err := parseStory(fmt.Sprintf("seed %d", seed), text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		old, newborn, err := playBeside(t, s)
		if err != nil || old != newborn && !slices.Contains(failures, old) {
			t.Fatalf("%s, newborn: %s, %v\n%s", old, newborn, err, text)
		}
		met[old]++
	}
	for _, r := range []verifier.Reason{verifier.RecordMatches, verifier.RecordAbsent, verifier.RecordDiffers, verifier.Insecure, verifier.Wildcard} {
		if met[r] == 0 {
			t.Errorf("%s: nothing led there: %v", r, met)
		}
	}
}

func randomFreshness(r *rand.Rand) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	h := &history{}
	h.WriteString(pick("", "record: {allow_insecure: true}\n") + "CONFIG_END\nSCENARIO_BEGIN What comes and goes is seen by who wants to see it\n")
	for _, z := range [][]string{
		{".", "192.0.2.1", ""},
		{"example.", "192.0.2.2", ""},
		{"vendor.example.", "192.0.2.4", "x 300 TXT x\nd 300 DNAME cnf.host.example."},
		{"host.example.", "192.0.2.6", "keys 300 " + ours},
	} {
		fmt.Fprintf(h, "ZONE_BEGIN %s\nSERVER %s\nSIGNED %s\n%s\nZONE_END\n", z[0], z[1], pick("denial=nsec", "denial=nsec3", "denial=nsec", "optout"), z[2])
	}
	verify := func(option string) {
		domain := pick("vendor", "vendor", "a.vendor", "b.a.vendor", "z.vendor", "cnf.vendor", "jkt.cnf.vendor", "host")
		h.add("VERIFY " + option + "\n" + `{"sub": "https://` + domain + `.example", "cnf": {"jkt": "` + ourThumbprint + `"}}`)
	}
	there := map[string]string{"host keys": "TLSA"} // what was put there, by zone and name
	verify("")
	for range 3 + r.IntN(8) {
		switch pick("change", "change", "verify", "fresh", "time") {
		case "change":
			h.comeOrGo(pick, there)
		case "verify":
			verify("")
		case "fresh":
			verify("MAX_AGE 0")
		case "time":
			h.add("TIME_PASSES ELAPSE " + pick("1", "30", "61", "301"))
		}
	}
	verify("MAX_AGE 0")
	h.add("TIME_PASSES ELAPSE 0")
	h.WriteString("SCENARIO_END\n")
	return h.String()
}

// comeOrGo has a name get something else, or nothing.
func (h *history) comeOrGo(pick func(...string) string, there map[string]string) {
	zone := pick("vendor", "vendor", "host")
	name := pick("jkt.cnf", "jkt.cnf", "*.cnf", "jkt.cnf.a", "*", "jkt.cnf.b.a", "keys", "cnf", "*.a", "jkt.cnf.cnf")
	at := zone + " " + name
	var text []string
	if there[at] != "" {
		text = append(text, "REMOVE "+name+" "+there[at])
	}
	switch there[at] = pick("", "TLSA", "TLSA", "CNAME", "TXT"); there[at] {
	case "TLSA":
		text = append(text, name+" 300 "+pick(ours, ours, theirs))
	case "CNAME":
		text = append(text, name+" 300 CNAME "+pick("keys.host.example.", "none.host.example.", "jkt.cnf.a.vendor.example."))
	case "TXT":
		text = append(text, name+" 300 TXT x")
	}
	if text != nil {
		h.change(zone+".example.", strings.Join(text, "\n"))
	}
}
