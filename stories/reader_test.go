package stories

import (
	"strings"

	"github.com/miekg/dns"
)

// reader hands out the lines of a story that say something.
type reader struct {
	file  string
	lines []string
	at    int // the next line, from 0
	ended bool

	text  string   // the current line without comment
	words []string // and its words, at least one
}

// next goes to the next line that is not empty.
func (p *reader) next() bool {
	for p.at < len(p.lines) {
		p.text = strings.TrimSpace(uncommented(p.lines[p.at]))
		p.words = strings.Fields(p.text)
		p.at++
		if len(p.words) > 0 {
			return true
		}
	}
	return false
}

// peek is the first word of the line that next would go to; "" at the end.
func (p *reader) peek() string {
	ahead := *p
	if !ahead.next() {
		return ""
	}
	return ahead.words[0]
}

func (p *reader) here() where { return where{p.file, p.at} }

func (p *reader) fault(format string, args ...any) error { return p.here().fault(format, args...) }

// config reads all above CONFIG_END.
func (p *reader) config(s *settings) error {
	for i, line := range p.lines {
		if strings.TrimSpace(line) != "CONFIG_END" {
			continue
		}
		p.at = i + 1
		var kept []string
		for _, l := range p.lines[:i] { // a line of comment as elsewhere in the file; its place is kept for the errors
			if strings.HasPrefix(strings.TrimSpace(l), ";") {
				l = ""
			}
			kept = append(kept, l)
		}
		if err := s.read(strings.Join(kept, "\n")); err != nil {
			return p.fault("configuration above: %v", err)
		}
		return nil
	}
	return p.fault("CONFIG_END is missing")
}

// record reads the current line as one resource record, or as a $GENERATE of some.
func (p *reader) record(origin string) ([]dns.RR, error) {
	z := dns.NewZoneParser(strings.NewReader(p.text), origin, p.file)
	z.SetDefaultTTL(3600)
	var out []dns.RR
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		out = append(out, rr)
	}
	if err := z.Err(); err != nil {
		return nil, p.fault("no record: %v", err)
	}
	if len(out) == 0 {
		return nil, p.fault("%q is not known here", p.words[0])
	}
	return out, nil
}

// uncommented is a line up to a ; that is not quoted.
func uncommented(line string) string {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ';':
			if !quoted {
				return line[:i]
			}
		}
	}
	return line
}
