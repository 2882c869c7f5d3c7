package stories

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/verifier"
)

// TestHistoryIsForgotten writes stories at random in which owners sign, unsign, move, delegate, alias and withdraw. More
// than an hour after the last change, which is the longest that anything of a chain is believed, a resolver that has
// lived through all of it gives the reason that one gives which was born just then.
func TestHistoryIsForgotten(t *testing.T) {
	met := map[verifier.Reason]int{}
	for seed := range uint64(200) {
		text := randomHistory(rand.New(rand.NewPCG(seed, 9)))
		s, err := parseStory(fmt.Sprintf("seed %d", seed), text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		old, newborn, err := playBeside(t, s)
		if err != nil || old != newborn {
			t.Fatalf("%s, newborn: %s, %v\n%s", old, newborn, err, text)
		}
		met[old]++
	}
	for _, r := range []verifier.Reason{verifier.RecordMatches, verifier.RecordAbsent, verifier.RecordDiffers, verifier.Bogus, verifier.Insecure, verifier.DelegatedName, verifier.Wildcard} {
		if met[r] == 0 {
			t.Errorf("%s: no history led there: %v", r, met)
		}
	}
}

// playBeside plays a story, and asks its last question of a newborn resolver too.
func playBeside(t *testing.T, s *story) (old, newborn verifier.Reason, err error) {
	synctest.Test(t, func(t *testing.T) {
		var p *player
		if p, err = newPlayer(s, time.Now()); err != nil {
			return
		}
		defer func() { err = errors.Join(err, p.resolver.Close(context.Background())) }()
		for _, step := range append(slices.Clone(s.steps),
			&step{kind: "RESTART", killed: true},
			&step{kind: "VERIFY", again: true, times: 1, request: verifier.Request{Input: verifier.InputClaims}}) {
			if step.kind == "RESTART" && step.number == 0 {
				old = p.verdict.Reason
			}
			p.world.at(step.number)
			if err = p.take(t.Context(), step); err != nil {
				return
			}
		}
		newborn = p.verdict.Reason
	})
	return old, newborn, err
}

// history is a story that is being written.
type history struct {
	strings.Builder
	step                    int
	record, alias, tenanted bool
}

func (h *history) add(text string) {
	h.step++
	fmt.Fprintf(h, "STEP %d %s\n", h.step, text)
}

func (h *history) change(zone, text string) { h.add("CHANGE " + zone + "\n" + text + "\nZONE_END") }

func (h *history) verify() {
	h.add(`VERIFY
{"sub": "https://vendor.example", "cnf": {"jkt": "` + ourThumbprint + `"}}`)
}

const (
	ours   = "TLSA 255 255 255 80D55420B98633C5F4DA599C2159872A78EB2657E15D87F4662F1D5A1C97196B"
	theirs = "TLSA 255 255 255 58CFFEB77AAFFB08D271F12F8791EED30FB0B8106063DF71E6871FC8CD56128F"
)

func randomHistory(r *rand.Rand) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	sign := func() string {
		return "SIGNED " + pick("denial=nsec", "denial=nsec", "denial=nsec3", "optout", "no", "iterations=51")
	}
	h := &history{record: true}
	h.WriteString(pick("", "record: {allow_insecure: true}\n") + "CONFIG_END\nSCENARIO_BEGIN What was is forgotten\n")
	for _, z := range [][]string{
		{".", "192.0.2.1", "SIGNED " + pick("denial=nsec", "denial=nsec3")},
		{"example.", pick("192.0.2.2", "192.0.2.2 192.0.2.9", "192.0.2.1"), sign()},
		{"vendor.example.", pick("192.0.2.4", "192.0.2.4 192.0.2.5"), sign() + "\njkt.cnf " + pick("300 ", "5 ", "0 ") + ours},
		{"host.example.", pick("192.0.2.6", "192.0.2.4"), sign() + "\nkeys " + pick("300 ", "5 ", "0 ") + ours},
	} {
		fmt.Fprintf(h, "ZONE_BEGIN %s\nSERVER %s\n%s\nZONE_END\n", z[0], z[1], z[2])
	}
	h.verify()
	for range 1 + r.IntN(5) {
		h.happen(pick, sign)
	}
	h.add("TIME_PASSES ELAPSE 3700")
	h.verify()
	h.add("TIME_PASSES ELAPSE 1")
	h.WriteString("SCENARIO_END\n")
	return h.String()
}

// happen has one thing happen.
func (h *history) happen(pick func(...string) string, sign func() string) {
	switch pick("record", "keys", "wildcard", "tenant", "alias", "parent", "host", "move", "time", "restart") {
	case "record":
		switch {
		case h.record:
			h.change("vendor.example.", "REMOVE jkt.cnf TLSA")
			h.record = false
		case !h.alias && !h.tenanted:
			h.change("vendor.example.", "jkt.cnf 300 "+pick(ours, theirs))
			h.record = true
		}
	case "keys":
		h.change("vendor.example.", sign()+pick("", " key=second"))
		if pick("with the parent", "without") == "with the parent" {
			h.change("example.", "DELEGATE vendor.example.")
		}
	case "wildcard":
		h.change("vendor.example.", "*.cnf 300 "+pick(ours, theirs))
	case "tenant":
		if !h.record && !h.alias && !h.tenanted {
			h.change("cnf.vendor.example.", "SERVER "+pick("192.0.2.66", "192.0.2.4")+"\n"+sign()+"\njkt 300 "+ours)
			h.tenanted = true
		}
	case "alias":
		if !h.record && !h.alias && !h.tenanted {
			h.change("vendor.example.", "jkt.cnf 300 CNAME "+pick("keys.host.example.", "nothing.host.example.", "jkt.cnf"))
			h.alias = true
		}
	case "parent":
		h.change("example.", sign())
		h.change(".", "DELEGATE example.")
	case "host":
		h.change("host.example.", sign()+pick("", " key=second"))
		h.change("example.", "DELEGATE host.example.")
	case "move":
		at := pick("192.0.2.7", "192.0.2.6")
		h.change("vendor.example.", "SERVER "+at+"\nns1 3600 A "+at+"\n@ 3600 NS ns1")
		h.change("example.", "DELEGATE vendor.example.")
	case "restart":
		h.add("RESTART" + pick("", " KILLED"))
	case "time":
		h.add("TIME_PASSES ELAPSE " + pick("1", "59", "299", "1800"))
		h.verify()
	}
}
