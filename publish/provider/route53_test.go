package provider

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func onRoute53(t *testing.T, change ...func(*Config)) (*stage, *route53Fake) {
	t.Helper()
	s := play(t, "route53", owner, change...)
	return s, s.fake.(*route53Fake)
}

// odd are records of others in forms that a parser takes and nobody may tidy up.
var odd = []string{
	"3 1 1 d2ABde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e 4561cb106618e971",
	"003  1 1 00",
	"0 0 1 ",
	"255 255 255 " + strings.Repeat("a5", 48),
}

func TestRoute53GivesValuesBackOctetForOctet(t *testing.T) {
	s, _ := onRoute53(t)
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

func TestRoute53ReadsNoMoreThanItsName(t *testing.T) {
	s, f := onRoute53(t)
	f.page = 1
	s.set(here, 300, theirs...)
	s.set("jwk.cnf0.vendor.example.", 300, ours)
	s.set("a.jwk.cnf.vendor.example.", 300, ours)
	if got := s.read(t, here); len(got.Records) != len(theirs) {
		t.Fatalf("%+v", got)
	}
	pages := slices.DeleteFunc(slices.Clone(s.calls), func(c string) bool { return !strings.Contains(c, "/rrset?") })
	if len(pages) != 4 || strings.Contains(pages[0], "type=") || !strings.HasSuffix(pages[3], "name=jwk.cnf.vendor.example.&type=TXT") {
		t.Errorf("%q: want HTTPS, SSHFP, TLSA and TXT", pages)
	}
}

func TestRoute53Zones(t *testing.T) {
	for _, tt := range []struct {
		name  string
		zones func(f *route53Fake)
		zone  string // "": none
	}{
		{"as they are", func(*route53Fake) {}, "Z03PUBLIC"},
		{"a private one alone", func(f *route53Fake) { f.zones = slices.Delete(f.zones, 3, 4) }, "Z00PARENT"},
		{"two public ones", func(f *route53Fake) { f.zones[2].private = false }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, f := onRoute53(t)
			tt.zones(f)
			_, err := s.target.Zone.Read(t.Context(), here)
			if tt.zone == "" {
				wantKind(t, s, err, publish.WrongZone)
				return
			}
			if err != nil || !strings.Contains(s.calls[len(s.calls)-1], "/hostedzone/"+tt.zone+"/rrset?") {
				t.Errorf("%v, %q", err, s.calls)
			}
		})
	}
}

func TestRoute53RefusesARoutingPolicy(t *testing.T) {
	s, f := onRoute53(t)
	s.set(here, 300, theirs...)
	if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
		t.Fatal("without it:", err)
	}
	f.sets[len(f.sets)-1].identifier = "blue"
	before := s.lines()
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.Unsupported)
	wantKind(t, s, s.write(t, publish.Change{Name: here, Before: publish.Set{Name: here}, After: publish.Set{Name: here, TTL: time.Hour, Records: []publish.Record{tlsa(t, later)}}}), publish.Unsupported)
	unchanged(t, before, s.lines())
}

func TestRoute53AliasesOfItsOwnKind(t *testing.T) {
	s, f := onRoute53(t)
	f.sets = append(f.sets, route53FakeSet{zone: "Z03PUBLIC", name: "a.vendor.example.", kind: "CNAME", aliasOf: `b\137c.vendor.example.`})
	if got := s.read(t, "a.vendor.example."); got.Alias != "b_c.vendor.example." {
		t.Errorf("%+v", got)
	}
}

func TestRoute53Clock(t *testing.T) {
	for _, tt := range []struct {
		off  time.Duration
		want publish.Kind
	}{
		{4 * time.Minute, 255}, {-4 * time.Minute, 255},
		{-time.Hour, publish.BadTime}, {time.Hour, publish.BadTime},
	} {
		s, _ := onRoute53(t, func(c *Config) { c.Now = func() time.Time { return noon().Add(tt.off) } })
		_, err := s.target.Zone.Read(t.Context(), here)
		if tt.want == 255 {
			if err != nil {
				t.Error(tt.off, err)
			}
			continue
		}
		wantKind(t, s, err, tt.want)
		if e := err.(*publish.Error); !e.Theirs.Equal(noon()) {
			t.Errorf("%v: their clock is %v", tt.off, e.Theirs)
		}
	}
}

// The real one says in the error what it signed, and with it the session's token.
func TestRoute53WrongSecretOfAKnownKey(t *testing.T) {
	s, _ := onRoute53(t, func(c *Config) {
		c.Credentials = []byte(strings.Replace(string(c.Credentials), "MDENG", "MDENX", 1))
	})
	_, err := s.target.Zone.Read(t.Context(), here)
	wantKind(t, s, err, publish.BadKey)
	if !strings.Contains(err.Error(), "SignatureDoesNotMatch") || !strings.Contains(err.Error(), "secret access key") {
		t.Error(err)
	}
}

func TestRoute53Errors(t *testing.T) {
	reply := func(code, message string) string {
		return `<?xml version="1.0"?><ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>` + code + `</Code><Message>` + message + `</Message></Error></ErrorResponse>`
	}
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   publish.Kind // 255: made again, and done
		words  string
	}{
		{"a batch that does not fit any more", 400, reply("InvalidChangeBatch", "[Tried to delete resource record set [name='x', type='TLSA'] but it was not found]"), publish.Conflict, "was not found"},
		{"the same in its other shape", 400, `<?xml version="1.0"?><InvalidChangeBatch xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Messages><Message>Tried to create resource record set, but it already exists</Message></Messages></InvalidChangeBatch>`, publish.Conflict, "already exists"},
		{"a record that is not taken", 400, reply("InvalidChangeBatch", "[Invalid Resource Record: FATAL problem: InvalidTLSARData encountered with x]"), publish.Unsupported, "FATAL problem"},
		{"a request that is not taken", 400, reply("InvalidInput", "Invalid XML ; TTL"), publish.Unsupported, "InvalidInput"},
		{"another request for the zone", 400, reply("PriorRequestNotComplete", "The request was rejected because Route 53 was still processing a prior request."), 255, ""},
		{"too many requests", 400, reply("Throttling", "Rate exceeded"), 255, ""},
		{"a token that has expired", 403, reply("ExpiredToken", "The security token included in the request is expired"), publish.BadKey, "ExpiredToken"},
		{"no right to", 403, reply("AccessDenied", "not authorized to perform: route53:ChangeResourceRecordSets"), publish.Refused, "AccessDenied"},
		{"a zone that is gone", 404, reply("NoSuchHostedZone", "No hosted zone found with ID: Z"), publish.WrongZone, "NoSuchHostedZone"},
		{"a gateway's page", 503, `<html>`, publish.ServFail, "503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onRoute53(t)
			if err := s.write(t, s.adding(t, here, tlsa(t, later))); err != nil {
				t.Fatal("without it:", err)
			}
			c, before := s.adding(t, here, tlsa(t, ours)), s.lines()
			s.next(s.writes, func(_ fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
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
			if !strings.Contains(err.Error(), tt.words) {
				t.Errorf("%v, want %q", err, tt.words)
			}
			unchanged(t, before, s.lines())
		})
	}
}

func TestRoute53SizesOfAChange(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values int
		octets int // of each
		ok     bool
	}{
		{"a set that fits twice", 200, 32, true},
		{"values of over 32000 characters", 250, 32, false},
		{"over 1000 values", 501, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := onRoute53(t)
			var many []string
			for i := range tt.values {
				many = append(many, fmt.Sprintf("3 1 %d %0*x", i/256, 2*tt.octets, i%256))
			}
			s.set(here, 300, many...)
			before := s.lines()
			err := s.write(t, s.adding(t, here, tlsa(t, ours)))
			if tt.ok {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantKind(t, s, err, publish.Unsupported)
			unchanged(t, before, s.lines())
			if slices.ContainsFunc(s.calls, func(c string) bool { return strings.HasPrefix(c, "POST") }) {
				t.Error("asked for all the same")
			}
		})
	}
}

func TestRoute53Credentials(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		ok         bool
	}{
		{"the section default", "[default]\naws_access_key_id = A\naws_secret_access_key = B\n[other]\naws_access_key_id = C\n", true},
		{"the only section", "[publisher]\naws_access_key_id=A\naws_secret_access_key=B\n", true},
		{"no section", "aws_access_key_id=A\naws_secret_access_key=B\n", true},
		{"two sections, none of them default", "[a]\naws_access_key_id=A\naws_secret_access_key=B\n[b]\naws_access_key_id=A\naws_secret_access_key=B\n", false},
		{"no secret", "[default]\naws_access_key_id=A\n", false},
		{"a setting twice", "[default]\naws_access_key_id=A\naws_access_key_id=A\naws_secret_access_key=B\n", false},
		{"no ini", "AKIAIOSFODNN7EXAMPLE", false},
		{"a broken section", "[default\naws_access_key_id=A", false},
	} {
		_, err := New("route53", Config{Credentials: []byte(tt.file), Now: noon})
		if (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), "AKIA") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := New("route53", Config{Credentials: []byte("aws_access_key_id=A\naws_secret_access_key=B\n")}); err == nil {
		t.Error("no clock, and no error")
	}
}

func TestPlainName(t *testing.T) {
	for text, want := range map[string]string{
		"jwk.cnf.vendor.example.":    "jwk.cnf.vendor.example.",
		`\052.vendor.example.`:       "*.vendor.example.",
		`\137jwk.vendor.example.`:    "_jwk.vendor.example.",
		`x5t\043s256.vendor.example`: "x5t#s256.vendor.example",
		`a\`:                         `a\`,
		`a\05`:                       `a\05`,
		`a\999b`:                     `a\999b`,
	} {
		if got := plainName(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// The fake holds names as the real one does, and knows no other form.
func TestRoute53NamesWithOddCharacters(t *testing.T) {
	s, f := onRoute53(t)
	const name = "x5t#s256.cnf.vendor.example."
	r := tlsa(t, ours)
	if err := s.write(t, s.adding(t, name, r)); err != nil {
		t.Fatal(err)
	}
	if got := f.sets[len(f.sets)-1].name; got != `x5t\043s256.cnf.vendor.example.` {
		t.Errorf("written at %s", got)
	}
	if got := s.read(t, name); !got.Has(r) || got.Name != name {
		t.Errorf("%+v", got)
	}
	for _, text := range []string{name, "_jwk_cnf.vendor.example.", "1.8.vendor.example.", "*.x."} {
		if got := plainName(route53Name(text)); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}

// FuzzRoute53List reads any list, and gives back whatever it has read as it came.
func FuzzRoute53List(f *testing.F) {
	f.Add(`<ListResourceRecordSetsResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ResourceRecordSets><ResourceRecordSet><Name>jwk.cnf.vendor.example.</Name><Type>TLSA</Type><TTL>300</TTL><ResourceRecords><ResourceRecord><Value>3 1 1 AA bb</Value></ResourceRecord><ResourceRecord><Value>255 255 255 00</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></ResourceRecordSets><IsTruncated>true</IsTruncated><NextRecordName>\052.x.</NextRecordName></ListResourceRecordSetsResponse>`)
	f.Add(`<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>jwk.cnf.vendor.example.</Name><Type>CNAME</Type><AliasTarget><DNSName>x</DNSName></AliasTarget></ResourceRecordSet></ResourceRecordSets></ListResourceRecordSetsResponse>`)
	f.Add(`<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>`)
	added, err := publish.ParseRecord(ours)
	if err != nil {
		f.Fatal(err)
	}
	z := &route53{api: &api{name: "route53", hidden: new(words)}}
	f.Fuzz(func(t *testing.T, text string) {
		_ = route53Error([]byte(text)).String()
		var list route53List
		if xml.Unmarshal([]byte(text), &list) != nil {
			return
		}
		if plain := plainName(list.NextName); plainName(route53Name(plain)) != plain {
			t.Fatalf("%q became %q", plain, plainName(route53Name(plain)))
		}
		set, held, err := z.at(here, list.Sets)
		if err != nil {
			return
		}
		if set.TTL < 0 || len(set.Records) > len(held) {
			t.Fatalf("%+v", set)
		}
		sent := rewritten(held, publish.Change{Name: here, Before: set, After: set.With(added, time.Hour)}, func(r publish.Record) route53Value { return route53Value{r.String()} })
		for _, h := range held {
			if !slices.Contains(sent, h.as) {
				t.Fatalf("%q is lost in %q", h.as, sent)
			}
		}
	})
}
