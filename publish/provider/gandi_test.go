package provider

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

// Whether a name without records is an empty list or is not found, it is empty.
func TestGandiNamesWithoutRecords(t *testing.T) {
	for _, bare := range []bool{false, true} {
		s := play(t, "gandi", owner)
		s.fake.(*gandiFake).bare = bare
		before := s.lines()
		if got := s.read(t, here); len(got.Records) != 0 {
			t.Fatalf("read %+v", got)
		}
		if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil {
			t.Fatal(err)
		}
		onlyOurs(t, before, s.lines(), tlsa(t, ours))
		if err := s.write(t, s.removing(t, here, tlsa(t, ours))); err != nil {
			t.Fatal(err)
		}
		unchanged(t, before, s.lines())
	}
}

// A domain of somebody else's may be forbidden and no more; ours is found behind it,
// and where none is, that is what is told.
func TestGandiDomainsOfOthers(t *testing.T) {
	forbidden := func(f fake, w http.ResponseWriter, _ func(http.ResponseWriter)) {
		f.(*gandiFake).fault(w, http.StatusForbidden, "HTTPForbidden", "Access was denied to this resource.")
	}
	first := func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/domains/jwk.cnf.") }
	s := play(t, "gandi", owner)
	s.next(first, forbidden)
	s.read(t, here)
	if s.pending() {
		t.Error("the longest name was not asked for")
	}
	s.next(first, forbidden)
	_, err := s.target.Zone.Read(t.Context(), "jwk.cnf.vendor.test.")
	wantKind(t, s, err, publish.Refused)
	_, err = s.target.Zone.Read(t.Context(), "jwk.cnf.vendor.test.")
	wantKind(t, s, err, publish.WrongZone)
}

func TestGandiTTLs(t *testing.T) {
	s := play(t, "gandi", owner)
	c := s.adding(t, here, tlsa(t, ours))
	c.After.TTL = 299 * time.Second
	before := s.lines()
	err := s.write(t, c)
	wantKind(t, s, err, publish.Unsupported)
	if !strings.Contains(err.Error(), "299 is less than minimum value 300") {
		t.Errorf("error %q does not say why", err)
	}
	unchanged(t, before, s.lines())
	c.After.TTL = gandiTTL
	if err := s.write(t, c); err != nil {
		t.Fatal(err)
	}
	if got := s.read(t, here); got.TTL != gandiTTL {
		t.Errorf("TTL %v", got.TTL)
	}
}

func TestGandiAliasesMayBeRelative(t *testing.T) {
	s := play(t, "gandi", owner)
	s.alias(here, "Elsewhere")
	if got := s.read(t, here); got.Alias != "elsewhere.vendor.example." {
		t.Errorf("alias %q", got.Alias)
	}
}

func TestGandiWords(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":401,"message":"no","object":"HTTPUnauthorized"}`:                                  "no",
		`{"status":"error","errors":[{"location":"body","name":"rrset_ttl","description":"low"}]}`: "rrset_ttl: low",
		`"no"`: "", ``: "",
	} {
		if got := gandiWords([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
