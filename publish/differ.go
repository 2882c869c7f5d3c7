package publish

import (
	"slices"
	"strings"
)

// differing says what each server says, where they do not all say the same, and how those
// of the zone above delegate, where it is these. Where some are silent, these come first.
func differing(s *SeenSet) string {
	var all, silent []string
	for _, p := range s.Parents {
		all = append(all, p.Server+": "+p.Says)
	}
	for i := range s.Servers {
		v := &s.Servers[i]
		if text := v.Server + ": " + v.Says(s.Wanted); s.Partly && v.silent() {
			silent = append(silent, text)
		} else {
			all = append(all, text)
		}
	}
	intro := orElse(s.Trouble.Text, "the servers do not all say the same")
	if s.Partly {
		intro = "not every server answers"
	}
	return strings.Join(slices.Concat([]string{intro}, silent, all), "; ")
}

// mend says what helps where servers differ because some of them say nothing of use; ""
// where all do, or it is those of the zone above that differ.
func (s *SeenSet) mend() string {
	var down, lame, nowhere, others, do []string
	for i := range s.Servers {
		switch v := &s.Servers[i]; {
		case !v.silent():
		case v.Nowhere:
			nowhere = append(nowhere, v.Server)
		case v.Trouble.Unreachable:
			down = append(down, v.Server)
		case v.Trouble.Lame:
			lame = append(lame, v.Server)
		default:
			others = append(others, v.Server)
		}
	}
	if len(s.Parents) > 0 || len(down)+len(lame)+len(nowhere)+len(others) == 0 {
		return ""
	}
	if len(down) > 0 {
		do = append(do, "bring "+strings.Join(down, " and ")+" up, or see what keeps this machine from it")
	}
	if len(lame) > 0 {
		do = append(do, "have "+strings.Join(lame, " and ")+" serve the zone")
	}
	if len(nowhere) > 0 {
		do = append(do, "see why no address of "+strings.Join(nowhere, " and ")+" can be had")
	}
	if len(others) > 0 {
		do = append(do, "see to "+strings.Join(others, " and "))
	}
	text := strings.Join(do, "; ") + "; or take it out of the zone's NS, here and at the parent"
	if !s.Partly {
		text += "; then " + ServersDiffer.Do()
	}
	return text
}
