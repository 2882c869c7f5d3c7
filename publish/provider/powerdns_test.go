package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

// The same calls are made of a real server in TestPowerDNSOverHTTP of package integration, with the same answers.
func TestPowerDNSFakeIsHonest(t *testing.T) {
	f := newPowerDNSFake()
	f.alias("alias.vendor.example.", "www.vendor.example.")
	const set = `{"rrsets":[{"name":"%s","type":"%s","ttl":300,"changetype":"%s","records":[%s]}]}`
	record := func(content string) string { return `{"content":"` + content + `","disabled":false}` }
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		words                    string
	}{
		{"a zone that is not there", "GET", "/zones/nobody.example.", "", 404, "Not Found"},
		{"none of that name", "GET", "/zones?zone=nobody.example.", "", 200, "[]"},
		{"a name without its dot", "GET", "/zones?zone=vendor.example", "", 422, "is not canonical"},
		{"an owner without its dot", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "is not canonical"},
		{"an owner in another zone", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.other.example.", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "out of zone"},
		{"blanks in the hex", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa bb")), 422, "Not in expected format"},
		{"a field over 255", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("256 1 1 aa")), 422, "Record a.vendor.example./TLSA"},
		{"a record twice", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa")+","+record("3 1 1 aa")), 422, "Duplicate record"},
		{"a change of no known type", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "EXTEND", record("3 1 1 aa")), 422, "Changetype not understood"},
		{"a record", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "alias.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "Conflicts with pre-existing RRset"},
		{"a name with what no host has", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "x5t#s256.vendor.example.", "TLSA", "REPLACE", record("3 1 1 aa")), 422, "unsupported characters"},
		{"no JSON", "PATCH", "/zones/vendor.example.", `{"rrsets":`, 400, ""},
		{"upper-case hex", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "REPLACE", record("3 1 1 AABB")), 204, ""},
		{"which is kept in lower case", "GET", "/zones/vendor.example.", "", 200, `"3 1 1 aabb"`},
		{"a set that is not there any more", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "DELETE", ""), 204, ""},
		{"again", "PATCH", "/zones/vendor.example.", fmt.Sprintf(set, "a.vendor.example.", "TLSA", "DELETE", ""), 204, ""},
	} {
		r := httptest.NewRequest(tt.method, "/api/v1/servers/localhost"+tt.path, strings.NewReader(tt.body))
		r.Header.Set("X-API-Key", fakePdnsKey)
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.words) {
			t.Errorf("%s: %d %s, want %d and %q", tt.name, w.Code, w.Body, tt.status, tt.words)
		}
	}
}

// onPowerDNS is a stage with what only PowerDNS keeps at here: records of others, one of them disabled, and a comment.
func onPowerDNS(t *testing.T, records ...fakePdnsRecord) (*stage, *powerdnsFake) {
	t.Helper()
	s := play(t, "powerdns", owner)
	f := s.fake.(*powerdnsFake)
	f.zones[vendorZone].put(&fakePdnsSet{Name: here, Type: "TLSA", TTL: 7200, Records: records, Comments: []map[string]any{{"content": "mail", "account": "theirs"}}})
	return s, f
}

func TestPowerDNSKeepsDisabledRecordsAndComments(t *testing.T) {
	served := fakePdnsRecord{Content: "3 1 1 aabb"}
	disabled := fakePdnsRecord{Content: "0 0 1 ccdd", Disabled: true}
	for _, tt := range []struct {
		name    string
		records []fakePdnsRecord
		read    int
		ttl     time.Duration
	}{
		{"one of two", []fakePdnsRecord{served, disabled}, 1, 2 * time.Hour},
		{"none but it", []fakePdnsRecord{disabled}, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onPowerDNS(t, tt.records...)
			before, r := s.lines(), tlsa(t, ours)
			if got := s.read(t, here); len(got.Records) != tt.read || got.TTL != tt.ttl {
				t.Fatalf("read %+v", got)
			}
			c := publish.Change{Name: here, Before: s.read(t, here)}
			c.After = c.Before.With(r, 2*time.Hour)
			if err := s.write(t, c); err != nil {
				t.Fatal(err)
			}
			onlyOurs(t, before, s.lines(), r)
			if err := s.write(t, s.removing(t, here, r)); err != nil {
				t.Fatal(err)
			}
			unchanged(t, before, s.lines())
		})
	}
}

// What is there and disabled is the same record to PowerDNS: a second would be refused.
func TestPowerDNSEnablesWhatIsThereDisabled(t *testing.T) {
	r := tlsa(t, ours)
	s, _ := onPowerDNS(t, fakePdnsRecord{Content: strings.ToLower(r.String()), Disabled: true}, fakePdnsRecord{Content: "3 1 1 aabb"})
	if got := s.read(t, here); got.Has(r) {
		t.Fatal("a disabled record is read as if it were served")
	}
	if err := s.write(t, s.adding(t, here, r)); err != nil {
		t.Fatal(err)
	}
	if got := s.read(t, here); !got.Has(r) || len(got.Records) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestPowerDNSZonesThatAreNotWrittenTo(t *testing.T) {
	for _, tt := range []struct {
		name string
		put  func(z *fakePdnsZone)
	}{
		{"a secondary", func(z *fakePdnsZone) { z.kind = "Slave" }},
		{"a secondary, as newer versions call it", func(z *fakePdnsZone) { z.kind = "Secondary" }},
		{"a consumer of a catalog", func(z *fakePdnsZone) { z.kind = "Consumer" }},
		{"a zone that somebody else signs", func(z *fakePdnsZone) { z.metadata["PRESIGNED"] = "1" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := play(t, "powerdns", owner)
			if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
				t.Fatal("without it:", err)
			}
			tt.put(s.fake.(*powerdnsFake).zones[vendorZone])
			before := s.lines()
			wantKind(t, s, s.write(t, s.adding(t, here, tlsa(t, later))), publish.Unsupported)
			unchanged(t, before, s.lines())
		})
	}
}

func TestPowerDNSPutsNamesInOrder(t *testing.T) {
	s := play(t, "powerdns", owner)
	z := s.fake.(*powerdnsFake).zones[vendorZone]
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil || !z.rectified {
		t.Fatalf("%v; rectified: %v", err, z.rectified)
	}
	z.dnssec, z.rectified = false, false
	if err := s.write(t, s.adding(t, here, tlsa(t, later))); err != nil || z.rectified {
		t.Fatalf("a zone that is not signed: %v; rectified: %v", err, z.rectified)
	}
	z.dnssec = true
	s.next(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/rectify") }, failBefore)
	c := s.removing(t, here, tlsa(t, later))
	wantKind(t, s, s.write(t, c), publish.ServFail)
	if got := s.read(t, here); !got.Same(c.After) {
		t.Errorf("read %+v: it was written all the same", got)
	}
}

func TestPowerDNSTellsOfSomebodyElseAtTheLastMoment(t *testing.T) {
	for _, edit := range []string{"DEFAULT", "INCREASE"} {
		s := play(t, "powerdns", owner)
		s.fake.(*powerdnsFake).zones[vendorZone].edit = edit
		if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
			t.Fatal("with nobody else:", err)
		}
		c := s.adding(t, here, tlsa(t, later))
		s.next(s.writes, meanwhile(func() { s.set("other.vendor.example.", 300, theirs...) }))
		if err := s.write(t, c); err == nil || !strings.Contains(err.Error(), "(serial 2026112202, then 2026112204)") {
			t.Errorf("%s: %v", edit, err)
		}
	}
}

func TestOneStepOfASerial(t *testing.T) {
	for _, tt := range []struct {
		edit          string
		before, after uint32
		want          bool
	}{
		{"DEFAULT", 2026112201, 2026112202, true},
		{"DEFAULT", 2026112201, 2026112203, false},
		{"DEFAULT", 2026112201, 2026112201, false},
		{"DEFAULT", 2026112105, 2026112201, true},
		{"DEFAULT", 2026112105, 2026112202, false},
		{"default", 7, 2026112201, true},
		{"DEFAULT", 7, 8, true},
		{"DEFAULT", 7, 101, false},
		{"INCREASE", 7, 8, true},
		{"INCREASE", 7, 9, false},
		{"INCREASE", 4294967295, 0, true},
		{"INCREASE", 7, 2026112201, false},
		{"EPOCH", 1763812800, 1763812900, true},
		{"", 7, 7, true},
	} {
		if got := oneStep(tt.edit, tt.before, tt.after); got != tt.want {
			t.Errorf("%q from %d to %d: %v, want %v", tt.edit, tt.before, tt.after, got, tt.want)
		}
	}
}

func TestPowerDNSEndpointWithItsPath(t *testing.T) {
	s := play(t, "powerdns", owner, func(c *Config) { c.Endpoint += "/api/v1/" })
	if got := s.read(t, here); len(got.Records) != 0 {
		t.Error(got)
	}
}

// FuzzPowerDNSZone reads any zone, and whatever of others' it holds is in what would be sent.
func FuzzPowerDNSZone(f *testing.F) {
	f.Add(`{"id":"vendor.example.","name":"vendor.example.","kind":"Native","dnssec":true,"serial":2026112204,"soa_edit_api":"DEFAULT","rrsets":[{"comments":[],"name":"jwk.cnf.vendor.example.","records":[{"content":"255 255 255 aabb","disabled":false},{"content":"3 1 1 aabb","disabled":true}],"ttl":300,"type":"TLSA"}]}`)
	f.Add(`{"rrsets":[{"name":"jwk.cnf.vendor.example.","type":"TLSA","records":[{"content":"3 1 1 aa"}]}]}`)
	f.Add(`{"rrsets":[{"name":"JWK.cnf.vendor.example.","type":"CNAME","records":[{"content":"x."}]}]}`)
	f.Add(`{"rrsets":[{"name":"jwk.cnf.vendor.example.","type":"TLSA","ttl":-1,"records":[{"content":"3 1 1 AA bb"},{"content":"3 1 1 aabb","disabled":true}]}]}`)
	ourRecord, err := publish.ParseRecord(ours)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var z powerdnsZone
		if json.Unmarshal([]byte(text), &z) != nil {
			return
		}
		set, held, err := z.at(here)
		if err != nil {
			return
		}
		for i, r := range set.Records {
			if r.IsZero() || slices.Contains(set.Records[:i], r) {
				t.Fatalf("%+v", set)
			}
		}
		c := publish.Change{Name: here, Before: set, After: set.With(ourRecord, time.Hour)}
		sent := replacement(c, held)
		for _, r := range held.Records {
			if one, _ := publish.ParseRecord(r.Content); !slices.Contains(sent.Records, r) && one != ourRecord {
				t.Fatalf("%+v is lost in %+v", r, sent)
			}
		}
		c.After = set.Without(ourRecord)
		for _, r := range replacement(c, held).Records {
			if !slices.Contains(held.Records, r) {
				t.Fatalf("%+v came from nowhere", r)
			}
		}
	})
}
