package stories

import (
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// entry reads an ENTRY up to its end.
func (p *reader) entry() (*entry, error) {
	e := &entry{where: p.here(), match: map[string]bool{}, msg: new(dns.Msg)}
	section := ""
	for p.next() {
		var err error
		switch p.words[0] {
		case "ENTRY_END":
			return e, nil
		case "MATCH":
			err = e.matches(p)
		case "ADJUST":
			err = e.adjusts(p)
		case "REPLY":
			e.said = true
			err = e.replies(p)
		case "SECTION":
			section = strings.Join(p.words[1:], " ")
			if !slices.Contains([]string{"QUESTION", "ANSWER", "AUTHORITY", "ADDITIONAL"}, section) {
				err = p.fault("%q is no section", section)
			}
		default:
			err = e.line(p, section)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, p.fault("ENTRY_END is missing")
}

// matchWords are what can be compared: of a question that a server is asked, or of an answer that is looked at.
var matchWords = []string{"opcode", "qname", "qtype", "question", "subdomain", "all", "rcode", "flags", "answer", "authority", "additional", "ttl"}

func (e *entry) matches(p *reader) error {
	for _, word := range p.words[1:] {
		value, isEDE := strings.CutPrefix(word, "ede=")
		code, err := strconv.ParseUint(value, 10, 16)
		switch {
		case isEDE && value == "any":
			e.anyEDE = true
		case isEDE && err == nil:
			e.ede = append(e.ede, uint16(code))
		case word == "UDP", word == "TCP":
			e.network = strings.ToLower(word)
		case slices.Contains(matchWords, word):
			e.match[word] = true
		default:
			return p.fault("%q cannot be matched", word)
		}
	}
	return nil
}

func (e *entry) adjusts(p *reader) (err error) {
	for _, word := range p.words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch rrtype, known := dns.StringToType[value]; {
		case word == "copy_id": // every reply carries the question's
		case word == "copy_query":
			e.copyQuery = true
		case word == "honest":
			e.honest = true
		case word == "do_not_answer":
			e.silent = true
		case key == "strip" && known:
			e.strip = append(e.strip, rrtype)
		case key == "flip" && known:
			e.flip = append(e.flip, rrtype)
		case key == "sleep":
			e.sleep, err = p.seconds(value)
		default:
			err = p.fault("%q is no adjustment", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *entry) replies(p *reader) error {
	m := e.msg
	flags := map[string]*bool{
		"QR": &m.Response, "AA": &m.Authoritative, "TC": &m.Truncated, "RD": &m.RecursionDesired,
		"RA": &m.RecursionAvailable, "AD": &m.AuthenticatedData, "CD": &m.CheckingDisabled, "DO": &e.do,
	}
	for _, word := range p.words[1:] {
		rcode, known := dns.StringToRcode[word]
		if word == "NOTIMPL" {
			rcode, known = dns.RcodeNotImplemented, true
		}
		switch flag := flags[word]; {
		case flag != nil:
			*flag = true
		case known:
			m.Rcode = rcode
		default:
			return p.fault("%q is neither a flag nor an RCODE", word)
		}
	}
	return nil
}

// line reads a line of a section.
func (e *entry) line(p *reader, section string) error {
	if section == "QUESTION" {
		q, err := p.question()
		e.msg.Question = append(e.msg.Question, q)
		return err
	}
	to := map[string]*[]dns.RR{"ANSWER": &e.msg.Answer, "AUTHORITY": &e.msg.Ns, "ADDITIONAL": &e.msg.Extra}[section]
	if to == nil {
		return p.fault("%q is not known in an ENTRY", p.words[0])
	}
	rrs, err := p.record(".")
	*to = append(*to, rrs...)
	return err
}

func (p *reader) question() (dns.Question, error) {
	q := dns.Question{Name: dns.Fqdn(p.words[0]), Qclass: dns.ClassINET}
	if _, ok := dns.IsDomainName(q.Name); !ok || len(p.words) < 2 || len(p.words) == 3 && p.words[1] != "IN" || len(p.words) > 3 {
		return q, p.fault("%q is no question", p.text)
	}
	var known bool
	if q.Qtype, known = dns.StringToType[p.words[len(p.words)-1]]; !known {
		return q, p.fault("%q is no type", p.words[len(p.words)-1])
	}
	return q, nil
}
