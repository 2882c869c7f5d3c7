package provider

import (
	"slices"
	"strings"
	"testing"
)

func TestLongest(t *testing.T) {
	for _, tt := range []struct {
		name  string
		zones []string
		want  string
	}{
		{"jwk.cnf.vendor.example.", []string{"example.", "vendor.example.", "dor.example."}, "vendor.example."},
		{"jwk.cnf.vendor.example.", []string{"Vendor.Example"}, "Vendor.Example"},
		{"jwk.cnf.vendor.example.", []string{"cnf.vendor.example", "vendor.example"}, "cnf.vendor.example"},
		{"vendor.example.", []string{"vendor.example"}, "vendor.example"},
		{"jwk.cnf.vendor.example.", []string{"dor.example", "", ".", "ample"}, ""},
		{"jwk.cnf.vendor.example.", nil, ""},
	} {
		if got, ok := longest(tt.name, tt.zones); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s of %v: %q, %v", tt.name, tt.zones, got, ok)
		}
	}
}

func TestApexes(t *testing.T) {
	for _, tt := range []struct {
		configured string
		want       []string
	}{
		{"", []string{"jwk.cnf.vendor.example", "cnf.vendor.example", "vendor.example", "example"}},
		{"Vendor.Example.", []string{"vendor.example"}},
		{"dor.example", nil},
		{"other.example", nil},
	} {
		if got := apexes("jwk.cnf.Vendor.example.", tt.configured); !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, want %v", tt.configured, got, tt.want)
		}
	}
}

func TestAZoneIsLookedForOnceAName(t *testing.T) {
	for word, list := range map[string]string{"cloudflare": "GET /zones?", "route53": "hostedzonesbyname", "google": "dnsName="} {
		s := play(t, word, owner)
		lookups := func() (n int) {
			for _, c := range s.calls {
				if strings.Contains(c, list) {
					n++
				}
			}
			return n
		}
		if _, err := s.target.Zone.Read(t.Context(), "jwk.cnf.vendor.test."); err == nil {
			t.Fatal("vendor.test. is there")
		}
		s.read(t, here)
		first := lookups()
		if first < 4 {
			t.Errorf("%s: %q", word, s.calls)
		}
		if err := s.write(t, s.adding(t, here, tlsa(t, ours))); err != nil || lookups() != first {
			t.Errorf("%s: looked for again: %v, %q", word, err, s.calls)
		}
		s.read(t, "1.8.vendor.example.")
		if lookups() == first {
			t.Errorf("%s: another name may be in another zone: %q", word, s.calls)
		}
		before := lookups()
		if _, err := s.target.Zone.Read(t.Context(), "jwk.cnf.vendor.test."); err == nil || lookups() == before {
			t.Errorf("%s: that there is none is remembered: %v", word, err)
		}
	}
}
