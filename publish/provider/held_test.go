package provider

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

// shelved are the providers whose fakes keep a shelf.
var shelved = []string{"azure", "desec", "gandi", "hetzner", "ovh"}

// asText are those of them that keep a record's text as it was left.
var asText = []string{"gandi", "hetzner", "ovh"}

func TestCredentialsThatAreNone(t *testing.T) {
	good := map[string][]byte{}
	for _, word := range shelved {
		f := fakes[word]()
		good[word] = f.credentials("http://127.0.0.1:1", owner)
		if _, err := New(word, Config{Credentials: good[word], Now: noon}); err != nil {
			t.Fatalf("%s: the same without the fault: %v", word, err)
		}
	}
	for _, tt := range []struct {
		name, word, file string
	}{
		{"no token", "desec", ""},
		{"two tokens", "desec", "i-T3b1h_OI-H9ab8tRS98 stGtURei-T3b1h"},
		{"a token with a line in it", "gandi", "e18a2cbf0a4d4c1f\n9b3e2d5a6c7b8d9e"},
		{"a token that is no ASCII", "hetzner", "jEheVytlAoFl7F8MqUQ7jAo2hOXASzt\u00e9"},
		{"no JSON", "azure", "tenant=6f1d5a2c-3b4e-4f7a"},
		{"no secret", "azure", strings.Replace(string(good["azure"]), `"password"`, `"pass"`, 1)},
		{"no resource group", "azure", strings.Replace(string(good["azure"]), `"resourceGroup"`, `"group"`, 1)},
		{"a login over http to somewhere else", "azure", strings.Replace(string(good["azure"]), "http://127.0.0.1:1/login", "http://192.0.2.1/login", 1)},
		{"no endpoint", "ovh", strings.Replace(string(good["ovh"]), "endpoint", "point", 1)},
		{"an endpoint of nobody's", "ovh", strings.Replace(string(good["ovh"]), "endpoint=ovh-eu", "endpoint=https://api.example/", 1)},
		{"no consumer key", "ovh", strings.Replace(string(good["ovh"]), "consumer_key", "consumer", 1)},
		{"keys of another endpoint", "ovh", strings.Replace(string(good["ovh"]), "[ovh-eu]", "[ovh-ca]", 1)},
		{"a line that is no setting", "ovh", string(good["ovh"]) + "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1\n"},
	} {
		t.Run(tt.word+": "+tt.name, func(t *testing.T) {
			_, err := New(tt.word, Config{Credentials: []byte(tt.file), Now: noon})
			if err == nil {
				t.Fatal("taken")
			}
			for _, secret := range []string{azureSecret, ovhApplication, ovhSecret, ovhConsumer, desecOwner[:12], gandiOwner[:12], hetznerOwner[:12]} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error %q repeats %q", err, secret)
				}
			}
		})
	}
}

func TestWhatAPlaceCannotDo(t *testing.T) {
	want := map[string]publish.Limits{
		"azure": {}, "desec": {MinTTL: time.Hour, PlainNames: true, Unguarded: true}, "gandi": {MinTTL: 5 * time.Minute, Unguarded: true},
		"hetzner": {MinTTL: time.Minute, CannotSign: true, Unguarded: true}, "ovh": {MinTTL: time.Minute, Unguarded: true},
	}
	for _, word := range shelved {
		target := play(t, word, owner).target
		if target.Limits != want[word] || target.Name != word {
			t.Errorf("%s: %q %+v, want %+v", word, target.Name, target.Limits, want[word])
		}
		if !overwriting[word] || target.Limits.Unguarded {
			continue
		}
		t.Errorf("%s overwrites what others do, and does not say so", word)
	}
}

// oddly are records of others in forms that a person may have typed.
var oddly = []string{
	"3 1 1 D2ab DE24 0d7cd3ee6b4b28c54df034b9 7983A1D16E8a410e4561cb106618e971",
	"255  255 255 A5a5" + strings.Repeat("a5A5", 23),
	"0 0 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e972",
}

func TestOddFormsOfOthersAreWrittenBack(t *testing.T) {
	for _, word := range asText {
		t.Run(word, func(t *testing.T) {
			s := play(t, word, owner)
			s.set(here, 7200, oddly...)
			before := s.lines()
			a, b := tlsa(t, ours), tlsa(t, later)
			if err := s.write(t, s.adding(t, here, a)); err != nil {
				t.Fatal(err)
			}
			onlyOurs(t, before, s.lines(), a)
			c := publish.Change{Name: here, Before: s.read(t, here)} // both at once: the whole set is written
			c.After = c.Before.Without(a).With(b, time.Hour)
			if err := s.write(t, c); err != nil {
				t.Fatal(err)
			}
			onlyOurs(t, before, s.lines(), b)
			if err := s.write(t, s.removing(t, here, b)); err != nil {
				t.Fatal(err)
			}
			unchanged(t, before, s.lines())
		})
	}
}

func TestOneRecordInTwoForms(t *testing.T) {
	lower := strings.ToLower(ours)
	for _, word := range asText {
		t.Run(word, func(t *testing.T) {
			s := play(t, word, owner)
			s.set(here, 7200, theirs[0])
			before := s.lines()
			s.set(here, 7200, theirs[0], ours, lower)
			if got := s.read(t, here); len(got.Records) != 2 || !got.Has(tlsa(t, ours)) {
				t.Fatalf("read %+v, want two records", got)
			}
			if err := s.write(t, s.removing(t, here, tlsa(t, ours))); err != nil {
				t.Fatal(err)
			}
			unchanged(t, before, s.lines())
		})
	}
}

func TestASetThatCannotBeReadIsNotWritten(t *testing.T) {
	for _, word := range asText {
		for _, odd := range []string{"255 255 256 00", "3 1 1 xyz", `\# 35 0301`, "3 1"} {
			t.Run(word+" "+odd, func(t *testing.T) {
				s := play(t, word, owner)
				s.set(here, 7200, theirs[0])
				c := s.adding(t, here, tlsa(t, ours)) // the same without the fault
				s.set(here, 7200, theirs[0], odd)
				before := s.lines()
				_, err := s.target.Zone.Read(t.Context(), here)
				wantKind(t, s, err, publish.Failed)
				wantKind(t, s, s.write(t, c), publish.Failed)
				unchanged(t, before, s.lines())
			})
		}
	}
}

func TestARecordThatIsNotTaken(t *testing.T) {
	for _, word := range shelved {
		t.Run(word, func(t *testing.T) {
			s := play(t, word, owner)
			add := s.adding(t, here, tlsa(t, ours))
			add.After.TTL = 30 * time.Second // less than any of these takes, but for Azure
			if word == "azure" {
				add.After.TTL = 0
			}
			before := s.lines()
			wantKind(t, s, s.write(t, add), publish.Unsupported)
			unchanged(t, before, s.lines())
			add.After.TTL = time.Hour
			if err := s.write(t, add); err != nil {
				t.Fatal("the same without the fault:", err)
			}
		})
	}
}

// Where a place turns out to know the usages of DANE alone, that is said, and nothing is
// written of several records either.
func TestAPlaceThatKnowsFourUsages(t *testing.T) {
	narrow := map[string]func(f fake){
		"azure": func(f fake) { f.(*azureFake).narrow = true }, "desec": func(f fake) { f.(*desecFake).narrow = true }, "gandi": func(f fake) { f.(*gandiFake).narrow = true },
		"hetzner": func(f fake) { f.(*hetznerFake).narrow = true }, "ovh": func(f fake) { f.(*ovhFake).narrow = true },
	}
	for _, word := range shelved {
		for _, others := range [][]string{nil, theirs[:2]} {
			t.Run(fmt.Sprint(word, " beside ", len(others)), func(t *testing.T) {
				s := play(t, word, owner)
				narrow[word](s.fake)
				if others != nil {
					s.set(here, 7200, others...)
				}
				known := tlsa(t, "3 1 1 "+strings.Repeat("ab", 32))
				if err := s.write(t, s.adding(t, here, known)); err != nil {
					t.Fatal("a usage that it knows:", err)
				}
				before := s.lines()
				c := s.adding(t, here, tlsa(t, ours))
				wantKind(t, s, s.write(t, c), publish.Unsupported)
				unchanged(t, before, s.lines())
				c.After = c.After.With(tlsa(t, later), 0)
				wantKind(t, s, s.write(t, c), publish.Unsupported)
				unchanged(t, before, s.lines())
			})
		}
	}
}

func TestNothingToDoIsNotSent(t *testing.T) {
	for _, word := range shelved {
		s := play(t, word, owner)
		s.set(here, 7200, theirs...)
		set, before := s.read(t, here), s.lines()
		s.next(s.writes, failBefore)
		if err := s.write(t, publish.Change{Name: here, Before: set, After: set}); err != nil || !s.pending() {
			t.Errorf("%s: error %v, something was sent: %v", word, err, !s.pending())
		}
		unchanged(t, before, s.lines())
	}
}

// The names of methods with other characters, and what only looks like the name.
func TestNamesThatLookAlike(t *testing.T) {
	for _, at := range []string{"_jwk_cnf.vendor.example.", "1.8.vendor.example.", "x5t#s256.cnf.vendor.example.", "jwk.cnf.a.b.c.vendor.example."} {
		for _, word := range shelved {
			t.Run(word+" "+at, func(t *testing.T) {
				s := play(t, word, owner)
				for _, other := range []string{"xjwk.cnf.vendor.example.", "1x8.vendor.example.", "jwk.cnf.vendor.example.", "vendor.example."} {
					s.set(other, 7200, ours)
				}
				before := s.lines()
				if got := s.read(t, at); len(got.Records) != 0 || got.Name != at {
					t.Fatalf("read %+v, want nothing", got)
				}
				err := s.write(t, s.adding(t, at, tlsa(t, ours)))
				if strings.Contains(at, "#") && word == "desec" {
					wantKind(t, s, err, publish.Unsupported)
					unchanged(t, before, s.lines())
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				come := less(s.lines(), before)
				if len(come) != 1 || !strings.Contains(come[0], " "+at+" ") || len(less(before, s.lines())) != 0 {
					t.Fatalf("lines come: %q", come)
				}
				if err := s.write(t, s.removing(t, at, tlsa(t, ours))); err != nil {
					t.Fatal(err)
				}
				unchanged(t, before, s.lines())
			})
		}
	}
}

func TestAZoneThatIsConfigured(t *testing.T) {
	for _, word := range shelved {
		t.Run(word, func(t *testing.T) {
			s := play(t, word, owner, func(c *Config) { c.Zone = "Vendor.Example." })
			r, before := tlsa(t, ours), s.lines()
			if err := s.write(t, s.adding(t, here, r)); err != nil {
				t.Fatal(err)
			}
			onlyOurs(t, before, s.lines(), r)
			for _, call := range s.calls {
				if slices.Contains([]string{"GET /zones?page=1&per_page=50", "GET /domain/zone"}, call) || strings.Contains(call, "owns_qname") {
					t.Errorf("%s: the zone need not be looked for", call)
				}
			}
		})
	}
}

// What is lost where whole sets are written is said here, so that nobody thinks otherwise.
func TestOverwritingProvidersLoseWhatComesInTheSameMoment(t *testing.T) {
	for word := range overwriting {
		s := play(t, word, owner)
		s.set(here, 7200, theirs...)
		c := s.adding(t, here, tlsa(t, ours))
		s.next(s.writes, meanwhile(func() { s.set(here, 7200, append(slices.Clone(theirs), later)...) }))
		if err := s.write(t, c); err != nil || s.read(t, here).Has(tlsa(t, later)) || !s.target.Limits.Unguarded {
			t.Errorf("%s: error %v: it is guarded after all, and the table of faults and Limits can say so", word, err)
		}
	}
}

// A reply that is a success and says something else than the API promises is an error.
func TestRepliesThatAreNotTheAPIs(t *testing.T) {
	for _, word := range shelved {
		for _, body := range []string{"", "null", "[]", "{}", "<html>", `{"error":null}`, `"x"`, "7", "[7]", `[{"rrset_ttl":-1}]`} {
			t.Run(word+" "+body, func(t *testing.T) {
				s := play(t, word, owner)
				c := s.adding(t, here, tlsa(t, ours))
				before := s.lines()
				var again fault
				again = func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
					s.next(s.reads, again)
					w.Header().Set("Content-Type", "application/json")
					_, _ = w.Write([]byte(body))
				}
				s.next(s.reads, again)
				// An empty list is an answer, which says that no zone is there.
				var e *publish.Error
				if err := s.write(t, c); !errors.As(err, &e) {
					t.Fatalf("error %v", err)
				}
				unchanged(t, before, s.lines())
			})
		}
	}
}

// saying answers with these words in place of the fake.
func saying(body string) fault {
	return func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}
}

// What a reply says of another name, type or record is not taken for what was asked for.
func TestRepliesAboutSomethingElse(t *testing.T) {
	record := "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"
	for _, tt := range []struct {
		word, path string // of the call
		good, bad  string
		want       publish.Kind // of the error; zero: nothing is read
	}{
		{"desec", "/domains/vendor.example/rrsets/", `[{"subname":"jwk.cnf","type":"TLSA","ttl":60,"records":["` + record + `"]}]`, `"jwk.cnf"->"xjwk.cnf"`, 0},
		{"desec", "/domains/vendor.example/rrsets/", `[{"subname":"jwk.cnf","type":"TLSA","ttl":60,"records":["` + record + `"]}]`, `"TLSA"->"SMIMEA"`, 0},
		{"gandi", "/domains/vendor.example/records/jwk.cnf", `[{"rrset_name":"jwk.cnf","rrset_type":"TLSA","rrset_ttl":60,"rrset_values":["` + record + `"]}]`, `"jwk.cnf"->"xjwk.cnf"`, 0},
		{"gandi", "/domains/vendor.example/records/jwk.cnf", `[{"rrset_name":"jwk.cnf","rrset_type":"TLSA","rrset_ttl":60,"rrset_values":["` + record + `"]}]`, `"TLSA"->"SMIMEA"`, 0},
		{"hetzner", "/zones/4773/rrsets", `{"rrsets":[{"name":"jwk.cnf","type":"TLSA","ttl":60,"records":[{"value":"` + record + `"}]}],"meta":{"pagination":{"page":1}}}`, `"jwk.cnf"->"xjwk.cnf"`, 0},
		{"hetzner", "/zones/4773/rrsets", `{"rrsets":[{"name":"jwk.cnf","type":"TLSA","ttl":60,"records":[{"value":"` + record + `"}]}],"meta":{"pagination":{"page":1}}}`, `"TLSA"->"SMIMEA"`, 0},
		{"ovh", "/record/", `{"id":ID,"fieldType":"TLSA","subDomain":"jwk.cnf","target":"` + record + `","ttl":60}`, `"jwk.cnf"->"xjwk.cnf"`, 0},
		{"ovh", "/record/", `{"id":ID,"fieldType":"TLSA","subDomain":"jwk.cnf","target":"` + record + `","ttl":60}`, `"TLSA"->"CNAME"`, 0},
		{"ovh", "/record/", `{"id":ID,"fieldType":"TLSA","subDomain":"jwk.cnf","target":"` + record + `","ttl":60}`, `ID->1`, publish.Failed},
	} {
		t.Run(tt.word+" "+tt.bad, func(t *testing.T) {
			s := play(t, tt.word, owner)
			s.set(here, 7200, theirs[1])
			when := func(r *http.Request) bool {
				return r.URL.Path == tt.path || tt.word == "ovh" && strings.Contains(r.URL.Path, tt.path)
			}
			answer := func(body string) {
				s.next(when, func(f fake, w http.ResponseWriter, work func(http.ResponseWriter)) {
					id := s.calls[len(s.calls)-1]
					saying(strings.ReplaceAll(body, "ID", id[strings.LastIndex(id, "/")+1:]))(f, w, work)
				})
			}
			answer(tt.good)
			if got := s.read(t, here); s.pending() || len(got.Records) != 1 || !got.Has(tlsa(t, record)) {
				t.Fatalf("read %+v without the fault", got)
			}
			from, to, _ := strings.Cut(tt.bad, "->")
			answer(strings.Replace(tt.good, from, to, 1))
			got, err := s.target.Zone.Read(t.Context(), here)
			switch {
			case tt.want != 0 || err != nil:
				wantKind(t, s, err, tt.want)
			case s.pending() || len(got.Records) != 0 || got.Alias != "":
				t.Errorf("read %+v", got)
			}
		})
	}
}

func TestASetWithATTLThatCannotBe(t *testing.T) {
	a := &api{name: "x"}
	list := []held[string]{{tlsa(t, ours), ours}}
	for ttl, good := range map[int64]bool{0: true, 1: true, maxSeconds: true, maxSeconds + 1: false, -1: false} {
		s, err := setOf(a, here, ttl, list, "")
		if (err == nil) != good || good && s.TTL != time.Duration(ttl)*time.Second {
			t.Errorf("%d: %+v, %v", ttl, s, err)
		}
	}
	if s, err := setOf(a, here, 60, list[:0], ""); err != nil || s.TTL != 0 {
		t.Errorf("a set without records has a TTL: %+v, %v", s, err)
	}
}

func TestNamesInZones(t *testing.T) {
	for _, tt := range []struct{ name, zone, want string }{
		{"jwk.cnf.vendor.example.", "vendor.example", "jwk.cnf"},
		{"jwk.cnf.vendor.example.", "Vendor.Example.", "jwk.cnf"},
		{"vendor.example.", "vendor.example.", "@"},
		{"jwk.cnf.vendor.example.", "example", "jwk.cnf.vendor"},
	} {
		if got := relative(tt.name, tt.zone, "@"); got != tt.want {
			t.Errorf("%s in %s: %q, want %q", tt.name, tt.zone, got, tt.want)
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"a.b.", "a.b."}, {"A", "a.vendor.example."}, {"a.b", "a.b.vendor.example."}, {"", ""},
	} {
		if got := absolute(tt.text, "vendor.example."); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestAZoneThatIsAnother(t *testing.T) {
	for word, reply := range map[string]string{
		"azure": `{"name":"%s","properties":{}}`, "desec": `{"name":"%s","minimum_ttl":60}`, "hetzner": `{"zone":{"id":4773,"name":"%s","mode":"primary","ttl":60}}`,
	} {
		for name, good := range map[string]bool{"vendor.example": true, "Vendor.Example": true, "dor.example": false, "example": false, "": false} {
			s := play(t, word, owner, func(c *Config) { c.Zone = "vendor.example" })
			s.next(s.reads, saying(strings.ReplaceAll(reply, "%s", name)))
			_, err := s.target.Zone.Read(t.Context(), here)
			if (err == nil) != good || s.pending() {
				t.Errorf("%s: zone %q: %v", word, name, err)
			}
		}
	}
}

func TestAnAliasThatIsNoName(t *testing.T) {
	for _, word := range shelved {
		s := play(t, word, owner)
		s.alias(here, "a\tb.example.")
		_, err := s.target.Zone.Read(t.Context(), here)
		wantKind(t, s, err, publish.Failed)
	}
}

// A reply that says nothing is an error, and not that nothing is there: a withdrawal
// would take it for done.
func TestSilenceIsNoEmptySet(t *testing.T) {
	page := `"meta":{"pagination":{"page":1}}`
	for word, tt := range map[string]struct {
		path   string // of the call that reads the records
		none   string // how it says that nothing is there; "": by 404
		silent []string
	}{
		"azure":   {"/TLSA/", "", []string{`null`, `{}`, `{"etag":"1"}`, `{"etag":"1","properties":{"TTL":60}}`, `{"etag":"1","properties":{"TTL":60,"TLSARecords":null}}`}},
		"desec":   {"/rrsets/", `[]`, []string{`null`, `[{"subname":"jwk.cnf","type":"TLSA","ttl":60}]`, `[{"subname":"jwk.cnf","type":"TLSA","ttl":60,"records":[]}]`, `[{"subname":"jwk.cnf","type":"CNAME","ttl":60,"records":[]}]`}},
		"gandi":   {"/records/", `[]`, []string{`null`, `[{"rrset_name":"jwk.cnf","rrset_type":"TLSA","rrset_ttl":60}]`, `[{"rrset_name":"jwk.cnf","rrset_type":"CNAME","rrset_ttl":60,"rrset_values":[]}]`}},
		"hetzner": {"/rrsets", `{"rrsets":[],` + page + `}`, []string{`null`, `{}`, `{"rrsets":null,` + page + `}`, `{"rrsets":[]}`, `{"rrsets":[{"name":"jwk.cnf","type":"TLSA"}],` + page + `}`, `{"rrsets":[{"name":"jwk.cnf","type":"CNAME","records":[]}],` + page + `}`}},
		"ovh":     {"/record", `[]`, []string{`null`}},
	} {
		when := func(r *http.Request) bool { return strings.Contains(r.URL.Path, tt.path) }
		s := play(t, word, owner)
		s.set(here, 7200, theirs...)
		if tt.none != "" {
			s.next(when, saying(tt.none))
			if got := s.read(t, here); s.pending() || len(got.Records) != 0 {
				t.Errorf("%s: read %+v of %s", word, got, tt.none)
			}
		}
		for _, body := range tt.silent {
			s.next(when, saying(body))
			if got, err := s.target.Zone.Read(t.Context(), here); err == nil || s.pending() {
				t.Errorf("%s: read %+v of %s", word, got, body)
			}
		}
	}
	for word, path := range map[string]string{"azure": "/dnsZones", "desec": "/domains/", "hetzner": "/zones", "ovh": "/domain/zone"} {
		s := play(t, word, owner)
		s.next(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, path) }, saying("null"))
		_, err := s.target.Zone.Read(t.Context(), here)
		wantKind(t, s, err, publish.Failed)
	}
	s := play(t, "hetzner", owner)
	s.next(s.reads, saying(`{`+page+`}`))
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.Failed)
}

// What a place cannot do is told before anything is sent that changes something.
func TestWhatAPlaceCannotDoIsToldBefore(t *testing.T) {
	for _, tt := range []struct {
		word string
		says []string
		ttl  time.Duration // of what is written where 30 seconds were wanted
	}{
		{"azure", nil, 30 * time.Second},
		{"desec", []string{"takes no TTL under 1h0m0s", "takes no precondition"}, time.Hour},
		{"gandi", []string{"takes no TTL under 5m0s", "takes no precondition"}, 5 * time.Minute},
		{"hetzner", []string{"takes no TTL under 1m0s", "takes no precondition", "does not sign zones"}, time.Minute},
		{"ovh", []string{"takes no TTL under 1m0s", "takes no precondition"}, time.Minute},
	} {
		t.Run(tt.word, func(t *testing.T) {
			s := play(t, tt.word, owner)
			var told []string
			p, err := publish.New(publish.Config{
				Target: s.target, World: still{}, Now: noon, TTL: 30 * time.Second, Timeout: -1,
				Progress: func(e publish.Event) {
					if e.Step == publish.Warning {
						told = append(told, e.Text)
					}
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			var before []string // what was told when the first change was sent
			s.next(s.writes, meanwhile(func() { before = slices.Clone(told) }))
			if _, err := p.Publish(t.Context(), entries(t)[:1]); written(err) != nil {
				t.Fatal(err)
			}
			for _, words := range tt.says {
				if !slices.ContainsFunc(before, func(line string) bool { return strings.Contains(line, words) }) {
					t.Errorf("told %q, want %q among it", before, words)
				}
			}
			if tt.says == nil && len(before) != 0 {
				t.Errorf("told %q", before)
			}
			if got := s.read(t, here); got.TTL != tt.ttl {
				t.Errorf("TTL %v, want %v", got.TTL, tt.ttl)
			}
		})
	}
}
