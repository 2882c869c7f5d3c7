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

// onCloudflare is a stage with the fake behind it.
func onCloudflare(t *testing.T, change ...func(*Config)) (*stage, *cloudflareFake) {
	t.Helper()
	s := play(t, "cloudflare", owner, change...)
	return s, s.fake.(*cloudflareFake)
}

// heard has every body of a batch written down.
type heard struct{ bodies []string }

func (h *heard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		h.bodies = append(h.bodies, string(body))
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestCloudflareIsSentFieldsAndNothingOfOthers(t *testing.T) {
	h := &heard{}
	s, _ := onCloudflare(t, func(c *Config) { c.Client = &http.Client{Transport: h} })
	s.set(here, 300, theirs...)
	r := tlsa(t, ours)
	if err := s.write(t, s.adding(t, here, r)); err != nil {
		t.Fatal(err)
	}
	if err := s.write(t, s.removing(t, here, r)); err != nil {
		t.Fatal(err)
	}
	want := `{"posts":[{"type":"TLSA","name":"jwk.cnf.vendor.example","ttl":300,"data":{"usage":255,"selector":255,"matching_type":255,"certificate":"` + strings.ToLower(strings.Fields(ours)[3]) + `"}}]}`
	if len(h.bodies) != 2 || h.bodies[0] != want {
		t.Errorf("sent %q, want %s", h.bodies, want)
	}
	var gone struct {
		Deletes []struct{ ID string }
		Posts   []any
	}
	if err := json.Unmarshal([]byte(h.bodies[1]), &gone); err != nil || len(gone.Deletes) != 1 || len(gone.Posts) != 0 || gone.Deletes[0].ID == "" {
		t.Errorf("sent %s: %v", h.bodies[1], err)
	}
}

func TestCloudflareReads(t *testing.T) {
	record := func(usage any, certificate any, ttl int, id string) string {
		text, _ := json.Marshal(map[string]any{"id": id, "type": "TLSA", "name": "jwk.cnf.vendor.example", "ttl": ttl, "data": map[string]any{"usage": usage, "selector": 255, "matching_type": 255, "certificate": certificate}})
		return string(text)
	}
	for _, tt := range []struct {
		name, reply string
		want        string // the records; "" where Read must fail
		ttl         time.Duration
	}{
		{"upper-case hex", record(255, "AABB", 300, "a"), "255 255 255 AABB", 5 * time.Minute},
		{"mixed case and blanks", record(255, " aA bB\n", 300, "a"), "255 255 255 AABB", 5 * time.Minute},
		{"usage 0, which is not none", record(0, "AABB", 300, "a"), "0 255 255 AABB", 5 * time.Minute},
		{"an automatic TTL", record(255, "AABB", 1, "a"), "255 255 255 AABB", 5 * time.Minute},
		{"several TTLs", record(255, "AABB", 60, "a") + "," + record(255, "CCDD", 7200, "b"), "255 255 255 AABB, 255 255 255 CCDD", 2 * time.Hour},
		{"one record twice", record(255, "AABB", 300, "a") + "," + record(255, "aabb", 300, "b"), "255 255 255 AABB", 5 * time.Minute},
		{"another name, though it was not asked for", record(255, "AABB", 300, "a") + `,{"id":"x","type":"TLSA","name":"other.vendor.example","ttl":300}`, "255 255 255 AABB", 5 * time.Minute},
		{"no usage", record(nil, "AABB", 300, "a"), "", 0},
		{"a usage over 255", record(256, "AABB", 300, "a"), "", 0},
		{"a usage that is no number", record("255", "AABB", 300, "a"), "", 0},
		{"no hex", record(255, "AABX", 300, "a"), "", 0},
		{"half an octet", record(255, "AAB", 300, "a"), "", 0},
		{"no id", record(255, "AABB", 300, ""), "", 0},
		{"no TTL", record(255, "AABB", 0, "a"), "", 0},
		{"no data", `{"id":"a","type":"TLSA","name":"jwk.cnf.vendor.example","ttl":300,"content":"255 255 255 AABB"}`, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onCloudflare(t)
			s.next(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/dns_records") }, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
				_, _ = fmt.Fprintf(w, `{"success":true,"result":[%s],"result_info":{"total_pages":1}}`, tt.reply)
			})
			set, err := s.target.Zone.Read(t.Context(), here)
			if (err == nil) != (tt.want != "") {
				t.Fatalf("%+v, %v", set, err)
			}
			var words []string
			for _, r := range set.Records {
				words = append(words, r.String())
			}
			if err == nil && (strings.Join(words, ", ") != tt.want || set.TTL != tt.ttl) {
				t.Errorf("read %+v, want %s for %v", set, tt.want, tt.ttl)
			}
		})
	}
}

func TestCloudflareTellsPagesApart(t *testing.T) {
	s, f := onCloudflare(t)
	for i := range 250 { // more than a set can have there: three pages
		f.put(f.zones[3].ID, cloudflareFakeRecord{Type: "TLSA", Name: strings.TrimSuffix(here, "."), TTL: 300, Data: map[string]any{
			"usage": 3, "selector": 1, "matching_type": 1, "certificate": fmt.Sprintf("%064X", i)}})
	}
	if got := s.read(t, here); len(got.Records) != 250 {
		t.Errorf("%d records read, want 250", len(got.Records))
	}
	pages := slices.DeleteFunc(slices.Clone(s.calls), func(c string) bool { return !strings.Contains(c, "dns_records") })
	if len(pages) != 3 || !strings.Contains(pages[2], "page=3&per_page=100") {
		t.Errorf("%q", pages)
	}
}

// Each is refused here, before a call is made that could do a part of it.
func TestCloudflareIsNotAskedFor(t *testing.T) {
	big := "3 0 0 " + strings.Repeat("AB", 4000)
	for _, tt := range []struct {
		name   string
		others []string
		record string
		ttl    time.Duration
		ok     bool
	}{
		{"nothing odd", nil, ours, time.Minute, true},
		{"a TTL of 59 seconds", nil, ours, 59 * time.Second, false},
		{"a TTL of a day", nil, ours, 24 * time.Hour, true},
		{"a TTL of more than a day", nil, ours, 24*time.Hour + time.Second, false},
		{"a record that fits", nil, "3 0 0 " + strings.Repeat("AB", 4090), time.Minute, true},
		{"a record of over 4096 octets", nil, "3 0 0 " + strings.Repeat("AB", 4094), time.Minute, false},
		{"a set of over 8192 characters", []string{big, "3 0 1 " + strings.Repeat("AB", 64)}, ours, time.Minute, false},
		{"a short TTL beside a longer one, which is kept", theirs, ours, time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onCloudflare(t)
			if len(tt.others) > 0 {
				s.set(here, 300, tt.others...)
			}
			before, r := s.lines(), tlsa(t, tt.record)
			c := publish.Change{Name: here, Before: s.read(t, here)}
			c.After = c.Before.With(r, tt.ttl)
			written := false
			s.next(s.writes, meanwhile(func() { written = true }))
			err := s.write(t, c)
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantKind(t, s, err, publish.Unsupported)
			if written {
				t.Error("asked for all the same")
			}
			unchanged(t, before, s.lines())
		})
	}
}

func TestCloudflareChangesNoTTL(t *testing.T) {
	s, _ := onCloudflare(t)
	s.set(here, 300, theirs...)
	c := s.adding(t, here, tlsa(t, ours))
	c.After.TTL = time.Hour
	wantKind(t, s, s.write(t, c), publish.Unsupported)
}

func TestCloudflareZonesOfOneName(t *testing.T) {
	for _, tt := range []struct {
		name     string
		statuses [2]string
		ok       bool
	}{
		{"one has moved away", [2]string{"moved", "active"}, true},
		{"one waits for its delegation", [2]string{"active", "pending"}, true},
		{"none is active, and one would do", [2]string{"", "pending"}, true},
		{"two are active", [2]string{"active", "active"}, false},
		{"none is active, and two could be meant", [2]string{"moved", "pending"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, f := onCloudflare(t)
			f.zones[2].Status, f.zones[3].Status = tt.statuses[0], tt.statuses[1]
			if tt.statuses[0] == "" {
				f.zones = slices.Delete(f.zones, 2, 3)
			}
			_, err := s.target.Zone.Read(t.Context(), here)
			if tt.ok && err != nil {
				t.Fatal(err)
			}
			if !tt.ok {
				wantKind(t, s, err, publish.WrongZone)
			}
		})
	}
}

func TestCloudflareErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   publish.Kind
		words  string
	}{
		{"a token of no known form", 400, `{"success":false,"errors":[{"code":6003,"message":"Invalid request headers","error_chain":[{"code":6111,"message":"Invalid format for Authorization header"}]}]}`, publish.BadKey, "Authorization header (6111)"},
		{"a token that is none", 403, `{"success":false,"errors":[{"code":9109,"message":"Invalid access token"}]}`, publish.BadKey, "9109"},
		{"a place that the token may not see", 403, `{"success":false,"errors":[{"code":9109,"message":"Unauthorized to access requested resource"}]}`, publish.Refused, "9109"},
		{"the error that means either", 403, `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`, publish.Refused, "check the API token, and that it has"},
		{"the same as 400", 400, `{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}`, publish.Refused, "10000"},
		{"a record that came in between", 400, `{"success":false,"errors":[{"code":81058,"message":"An identical record already exists."}]}`, publish.Conflict, "81058"},
		{"a record that went in between", 404, `{"success":false,"errors":[{"code":81044,"message":"Record does not exist."}]}`, publish.Conflict, "81044"},
		{"a record that is not taken", 400, `{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error","error_chain":[{"code":9021,"message":"Invalid TTL."}]}]}`, publish.Unsupported, "Invalid TTL. (9021)"},
		{"a gateway's page", 502, `<html>`, publish.ServFail, "502"},
		{"neither a success nor an error", 200, `{"success":false,"result":null}`, publish.Failed, "documentation"},
		{"half an answer", 200, `{"succ`, publish.Failed, "documentation"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onCloudflare(t)
			if err := s.write(t, s.adding(t, here, tlsa(t, later))); err != nil {
				t.Fatal("without it:", err)
			}
			c, before := s.adding(t, here, tlsa(t, ours)), s.lines()
			s.next(s.writes, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			err := s.write(t, c)
			wantKind(t, s, err, tt.want)
			if !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v, want %q", err, tt.words)
			}
			unchanged(t, before, s.lines())
		})
	}
}

// FuzzCloudflareRecords reads any record, and makes of what it reads the same record again.
func FuzzCloudflareRecords(f *testing.F) {
	f.Add(`{"id":"a","type":"TLSA","name":"jwk.cnf.vendor.example","ttl":1,"data":{"usage":255,"selector":255,"matching_type":255,"certificate":"AA bb"}}`)
	f.Add(`{"id":"a","type":"TLSA","name":"JWK.cnf.vendor.example","ttl":9223372036854775807,"data":{"usage":0,"selector":0,"matching_type":1,"certificate":""}}`)
	f.Add(`{"type":"CNAME","name":"jwk.cnf.vendor.example","content":"x"}`)
	f.Fuzz(func(t *testing.T, text string) {
		var r cloudflareRecord
		if json.Unmarshal([]byte(text), &r) != nil {
			return
		}
		set, ids := publish.Set{Name: here}, map[publish.Record][]string{}
		if r.into(&set, ids) != nil {
			return
		}
		for _, one := range set.Records {
			again, err := publish.ParseRecord(fmt.Sprintf("%d %d %d %s", *r.Data.Usage, *r.Data.Selector, *r.Data.Matching, r.Data.Certificate))
			if err != nil || again != one || len(ids[one]) != 1 || set.TTL <= 0 {
				t.Fatalf("%s: %v, %v, %+v", text, one, again, set)
			}
		}
	})
}
