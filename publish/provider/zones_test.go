package provider

import (
	"slices"
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
