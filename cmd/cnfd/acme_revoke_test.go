package main

import (
	"strings"
	"testing"
)

// TestWhereARevocationIsListed: the place is told of a certificate that has one and lives; each row after the first
// flips one of the two.
func TestWhereARevocationIsListed(t *testing.T) {
	const place = "http://ca.example/crl/0123456789abcdef.crl"
	for _, tt := range []struct {
		claim, list string
		expired     bool
		want        string // how it begins; "": nothing is said
	}{
		{"it lives", place, false, "The list is at " + place + "\n  A daemon that runs has it on there within a second.\n"},
		{"it has expired", place, true, "It has expired: no revocation list need name it.\n"},
		{"it names no list", "", false, ""},
	} {
		var b strings.Builder
		if err := tellListed(&b, tt.list, tt.expired); err != nil || !strings.HasPrefix(b.String(), tt.want) || tt.want == "" && b.Len() > 0 {
			t.Errorf("%s: %v, %q", tt.claim, err, b.String())
		}
	}
}
