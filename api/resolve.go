package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cnfd/dnssec"
	"cnfd/verifier"

	"github.com/miekg/dns"
)

// Resolution is the answer to one question of the DNS with its chain of trust,
// as GET /v1/resolve and `cnfd resolve --json` print it.
type Resolution struct {
	Name     string        `json:"name"`
	Type     string        `json:"type"`
	Security string        `json:"security"` // secure, insecure, bogus, indeterminate
	Kind     string        `json:"kind"`     // positive, no_data, no_name, no_answer
	Rcode    string        `json:"rcode"`
	Wildcard bool          `json:"wildcard,omitempty"` // made from a wildcard
	Zone     string        `json:"zone,omitempty"`     // the zone that holds the name
	Records  []string      `json:"records"`            // zone-file lines, aliases first; TTLs are what is left
	EDE      *EDE          `json:"ede,omitempty"`
	Age      int64         `json:"age"`                   // seconds since the oldest part was fetched
	Until    string        `json:"valid_until,omitempty"` // absent where nothing is proven
	Chain    []dnssec.Link `json:"chain"`                 // the trust anchor first
	Testing  bool          `json:"testing,omitempty"`
	ID       string        `json:"id,omitempty"`
}

// EDE is DNS trouble: an INFO-CODE of RFC 8914 and a text for people.
type EDE struct {
	Code uint16 `json:"code"`
	Text string `json:"text"`
}

// ResolutionOf describes an answer as of now.
func ResolutionOf(a *dnssec.Answer, chain []dnssec.Link, now time.Time) Resolution {
	r := Resolution{
		Name: a.Name, Type: typeName(a.Type), Security: a.Security.String(),
		Kind: kindWord(a.Kind), Rcode: rcodeName(a.Rcode), Wildcard: a.Wildcard, Zone: a.Zone,
		Records: []string{}, Chain: chain,
	}
	if chain == nil {
		r.Chain = []dnssec.Link{}
	}
	age := time.Duration(0)
	if !a.Fetched.IsZero() {
		age = max(now.Sub(a.Fetched), 0)
	}
	r.Age = int64(age / time.Second)
	if proven := a.Security == dnssec.Secure || a.Security == dnssec.Insecure; proven && !a.Until.IsZero() {
		r.Until = a.Until.UTC().Format(time.RFC3339)
	}
	for _, rr := range a.AnswerSection.RRs() {
		if rr.Header().Rrtype == dns.TypeRRSIG && a.Type != dns.TypeRRSIG {
			continue
		}
		rr.Header().Ttl -= uint32(min(r.Age, int64(rr.Header().Ttl)))
		if t, ok := rr.(*dns.TLSA); ok {
			t.Certificate = strings.ToUpper(t.Certificate) // as cnfd prints it everywhere
		}
		r.Records = append(r.Records, strings.Join(strings.Fields(rr.String()), " "))
	}
	if a.Trouble != (dnssec.Trouble{}) {
		r.EDE = &EDE{Code: a.Trouble.Code, Text: a.Trouble.Text}
	}
	return r
}

// ParseQuestion reads a name and a type as people write them; the empty type is
// TLSA. The error says what to change.
func ParseQuestion(name, rrtype string) (dnssec.Question, error) {
	n, err := parseName(name)
	if err != nil {
		return dnssec.Question{}, err
	}
	t, ok := typeOf(rrtype)
	if !ok {
		return dnssec.Question{}, errors.New("type: want the name of a record type, such as TLSA, or TYPE and its number")
	}
	// RFC 6895 §3.1: OPT and 128 to 255 are no types of data; 0 and 65535 are reserved.
	if t == dns.TypeOPT || t >= 128 && t <= 255 || t == 0 || t == 65535 {
		return dnssec.Question{}, errors.New("type: this is not a type of data")
	}
	return dnssec.Question{Name: n, Type: t}, nil
}

// parseName reads a name as people write it, in master-file format (RFC 1035
// §5.1), to the one spelling that it has everywhere else.
func parseName(name string) (dnssec.Name, error) {
	bad := errors.New("name: not a domain name")
	for i := 0; i < len(name); i++ {
		if name[i] >= 0x80 {
			return dnssec.Name{}, errors.New("name: not ASCII: write it in its xn-- form (cnfd name prints it)")
		}
		if name[i] != '\\' {
			continue
		}
		// The library takes \256 for \000.
		if i++; i+3 <= len(name) && name[i] >= '0' && name[i] <= '9' {
			if _, err := strconv.ParseUint(name[i:i+3], 10, 8); err != nil {
				return dnssec.Name{}, bad
			}
		}
	}
	if _, ok := dns.IsDomainName(name); !ok || name == "" {
		return dnssec.Name{}, bad
	}
	wire := make([]byte, 256)
	end, err := dns.PackDomainName(dns.Fqdn(name), wire, 0, nil, false)
	if err == nil {
		name, _, err = dns.UnpackDomainName(wire[:end], 0)
	}
	n, fits := dnssec.NameOf(name)
	if err != nil || !fits {
		return dnssec.Name{}, bad
	}
	return n, nil
}

func typeOf(s string) (uint16, bool) {
	s = strings.ToUpper(s)
	if s == "" {
		return dnssec.TypeTLSA, true
	}
	if t, ok := dns.StringToType[s]; ok {
		return t, true
	}
	digits, ok := strings.CutPrefix(s, "TYPE") // RFC 3597 §5
	n, err := strconv.ParseUint(digits, 10, 16)
	return uint16(n), ok && err == nil
}

func typeName(t uint16) string { return dns.Type(t).String() }

func rcodeName(code int) string {
	if s, ok := dns.RcodeToString[code]; ok {
		return s
	}
	return "RCODE" + strconv.Itoa(code)
}

func kindWord(k dnssec.Kind) string {
	switch k {
	case dnssec.Positive:
		return "positive"
	case dnssec.NoData:
		return "no_data"
	case dnssec.NoName:
		return "no_name"
	}
	return "no_answer"
}

// resolve answers GET /v1/resolve?name=…&type=…&max_age=….
func (h *handler) resolve(w http.ResponseWriter, r *http.Request) {
	q, p := readResolve(r)
	if p != nil {
		h.problem(w, *p)
		return
	}
	a, chain, err := h.Resolver.Explain(r.Context(), q)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	now := h.Now()
	res := ResolutionOf(a, chain, now)
	res.Testing, res.ID = h.Testing, h.ids.next(now)
	doc, err := json.Marshal(res)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	until := a.Until
	if res.Until == "" {
		until = time.Time{}
	}
	w.Header()["Vary"] = vary
	h.life.write(w.Header(), time.Duration(res.Age)*time.Second, until, now)
	h.write(w, r, append(doc, '\n'))
}

func readResolve(r *http.Request) (dnssec.Question, *problem) {
	var q dnssec.Question
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, &problem{malformed, "the query cannot be read: check its percent-encoding"}
	}
	var age verifier.Request
	for name, v := range values {
		switch {
		case name != "name" && name != "type" && name != "max_age":
			return q, &problem{malformed, shown(name) + " is no option here: name, type and max_age are"}
		case len(v) != 1:
			return q, &problem{malformed, "the query has " + name + " more than once"}
		case name == "max_age":
			seconds, p := queryAge(v[0])
			if p != nil {
				return q, p
			}
			bound(&age, seconds)
		}
	}
	readCacheControl(&age, r.Header["Cache-Control"])
	if q, err = ParseQuestion(values.Get("name"), values.Get("type")); err != nil {
		return q, &problem{malformed, err.Error()}
	}
	q.MaxAge, q.Bounded = age.MaxAge, age.Bounded
	return q, nil
}
