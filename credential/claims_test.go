package credential_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"cnfd/credential"
	"cnfd/thumbprint"
)

const (
	jkt  = "gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"
	hex1 = "80d55420b98633c5f4da599c2159872a78eb2657e15d87f4662f1d5a1c97196b"
	cnf  = `"cnf":{"jkt":"` + jkt + `"}`
	// The claims that the draft prints.
	draft = `{"iss":"https://iss.example","sub":"https://jwt.vc","exp":1361398824,"cnf":{"jwk":{"kty":"EC","alg":"ES256","crv":"P-256",` +
		`"x":"18wHLeIgW9wVN6VD1Txgpqy2LszYkMf6J8njVAibvhM","y":"-V4dS4UaLMgP_4fY4j8ir7cl1TXlFdAgcx55o7TkcSA"}}}`
)

// outcome is what a test says of a parse: "sub method" or the rule and the error.
func outcome(t *testing.T, c credential.Credential, err error) string {
	t.Helper()
	if err != nil {
		var e *credential.Error
		if !errors.As(err, &e) || e.Rule.String() == "" {
			t.Errorf("an error of another kind: %#v", err)
			return err.Error()
		}
		if c.Format != 0 || c.HasSubject || c.Subject != nil || c.Confirmation != (thumbprint.Confirmation{}) {
			t.Errorf("a credential beside the error: %+v", c)
		}
		return e.Rule.String() + " " + err.Error()
	}
	if c.Format.String() == "" || c.Confirmation.Method == 0 || !c.HasSubject && c.Subject != nil || !utf8.Valid(c.Subject) {
		t.Errorf("half a credential: %+v", c)
	}
	if !c.HasSubject {
		return "none " + c.Confirmation.Method.String()
	}
	return string(c.Subject) + " " + c.Confirmation.Method.String()
}

func TestParseClaims(t *testing.T) {
	vc := credential.Options{CredentialSubject: true}
	for _, c := range []struct {
		name, in string
		o        *credential.Options
		want     string
	}{
		{"the draft's claims", draft, nil, "https://jwt.vc jwk"},
		{"white space around", " \n{" + cnf + `, "sub" : "a" }` + "\t\r\n", nil, "a jkt"},
		{"an escaped value", `{"sub":"\u0061\n\ud83d\ude00",` + cnf + `}`, nil, "a\n\U0001F600 jkt"},
		{"an escaped name is that name", `{"\u0073ub":"a",` + cnf + `}`, nil, "a jkt"},
		{"no subject", `{` + cnf + `}`, nil, "none jkt"},
		{"an empty subject is one", `{"sub":"",` + cnf + `}`, nil, " jkt"},
		{"an issuer is no subject", `{"iss":"https://a.example",` + cnf + `}`, nil, "none jkt"},
		{"anything in other claims", `{"sub":"a","aud":["x",{"sub":"b"}],"n":[1e300,null,true],` + cnf + `}`, nil, "a jkt"},
		{"a subject further in is another's", `{"act":{"sub":"b"},"sub":"a",` + cnf + `}`, nil, "a jkt"},

		{"sub twice", `{"sub":"a","sub":"b",` + cnf + `}`, nil, "malformed claims.sub: given twice"},
		{"sub twice alike", `{"sub":"a","sub":"a",` + cnf + `}`, nil, "malformed claims.sub: given twice"},
		{"sub twice, one escaped", `{"sub":"a","\u0073ub":"b",` + cnf + `}`, nil, "malformed claims.sub: given twice"},
		{"cnf twice", `{"sub":"a",` + cnf + `,` + cnf + `}`, nil, "malformed claims.cnf: given twice"},
		{"another claim twice", `{"sub":"a","aud":1,"aud":1,` + cnf + `}`, nil, "malformed claims.aud: given twice"},
		{"a duplicate inside another claim", `{"sub":"a","aud":{"x":1,"x":2},` + cnf + `}`, nil, "malformed claims.aud.x: given twice"},
		{"jkt twice", `{"sub":"a","cnf":{"jkt":"` + jkt + `","jkt":"` + jkt + `"}}`, nil, "malformed claims.cnf.jkt: given twice"},
		{"Sub", `{"Sub":"a",` + cnf + `}`, nil, "malformed claims.Sub: differs only in case from sub"},
		{"SUB beside sub", `{"sub":"a","SUB":"b",` + cnf + `}`, nil, "malformed claims.SUB: differs only in case from sub"},
		{"sub with a long s", `{"ſub":"b",` + cnf + `}`, nil, "malformed claims.??ub: differs only in case from sub"},
		{"CNF", `{"sub":"a","CNF":{},` + cnf + `}`, nil, "malformed claims.CNF: differs only in case from cnf"},
		{"Exp", `{"sub":"a","Exp":1,` + cnf + `}`, nil, "malformed claims.Exp: differs only in case from exp"},
		{"sub is a number", `{"sub":1,` + cnf + `}`, nil, "malformed claims.sub: not a string"},
		{"sub is null", `{"sub":null,` + cnf + `}`, nil, "malformed claims.sub: not a string"},
		{"sub is an array", `{"sub":["a"],` + cnf + `}`, nil, "malformed claims.sub: not a string"},
		{"iss is an object", `{"sub":"a","iss":{},` + cnf + `}`, nil, "malformed claims.iss: not a string"},
		{"sub is not UTF-8", "{\"sub\":\"a\xff\"," + cnf + `}`, nil, "malformed claims.sub: not UTF-8"},
		{"sub is an overlong slash", "{\"sub\":\"a\xc0\xaf\"," + cnf + `}`, nil, "malformed claims.sub: not UTF-8"},
		{"sub has half a surrogate pair", `{"sub":"\ud800",` + cnf + `}`, nil, "malformed claims.sub: not a valid escape in a string"},
		{"sub has a raw control character", "{\"sub\":\"a\x00\"," + cnf + `}`, nil, "malformed claims.sub: control character in a string"},
		{"another claim is not UTF-8", "{\"sub\":\"a\",\"x\":\"\xff\"," + cnf + `}`, nil, "malformed claims.x: not UTF-8"},
		{"no key", `{"sub":"a"}`, nil, "not-reducible claims.cnf: missing: the credential names no key to confirm; its issuer must add cnf with the key (jwk) or its thumbprint (jkt)"},
		{"cnf null", `{"sub":"a","cnf":null}`, nil, "malformed claims.cnf: not an object"},
		{"cnf in text", `{"sub":"a","cnf":"{}"}`, nil, "malformed claims.cnf: not an object"},
		{"trailing data", `{"sub":"a",` + cnf + `}{}`, nil, "malformed claims: trailing data"},
		{"a byte order mark", "\ufeff{\"sub\":\"a\"," + cnf + `}`, nil, "malformed claims: not an object"},
		{"nothing", ``, nil, "malformed claims: ends too early"},
		{"an array", `[]`, nil, "malformed claims: not an object"},
		{"a comma too many", `{"sub":"a",` + cnf + `,}`, nil, "malformed claims: not a member name"},
		{"32 levels", `{"sub":"a","x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `,` + cnf + `}`, nil, "a jkt"},
		{"33 levels", `{"sub":"a","x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `,` + cnf + `}`, nil,
			"malformed claims.x" + strings.Repeat("[0]", 31) + ": nested too deep"},

		{"credentialSubject is not read unless asked", `{"credentialSubject":{"id":"b"},` + cnf + `}`, nil, "none jkt"},
		{"credentialSubject.id", `{"credentialSubject":{"id":"b","x":1},` + cnf + `}`, &vc, "b jkt"},
		{"vc.credentialSubject.id", `{"vc":{"type":[],"credentialSubject":{"id":"b"}},` + cnf + `}`, &vc, "b jkt"},
		{"all that say one thing", `{"sub":"b","vc":{"credentialSubject":{"id":"b"}},"credentialSubject":{"id":"b"},` + cnf + `}`, &vc, "b jkt"},
		{"a credentialSubject without id", `{"credentialSubject":{},` + cnf + `}`, &vc, "none jkt"},
		{"two subjects", `{"sub":"a","vc":{"credentialSubject":{"id":"b"}},` + cnf + `}`, &vc, "malformed claims.vc.credentialSubject.id: not the subject that the claim set names elsewhere"},
		{"two subjects, the other way", `{"credentialSubject":{"id":"b"},"sub":"a",` + cnf + `}`, &vc, "malformed claims.sub: not the subject that the claim set names elsewhere"},
		{"an empty subject and another", `{"credentialSubject":{"id":"b"},"sub":"",` + cnf + `}`, &vc, "malformed claims.sub: not the subject that the claim set names elsewhere"},
		{"id twice", `{"credentialSubject":{"id":"b","id":"b"},` + cnf + `}`, &vc, "malformed claims.credentialSubject.id: given twice"},
		{"Id", `{"credentialSubject":{"Id":"b"},` + cnf + `}`, &vc, "malformed claims.credentialSubject.Id: differs only in case from id"},
		{"several credentialSubjects", `{"credentialSubject":[{"id":"b"}],` + cnf + `}`, &vc, "malformed claims.credentialSubject: not an object"},
		{"an id that is no string", `{"credentialSubject":{"id":1},` + cnf + `}`, &vc, "malformed claims.credentialSubject.id: not a string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseClaims([]byte(c.in), c.o)
			if is := outcome(t, got, err); is != c.want {
				t.Errorf("got  %q\nwant %q", is, c.want)
			}
		})
	}
}

func TestPlacesAndRulesOfConfirmationErrors(t *testing.T) {
	for _, c := range []struct{ name, cnf, want string }{
		{"not base64url", `{"jwk":{"kty":"OKP","crv":"Ed25519","x":"="}}`, "malformed claims.cnf.jwk.x: "},
		{"opaque", `{"kid":"1"}`, "not-reducible claims.cnf.kid: "},
		{"private", `{"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}}`, "private-key claims.cnf.jwk: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := credential.ParseClaims([]byte(`{"sub":"a","cnf":`+c.cnf+`}`), nil)
			is := outcome(t, got, err)
			if !strings.HasPrefix(is, c.want) || strings.Contains(is, "nWGx") {
				t.Errorf("got %q, want %q", is, c.want)
			}
		})
	}
}

func TestTooLarge(t *testing.T) {
	pad := func(n int) []byte {
		head := `{"sub":"a",` + cnf + `,"x":"`
		return []byte(head + strings.Repeat("x", n-len(head)-2) + `"}`)
	}
	if _, err := credential.ParseClaims(pad(64<<10), nil); err != nil {
		t.Error(err)
	}
	long := pad(64<<10 + 1)
	for name, parse := range parsers {
		var e *credential.Error
		if _, err := parse(long, nil); !errors.As(err, &e) || e.Rule != credential.TooLarge {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

var parsers = map[string]func([]byte, *credential.Options) (credential.Credential, error){
	"ParseClaims": credential.ParseClaims, "ParseJWT": credential.ParseJWT,
	"ParseCWT": credential.ParseCWT, "Parse": credential.Parse,
}

// FuzzClaims holds what is read against encoding/json: where both accept, they
// see the same sub, iss, exp, nbf and aud and the same key in cnf, and nothing is
// accepted that it refuses.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		draft, `{"sub":"a","sub":"b",` + cnf + `}`, `{"Sub":"a",` + cnf + `}`, `{"\u0073ub":"a",` + cnf + `}`,
		`{"sub":"\ud83d\ude00","exp":1.5e3,"nbf":-0,` + cnf + `}`, "{\"sub\":\"\xff\"," + cnf + `}`,
		`{"vc":{"credentialSubject":{"id":"b"}},` + cnf + `}`, `{"sub":"a","x":[{"x":1,"x":2}],` + cnf + `}`,
		`{"exp":9007199254740993.5,"nbf":9007199254740993.5,"aud":["a",1,"\u0062"],"iss":"\u0069",` + cnf + `}`,
		`{"exp":-1e-400,"nbf":1E-9999999,"aud":"a","cnf":{"kid":"urn:ietf:params:oauth:jwk-thumbprint:sha-256:` + jkt + `","jkt":"` + jkt + `"}}`,
		`{"exp":-0.5e1,"nbf":12e-1,"aud":null,"cnf":{"kid":"urn:ietf:params:oauth:jwk-thumbprint:sha-256:` + jkt + `"}}`,
		strings.TrimSuffix(draft, "}}") + `,"jkt":"` + jkt + `"}}`, strings.TrimSuffix(draft, "}}") + `,"jkt":"AAAA` + jkt[4:] + `"}}`,
		`{"sub":"a","cnf":{"jwe":"e30.AA.AA.AA.AA","jkt":"` + jkt + `"}}`,
		`{"cnf":{"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := credential.ParseClaims(b, nil)
		outcome(t, got, err)
		if err != nil {
			return
		}
		want := byJSON(t, b)
		want.agrees(t, b, got)
		wrapped, err := credential.ParseJWT([]byte(compact(`{"alg":"ES256"}`, string(b))), nil)
		if err != nil || string(wrapped.Subject) != string(got.Subject) || wrapped.Confirmation != got.Confirmation {
			t.Fatalf("%q: in a JWT %+v %v", b, wrapped, err)
		}
	})
}
