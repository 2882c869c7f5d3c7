package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func azureOf(s *stage) *azureFake { return s.fake.(*azureFake) }

func TestAzureGoesThroughAllPagesOfZones(t *testing.T) {
	s := play(t, "azure", owner) // seven zones, two a page, ours the last
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal(err)
	}
	pages := 0
	for _, call := range s.calls {
		if strings.Contains(call, "skipToken") {
			pages++
		}
	}
	if pages != 3*2 {
		t.Errorf("%d further pages were read, want three for each of Read and Write", pages)
	}
}

// The next page is where Azure says, if that is Azure.
func TestAzureSendsItsTokenNowhereElse(t *testing.T) {
	told := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told++ }))
	defer elsewhere.Close()
	at := "/subscriptions/" + azureSubscription + "/resourceGroups/" + azureGroup + "/providers/Microsoft.Network/dnsZones?api-version=2023-07-01-preview&$skipToken=2"
	for _, tt := range []struct{ name, from, to string }{
		{"another host", "http://HOST", elsewhere.URL},
		{"another scheme", "http:", "https:"},
		{"no host", "http://HOST", ""},
		{"a user", "http://", "http://u@"},
		{"no URL", "http://HOST", "http://[::1"},
		{"nothing: the second page for ever", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "azure", owner)
			host := strings.TrimPrefix(s.url, "http://")
			azureOf(s).onward = strings.ReplaceAll(strings.Replace("http://HOST"+at, tt.from, tt.to, 1), "HOST", host)
			_, err := s.target.Zone.Read(t.Context(), here)
			wantKind(t, s, err, publish.Failed)
			want := "somewhere else"
			if tt.from == "" {
				want = "without end"
			}
			if cause := errors.Unwrap(err); !strings.Contains(fmt.Sprint(cause), want) || told != 0 {
				t.Errorf("error %q by %v, somebody else was asked %d times", err, cause, told)
			}
		})
	}
	a := api{base: "https://api.example/v1"}
	for link, want := range map[string]string{
		"":                                    "",
		"https://api.example/v1/zones?page=2": "/zones?page=2",
		"https://API.Example/v1/a%2Fb":        "/a%2Fb",
		"https://api.example/v2/zones":        "error",
		"https://api.example/v1":              "error",
		"https://api.example/v10/zones":       "error",
		"https://api.example:444/v1/zones":    "error",
	} {
		if got, err := a.onward(link); got != want && (err == nil || want != "error") {
			t.Errorf("%s: %q, %v, want %q", link, got, err, want)
		}
	}
}

func TestAzureAsksForATokenWhenTheOldOneEnds(t *testing.T) {
	now := noon()
	s := play(t, "azure", owner, func(c *Config) { c.Now = func() time.Time { return now } })
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {58 * time.Minute, 1}, {time.Minute, 2}, {time.Minute, 2}, {24 * time.Hour, 3}} {
		now = now.Add(tt.after)
		s.read(t, here)
		if got := azureOf(s).grants; got != tt.want {
			t.Errorf("%d tokens at %s, want %d", got, now.Format(time.TimeOnly), tt.want)
		}
	}
}

func TestAzureTellsWhoMayNotHaveAToken(t *testing.T) {
	for _, tt := range []struct {
		name     string
		old, new string
		want     string
	}{
		{"another secret", azureSecret, "Zz9~wrong.wrong8.wrong7", "invalid_client AADSTS7000215"},
		{"another application", azureOwnerApp, "00000000-1111-2222-3333-444444444444", "unauthorized_client AADSTS700016"},
		{"another tenant", azureTenant, "00000000-1111-2222-3333-444444444444", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			play(t, "azure", owner).read(t, here) // the same without the fault
			s := play(t, "azure", owner, func(c *Config) {
				c.Credentials = []byte(strings.ReplaceAll(string(c.Credentials), tt.old, tt.new))
			})
			_, err := s.target.Zone.Read(t.Context(), here)
			wantKind(t, s, err, publish.BadKey)
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestAzureTellsOfAnotherGroup(t *testing.T) {
	for _, part := range []string{azureGroup, azureSubscription} {
		s := play(t, "azure", owner, func(c *Config) {
			c.Credentials = []byte(strings.ReplaceAll(string(c.Credentials), part, "other"))
		})
		_, err := s.target.Zone.Read(t.Context(), here)
		wantKind(t, s, err, publish.WrongZone)
	}
}

func TestAzureNamesOfItsOwnToolsAreTaken(t *testing.T) {
	s := play(t, "azure", owner, func(c *Config) {
		c.Credentials = []byte(strings.NewReplacer(`"tenant"`, `"tenantId"`, `"appId"`, `"clientId"`, `"password"`, `"clientSecret"`, `"subscription"`, `"subscriptionId"`).Replace(string(c.Credentials)))
	})
	s.read(t, here)
}

func TestAzureIsAskedWhatItTakes(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(f *azureFake)
		want bool
	}{
		{"a signed zone", func(*azureFake) {}, true},
		{"a zone that is not signed", func(f *azureFake) { f.plain = true }, false},
		{"who may not look", func(f *azureFake) { f.blind = true }, true},
		{"as many records as it takes", func(f *azureFake) { f.most = 4 }, true},
		{"one more than it takes", func(f *azureFake) { f.most = 3 }, false},
		{"no number of records", func(f *azureFake) { f.most = 0 }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "azure", owner)
			s.set(here, 7200, theirs...)
			before := s.lines()
			c := s.adding(t, here, tlsa(t, ours))
			tt.do(azureOf(s))
			err := s.write(t, c)
			if !tt.want {
				wantKind(t, s, err, publish.Unsupported)
				unchanged(t, before, s.lines())
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			onlyOurs(t, before, s.lines(), tlsa(t, ours))
		})
	}
}

// What is taken away is not asked about: a withdrawal must go through.
func TestAzureTakesAwayInAZoneThatIsNotSigned(t *testing.T) {
	s := play(t, "azure", owner)
	before := s.lines()
	s.set(here, 7200, ours)
	azureOf(s).plain, azureOf(s).most = true, 0
	if err := s.write(t, s.removing(t, here, tlsa(t, ours))); err != nil {
		t.Fatal(err)
	}
	unchanged(t, before, s.lines())
}

func TestAzureWith255Records(t *testing.T) {
	s := play(t, "azure", owner)
	azureOf(s).most = 255
	var many []string
	for i := range 254 {
		many = append(many, fmt.Sprintf("3 1 1 %064x", i+1))
	}
	s.set(here, 3600, many...)
	before := s.lines()
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal(err)
	}
	onlyOurs(t, before, s.lines(), tlsa(t, ours))
}

// The etag is of the set that was compared, not of one that was read later.
func TestAzurePreconditionsHold(t *testing.T) {
	for _, tt := range []struct {
		name   string
		others []string
		change func(s *stage, t *testing.T) publish.Change
	}{
		{"of a set that is made", nil, func(s *stage, t *testing.T) publish.Change { return s.adding(t, here, tlsa(t, ours)) }},
		{"of a set that is changed", theirs, func(s *stage, t *testing.T) publish.Change { return s.adding(t, here, tlsa(t, ours)) }},
		{"of a set that is deleted", []string{ours}, func(s *stage, t *testing.T) publish.Change { return s.removing(t, here, tlsa(t, ours)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "azure", owner)
			if tt.others != nil {
				s.set(here, 7200, tt.others...)
			}
			c := tt.change(s, t)
			var between []string
			s.next(s.writes, meanwhile(func() { s.set(here, 7200, later); between = s.lines() }))
			wantKind(t, s, s.write(t, c), publish.Conflict)
			unchanged(t, between, s.lines())
		})
	}
}

func TestAzureReadsOddRecords(t *testing.T) {
	good := `{"usage":255,"selector":255,"matchingType":255,"certAssociationData":"80D5"}`
	for _, tt := range []struct {
		name, raw, want string
	}{
		{"as it writes them", good, "255 255 255 80D5"},
		{"with blanks", strings.Replace(good, "80D5", "80 d5\\n", 1), "255 255 255 80D5"},
		{"without data", strings.Replace(good, "80D5", "", 1), "255 255 255 "},
		{"with more members", strings.Replace(good, `{`, `{"comment":"x",`, 1), "255 255 255 80D5"},
		{"a usage of 256", strings.Replace(good, `"usage":255`, `"usage":256`, 1), ""},
		{"a usage of -1", strings.Replace(good, `"usage":255`, `"usage":-1`, 1), ""},
		{"a usage that is text", strings.Replace(good, `"usage":255`, `"usage":"255"`, 1), ""},
		{"no usage", strings.Replace(good, `"usage":255,`, ``, 1), ""},
		{"a null usage", strings.Replace(good, `"usage":255`, `"usage":null`, 1), ""},
		{"data that is no hex", strings.Replace(good, "80D5", "80D", 1), ""},
		{"no record", "null", ""},
	} {
		r, err := readAzureRecord([]byte(tt.raw))
		if (err == nil) != (tt.want != "") || err == nil && r.String() != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, r, err, tt.want)
		}
	}
}

// A CNAME set may follow a resource of Azure's and have no target of its own.
func TestAzureAliasOfAResource(t *testing.T) {
	s := play(t, "azure", owner)
	id := "/subscriptions/" + azureSubscription + "/providers/Microsoft.Cdn/profiles/p"
	s.alias(here, id)
	if got := s.read(t, here); got.Alias != id {
		t.Errorf("alias %q, want %q", got.Alias, id)
	}
}

func TestAzureLoginIsTriedAgain(t *testing.T) {
	login := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/login/") }
	for _, f := range []fault{failBefore, dropBefore, busyFor("3")} {
		s := play(t, "azure", owner)
		s.next(login, f)
		s.read(t, here)
		if s.pending() || len(s.waited()) != 1 {
			t.Errorf("waited %v", s.waited())
		}
	}
	s := play(t, "azure", owner)
	var down fault
	down = func(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
		s.next(login, down)
		f.failed(w)
	}
	s.next(login, down)
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.ServFail)
	if len(s.calls) != maxTries {
		t.Errorf("%d calls, want %d", len(s.calls), maxTries)
	}
}
