package stories

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cnfd/verifier"
)

// readStory reads a file of testdata.
func readStory(name string) (*story, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parseStory(filepath.Base(name), string(text))
}

// parseStory reads a story. The error names file and line.
func parseStory(file, text string) (*story, error) {
	s := &story{file: file}
	p := &reader{file: file, lines: strings.Split(text, "\n")}
	if err := p.config(&s.settings); err != nil {
		return nil, err
	}
	for p.next() {
		if err := s.part(p); err != nil {
			return nil, err
		}
		if p.ended {
			return s, nil
		}
	}
	return nil, p.fault("SCENARIO_END is missing")
}

// part reads what begins at the current line of the body.
func (s *story) part(p *reader) (err error) {
	switch p.words[0] {
	case "SCENARIO_BEGIN":
		s.title = strings.TrimSpace(strings.TrimPrefix(p.text, "SCENARIO_BEGIN"))
	case "SCENARIO_END":
		p.ended = true
	case "ZONE_BEGIN":
		if len(p.words) != 2 {
			return p.fault("ZONE_BEGIN wants a name")
		}
		z, err := p.zone(p.words[1])
		if err != nil {
			return err
		}
		if len(z.servers) == 0 || len(z.removals) > 0 || len(z.delegated) > 0 {
			return z.fault("%s: a zone wants a SERVER, and REMOVE and DELEGATE are for a CHANGE", z.apex)
		}
		s.zones = append(s.zones, z)
	case "RANGE_BEGIN":
		r, err := p.span()
		if err != nil {
			return err
		}
		s.ranges = append(s.ranges, r)
	case "STEP":
		t, err := p.step()
		if err != nil {
			return err
		}
		if n := len(s.steps); n > 0 && s.steps[n-1].number >= t.number {
			return t.fault("step %d does not follow step %d", t.number, s.steps[n-1].number)
		}
		s.steps = append(s.steps, t)
	default:
		return p.fault("%q is not known here", p.words[0])
	}
	return nil
}

// span reads a RANGE.
func (p *reader) span() (*span, error) {
	r := &span{}
	var err error
	if len(p.words) != 3 {
		return nil, p.fault("RANGE_BEGIN wants two steps")
	}
	if r.from, err = strconv.Atoi(p.words[1]); err == nil {
		r.to, err = strconv.Atoi(p.words[2])
	}
	if err != nil || r.to < r.from {
		return nil, p.fault("RANGE_BEGIN wants two steps, the first not after the second")
	}
	for p.next() {
		switch p.words[0] {
		case "RANGE_END":
			if len(r.addresses) == 0 {
				return nil, p.fault("a RANGE without an ADDRESS")
			}
			return r, nil
		case "ADDRESS":
			if r.addresses, err = p.addresses(r.addresses); err != nil {
				return nil, err
			}
		case "ENTRY_BEGIN":
			e, err := p.entry()
			if err != nil {
				return nil, err
			}
			r.entries = append(r.entries, e)
		default:
			return nil, p.fault("%q is not known in a RANGE", p.words[0])
		}
	}
	return nil, p.fault("RANGE_END is missing")
}

func (p *reader) addresses(to []netip.Addr) ([]netip.Addr, error) {
	for _, word := range p.words[1:] {
		a, err := netip.ParseAddr(word)
		if err != nil {
			return nil, p.fault("%v", err)
		}
		to = append(to, a)
	}
	return to, nil
}

// step reads a STEP and what belongs to it.
func (p *reader) step() (*step, error) {
	if len(p.words) < 3 {
		return nil, p.fault("STEP wants a number and a word")
	}
	number, err := strconv.Atoi(p.words[1])
	if err != nil {
		return nil, p.fault("STEP wants a number")
	}
	t := &step{where: p.here(), number: number, kind: p.words[2]}
	rest := p.words[3:]
	switch t.kind {
	case "QUERY", "CHECK_ANSWER":
		if !p.next() || p.words[0] != "ENTRY_BEGIN" || len(rest) > 0 {
			return nil, p.fault("%s wants an ENTRY", t.kind)
		}
		t.entry, err = p.entry()
		if err == nil && len(t.entry.msg.Question) != 1 {
			err = t.fault("%s wants one question", t.kind)
		}
	case "TIME_PASSES":
		if len(rest) != 2 || rest[0] != "ELAPSE" {
			return nil, p.fault("TIME_PASSES wants ELAPSE and seconds")
		}
		t.elapse, err = p.seconds(rest[1])
	case "CHANGE":
		if len(rest) != 1 {
			return nil, p.fault("CHANGE wants the name of a zone")
		}
		t.zone, err = p.zone(rest[0])
	case "RESTART":
		t.killed = len(rest) == 1 && rest[0] == "KILLED"
		if len(rest) > 1 || len(rest) == 1 && !t.killed {
			return nil, p.fault("RESTART wants nothing, or KILLED")
		}
	case "VERIFY", "PRECHECK":
		err = p.verify(t, rest)
	case "CHECK_VERDICT":
		err = p.verdict(t, rest)
	case "CHECK_SENT":
		if len(rest) == 2 && rest[0] == "<=" {
			t.atMost, rest = true, rest[1:]
		}
		if len(rest) != 1 {
			return nil, p.fault("CHECK_SENT wants a number")
		}
		if t.sent, err = strconv.Atoi(rest[0]); err != nil {
			err = p.fault("CHECK_SENT wants a number")
		}
	default:
		return nil, p.fault("%q is no kind of STEP", t.kind)
	}
	return t, err
}

// verify reads the options of a VERIFY and the claim set below it.
func (p *reader) verify(t *step, rest []string) (err error) {
	t.request.Input, t.times = verifier.InputClaims, 1
	for len(rest) > 0 {
		option := rest[0]
		rest = rest[1:]
		if option == "AGAIN" {
			t.again = true
			continue
		}
		if t.kind == "PRECHECK" && option != "TIMES" {
			return p.fault("%q is no option of PRECHECK: it is of now", option)
		}
		if len(rest) == 0 {
			return p.fault("%q is no option of VERIFY, or wants a value", option)
		}
		value := rest[0]
		rest = rest[1:]
		switch option {
		case "MAX_AGE":
			t.request.Bounded = true
			t.request.MaxAge, err = p.seconds(value)
		case "AT":
			if t.request.At, err = time.Parse(time.RFC3339, value); err != nil {
				err = p.fault("AT wants a time as in 2026-11-22T06:00:00Z")
			}
		case "TIMES":
			if t.times, err = strconv.Atoi(value); err != nil || t.times < 1 || t.times > 10000 {
				err = p.fault("TIMES wants a number")
			}
		default:
			err = p.fault("%q is no option of VERIFY", option)
		}
		if err != nil {
			return err
		}
	}
	var claims []string
	for p.peek() != "STEP" && p.next() {
		if p.words[0] == "SCENARIO_END" {
			return p.fault("a VERIFY that nobody looks at")
		}
		claims = append(claims, p.text)
	}
	if t.again != (len(claims) == 0) {
		return t.fault("VERIFY wants a claim set, or AGAIN")
	}
	t.request.Bytes = []byte(strings.Join(claims, "\n"))
	return nil
}

// verdict reads a CHECK_VERDICT and the conditions below it.
func (p *reader) verdict(t *step, rest []string) error {
	t.want.ede = -1
	if len(rest) != 2 {
		return p.fault("CHECK_VERDICT wants an outcome and a reason")
	}
	known := false
	for _, r := range verifier.Reasons() {
		if r.String() == rest[1] && r.Outcome().String() == rest[0] {
			t.want.reason, known = r, true
		}
	}
	if !known {
		return p.fault("no verdict is %s for %s", rest[0], rest[1])
	}
	for first := p.peek(); first == "SAYS" || first == "DETAIL" || first == "EDE" || first == "CACHED"; first = p.peek() {
		p.next()
		value := strings.TrimSpace(strings.TrimPrefix(p.text, first))
		words := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(p.lines[p.at-1]), first)) // a ; too
		switch first {
		case "SAYS":
			t.want.says = append(t.want.says, words)
		case "DETAIL":
			t.want.detail = append(t.want.detail, words)
		case "CACHED":
			t.want.cached = value
			if value != "yes" && value != "no" {
				return p.fault("CACHED is yes or no")
			}
		case "EDE":
			code, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return p.fault("EDE wants a number")
			}
			t.want.ede = int(code)
		}
	}
	return nil
}

func (p *reader) seconds(word string) (time.Duration, error) {
	n, err := strconv.ParseUint(word, 10, 31)
	if err != nil {
		return 0, p.fault("%q: seconds are wanted", word)
	}
	return time.Duration(n) * time.Second, nil
}

func (w where) fault(format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", w.file, w.line, fmt.Sprintf(format, args...))
}
