package text

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// TestNames holds names to another reader's opinion of what comes out.
func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"JWK.cnf.vendor.example.":                    "jwk.cnf.vendor.example.",
		"x5t#s256.cnf.vendor.example.":               `x5t\035s256.cnf.vendor.example.`,
		`a\.b\\c\"d.example.`:                        `a\046b\092c\034d.example.`,
		`a\000\255\;$@( .example.`:                   `a\000\255\059\036\064\040\032.example.`,
		"*._tcp.example.":                            "*._tcp.example.",
		"☕.example.":                                 `\226\152\149.example.`,
		".":                                          ".",
		strings.Repeat("a.", 127):                    strings.Repeat("a.", 127),
		strings.Repeat(`\120`, 63) + ".example.":     strings.Repeat("x", 63) + ".example.",
		"line\nupdate delete vendor.example.":        `line\010update\032delete\032vendor.example.`,
		"a\\\nprereq.example.":                       `a\010prereq.example.`,
		`\074\087\075.cnf.vendor.example.`:           "jwk.cnf.vendor.example.",
		"xn--53h.example.":                           "xn--53h.example.",
		`;\032comment.example.`:                      `\059\032comment.example.`,
		`"quoted".example.`:                          `\034quoted\034.example.`,
		`\*.example.`:                                "*.example.",
		`a\0468\.b.example.`:                         `a\0468\046b.example.`,
		"_1_8.vendor.example.":                       "_1_8.vendor.example.",
		`$include.example.`:                          `\036include.example.`,
		`\@.example.`:                                `\064.example.`,
		"(paren.example.":                            `\040paren.example.`,
		"tab\there.example.":                         `tab\009here.example.`,
		"del\x7f.example.":                           `del\127.example.`,
		strings.Repeat("b", 63) + ".vendor.example.": strings.Repeat("b", 63) + ".vendor.example.",
	} {
		n, err := parseName(in)
		if err != nil || n.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, n, err, want)
			continue
		}
		if !slices.Equal(wireName(t, n.String()), wireName(t, in)) {
			t.Errorf("%q and %q are two names", in, n)
		}
	}
}

// wireName is a name's octets, as miekg/dns reads it, in lower case.
func wireName(t testing.TB, text string) []byte {
	t.Helper()
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(text, wire, 0, nil, false)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return bytes.ToLower(wire[:n])
}
