package publish

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRecord(t *testing.T) {
	cases := map[string]struct{ text, want string }{
		"upper-case hex":                {"255 255 255 80D5FF", "255 255 255 80D5FF"},
		"lower-case hex, cut by blanks": {" 255\t255 255  80d5 ff ", "255 255 255 80D5FF"},
		"another's":                     {"3 1 1 00", "3 1 1 00"},
		"without data":                  {"0 0 0", "0 0 0 "},
		"two fields":                    {"255 255", ""},
		"a field over 255":              {"256 255 255 00", ""},
		"a field that overflows":        {"99999999999999999999 255 255 00", ""},
		"a negative field":              {"-1 255 255 00", ""},
		"a field with a sign":           {"+1 255 255 00", ""},
		"half an octet":                 {"255 255 255 80D", ""},
		"no hex":                        {"255 255 255 zz", ""},
		"nothing":                       {"", ""},
	}
	for claim, tc := range cases {
		t.Run(claim, func(t *testing.T) {
			r, err := ParseRecord(tc.text)
			if (err == nil) != (tc.want != "") || r.String() != tc.want {
				t.Fatalf("%q, %v", r, err)
			}
			if err != nil {
				return
			}
			if same, err := RecordOf(r.RDATA()); err != nil || same != r {
				t.Errorf("%v, %v", same, err)
			}
		})
	}
	if _, err := RecordOf([]byte{255, 255}); err == nil {
		t.Error("two octets are taken")
	}
	if r := (Record{}); !r.IsZero() || r.String() != "" || len(r.RDATA()) != 0 {
		t.Errorf("the zero Record is %v", r)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("255 255 255 80D5FF")
	f.Add("0 0 0")
	f.Add("1 1 1 zz")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRecord(text)
		if err != nil {
			if !r.IsZero() {
				t.Fatal("an error and a record")
			}
			return
		}
		if again, err := ParseRecord(r.String()); err != nil || again != r {
			t.Fatalf("%q: %v, %v", r, again, err)
		}
	})
}

func TestChange(t *testing.T) {
	before := Set{Name: owner, TTL: 60 * time.Second, Records: []Record{theirs, odd}}
	c := Change{Name: owner, Before: before, After: before.With(ours, time.Hour).Without(odd)}
	if c.None() || c.After.TTL != 60*time.Second ||
		!slices.Equal(c.Added(), []Record{ours}) || !slices.Equal(c.Removed(), []Record{odd}) || !slices.Equal(c.Kept(), []Record{theirs}) {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(before.Records, []Record{theirs, odd}) {
		t.Error("the set before has changed")
	}
	want := "- jwk.cnf.vendor.example. 60 IN TLSA 0 0 1 00FF\n" +
		"+ jwk.cnf.vendor.example. 60 IN TLSA 255 255 255 " + strings.Repeat("01", 32) + "\n" +
		"  jwk.cnf.vendor.example. 60 IN TLSA 255 255 255 " + strings.Repeat("02", 32)
	if got := strings.Join(c.Diff(), "\n"); got != want {
		t.Errorf("%s", got)
	}
	if u := c.Undo(); !u.After.Same(before) || !u.Before.Same(c.After) {
		t.Errorf("%+v", u)
	}
	if (Set{Records: []Record{ours, theirs}}).Same(Set{Records: []Record{ours, odd}}) || !before.Same(Set{Records: []Record{odd, theirs}}) {
		t.Error("Same is wrong about sets")
	}
	if left := before.Without(theirs, odd); left.TTL != 0 || left.Records != nil || left.Name != owner {
		t.Errorf("%+v", left)
	}
}
