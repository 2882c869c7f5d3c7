package publish

import (
	"fmt"
	"slices"

	"cnfd/dnssec"
)

// wanted says what is wanted of the set, for people.
func (t *task) wanted() string {
	switch t.aim {
	case gone:
		return "the record is gone"
	case empty:
		return "no record is there"
	}
	return "the record is there"
}

// states says of every server of the name's zone whether it says what is wanted, how
// many do, and how many count.
func (t *task) states(each *dnssec.Each, insecure bool) (ready, counted int, states []ServerState) {
	if each == nil || len(each.Hops) == 0 {
		return 0, 0, nil
	}
	for _, s := range each.Hops[0].Servers {
		state := ServerState{Server: s.Name, Skipped: s.Skipped}
		if s.Address.IsValid() {
			state.Server += " " + s.Address.String()
		}
		switch {
		case s.Skipped:
			state.Why = "not asked: this machine has no way to such addresses"
		case s.Answer == nil:
			state.Why = "no answer"
			if s.Trouble.Text != "" {
				state.Why += ": " + s.Trouble.Text
			}
		default:
			state.Why = t.state(s.Answer, insecure)
			if state.Why != "" && s.HasSerial {
				state.Why += fmt.Sprintf(" (serial %d)", s.Serial)
			}
		}
		if state.Ready = state.Why == ""; state.Ready {
			ready++
		}
		if !s.Skipped {
			counted++
		}
		states = append(states, state)
	}
	return ready, counted, states
}

// state says why an answer is not what is wanted; "" where it is.
func (t *task) state(a *dnssec.Answer, insecure bool) string {
	if a == nil {
		return "no answer"
	}
	// A negative trust anchor proves nothing, whatever else is allowed (docs/profile.md §4).
	proven := !a.Overridden && (a.Security == dnssec.Secure || insecure && a.Security == dnssec.Insecure)
	switch {
	case a.Kind == dnssec.NoAnswer:
		return "no answer: " + a.Trouble.Text
	case !proven && a.Trouble.Text != "":
		return fmt.Sprintf("%s: %s", a.Security, a.Trouble.Text)
	case !proven:
		return fmt.Sprintf("%s: nothing proves what it says", a.Security)
	case t.aim == present && a.Wildcard:
		return "a wildcard answers in the record's place"
	}
	has := slices.ContainsFunc(a.Data, func(data []byte) bool { return string(data) == t.entry.Record.rdata })
	switch {
	case t.aim == present && !has:
		return "still without the record"
	case t.aim == gone && has && a.Wildcard:
		return "a wildcard still answers with the record"
	case t.aim == gone && has:
		return "still with the record"
	case t.aim == empty && len(a.Data) > 0:
		return fmt.Sprintf("still with %d records", len(a.Data))
	}
	return ""
}
