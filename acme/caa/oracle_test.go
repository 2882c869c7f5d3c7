package caa

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The grammar of RFC 8659 §4.2 and RFC 8657 §4, as regular expressions: another
// reading of the same text than parseGrant's.
var (
	issueValue = regexp.MustCompile(`^[ \t]*(?:([A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*(?:\.[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*)*)[ \t]*)?` +
		`(?:;[ \t]*(?:([A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*[ \t]*=[ \t]*[!-:<-~]*(?:[ \t]*;[ \t]*[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*[ \t]*=[ \t]*[!-:<-~]*)*)[ \t]*)?)?$`)
	oneParameter = regexp.MustCompile(`([A-Za-z0-9-]+)[ \t]*=[ \t]*([!-:<-~]*)`)
	propertyTag  = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	methodList   = regexp.MustCompile(`^(?:[A-Za-z0-9-]+,)*[A-Za-z0-9-]+$`)
)

// second is a second opinion of records of a set: whether it permits, and whether it opts in.
func second(records [][]byte, q Question) (permits, optsIn bool) {
	byTag := map[string][]string{}
	for _, r := range records {
		if len(r) < 2 || int(r[1]) > len(r)-2 || !propertyTag.Match(r[2:][:r[1]]) {
			return false, false
		}
		tag := strings.ToLower(string(r[2:][:r[1]]))
		byTag[tag] = append(byTag[tag], string(r[2:][r[1]:]))
		switch tag {
		case "issue", "issuewild", "iodef", "issuemail", "contactemail", "contactphone":
		default:
			if r[0] >= 128 || r[0]%2 == 1 {
				return false, false
			}
		}
	}
	if len(records) == 0 {
		return false, false
	}
	rules, opting := byTag["issue"], byTag["issue"]
	if q.Wildcard {
		opting = byTag["issuewild"]
		if len(opting) > 0 {
			rules = opting
		}
	}
	permits = len(rules) == 0 || slices.ContainsFunc(rules, func(v string) bool { return lets(v, q, q.Methods, false) })
	optsIn = slices.ContainsFunc(opting, func(v string) bool { return lets(v, q, []string{"ca-cnf-01"}, true) })
	return permits, optsIn
}

func lets(value string, q Question, methods []string, explicit bool) bool {
	m := issueValue.FindStringSubmatch(value)
	if m == nil || m[1] == "" || !slices.Contains(q.Identities, strings.ToLower(m[1])) {
		return false
	}
	given := map[string]string{}
	for _, p := range oneParameter.FindAllStringSubmatch(m[2], -1) {
		if _, twice := given[p[1]]; twice || p[1] != "accounturi" && p[1] != "validationmethods" {
			return false
		}
		given[p[1]] = p[2]
	}
	if uri, ok := given["accounturi"]; ok && (uri != q.Account || uri == "") {
		return false
	}
	list, ok := given["validationmethods"]
	if !ok {
		return !explicit
	}
	return methodList.MatchString(list) && slices.ContainsFunc(strings.Split(list, ","), func(l string) bool { return slices.Contains(methods, l) })
}

// compare holds a set of records to the second opinion.
func compare(t *testing.T, records [][]byte, q Question) (permits, optsIn bool) {
	t.Helper()
	s, err := Parse(records)
	permits, optsIn = s.Permits(q) == nil, s.OptsIn(q) == nil
	wantPermits, wantOptsIn := second(records, q)
	if permits != wantPermits || optsIn != wantOptsIn || err != nil && permits {
		t.Fatalf("%q wildcard %v: permits %v, opts in %v; the second opinion: %v, %v (%v)", records, q.Wildcard, permits, optsIn, wantPermits, wantOptsIn, err)
	}
	if optsIn && !permitsBy(s, q) {
		t.Fatalf("%q wildcard %v: opts in, and does not permit it", records, q.Wildcard)
	}
	return permits, optsIn
}

// permitsBy is Permits for the confirmation record alone.
func permitsBy(s Set, q Question) bool {
	q.Methods = []string{MethodCNF}
	return s.Permits(q) == nil
}

// TestAgainstASecondOpinion puts sets together out of pieces that matter.
func TestAgainstASecondOpinion(t *testing.T) {
	r := rand.New(rand.NewPCG(8659, 8657))
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	value := func() string {
		v := pick("", " ", "\t") + pick("ca.example", "ca.example", "CA.example", "old.ca.example", "ca1.example.net", "", "ca..example", "ca.example.", "-", "-ca.example", "%")
		v += pick("", "", " ")
		for n := r.IntN(4); n > 0; n-- {
			if r.IntN(2) == 0 {
				v += pick("; ", ";") + pick("validationmethods=ca-cnf-01", "validationmethods=http-01,ca-cnf-01", "validationmethods = dns-01 ", "accounturi="+account)
				continue
			}
			v += pick(";", "; ", ";", ";;", " ", "\n")
			v += pick("accounturi", "validationmethods", "validationmethods", "AccountURI", "policy", "-a", "a-", "a--b") + pick("=", "=", " =\t", "==", "")
			v += pick(account, account+"1", "", "http-01", "dns-01", "ca-cnf-01", "ca-cnf-01,http-01", "dns-01,http-01", ",http-01", "http_01,http-01", "é") + pick("", "", " ")
		}
		return v
	}
	var permitted, opted int
	const rounds = 60_000
	for range rounds {
		var records [][]byte
		for n := r.IntN(4); n > 0; n-- {
			flags := []byte{0, 0, 0, 0, 128, 1, 2, 127}[r.IntN(8)]
			records = append(records, rdata(flags, pick("issue", "issue", "issuewild", "ISSUE", "iodef", "contactemail", "tbs", "issue-"), value()))
		}
		q := us()
		q.Wildcard = r.IntN(2) == 0
		if r.IntN(10) == 0 {
			q.Account = ""
		}
		p, o := compare(t, records, q)
		if p {
			permitted++
		}
		if o {
			opted++
		}
	}
	if permitted < rounds/20 || opted < rounds/200 {
		t.Errorf("only %d of %d permitted, %d opted in: the pieces no longer fit together", permitted, rounds, opted)
	}
}

// FuzzParse holds any two records to the second opinion.
func FuzzParse(f *testing.F) {
	for _, v := range []string{
		"ca.example", ";", "%%%%%", "ca.example; validationmethods=ca-cnf-01", "ca.example; accounturi=" + account,
		"ca.example; validationmethods=http-01,ca-cnf-01; accounturi=" + account, "ca.example;a=b;", " \tca.example\t ;\t",
	} {
		f.Add(rdata(0, "issue", v), rdata(128, "issuewild", v), false)
		f.Add(rdata(0, "iodef", v), rdata(0, "IssueWild", v), true)
	}
	f.Add([]byte{}, []byte{0, 0}, false)
	f.Add(append([]byte{0, 255}, strings.Repeat("a", 300)...), append([]byte{128, 254}, strings.Repeat("a", 254)...), false)
	f.Fuzz(func(t *testing.T, one, two []byte, wildcard bool) {
		q := us()
		q.Wildcard = wildcard
		compare(t, [][]byte{one}, q)
		compare(t, [][]byte{one, two}, q)
	})
}
