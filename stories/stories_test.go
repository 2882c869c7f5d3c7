package stories

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/verifier"
)

// TestStories plays every story of testdata.
func TestStories(t *testing.T) {
	for _, s := range stories(t) {
		t.Run(s.file, func(t *testing.T) {
			if err := play(t, s); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAStoryCanFail: of a story that is true, each thing that is looked at fails once it is another.
func TestAStoryCanFail(t *testing.T) {
	const file = "testdata/servers_fall_silent_and_come_back.rpl"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ claim, old, new, want string }{
		{"another reason", "unproven unreachable", "unproven bogus", ":28: it is unproven unreachable"},
		{"another EDE", "EDE 22", "EDE 7", ":28: EDE 7 is wanted"},
		{"words that are not said", "SAYS no server", "SAYS no waiter", ":28: "},
		{"words after a semicolon", "SAYS no server", "SAYS no server; a waiter", ":28: "},
		{"from the cache or not", "EDE 22", "CACHED yes", ":28: cached: false"},
		{"what was sent", "STEP 20", "STEP 13 CHECK_SENT 0\nSTEP 20", ":31: "},
		{"a server that speaks", "ADJUST do_not_answer", "ADJUST honest", ":28: it is confirmed record_matches"},
		{"the time that passes", "ELAPSE 301", "ELAPSE 30", ":28: it is confirmed record_matches"},
		{"another key in the record", "TLSA 255 255 255 80", "TLSA 255 255 255 81", ":24: it is refuted record_differs"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s, err := parseStory("story.rpl", strings.Replace(string(text), c.old, c.new, 1))
			if err != nil {
				t.Fatal(err)
			}
			if err := play(t, s); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// stories reads all there are.
func stories(tb testing.TB) []*story {
	tb.Helper()
	var out []*story
	for _, pattern := range []string{"testdata/*.rpl", "testdata/*/*.rpl"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			tb.Fatal(err)
		}
		for _, name := range names {
			s, err := readStory(name)
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		tb.Fatal("there are no stories")
	}
	return out
}

// untold are the reasons that no story can have, and why.
var untold = map[verifier.Reason]string{
	verifier.SignatureInvalid:  "stories are about claim sets, which nobody has signed",
	verifier.KeyBindingInvalid: "a claim set has no key binding",
	verifier.DPoPInvalid:       "a story has no requests to prove",
	verifier.DPoPReplayed:      "a story has no requests to prove",
	verifier.MTLSMismatch:      "a story has no connections",
	verifier.AudienceMismatch:  "a story's caller names no audience",
}

// TestEveryReasonHasAStory: what a verdict can say some story shows.
func TestEveryReasonHasAStory(t *testing.T) {
	told := map[verifier.Reason]bool{}
	for _, s := range stories(t) {
		for _, step := range s.steps {
			if step.kind == "CHECK_VERDICT" {
				told[step.want.reason] = true
			}
		}
	}
	for _, r := range verifier.Reasons() {
		if _, excused := untold[r]; told[r] == excused {
			t.Errorf("%s: told %v, listed as untold %v", r, told[r], excused)
		}
	}
}

// TestStoriesConfirmFirst: a story whose verdict is not confirmed has first shown the same set-up confirming, so that
// it is the one thing that changed in between that takes the confirmation away.
func TestStoriesConfirmFirst(t *testing.T) {
	for _, s := range stories(t) {
		for _, step := range s.steps {
			if step.kind != "CHECK_VERDICT" {
				continue
			}
			if step.want.reason.Outcome() != verifier.Confirmed {
				t.Error(step.fault("nothing was confirmed before"))
			}
			break
		}
		if s.title == "" || strings.HasSuffix(s.title, ".") {
			t.Errorf("%s: SCENARIO_BEGIN wants a line that says what happens, without a full stop", s.file)
		}
	}
}

// A story is read into its zones and steps; [TestStories] plays them.
func Example() {
	s, err := parseStory("withdrawn.rpl", `
cache: {max_ttl: 60s}
CONFIG_END
SCENARIO_BEGIN A record that is withdrawn
ZONE_BEGIN vendor.example.
SERVER 192.0.2.4
jkt.cnf 300 TLSA 255 255 255 80D55420B98633C5F4DA599C2159872A78EB2657E15D87F4662F1D5A1C97196B
ZONE_END
STEP 1 CHANGE vendor.example.
REMOVE jkt.cnf TLSA
ZONE_END
STEP 2 TIME_PASSES ELAPSE 60
SCENARIO_END
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.title, s.settings.Cache.MaxTTL)
	fmt.Println(s.zones[0].records[0].Header().Name)
	for _, step := range s.steps {
		fmt.Println(step.number, step.kind)
	}
	// Output:
	// A record that is withdrawn 1m0s
	// jkt.cnf.vendor.example.
	// 1 CHANGE
	// 2 TIME_PASSES
}
