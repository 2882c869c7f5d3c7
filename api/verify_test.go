package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"cnfd/verifier"

	"github.com/fxamacker/cbor/v2"
)

func TestVerifyReads(t *testing.T) {
	bounded := func(q verifier.Request, age time.Duration) verifier.Request {
		q.Bounded, q.MaxAge = true, age
		return q
	}
	token := verifier.Request{Input: verifier.InputToken, Bytes: []byte("a.b.c")}
	claims := verifier.Request{Input: verifier.InputClaims, Bytes: []byte(`{"sub": "x"}`)}
	skip := token
	skip.SkipTime = true
	for _, tt := range []struct {
		claim, target, body string
		headers             []string
		want                verifier.Request
	}{
		{"a token in JSON", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON}, token},
		{"time off in the body and in the query", "/v1/verify?time=false", `{"token":"a.b.c","time":false}`, []string{asJSON}, skip},
		{"a token whose JSON has escapes", "/v1/verify", `{"token":"a.b\u002ec"}`, []string{asJSON}, token},
		{"claims, as they stand", "/v1/verify", ` {"claims": {"sub": "x"} } `, []string{asJSON}, claims},
		{"JSON with a charset", "/v1/verify", `{"token":"a.b.c"}`, []string{"Content-Type: application/json; charset=UTF-8"}, token},
		{"a media type in another case", "/v1/verify", `{"token":"a.b.c"}`, []string{"Content-Type: Application/JSON"}, token},
		{"max_age", "/v1/verify", `{"token":"a.b.c","max_age":5}`, []string{asJSON}, bounded(token, 5*time.Second)},
		{"max_age 0", "/v1/verify", `{"max_age":0,"token":"a.b.c"}`, []string{asJSON}, bounded(token, 0)},
		{"max_age beyond what a duration holds", "/v1/verify", `{"token":"a.b.c","max_age":99999999999999}`, []string{asJSON}, bounded(token, 1<<31*time.Second)},
		{"the tightest of three bounds: body", "/v1/verify?max_age=9", `{"token":"a.b.c","max_age":3}`, []string{asJSON, "Cache-Control: max-age=7"}, bounded(token, 3*time.Second)},
		{"the tightest of three bounds: query", "/v1/verify?max_age=2", `{"token":"a.b.c","max_age":3}`, []string{asJSON, "Cache-Control: max-age=7"}, bounded(token, 2*time.Second)},
		{"the tightest of three bounds: header", "/v1/verify?max_age=9", `{"token":"a.b.c","max_age":8}`, []string{asJSON, "Cache-Control: max-age=7"}, bounded(token, 7*time.Second)},
		{"no-cache", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, "Cache-Control: no-cache"}, bounded(token, 0)},
		{"a max-age in quotes", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, `Cache-Control: max-age="9"`}, bounded(token, 9*time.Second)},
		{"a max-age with space around it", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, "Cache-Control: max-age = 9"}, bounded(token, 9*time.Second)},
		{"no-cache and max-age", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, "Cache-Control: max-age=9, No-Cache"}, bounded(token, 0)},
		{"Cache-Control twice", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, "Cache-Control: max-age=9", "Cache-Control: max-age=4"}, bounded(token, 4*time.Second)},
		{"a max-age that cannot be read wants fresh data", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, "Cache-Control: max-age=soon"}, bounded(token, 0)},
		{"a directive that is not known", "/v1/verify", `{"token":"a.b.c"}`, []string{asJSON, "Cache-Control: no-transform, stale-if-error=99"}, token},
		{"time off", "/v1/verify", `{"token":"a.b.c","time":false}`, []string{asJSON}, skip},
		{"time on", "/v1/verify", `{"token":"a.b.c","time":true}`, []string{asJSON}, token},
		{"time off in the query", "/v1/verify?time=false", `{"token":"a.b.c"}`, []string{asJSON}, skip},
		{"a JWT alone", "/v1/verify?max_age=1", "a.b.c\n", []string{asJWT}, bounded(verifier.Request{Input: verifier.InputJWT, Bytes: []byte("a.b.c")}, time.Second)},
		{"an SD-JWT alone", "/v1/verify", "a.b.c~", []string{"Content-Type: application/dc+sd-jwt"}, verifier.Request{Input: verifier.InputSDJWT, Bytes: []byte("a.b.c~")}},
		{"an SD-JWT by its older type", "/v1/verify", "a.b.c~", []string{"Content-Type: application/sd-jwt"}, verifier.Request{Input: verifier.InputSDJWT, Bytes: []byte("a.b.c~")}},
		{"a CWT, to the last octet", "/v1/verify", "\xa1\x02\x61\n", []string{"Content-Type: application/cwt"}, verifier.Request{Input: verifier.InputCWT, Bytes: []byte("\xa1\x02\x61\n")}},
		{"checks", "/v1/verify", `{"check":["dpop","signature","dpop"],"aud":"https:\/\/rp.example","nonce":"n","token":"a.b.c","dpop":{"htu":"https://rp.example/a","proof":"p","htm":"GET"},"client_cert":"c\n"}`, []string{asJSON}, verifier.Request{
			Bytes: []byte("a.b.c"), Checks: verifier.CheckSignature | verifier.CheckDPoP, Audience: "https://rp.example", Nonce: "n",
			DPoP: verifier.DPoP{Proof: []byte("p"), Method: "GET", URL: "https://rp.example/a"}, ClientCert: "c\n",
		}},
		{"checks in the query", "/v1/verify?check=key_binding,mtls&aud=a&nonce=n&dpop=p&htm=GET&htu=https%3a%2f%2frp.example%2f&client_cert=-----BEGIN%20", "a.b.c", []string{asJWT}, verifier.Request{
			Input: verifier.InputJWT, Bytes: []byte("a.b.c"), Checks: verifier.CheckKeyBinding | verifier.CheckMTLS, Audience: "a", Nonce: "n",
			DPoP: verifier.DPoP{Proof: []byte("p"), Method: "GET", URL: "https://rp.example/"}, ClientCert: "-----BEGIN ",
		}},
		{"checks in both", "/v1/verify?check=mtls&aud=a", `{"check":["dpop"],"aud":"a","token":"a.b.c"}`, []string{asJSON}, verifier.Request{
			Bytes: []byte("a.b.c"), Checks: verifier.CheckDPoP | verifier.CheckMTLS, Audience: "a",
		}},
		{"no checks", "/v1/verify", `{"check":[],"token":"a.b.c","dpop":{},"client_cert":""}`, []string{asJSON}, verifier.Request{Bytes: []byte("a.b.c")}},
		{"a body of 64 KiB", "/v1/verify", strings.Repeat("a", MaxBody), []string{asJWT}, verifier.Request{Input: verifier.InputJWT, Bytes: []byte(strings.Repeat("a", MaxBody))}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			v := &fakeVerifier{verdict: confirmed()}
			r := send(newHandler(t, Config{Verifier: v}), "POST", tt.target, tt.body, tt.headers...)
			if r.StatusCode != 200 {
				t.Fatalf("status %d: %s", r.StatusCode, text(t, r))
			}
			if got := v.last(t); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("asked %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	huge := strings.Repeat("a", MaxBody+1)
	for _, tt := range []struct {
		claim, target, body string
		headers             []string
		status              int
		name, detail        string
	}{
		{"no Content-Type", "/v1/verify", "a", nil, 415, "unsupported-media-type", "application/cwt"},
		{"two Content-Types", "/v1/verify", "a", []string{asJSON, asJWT}, 415, "unsupported-media-type", "want one"},
		{"another Content-Type", "/v1/verify", "a", []string{"Content-Type: text/plain"}, 415, "unsupported-media-type", `"text/plain"`},
		{"a Content-Type that cannot be read", "/v1/verify", "a", []string{"Content-Type: application/json; ="}, 415, "unsupported-media-type", ""},
		{"another charset", "/v1/verify", "{}", []string{"Content-Type: application/json; charset=utf-16"}, 415, "unsupported-media-type", "UTF-8"},
		{"a compressed body", "/v1/verify", "a", []string{asJSON, "Content-Encoding: gzip"}, 415, "unsupported-media-type", "Content-Encoding"},
		{"a body of 64 KiB and one octet", "/v1/verify", huge, []string{asJWT}, 413, "too-large", "65536"},
		{"an empty body", "/v1/verify", "", []string{asJSON}, 400, "malformed", ""},
		{"an empty token", "/v1/verify", `{"token":""}`, []string{asJSON}, 400, "malformed", "token: empty"},
		{"white space as a token", "/v1/verify", " \n", []string{asJWT}, 400, "malformed", "empty"},
		{"neither token nor claims", "/v1/verify", `{}`, []string{asJSON}, 400, "malformed", "exactly one of token and claims"},
		{"both token and claims", "/v1/verify", `{"token":"a.b.c","claims":{}}`, []string{asJSON}, 400, "malformed", "exactly one"},
		{"the token twice", "/v1/verify", `{"token":"a.b.c","token":"d.e.f"}`, []string{asJSON}, 400, "malformed", "token: "},
		{"the token twice, one name escaped", "/v1/verify", `{"token":"a.b.c","t\u006fken":"d.e.f"}`, []string{asJSON}, 400, "malformed", "token: "},
		{"the token in another case", "/v1/verify", `{"Token":"a.b.c"}`, []string{asJSON}, 400, "malformed", ""},
		{"a member that is not known", "/v1/verify", `{"token":"a.b.c","maxage":1}`, []string{asJSON}, 400, "malformed", "a member that is not read here"},
		{"something after the object", "/v1/verify", `{"token":"a.b.c"} {}`, []string{asJSON}, 400, "malformed", ""},
		{"an array", "/v1/verify", `["a.b.c"]`, []string{asJSON}, 400, "malformed", "body: not an object"},
		{"text that is not JSON", "/v1/verify", `token=a.b.c`, []string{asJSON}, 400, "malformed", ""},
		{"a token that is not a string", "/v1/verify", `{"token":{"a":1}}`, []string{asJSON}, 400, "malformed", "token: "},
		{"claims that are not an object", "/v1/verify", `{"claims":"a.b.c"}`, []string{asJSON}, 400, "malformed", "claims: not an object"},
		{"claims that break off", "/v1/verify", `{"claims":{"sub":"x"`, []string{asJSON}, 400, "malformed", ""},
		{"a negative max_age", "/v1/verify", `{"token":"a.b.c","max_age":-1}`, []string{asJSON}, 400, "malformed", "max_age: "},
		{"a max_age of half a second", "/v1/verify", `{"token":"a.b.c","max_age":1.5}`, []string{asJSON}, 400, "malformed", "max_age: want whole seconds"},
		{"a max_age beyond 64 bits", "/v1/verify", `{"token":"a.b.c","max_age":1e30}`, []string{asJSON}, 400, "malformed", "max_age: want whole seconds"},
		{"time on in the body and off in the query", "/v1/verify?time=false", `{"token":"a.b.c","time":true}`, []string{asJSON}, 400, "malformed", "time: "},
		{"time off in the body and on in the query", "/v1/verify?time=true", `{"token":"a.b.c","time":false}`, []string{asJSON}, 400, "malformed", "time: "},
		{"a max_age that is not a number", "/v1/verify", `{"token":"a.b.c","max_age":"5"}`, []string{asJSON}, 400, "malformed", "max_age"},
		{"a negative max_age in the query", "/v1/verify?max_age=-1", `{"token":"a.b.c"}`, []string{asJSON}, 400, "malformed", "max_age: "},
		{"max_age twice in the query", "/v1/verify?max_age=1&max_age=9", `{"token":"a.b.c"}`, []string{asJSON}, 400, "malformed", "more than once"},
		{"time that is neither", "/v1/verify?time=no", `{"token":"a.b.c"}`, []string{asJSON}, 400, "malformed", "time: "},
		{"time as a string", "/v1/verify", `{"token":"a.b.c","time":"false"}`, []string{asJSON}, 400, "malformed", "time"},
		{"an option that is not known", "/v1/verify?maxage=1", `{"token":"a.b.c"}`, []string{asJSON}, 400, "malformed", `"maxage"`},
		{"a query that cannot be read", "/v1/verify?%zz", `{"token":"a.b.c"}`, []string{asJSON}, 400, "malformed", "query"},
		{"a check that is not known", "/v1/verify", `{"token":"a.b.c","check":["signature","luck"]}`, []string{asJSON}, 400, "malformed", "check: no check of that name: want signature, key_binding, dpop, mtls"},
		{"a check in another case", "/v1/verify", `{"token":"a.b.c","check":["Signature"]}`, []string{asJSON}, 400, "malformed", "check: no check of that name"},
		{"a check that is no list", "/v1/verify", `{"token":"a.b.c","check":"signature"}`, []string{asJSON}, 400, "malformed", "check: not an array"},
		{"a check that is no text", "/v1/verify", `{"token":"a.b.c","check":[true]}`, []string{asJSON}, 400, "malformed", "check[0]: "},
		{"a check that is null", "/v1/verify", `{"token":"a.b.c","check":null}`, []string{asJSON}, 400, "malformed", "check: "},
		{"an audience that is null", "/v1/verify", `{"token":"a.b.c","aud":null}`, []string{asJSON}, 400, "malformed", "aud: "},
		{"an empty audience", "/v1/verify", `{"token":"a.b.c","aud":""}`, []string{asJSON}, 400, "malformed", "aud: empty"},
		{"a list of audiences", "/v1/verify", `{"token":"a.b.c","aud":["a"]}`, []string{asJSON}, 400, "malformed", "aud: "},
		{"an empty nonce", "/v1/verify", `{"nonce":"","token":"a.b.c"}`, []string{asJSON}, 400, "malformed", "nonce: empty"},
		{"a proof alone", "/v1/verify", `{"token":"a.b.c","dpop":"p"}`, []string{asJSON}, 400, "malformed", "dpop: not an object"},
		{"a proof with what is not known", "/v1/verify", `{"token":"a.b.c","dpop":{"proof":"p","ath":"x"}}`, []string{asJSON}, 400, "malformed", "dpop: a member that is not read here: proof, htm and htu are"},
		{"a proof twice", "/v1/verify", `{"token":"a.b.c","dpop":{"proof":"p","proof":"q"}}`, []string{asJSON}, 400, "malformed", "dpop.proof: "},
		{"a client certificate that is no text", "/v1/verify", `{"token":"a.b.c","client_cert":{}}`, []string{asJSON}, 400, "malformed", "client_cert: "},
		{"the audience twice in the query", "/v1/verify?aud=x&aud=y", "a.b.c", []string{asJWT}, 400, "malformed", "more than once"},
		{"an empty audience in the query", "/v1/verify?aud=", "a.b.c", []string{asJWT}, 400, "malformed", "aud: empty"},
		{"no check in the query", "/v1/verify?check=", "a.b.c", []string{asJWT}, 400, "malformed", "check: no check"},
		{"a check in the query that is not known", "/v1/verify?check=signature,luck", "a.b.c", []string{asJWT}, 400, "malformed", "check: no check"},
		{"another audience in the query than in the body", "/v1/verify?aud=y", `{"token":"a.b.c","aud":"x"}`, []string{asJSON}, 400, "malformed", "aud: the query says another thing"},
		{"another proof in the query than in the body", "/v1/verify?dpop=y", `{"token":"a.b.c","dpop":{"proof":"x"}}`, []string{asJSON}, 400, "malformed", "dpop: the query says another thing"},
		{"another certificate in the query than in the body", "/v1/verify?client_cert=y", `{"token":"a.b.c","client_cert":"x"}`, []string{asJSON}, 400, "malformed", "client_cert: the query says another thing"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			v := &fakeVerifier{verdict: confirmed()}
			r := send(newHandler(t, Config{Verifier: v}), "POST", tt.target, tt.body, tt.headers...)
			p := wantProblem(t, r, tt.status, tt.name)
			if !strings.Contains(p.Detail, tt.detail) || strings.HasPrefix(p.Detail, ".") || strings.HasPrefix(p.Detail, ":") {
				t.Errorf("detail %q, want %q in it, and a place that can be read", p.Detail, tt.detail)
			}
			v.untouched(t)
		})
	}
}

func TestVerifierErrors(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		err    error
		status int
		name   string
		detail string
	}{
		{"malformed", &verifier.Error{Problem: verifier.Malformed, Where: "claims.cnf.jwk.x", Detail: "not base64url"}, 400, "malformed", "claims.cnf.jwk.x: not base64url"},
		{"not derivable", &verifier.Error{Problem: verifier.NotDerivable, Detail: "no sub"}, 422, "not-derivable", "no sub"},
		{"not reducible", &verifier.Error{Problem: verifier.NotReducible, Where: "cnf", Detail: "kid"}, 422, "not-reducible", "cnf: kid"},
		{"too large", &verifier.Error{Problem: verifier.TooLarge, Detail: "65537"}, 413, "too-large", "65537"},
		{"wrapped", fmt.Errorf("x: %w", &verifier.Error{Problem: verifier.Malformed, Detail: "d"}), 400, "malformed", "d"},
		{"the zero Problem is this machine's", &verifier.Error{Detail: "d"}, 500, "internal", "d"},
		{"another error is this machine's, and not shown", errors.New("disk on fire: secret"), 500, "internal", "the log has more"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			h := newHandler(t, Config{Verifier: &fakeVerifier{verdict: confirmed(), err: tt.err}})
			p := wantProblem(t, send(h, "POST", "/v1/verify", `{"token":"a.b.c"}`, asJSON), tt.status, tt.name)
			if !strings.Contains(p.Detail, tt.detail) || strings.Contains(p.Detail, "secret") {
				t.Errorf("detail %q, want %q in it", p.Detail, tt.detail)
			}
		})
	}
}

func TestAPanicIsAProblemAndItsValueIsNotLogged(t *testing.T) {
	var log strings.Builder
	for _, value := range []any{"secret", errors.New("secret"), http.ErrAbortHandler} {
		h := newHandler(t, Config{
			Verifier: &fakeVerifier{do: func(context.Context) { panic(value) }},
			Log:      slog.New(slog.NewTextHandler(&log, nil)),
		})
		var again any
		var r *http.Response
		func() {
			defer func() { again = recover() }()
			r = send(h, "POST", "/v1/verify", `{"token":"a.b.c"}`, asJSON)
		}()
		if value == http.ErrAbortHandler {
			if again != value {
				t.Errorf("ErrAbortHandler became %v: net/http must see it", again)
			}
			continue
		}
		p := wantProblem(t, r, 500, "internal")
		if !strings.Contains(log.String(), p.ID) {
			t.Errorf("the log does not have the id %s: %s", p.ID, log.String())
		}
	}
	if strings.Contains(log.String(), "secret") {
		t.Errorf("the log has the panic's value: %s", log.String())
	}
}

// TestACallerWhoHasGoneIsNotAnswered: one that closes its half of the connection while
// it waits, and reads on, gets no 200: an empty one might be taken for a pass.
func TestACallerWhoHasGoneIsNotAnswered(t *testing.T) {
	for _, gone := range []bool{false, true} {
		v := &fakeVerifier{verdict: confirmed()}
		begun := make(chan struct{})
		v.do = func(ctx context.Context) {
			close(begun)
			if gone {
				<-ctx.Done()
				v.err = ctx.Err()
			}
		}
		s := httptest.NewServer(newHandler(t, Config{Verifier: v}))
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/jwt\r\nContent-Length: 5\r\n\r\na.b.c")
		<-begun
		if gone {
			conn.(*net.TCPConn).CloseWrite()
		}
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if (err != nil) != gone || !gone && r.StatusCode != http.StatusOK {
			t.Errorf("gone %v: answered %v, %v", gone, r, err)
		}
		conn.Close()
		s.Close()
	}
}

func TestVerdict(t *testing.T) {
	unproven := confirmed()
	unproven.Reason, unproven.ValidUntil = verifier.Bogus, time.Time{}
	old := confirmed()
	old.DNS.Age, old.ValidUntil = 301*time.Second, at.Add(24*time.Hour+900*time.Millisecond)
	past := confirmed()
	past.ValidUntil = at.Add(-time.Second)
	vouched, proven, bound := confirmed(), confirmed(), confirmed()
	vouched.Signature, vouched.MTLS = verifier.Valid, verifier.Valid
	proven.DPoP, bound.KeyBinding = verifier.Valid, verifier.Valid
	for _, tt := range []struct {
		claim, outcome, reason string
		verdict                verifier.Verdict
		age, cacheControl      string
	}{
		{"confirmed", "confirmed", "record_matches", confirmed(), "13", "max-age=300"},
		{"a long life", "confirmed", "record_matches", old, "301", "max-age=86701"},
		{"unproven may not be kept", "unproven", "bogus", unproven, "", "no-store"},
		{"what ends in the past may not be kept", "confirmed", "record_matches", past, "", "no-store"},
		{"a signature and a certificate stay what they are", "confirmed", "record_matches", vouched, "13", "max-age=300"},
		{"a proof is of one request", "confirmed", "record_matches", proven, "", "no-store"},
		{"a key binding is of one presentation", "confirmed", "record_matches", bound, "", "no-store"},
		{"the zero verdict is unproven", "unproven", "indeterminate", verifier.Verdict{}, "", "no-store"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			h := newHandler(t, Config{Verifier: &fakeVerifier{verdict: tt.verdict}})
			r := send(h, "POST", "/v1/verify", `{"token":"a.b.c"}`, asJSON)
			var v struct{ Outcome, Reason, ID string }
			if err := json.Unmarshal([]byte(text(t, r)), &v); err != nil {
				t.Fatal(err)
			}
			if r.StatusCode != 200 || v.Outcome != tt.outcome || v.Reason != tt.reason || len(v.ID) != 26 {
				t.Errorf("got %d %+v", r.StatusCode, v)
			}
			head := r.Header
			if head.Get("Content-Type") != "application/json" || head.Get("Age") != tt.age || head.Get("Cache-Control") != tt.cacheControl {
				t.Errorf("got headers %v, want Age %q, Cache-Control %q", head, tt.age, tt.cacheControl)
			}
		})
	}
}

func TestTheSameMembersInCBOR(t *testing.T) {
	h := newHandler(t, Config{})
	for _, tt := range []struct {
		claim, accept string
		cbor          bool
	}{
		{"no Accept", "", false},
		{"anything", "*/*", false},
		{"JSON", "application/json", false},
		{"CBOR", "application/cbor", true},
		{"CBOR, or else anything", "application/cbor, */*;q=0.1", true},
		{"both alike", "application/json, application/cbor", false},
		{"CBOR less", "application/cbor;q=0.1, application/json", false},
		{"CBOR not at all", "application/cbor;q=0", false},
		{"something else", "text/html", false},
		{"nonsense", ";;;,", false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			asText := send(h, "POST", "/v1/verify", `{"token":"a.b.c"}`, asJSON)
			r := send(h, "POST", "/v1/verify", `{"token":"a.b.c"}`, asJSON, "Accept: "+tt.accept)
			if !tt.cbor {
				if ct := r.Header.Get("Content-Type"); ct != "application/json" {
					t.Fatalf("Content-Type %q", ct)
				}
				return
			}
			if ct := r.Header.Get("Content-Type"); ct != "application/cbor" {
				t.Fatalf("Content-Type %q", ct)
			}
			var fromCBOR, fromJSON map[string]any
			if err := cbor.Unmarshal([]byte(text(t, r)), &fromCBOR); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(text(t, asText)), &fromJSON); err != nil {
				t.Fatal(err)
			}
			delete(fromCBOR, "id")
			delete(fromJSON, "id")
			if a, b := plainly(fromCBOR), plainly(fromJSON); a != b {
				t.Errorf("CBOR %s\nJSON %s", a, b)
			}
		})
	}
}

// plainly prints a decoded document so that two of them can be compared.
func plainly(v any) string {
	switch v := v.(type) {
	case map[any]any:
		m := map[string]any{}
		for k, x := range v {
			m[k.(string)] = x
		}
		return plainly(m)
	case map[string]any:
		m := map[string]string{}
		for k, x := range v {
			m[k] = plainly(x)
		}
		return fmt.Sprint(m)
	case float64:
		return fmt.Sprint(int64(v))
	}
	return fmt.Sprint(v)
}

func TestAnAnswerOver2048OctetsHasALength(t *testing.T) {
	v := confirmed()
	v.Subject = []byte("https://vendor.example/" + strings.Repeat("a", 3000))
	s := httptest.NewServer(newHandler(t, Config{Verifier: &fakeVerifier{verdict: v}}))
	defer s.Close()
	for _, accept := range []string{"application/json", "application/cbor"} {
		q, _ := http.NewRequest("POST", s.URL+"/v1/verify", strings.NewReader(`{"token":"a.b.c"}`))
		q.Header.Set("Content-Type", "application/json")
		q.Header.Set("Accept", accept)
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		body := text(t, r)
		r.Body.Close()
		if r.ContentLength != int64(len(body)) || len(body) < 3000 {
			t.Errorf("%s: Content-Length %d of %d", accept, r.ContentLength, len(body))
		}
	}
}

// TestABodyThatDoesNotArriveInTime has the server's own deadline pass.
func TestABodyThatDoesNotArriveInTime(t *testing.T) {
	v := &fakeVerifier{verdict: confirmed()}
	s := httptest.NewUnstartedServer(newHandler(t, Config{Verifier: v}))
	s.Config.ReadTimeout = 50 * time.Millisecond
	s.Start()
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/jwt\r\nContent-Length: 100\r\n\r\na.b.c")
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r, 408, "timeout")
	v.untouched(t)
}

// TestABodyThatBreaksOff has the caller close in the middle.
func TestABodyThatBreaksOff(t *testing.T) {
	v := &fakeVerifier{verdict: confirmed()}
	s := httptest.NewServer(newHandler(t, Config{Verifier: v}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/jwt\r\nContent-Length: 100\r\n\r\na.b.c")
	conn.(*net.TCPConn).CloseWrite()
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r, 400, "malformed")
	v.untouched(t)
}
