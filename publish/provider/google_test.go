package provider

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func onGoogle(t *testing.T, change ...func(*Config)) (*stage, *googleFake) {
	t.Helper()
	s := play(t, "google", owner, change...)
	return s, s.fake.(*googleFake)
}

// tokenCalls is how often a token was asked for.
func (s *stage) tokenCalls() (n int) {
	for _, c := range s.calls {
		if c == "POST /token" {
			n++
		}
	}
	return n
}

func isToken(r *http.Request) bool { return r.URL.Path == "/token" }

func TestGoogleGivesDataBackOctetForOctet(t *testing.T) {
	s, _ := onGoogle(t)
	s.set(here, 7200, odd...)
	before, r := s.lines(), tlsa(t, ours)
	if err := s.write(t, s.adding(t, here, r)); err != nil {
		t.Fatal(err)
	}
	onlyOurs(t, before, s.lines(), r)
	if err := s.write(t, s.removing(t, here, r)); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, s.lines())
}

func TestGoogleTokenIsUsedWhileItLasts(t *testing.T) {
	now := noon()
	s, _ := onGoogle(t, func(c *Config) { c.Now = func() time.Time { return now } })
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {time.Minute, 1}, {57 * time.Minute, 1}, {time.Minute, 2}} { // 3599 s, less the last 60; the fake's own clock stands still
		now = now.Add(step.after)
		_, err := s.target.Zone.Read(t.Context(), here)
		if step.want == 1 && err != nil {
			t.Fatal(err)
		}
		if got := s.tokenCalls(); got != step.want {
			t.Errorf("%v later: %d tokens asked for, want %d", now.Sub(noon()), got, step.want)
		}
	}
}

// The assertion is for the place that the key's file names, and goes to no other.
func TestGoogleAssertionGoesToTokenURI(t *testing.T) {
	elsewhere := newDesk(t, answers(200, `{"managedZones":[]}`))
	s, _ := onGoogle(t, func(c *Config) { c.Endpoint = elsewhere.URL })
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.WrongZone)
	if s.tokenCalls() != 1 || slices.ContainsFunc(elsewhere.bodies, func(b string) bool { return b != "" }) {
		t.Errorf("%d tokens; sent to the API: %q", s.tokenCalls(), elsewhere.bodies)
	}
	for _, r := range elsewhere.seen {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ya29.c.owner-") {
			t.Errorf("%q", r.Header)
		}
	}
}

func TestGoogleTokenErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   publish.Kind
		words  string
	}{
		{"an account that is gone", 400, `{"error":"invalid_grant","error_description":"Invalid grant: account not found"}`, publish.BadKey, "account not found"},
		{"a key that is disabled", 401, `{"error":"invalid_client","error_description":"The OAuth client was disabled."}`, publish.BadKey, "disabled"},
		{"a clock that is wrong", 400, `{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."}`, publish.BadTime, "their clock: 2026-11-22T12:00:00Z"},
		{"half an answer", 200, `{"access_`, publish.Failed, "documentation"},
		{"no token", 200, `{"token_type":"Bearer","expires_in":3599}`, publish.Failed, "documentation"},
		{"a token of another type", 200, `{"access_token":"x","token_type":"mac","expires_in":3599}`, publish.Failed, "documentation"},
		{"a token that would be two headers", 200, `{"access_token":"x\r\nX-Evil: 1","token_type":"Bearer","expires_in":3599}`, publish.Failed, "documentation"},
		{"a redirect", 302, ``, publish.Failed, "not followed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onGoogle(t)
			s.next(isToken, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
				w.Header().Set("Location", "https://elsewhere.example/")
				w.Header().Set("Date", noon().Format(http.TimeFormat))
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := s.target.Zone.Read(t.Context(), here)
			wantKind(t, s, err, tt.want)
			if !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v, want %q", err, tt.words)
			}
			if got := s.read(t, here); len(got.Records) != 0 { // the next time it goes well
				t.Error(got)
			}
		})
	}
}

// To ask for a token changes nothing, and is done again.
func TestGoogleTokenIsAskedForAgain(t *testing.T) {
	for _, f := range []fault{failBefore, dropBefore, dropAfter} {
		s, _ := onGoogle(t)
		s.next(isToken, f)
		if got := s.read(t, here); len(got.Records) != 0 || s.pending() || s.tokenCalls() != 2 || len(s.waited()) != 1 {
			t.Errorf("%+v after %q and %v", got, s.calls, s.waited())
		}
	}
}

func TestGoogleClockThatIsWrong(t *testing.T) {
	for _, off := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		s, _ := onGoogle(t, func(c *Config) { c.Now = func() time.Time { return noon().Add(off) } })
		_, err := s.target.Zone.Read(t.Context(), here)
		wantKind(t, s, err, publish.BadTime)
		if e := err.(*publish.Error); !e.Theirs.Equal(noon()) {
			t.Errorf("their clock is %v", e.Theirs)
		}
	}
}

func TestGoogleTokenIsInNoError(t *testing.T) {
	s, f := onGoogle(t)
	s.read(t, here)
	var token string
	for token = range f.tokens {
	}
	s.next(s.reads, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
		f.fail(w, http.StatusForbidden, "forbidden", "You sent "+token)
	})
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.Refused)
	if token == "" || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "You sent (hidden)") {
		t.Errorf("%v repeats %q", err, token)
	}
}

func TestGoogleErrors(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		status       int
		want         publish.Kind // 255: made again, and done
	}{
		{"a set that came in between", "alreadyExists", 409, publish.Conflict},
		{"a set that went in between", "notFound", 404, publish.Conflict},
		{"a set that has changed in between", "conditionNotMet", 412, publish.Conflict},
		{"a CNAME that came in between", "cnameResourceRecordSetConflict", 400, publish.Conflict},
		{"a record that is not taken", "invalid", 400, publish.Unsupported},
		{"over a quota that waiting does not raise", "quotaExceeded", 403, publish.Unsupported},
		{"too fast", "rateLimitExceeded", 403, 255},
		{"too fast for one user", "userRateLimitExceeded", 403, 255},
		{"too fast, in the newer way", "rateLimitExceeded", 429, 255},
		{"no right to", "forbidden", 403, publish.Refused},
		{"a token that is taken back", "authError", 401, publish.BadKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, f := onGoogle(t)
			if err := s.write(t, s.adding(t, here, tlsa(t, later))); err != nil {
				t.Fatal("without it:", err)
			}
			c, before := s.adding(t, here, tlsa(t, ours)), s.lines()
			s.next(s.writes, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
				f.fail(w, tt.status, tt.reason, "in their words")
			})
			err := s.write(t, c)
			if tt.want == 255 {
				if err != nil || len(s.waited()) != 1 {
					t.Fatalf("%v after %v", err, s.waited())
				}
				onlyOurs(t, before, s.lines(), tlsa(t, ours))
				return
			}
			wantKind(t, s, err, tt.want)
			if !strings.Contains(err.Error(), "in their words") {
				t.Error(err)
			}
			unchanged(t, before, s.lines())
		})
	}
}

func TestGoogleZones(t *testing.T) {
	for _, tt := range []struct {
		name  string
		zones func(f *googleFake)
		zone  string // "": none
	}{
		{"as they are", func(*googleFake) {}, "vendor"},
		{"a private one alone", func(f *googleFake) { f.zones = slices.Delete(f.zones, 3, 4) }, "parent"},
		{"two public ones", func(f *googleFake) { f.zones[2].Visibility = "public" }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, f := onGoogle(t)
			tt.zones(f)
			_, err := s.target.Zone.Read(t.Context(), here)
			if tt.zone == "" {
				wantKind(t, s, err, publish.WrongZone)
				return
			}
			if err != nil || !strings.Contains(s.calls[len(s.calls)-1], "/managedZones/"+tt.zone+"/rrsets?") {
				t.Errorf("%v, %q", err, s.calls)
			}
		})
	}
}

func TestGoogleRefusesARoutingPolicy(t *testing.T) {
	s, f := onGoogle(t)
	s.set(here, 300, theirs...)
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal("without it:", err)
	}
	f.sets[len(f.sets)-1].Policy = json.RawMessage(`{"wrr":{"items":[]}}`)
	before := s.lines()
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.Unsupported)
	wantKind(t, s, s.write(t, publish.Change{Name: here, Before: publish.Set{Name: here}, After: publish.Set{Name: here, TTL: time.Hour, Records: []publish.Record{tlsa(t, later)}}}), publish.Unsupported)
	unchanged(t, before, s.lines())
	f.sets[len(f.sets)-1].Type, f.sets[len(f.sets)-1].Data = "CNAME", nil
	if got := s.read(t, here); got.Alias == "" {
		t.Error("a CNAME with a routing policy is not seen")
	}
}

func TestGoogleCredentials(t *testing.T) {
	f := newGoogleFake()
	good := string(f.credentials("https://oauth2.example", owner))
	if _, err := New("google", Config{Credentials: []byte(good), Now: noon}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, from, to string }{
		{"the key of a person", `"service_account"`, `"authorized_user"`},
		{"no project", `"vendor-project"`, `""`},
		{"no address", `"client_email"`, `"client_mail"`},
		{"no token_uri", `"token_uri"`, `"tokenuri"`},
		{"a token_uri in the clear", `"https://oauth2.example/token"`, `"http://oauth2.example/token"`},
		{"a token_uri with a query", `example/token"`, `example/token?x=1"`},
		{"no PEM", `-----BEGIN`, `BEGIN`},
		{"a broken key", `KEY-----\nMII`, `KEY-----\nMIX`},
		{"half a file", `"auth_uri"`, `"auth`},
	} {
		text := strings.Replace(good, tt.from, tt.to, 1)
		if text == good {
			t.Fatal(tt.name)
		}
		_, err := New("google", Config{Credentials: []byte(text), Now: noon})
		if err == nil || strings.Contains(err.Error(), "MII") || strings.Contains(err.Error(), "vendor-project") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := New("google", Config{Credentials: []byte(good)}); err == nil {
		t.Error("no clock, and no error")
	}
}

// FuzzGoogleReplies reads any page, error and token, and gives back whatever it has read as it came.
func FuzzGoogleReplies(f *testing.F) {
	f.Add(`{"rrsets":[{"kind":"dns#resourceRecordSet","name":"jwk.cnf.vendor.example.","type":"TLSA","ttl":300,"rrdatas":["3 1 1 AA bb","255 255 255 00"]}],"nextPageToken":"x"}`)
	f.Add(`{"rrsets":[{"name":"jwk.cnf.vendor.example.","type":"CNAME","routingPolicy":{"wrr":{}}}]}`)
	f.Add(`{"error":{"code":403,"message":"x","errors":[{"reason":"rateLimitExceeded"}]}}`)
	f.Add(`{"error":"invalid_grant","error_description":"x"}`)
	added, err := publish.ParseRecord(ours)
	if err != nil {
		f.Fatal(err)
	}
	g := &google{api: &api{name: "google", hidden: new(words)}}
	f.Fuzz(func(t *testing.T, text string) {
		_ = fmt.Sprint(googleErrorOf([]byte(text)).is("x"), googleTokenError([]byte(text)))
		var page googlePage
		if json.Unmarshal([]byte(text), &page) != nil {
			return
		}
		set, held, err := g.at(here, page.Sets)
		if err != nil {
			return
		}
		if set.TTL < 0 || len(set.Records) > len(held) {
			t.Fatalf("%+v", set)
		}
		sent := rewritten(held, publish.Change{Name: here, Before: set, After: set.With(added, time.Hour)}, publish.Record.String)
		for _, h := range held {
			if !slices.Contains(sent, h.as) {
				t.Fatalf("%q is lost in %q", h.as, sent)
			}
		}
	})
}
