package record

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"cnfd/thumbprint"
)

func TestNameOfEveryMethodAndForm(t *testing.T) {
	for _, c := range []struct {
		method                     thumbprint.Method
		dotted, underscore, legacy string
	}{
		{thumbprint.MethodJWK, "jwk.cnf.vendor.example.", "_jwk_cnf.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodJKT, "jkt.cnf.vendor.example.", "_jkt_cnf.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodJWE, "jwe.cnf.vendor.example.", "_jwe_cnf.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodKID, "kid.cnf.vendor.example.", "_kid_cnf.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodX5T, "x5t#s256.cnf.vendor.example.", "_x5t#s256_cnf.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodTBH, "tbh.cnf.vendor.example.", "_tbh_cnf.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodCOSEKey, "1.8.vendor.example.", "_1_8.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodEncryptedCOSEKey, "2.8.vendor.example.", "_2_8.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodCOSEKID, "3.8.vendor.example.", "_3_8.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodCKT, "5.8.vendor.example.", "_5_8.vendor.example.", "_did.vendor.example."},
		{thumbprint.MethodCOSEJKT, "323.8.vendor.example.", "_323_8.vendor.example.", "_did.vendor.example."},
	} {
		for form, want := range map[Form]string{Dotted: c.dotted, Underscore: c.underscore, LegacyDID: c.legacy} {
			if got, err := Name(c.method, "vendor.example", form); err != nil || got != want {
				t.Errorf("Name(%v, %v) = %q, %v; want %q", c.method, form, got, err, want)
			}
		}
	}
}

func TestNoName(t *testing.T) {
	fits := strings.Repeat("a.", 122) + "b" // 245 octets: 253 with jwk.cnf.
	if got, err := Name(thumbprint.MethodJWK, fits, Dotted); err != nil || len(got) != 254 {
		t.Fatalf("253 octets and the dot: %d, %v", len(got), err)
	}
	for _, c := range []struct {
		claim, domain string
		method        thumbprint.Method
		form          Form
		want          *rule
	}{
		{"no method", "vendor.example", 0, Dotted, noLabel},
		{"no such method", "vendor.example", 200, Underscore, noLabel},
		{"no such form", "vendor.example", thumbprint.MethodJWK, 9, noLabel},
		{"254 octets with the prefix", fits + "c", thumbprint.MethodJWK, Dotted, nameTooLong},
		{"a longer prefix", fits, thumbprint.MethodX5T, Dotted, nameTooLong},
		{"an empty domain", "", thumbprint.MethodJWK, Dotted, emptyHost},
		{"a trailing dot", "vendor.example.", thumbprint.MethodJWK, Dotted, emptyLabel},
		{"an empty label", "a..b", thumbprint.MethodJWK, Dotted, emptyLabel},
		{"a domain that was never converted", "☕.example", thumbprint.MethodJWK, Dotted, badLDH},
		{"a domain that was never lower-cased", "Vendor.example", thumbprint.MethodJWK, Dotted, badLDH},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := Name(c.method, c.domain, c.form)
			var refused *NotDerivable
			if got != "" || !errors.As(err, &refused) || refused.Rule != c.want.what {
				t.Errorf("Name = %q, %v; want %q", got, err, c.want.what)
			}
		})
	}
}

func TestAppendNameAllocatesNothing(t *testing.T) {
	var buf [256]byte
	domain := []byte("vendor.example")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := AppendName(buf[:0], thumbprint.MethodJWK, domain, Dotted); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFormsAreReadAsTheyArePrinted(t *testing.T) {
	for _, f := range []Form{Dotted, Underscore, LegacyDID} {
		if got, err := ParseForm(f.String()); err != nil || got != f {
			t.Errorf("ParseForm(%q) = %v, %v", f, got, err)
		}
	}
	for _, word := range []string{"", "Dotted", "both", "unknown"} {
		if f, err := ParseForm(word); err == nil {
			t.Errorf("ParseForm(%q) = %v", word, f)
		}
	}
}

func digest(t testing.TB, h thumbprint.Hash, fill byte) thumbprint.Thumbprint {
	t.Helper()
	d, err := thumbprint.New(thumbprint.JWK, h, bytes.Repeat([]byte{fill}, h.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMatch(t *testing.T) {
	ours := digest(t, thumbprint.SHA256, 0xaa)
	right, other := RDATA(ours), RDATA(digest(t, thumbprint.SHA256, 0xbb))
	with := func(i int, v byte) []byte {
		r := bytes.Clone(right)
		r[i] = v
		return r
	}
	repeat := func(r []byte, n int) (set [][]byte) {
		for range n {
			set = append(set, r)
		}
		return set
	}
	for _, c := range []struct {
		claim string
		set   [][]byte
		want  Comparison
	}{
		{"no record", nil, Comparison{}},
		{"the record", [][]byte{right}, Comparison{Usable: 1, Matches: true}},
		{"another key's record", [][]byte{other}, Comparison{Usable: 1}},
		{"the record first", [][]byte{right, other}, Comparison{Usable: 2, Matches: true}},
		{"the record last", [][]byte{other, right}, Comparison{Usable: 2, Matches: true}},
		{"one bit off at the start", [][]byte{with(3, 0xab)}, Comparison{Usable: 1}},
		{"one bit off at the end", [][]byte{with(34, 0x2a)}, Comparison{Usable: 1}},
		{"another usage", [][]byte{with(0, 3)}, Comparison{}},
		{"another selector", [][]byte{with(1, 1)}, Comparison{}},
		{"another matching type", [][]byte{with(2, 1)}, Comparison{}},
		{"an unusable record beside the record", [][]byte{with(0, 3), right}, Comparison{Usable: 1, Matches: true}},
		{"an octet short", [][]byte{right[:34]}, Comparison{}},
		{"an octet long", [][]byte{append(bytes.Clone(right), 0)}, Comparison{}},
		{"a SHA-512 digest that begins alike", [][]byte{RDATA(digest(t, thumbprint.SHA512, 0xaa))}, Comparison{}},
		{"the fields alone", [][]byte{{255, 255, 255}}, Comparison{}},
		{"no octets", [][]byte{{}, nil}, Comparison{}},
		{"255 records", append(repeat(other, 254), right), Comparison{Usable: 255, Matches: true}},
		{"256 records cost too much, the right one among them", append(repeat(other, 255), right), Comparison{TooMany: true}},
		{"256 unusable records cost too much", repeat(nil, 256), Comparison{TooMany: true}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := Match(ours, c.set); got != c.want {
				t.Errorf("Match = %+v, want %+v", got, c.want)
			}
		})
	}
	t.Run("the zero thumbprint matches nothing", func(t *testing.T) {
		set := [][]byte{right, {255, 255, 255}, {}, nil}
		if got := Match(thumbprint.Thumbprint{}, set); got != (Comparison{}) {
			t.Errorf("Match = %+v", got)
		}
	})
	t.Run("a SHA-384 credential finds SHA-384 records only", func(t *testing.T) {
		long := digest(t, thumbprint.SHA384, 0xaa)
		if got := Match(long, [][]byte{right, RDATA(long)}); got != (Comparison{Usable: 1, Matches: true}) {
			t.Errorf("Match = %+v", got)
		}
	})
}

func TestPresentationIsAnAbsoluteLineInUpperCaseHex(t *testing.T) {
	want := "jwk.cnf.vendor.example. 300 IN TLSA 255 255 255 " + strings.Repeat("AB", 32)
	for _, owner := range []string{"jwk.cnf.vendor.example.", "jwk.cnf.vendor.example"} {
		if got := Presentation(owner, 300, digest(t, thumbprint.SHA256, 0xab)); got != want {
			t.Errorf("Presentation(%q) = %q", owner, got)
		}
	}
}

func Example() {
	domain, err := Domain("https://☕.example/menu", Subjects{})
	if err != nil {
		fmt.Println(err)
		return
	}
	owner, err := Name(thumbprint.MethodJWK, domain, Dotted)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := thumbprint.New(thumbprint.JWK, thumbprint.SHA256, []byte("32 octets of a SHA-256 digest   "))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(Presentation(owner, 300, key))
	fmt.Println(Match(key, [][]byte{RDATA(key)}).Matches)
	// Output:
	// jwk.cnf.xn--53h.example. 300 IN TLSA 255 255 255 3332206F6374657473206F662061205348412D32353620646967657374202020
	// true
}

func ExampleDomain() {
	for _, sub := range []string{"https://vendor.example:8443/a", "did:web:vendor.example%3A8443:a", "https://faß.de", "mailto:a@vendor.example"} {
		domain, err := Domain(sub, Subjects{})
		fmt.Println(domain, err)
	}
	// Output:
	// vendor.example <nil>
	// vendor.example <nil>
	// xn--fa-hia.de <nil>
	//  subject: the scheme mailto is not turned on: use an https URL of the subject's domain, or turn on subjects.mailto (it vouches for the mail domain, not for the user)
}
