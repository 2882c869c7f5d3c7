package dnssec

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestNameOf(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"jwk.cnf.Vendor.EXAMPLE", "jwk.cnf.vendor.example."},
		{"example.", "example."},
		{".", "."},
		{`a\.b.example.`, `a\.b.example.`},
		{"", ""},
		{strings.Repeat("a", 509), strings.Repeat("a", 509) + "."},
		{strings.Repeat("a", 510), ""},
	} {
		n, ok := NameOf(c.in)
		if ok != (c.want != "") || n.String() != c.want || string(n.Bytes()) != c.want || n.IsZero() == ok {
			t.Errorf("%q: %q, %v", c.in, n.String(), ok)
		}
	}
}

func TestIsSubdomain(t *testing.T) {
	for _, c := range []struct {
		child, parent string
		want          bool
	}{
		{"a.example.", "example.", true},
		{"example.", "example.", true},
		{"example.", ".", true},
		{".", ".", true},
		{".", "example.", false},
		{"notexample.", "example.", false},
		{"example.", "a.example.", false},
		{`a\.example.`, "example.", false},
		{`a\\.example.`, "example.", true},
		{`a\\\.example.`, "example.", false},
		{`a\046example.`, "example.", false},
	} {
		if got := IsSubdomain(c.child, c.parent); got != c.want {
			t.Errorf("%s under %s: %v", c.child, c.parent, got)
		}
	}
}

// TestLess holds the canonical order against RFC 4034 §6.1's own example, with
// octets above 127 and escapes.
func TestLess(t *testing.T) {
	order := []string{
		".", "example.", "a.example.", "yljkjljk.a.example.", "Z.a.example.", "zABC.a.EXAMPLE.", "z.example.",
		`\001.z.example.`, "*.z.example.", `\200.z.example.`, `\201.z.example.`, `\255.z.example.`, `\255\128.z.example.`, `\255\129.z.example.`,
		`a\.b.z0.example.`, `ac.z0.example.`,
	}
	for i, a := range order {
		for j, b := range order {
			if got := less(Canonical(a), Canonical(b)); got != (i < j) {
				t.Errorf("%s before %s: %v", a, b, got)
			}
		}
	}
}

func FuzzLess(f *testing.F) {
	f.Add([]byte{1, 0x80, 0}, []byte{1, 0x81, 0})
	f.Add([]byte{2, 'A', '.', 0}, []byte{1, 'a', 2, 'b', 'c', 0})
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, _, err := dns.UnpackDomainName(x, 0)
		if err != nil {
			return
		}
		b, _, err := dns.UnpackDomainName(y, 0)
		if err != nil {
			return
		}
		if got, want := less(Canonical(a), Canonical(b)), canonicalOrder(a, b) < 0; got != want {
			t.Errorf("%s before %s: %v", a, b, got)
		}
	})
}

func TestNamesTakenApart(t *testing.T) {
	for _, c := range []struct {
		name, parent string
		labels       int
	}{
		{".", ".", 0}, {"example.", ".", 1}, {"a.example.", "example.", 2}, {`a\.b.example.`, "example.", 2}, {`\000.example.`, "example.", 2},
	} {
		if Parent(c.name) != c.parent || Labels(c.name) != c.labels || Ancestor(c.name, c.labels) != c.name || Ancestor(c.name, 0) != "." {
			t.Errorf("%s: parent %s, %d labels", c.name, Parent(c.name), Labels(c.name))
		}
		if c.labels > 0 && Ancestor(c.name, c.labels-1) != c.parent {
			t.Errorf("%s: ancestor %s", c.name, Ancestor(c.name, c.labels-1))
		}
	}
	if !slices.Equal([]string{wildcardOf("."), wildcardOf("example.")}, []string{"*.", "*.example."}) {
		t.Error("the wildcards' names")
	}
	for name, want := range map[string]bool{"*.example.": true, "*.": true, "**.example.": false, "a.*.example.": false, `*\.b.example.`: false} {
		if isWildcard(name) != want {
			t.Errorf("%s a wildcard: %v", name, !want)
		}
	}
}

func TestNormal(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"jwk.cnf.Vendor.EXAMPLE.", "jwk.cnf.vendor.example."}, {".", "."}, {`\106w\107.example.`, "jwk.example."}, {`\a.example.`, "a.example."},
		{`\000.example.`, `\000.example.`}, {`a\.b.example.`, `a\.b.example.`}, {`a\046b.example.`, `a\.b.example.`}, {`\\.example.`, `\\.example.`},
		{`\065.example.`, "a.example."}, {"\u017f.example.", `\197\191.example.`}, {`\200.example.`, `\200.example.`},
		{"a..example.", ""}, {".example.", ""}, {"..", ""}, {`example\.`, ""}, {`\256.example.`, ""}, {`\1.example.`, ""}, {`\12`, ""}, {`a\`, ""},
		{strings.Repeat("a", 64) + ".", ""}, {strings.Repeat("a", 63) + ".", strings.Repeat("a", 63) + "."},
		{strings.Repeat("a.", 127), strings.Repeat("a.", 127)}, {strings.Repeat("a.", 128), ""},
	} {
		if got, ok := Normal(c.in); got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %v", c.in, got, ok)
		}
	}
}

func FuzzNormal(f *testing.F) {
	for _, s := range []string{".", `a\.b.`, `\000.A.`, `\1`, "a..", "\u017f."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		n, ok := Normal(name)
		if !ok {
			return
		}
		if again, ok := Normal(n); !ok || again != n {
			t.Errorf("%q: %q, then %q", name, n, again)
		}
		if !slices.Equal(octetLabels(n), octetLabels(name)) {
			t.Errorf("%q: %q is another name", name, n)
		}
	})
}
