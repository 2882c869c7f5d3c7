package hook

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

func TestOutputs(t *testing.T) {
	const right = `{"ttl":300,"records":["` + ours + `","` + theirs + `"],"alias":""}`
	cases := []struct{ claim, from, to, says string }{
		{"right", "", "", ""},
		{"white space around", right, "\n " + right + "\n\n", ""},
		{"without an alias", `,"alias":""`, "", ""},
		{"in another order", right, `{"alias":"","records":["` + ours + `","` + theirs + `"],"ttl":300}`, ""},
		{"lower-case hex cut by blanks", "80D55420B982", "80d5 5420 b982", ""},
		{"an escape of JSON's", `"ttl"`, `"\u0074tl"`, ""},
		{"a TTL of no time", "300", "0", ""},
		{"nothing", right, "", "nothing was printed"},
		{"nothing but white space", right, "\n", "nothing was printed"},
		{"no JSON", right, "done", "not one JSON object"},
		{"cut short", `""}`, `""`, "not one JSON object"},
		{"two objects", right, right + right, "not one JSON object"},
		{"words after it", right, right + "ok", "not one JSON object"},
		{"not UTF-8", `"alias":""`, "\"alias\":\"\xff\"", "not one JSON object"},
		{"a list", right, "[]", "not an object"},
		{"null", right, "null", "not an object"},
		{"text", right, `"records"`, "not an object"},
		{"another member", `"alias"`, `"error"`, `"error": not known`},
		{"a member in other letters", `"ttl"`, `"TTL"`, `"TTL": not known`},
		{"a member twice", `"alias":""`, `"records":[]`, `"records": there twice`},
		{"no records", right, `{"ttl":300}`, `no "records"`},
		{"records that are null", `["` + ours + `","` + theirs + `"]`, "null", "want a list"},
		{"records that are text", `["` + ours + `","` + theirs + `"]`, `"` + ours + `"`, "want a list"},
		{"records that are an object", `["` + ours + `","` + theirs + `"]`, `{}`, "want a list"},
		{"a record that is a number", `"` + theirs + `"`, "3", "want a record"},
		{"a record that is null", `"` + theirs + `"`, "null", "want a record"},
		{"a record of two fields", theirs, "3 1", "[1]: want TLSA data"},
		{"a record with an odd digit", theirs, theirs + "0", "[1]: want TLSA data"},
		{"a record with its name", theirs, owner + " 300 IN TLSA " + theirs, "[1]: want TLSA data"},
		{"a field over an octet", "255 255 255", "255 255 256", "[0]: want TLSA data"},
		{"a record twice", theirs, strings.ToLower(ours), "[1]: a record that is there already"},
		{"no TTL", `"ttl":300,`, "", `no "ttl"`},
		{"a TTL in text", "300", `"300"`, "want whole seconds"},
		{"a TTL with a fraction", "300", "300.0", "want whole seconds"},
		{"a TTL with an exponent", "300", "3e2", "want whole seconds"},
		{"a TTL under zero", "300", "-1", "want whole seconds"},
		{"a TTL over 31 bits", "300", "2147483648", "want whole seconds"},
		{"a TTL that is null", "300", "null", "want whole seconds"},
		{"an alias that is null", `""}`, `null}`, "want a name"},
		{"an alias with a space", `""}`, `"a b.example."}`, "not a domain name"},
		{"an alias that a terminal obeys", `""}`, `"\u001b[2J"}`, "not a domain name"},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			read := func(out string) (publish.Set, error) {
				return hook(t, Config{Program: script(t, "ends.sh"), Args: []string{out, "", "0"}}).Read(t.Context(), owner)
			}
			out := strings.Replace(right, tc.from, tc.to, 1)
			if tc.from != "" && out == right {
				t.Fatal("nothing was changed")
			}
			set, err := read(out)
			if tc.says == "" {
				if err != nil || !slices.Equal(set.Records, []publish.Record{record(t, ours), record(t, theirs)}) || set.Alias != "" {
					t.Errorf("%s: %+v, %v", out, set, err)
				}
				return
			}
			isKind(t, err, publish.Failed, tc.says)
			if len(set.Records) > 0 {
				t.Errorf("with an error: %+v", set)
			}
		})
	}
	set, err := hook(t, Config{Program: script(t, "ends.sh"), Args: []string{`{"ttl":9,"records":[],"alias":"a.example."}`, "", "0"}}).Read(t.Context(), owner)
	if err != nil || set.Alias != "a.example." || set.TTL != 0 {
		t.Errorf("%+v, %v", set, err)
	}
}

func TestTooMuchOutput(t *testing.T) {
	flood := func(blanks int) (publish.Set, error) {
		return hook(t, Config{Program: script(t, "flood.sh"), Args: []string{strconv.Itoa(blanks)}, MaxOutput: 1000}).Read(t.Context(), owner)
	}
	if _, err := flood(1000 - len(`{"records":[]}`)); err != nil {
		t.Fatal(err)
	}
	_, err := flood(1000 - len(`{"records":[]}`) + 1)
	isKind(t, err, publish.Failed, "over 1000 octets")
	_, err = flood(1 << 24)
	isKind(t, err, publish.Failed, "over 1000 octets")
}

// TestAWriteMayPrintAnything: what would be too much of a read is none of a write's business.
func TestAWriteMayPrintAnything(t *testing.T) {
	z := hook(t, Config{Program: script(t, "flood.sh"), Args: []string{strconv.Itoa(2 << 20)}})
	_, err := z.Read(t.Context(), owner)
	isKind(t, err, publish.Failed, "over 1048576 octets")
	if err := z.Write(t.Context(), publish.Change{Name: owner, After: publish.Set{Name: owner}.With(record(t, ours), time.Minute)}); err != nil {
		t.Error(err)
	}
}

// TestMuchIsSaid: of standard error the last line is shown, cut short, without what a terminal obeys.
func TestMuchIsSaid(t *testing.T) {
	for said, want := range map[string]string{
		strings.Repeat("x", 100_000) + "\nthe end": ": it says: the end",
		strings.Repeat("y", 1000):                  ": it says: " + strings.Repeat("y", 200) + "…",
		"a\nb\r\n\r\n":                             ": it says: b",
		"red \x1b[31m\xff":                         ": it says: red �[31m�",
		" \n":                                      "(exit code 1)",
	} {
		_, err := hook(t, Config{Program: script(t, "ends.sh"), Args: []string{"", said, "1"}}).Read(t.Context(), owner)
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q at its end", said, err, want)
		}
	}
}
