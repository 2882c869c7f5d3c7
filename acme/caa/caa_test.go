package caa

import (
	"errors"
	"strings"
	"testing"
)

// rdata is a record in wire form.
func rdata(flags byte, tag, value string) []byte {
	return append(append([]byte{flags, byte(len(tag))}, tag...), value...)
}

// set parses zone-file shorthand: `issue ca.example`, `128 future x`.
func set(t testing.TB, lines ...string) Set {
	t.Helper()
	var wire [][]byte
	for _, l := range lines {
		flags := byte(0)
		if rest, ok := strings.CutPrefix(l, "128 "); ok {
			flags, l = 128, rest
		} else if rest, ok := strings.CutPrefix(l, "1 "); ok {
			flags, l = 1, rest
		}
		tag, value, _ := strings.Cut(l, " ")
		wire = append(wire, rdata(flags, tag, value))
	}
	s, err := Parse(wire)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const account = "https://ca.example:8256/acme/acct/7"

// us is the issuer of most tests: it has proven the domain by http-01.
func us() Question {
	return Question{Identities: []string{"ca.example", "old.ca.example"}, Methods: []string{"http-01"}, Account: account}
}

// reason of an error; nothing for nil.
func reason(t testing.TB, err error) Reason {
	t.Helper()
	if err == nil {
		return nothing
	}
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("%v is no Refusal", err)
	}
	return r.Reason
}

const wildcard = true

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		claim    string
		set      []string
		wildcard bool
		want     Reason
	}{
		{"it names us", []string{"issue ca.example"}, false, nothing},
		{"it names us by another of our names", []string{"issue old.ca.example"}, false, nothing},
		{"case of letters says nothing", []string{"ISSUE CA.eXample"}, false, nothing},
		{"white space around it says nothing", []string{"issue \t ca.example \t"}, false, nothing},
		{"a semicolon without parameters", []string{"issue ca.example ; "}, false, nothing},
		{"another issuer beside us (RFC 8659 §4.2)", []string{"issue ca1.example.net", "issue ca.example"}, false, nothing},
		{"nobody beside us: authorizations add up (RFC 8659 §4.2)", []string{"issue ;", "issue ca.example"}, false, nothing},
		{"no property restricts issuance", []string{"iodef mailto:security@vendor.example"}, false, nothing},
		{"critical properties that are understood", []string{"128 issue ca.example", "128 iodef mailto:x@y.example", "128 contactemail x@y.example", "128 contactphone 1", "128 issuemail ;"}, false, nothing},
		{"an unknown property that is not critical", []string{"issue ca.example", "tbs Unknown"}, false, nothing},
		{"only wildcards are restricted (RFC 8659 §4.3)", []string{"issuewild ca2.example.org"}, false, nothing},
		{"issuemail is about mail (RFC 9495)", []string{"issuemail ;"}, false, nothing},

		{"another issuer", []string{"issue ca1.example.net"}, false, OtherIssuer},
		{"two others (RFC 8659 §4.2)", []string{"issue ca1.example.net", "issue ca2.example.org"}, false, OtherIssuer},
		{"our name with more in front", []string{"issue www.ca.example"}, false, OtherIssuer},
		{"our parent's name", []string{"issue example"}, false, OtherIssuer},
		{"nobody (RFC 8659 §4.2)", []string{"issue ;"}, false, Nobody},
		{"nobody, by an empty value", []string{"issue "}, false, Nobody},
		{"nobody, with our name as a parameter", []string{"issue ;a=ca.example"}, false, Nobody},
		{"malformed (RFC 8659 §4.2)", []string{"issue %%%%%"}, false, Malformed},
		{"a trailing dot is no part of the grammar", []string{"issue ca.example."}, false, Malformed},
		{"an empty label", []string{"issue ca..example"}, false, Malformed},
		{"an underscore", []string{"issue ca_1.example"}, false, Malformed},
		{"a hyphen at a label's end", []string{"issue ca-.example"}, false, Malformed},
		{"a hyphen at a label's beginning", []string{"issue -ca.example"}, false, Malformed},
		{"a hyphen at the beginning of a parameter's name", []string{"issue ca.example; -a=b"}, false, Malformed},
		{"a hyphen at the end of a parameter's name", []string{"issue ca.example; a-=b"}, false, Malformed},
		{"two names in one property", []string{"issue ca.example old.ca.example"}, false, Malformed},
		{"a newline is no white space", []string{"issue ca.example\n"}, false, Malformed},
		{"a NUL behind our name", []string{"issue ca.example\x00"}, false, Malformed},
		{"a parameter without value", []string{"issue ca.example; policy"}, false, Malformed},
		{"a parameter without name", []string{"issue ca.example; =ev"}, false, Malformed},
		{"a space in a parameter's value", []string{"issue ca.example; accounturi=" + account + " x"}, false, Malformed},
		{"parameters with spaces between (RFC 6844)", []string{"issue ca.example; a=b c=d"}, false, Malformed},
		{"a semicolon at the end of the parameters", []string{"issue ca.example; validationmethods=http-01;"}, false, Malformed},
		{"two semicolons", []string{"issue ca.example;; validationmethods=http-01"}, false, Malformed},
		{"a letter beyond ASCII in a value", []string{"issue ca.example; validationmethods=http-01é"}, false, Malformed},

		{"a critical property that is unknown (RFC 8659 §4.1)", []string{"issue ca.example", "128 tbs Unknown"}, false, CriticalUnknown},
		{"a critical property that is unknown, marked as many do", []string{"issue ca.example", "1 tbs Unknown"}, false, CriticalUnknown},
		{"nothing but a critical property that is unknown", []string{"128 tbs Unknown"}, false, CriticalUnknown},

		{"this account (RFC 8657 §3)", []string{"issue ca.example; accounturi=" + account}, false, nothing},
		{"this account, in another of our properties", []string{"issue ca.example; accounturi=x:y", "issue ca.example; accounturi=" + account}, false, nothing},
		{"another account", []string{"issue ca.example; accounturi=https://ca.example:8256/acme/acct/8"}, false, OtherAccount},
		{"an account that begins like this one", []string{"issue ca.example; accounturi=" + account + "1"}, false, OtherAccount},
		{"the account in other letters", []string{"issue ca.example; accounturi=https://CA.example:8256/acme/acct/7"}, false, OtherAccount},
		{"no account at all", []string{"issue ca.example; accounturi="}, false, OtherAccount},
		{"two accounts, this one among them", []string{"issue ca.example; accounturi=" + account + "; accounturi=x:y"}, false, RepeatedParameter},
		{"this account twice", []string{"issue ca.example; accounturi=" + account + "; accounturi=" + account}, false, RepeatedParameter},
		{"this method (RFC 8657 §4)", []string{"issue ca.example; validationmethods=http-01"}, false, nothing},
		{"this method among others and unknown ones", []string{"issue ca.example; validationmethods=dns-01,later-09,http-01"}, false, nothing},
		{"a parameter with spaces around its sign", []string{"issue ca.example; validationmethods \t= http-01 ;accounturi=" + account}, false, nothing},
		{"another method", []string{"issue ca.example; validationmethods=dns-01"}, false, OtherMethod},
		{"the method in other letters", []string{"issue ca.example; validationmethods=HTTP-01"}, false, OtherMethod},
		{"no method", []string{"issue ca.example; validationmethods="}, false, OtherMethod},
		{"methods that begin like this one", []string{"issue ca.example; validationmethods=http-011,http-0"}, false, OtherMethod},
		{"a comma too many", []string{"issue ca.example; validationmethods=http-01,"}, false, OtherMethod},
		{"a comma at the beginning", []string{"issue ca.example; validationmethods=,http-01"}, false, OtherMethod},
		{"a label with another character", []string{"issue ca.example; validationmethods=http-01,dns_01"}, false, OtherMethod},
		{"methods twice", []string{"issue ca.example; validationmethods=http-01; validationmethods=dns-01"}, false, RepeatedParameter},
		{"the right method and the wrong account", []string{"issue ca.example; validationmethods=http-01; accounturi=x:y"}, false, OtherAccount},
		{"the right account and the wrong method", []string{"issue ca.example; validationmethods=dns-01; accounturi=" + account}, false, OtherMethod},
		{"account and method met by different properties", []string{"issue ca.example; validationmethods=dns-01; accounturi=" + account, "issue ca.example; validationmethods=http-01; accounturi=x:y"}, false, OtherMethod},
		{"a parameter that nobody knows", []string{"issue ca.example; policy=ev"}, false, UnknownParameter},
		{"a known parameter in other letters", []string{"issue ca.example; AccountURI=" + account}, false, UnknownParameter},
		{"another's parameters say nothing", []string{"issue ca.example", "issue ca1.example.net; policy=ev"}, false, nothing},

		{"a wildcard by issue alone (RFC 8659 §4.3)", []string{"issue ca.example"}, wildcard, nothing},
		{"a wildcard by issuewild", []string{"issuewild ca.example"}, wildcard, nothing},
		{"issuewild before issue (RFC 8659 §4.3)", []string{"issue ca1.example.net", "IssueWild ca.example"}, wildcard, nothing},
		{"issue ignored where there is issuewild", []string{"issue ca.example", "issuewild ca2.example.org"}, wildcard, OtherIssuer},
		{"issue ignored where issuewild is malformed", []string{"issue ca.example", "issuewild %%%"}, wildcard, Malformed},
		{"issuewild ignored for no wildcard", []string{"issue ;", "issuewild ca.example"}, false, Nobody},
		{"a wildcard where neither is there", []string{"iodef mailto:x@y.example"}, wildcard, nothing},
		{"a wildcard forbidden", []string{"issuewild ;"}, wildcard, Nobody},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := us()
			q.Wildcard = c.wildcard
			if got := reason(t, set(t, c.set...).Permits(q)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestOptsIn: each set but the first few lacks one thing of what opts in.
func TestOptsIn(t *testing.T) {
	const good = "ca.example; validationmethods=ca-cnf-01"
	for _, c := range []struct {
		claim    string
		set      []string
		wildcard bool
		want     Reason
	}{
		{"it opts in", []string{"issue " + good}, false, nothing},
		{"for a wildcard", []string{"issuewild " + good}, wildcard, nothing},
		{"among other methods", []string{"issue ca.example; validationmethods=dns-01,ca-cnf-01,http-01"}, false, nothing},
		{"for this account", []string{"issue " + good + "; accounturi=" + account}, false, nothing},
		{"beside a property of ours that does not", []string{"issue ca.example", "issue " + good}, false, nothing},
		{"beside another's", []string{"issue ca1.example.net", "issue " + good}, false, nothing},

		{"no methods are named", []string{"issue ca.example"}, false, AnyMethod},
		{"no methods are named, for this account", []string{"issue ca.example; accounturi=" + account}, false, AnyMethod},
		{"other methods are", []string{"issue ca.example; validationmethods=http-01,dns-01"}, false, OtherMethod},
		{"the method has the name of the challenge", []string{"issue ca.example; validationmethods=cnf-01"}, false, OtherMethod},
		{"the method stands in other letters", []string{"issue ca.example; validationmethods=CA-CNF-01"}, false, OtherMethod},
		{"it is another issuer's", []string{"issue ca1.example.net; validationmethods=ca-cnf-01"}, false, OtherIssuer},
		{"the methods are another's", []string{"issue ca.example", "issue ca1.example.net; validationmethods=ca-cnf-01"}, false, AnyMethod},
		{"it is another account's", []string{"issue " + good + "; accounturi=x:y"}, false, OtherAccount},
		{"a parameter is not known", []string{"issue " + good + "; policy=ev"}, false, UnknownParameter},
		{"the methods are there twice", []string{"issue " + good + "; validationmethods=ca-cnf-01"}, false, RepeatedParameter},
		{"it is malformed", []string{"issue " + good + ";"}, false, Malformed},
		{"it names nobody", []string{"issue ; validationmethods=ca-cnf-01"}, false, Nobody},
		{"a critical property is unknown", []string{"issue " + good, "128 tbs x"}, false, CriticalUnknown},
		{"nothing restricts issuance", []string{"iodef mailto:x@y.example"}, false, NoProperty},
		{"issue says nothing of a wildcard", []string{"issue " + good}, wildcard, NoProperty},
		{"issuewild says nothing of the name itself", []string{"issuewild " + good}, false, NoProperty},
		{"issuewild without methods beside issue", []string{"issue " + good, "issuewild ca.example"}, wildcard, AnyMethod},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := us()
			q.Wildcard = c.wildcard
			if got := reason(t, set(t, c.set...).OptsIn(q)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestWhatIsAskedFailsClosed flips one thing of the question, not of the set.
func TestWhatIsAskedFailsClosed(t *testing.T) {
	bound := "issue ca.example; accounturi=" + account + "; validationmethods=http-01,ca-cnf-01"
	for _, c := range []struct {
		claim string
		flip  func(*Question)
		want  Reason
	}{
		{"nothing is flipped", func(*Question) {}, nothing},
		{"one of several methods may be used", func(q *Question) { q.Methods = []string{"dns-01", "http-01"} }, nothing},
		{"we have no name", func(q *Question) { q.Identities = nil }, OtherIssuer},
		{"our name is empty", func(q *Question) { q.Identities = []string{""} }, OtherIssuer},
		{"our name is none that CAA can hold", func(q *Question) { q.Identities = []string{"ca.example."} }, OtherIssuer},
		{"no account asks", func(q *Question) { q.Account = "" }, OtherAccount},
		{"no method is used", func(q *Question) { q.Methods = nil }, OtherMethod},
		{"the method has no name", func(q *Question) { q.Methods = []string{""} }, OtherMethod},
	} {
		t.Run(c.claim, func(t *testing.T) {
			q := us()
			c.flip(&q)
			if got := reason(t, set(t, bound).Permits(q)); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	t.Run("an issuer spelled with the long s of another alphabet", func(t *testing.T) {
		q := us()
		q.Identities = []string{"\u017f.example"} // folds to s.example
		if got := reason(t, set(t, "issue s.example").Permits(q)); got != OtherIssuer {
			t.Error(got)
		}
	})
	t.Run("no account asks, and an empty one is named", func(t *testing.T) {
		q := us()
		empty := set(t, "issue ca.example; accounturi=; validationmethods=http-01,ca-cnf-01")
		q.Account = ""
		if p, o := reason(t, empty.Permits(q)), reason(t, empty.OptsIn(q)); p != OtherAccount || o != OtherAccount {
			t.Error(p, o)
		}
	})
	t.Run("the zero Set", func(t *testing.T) {
		var s Set
		if p, o := reason(t, s.Permits(us())), reason(t, s.OptsIn(us())); p != NoRecords || o != NoRecords {
			t.Error(p, o)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	good := rdata(0, "issue", "ca.example")
	if _, err := Parse([][]byte{good}); err != nil {
		t.Fatal(err)
	}
	for claim, wire := range map[string][][]byte{
		"no records":                       nil,
		"an empty record":                  {{}},
		"a record of flags alone":          {{0}},
		"a tag of no length":               {{0, 0, 'c', 'a'}},
		"a tag longer than the record":     {{0, 6, 'i', 's', 's', 'u', 'e'}},
		"a tag with a hyphen":              {rdata(0, "is-sue", "ca.example")},
		"a tag with an octet beyond ASCII": {rdata(0, "issu\xe9", "ca.example")},
		"a good record before a bad one":   {good, {0}},
	} {
		t.Run(claim, func(t *testing.T) {
			s, err := Parse(wire)
			if err == nil || !strings.HasPrefix(err.Error(), "caa: ") {
				t.Fatal(err)
			}
			if s.Permits(us()) == nil {
				t.Error("permits all the same")
			}
		})
	}
}

// TestRefusalsAreForPeople: what stands against us is said by the property that came nearest.
func TestRefusalsAreForPeople(t *testing.T) {
	s := set(t, "issue ;", "issue ca1.example.net", "issue ca.example; validationmethods=dns-01", "issue %")
	if got, want := s.Permits(us()).Error(), `issue "ca.example; validationmethods=dns-01": its validationmethods do not list what is used here`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	long := set(t, "issue "+strings.Repeat("é\x07", 300)).Permits(us()).Error()
	if strings.ContainsFunc(long, func(r rune) bool { return r < ' ' }) || len(long) > 1200 {
		t.Errorf("%d octets: %q", len(long), long)
	}
	for r := NoRecords; r <= nothing+1; r++ {
		if r.String() == "" {
			t.Errorf("reason %d has no words", r)
		}
	}
}
