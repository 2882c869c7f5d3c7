package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
)

const (
	owner  = "jwk.cnf.vendor.example."
	ours   = "255 255 255 80D55420B982E8C5F4D3671C215987A9E8C9B657C5C87F466475FC95857264BD"
	theirs = "3 1 1 0123456789012345678901234567890123456789012345678901234567890123"
)

func record(t testing.TB, text string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func script(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func hook(t testing.TB, c Config) publish.Zone {
	t.Helper()
	target, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return target.Zone
}

// place is testdata/place.sh, with somebody's set at owner, and a set at another name.
func place(t testing.TB, env ...string) (publish.Target, string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{owner, "1.8.vendor.example."} {
		set := fmt.Sprintf(`{"ttl":3600,"records":[%q],"alias":""}`+"\n", theirs)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(set), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	target, err := New(Config{Program: script(t, "place.sh"), Args: []string{dir}, Env: env, Guarded: true})
	if err != nil {
		t.Fatal(err)
	}
	return target, dir
}

func contents(t testing.TB, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func isKind(t testing.TB, err error, kind publish.Kind, says string) {
	t.Helper()
	var e *publish.Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(err.Error(), says) || !strings.HasPrefix(e.Where, "hook /") {
		t.Errorf("error %v, want one of kind %s that says %q and where", err, kind, says)
	}
}

func TestReadAndWrite(t *testing.T) {
	target, dir := place(t)
	others := contents(t, dir, "1.8.vendor.example.")
	before, err := target.Zone.Read(t.Context(), owner)
	if err != nil || !slices.Equal(before.Records, []publish.Record{record(t, theirs)}) || before.TTL != time.Hour || before.Name != owner || before.Alias != "" {
		t.Fatalf("read %+v, %v", before, err)
	}
	after := before.With(record(t, ours), 5*time.Minute)
	if err := target.Zone.Write(t.Context(), publish.Change{Name: owner, Before: before, After: after}); err != nil {
		t.Fatal(err)
	}
	if now, err := target.Zone.Read(t.Context(), owner); err != nil || !now.Same(after) || now.TTL != time.Hour {
		t.Errorf("read back %+v, %v", now, err)
	}
	// The same set-up, and the set is not what it was: conflict.
	held := contents(t, dir, owner)
	isKind(t, target.Zone.Write(t.Context(), publish.Change{Name: owner, Before: before, After: after}), publish.Conflict, "somebody was here")
	if contents(t, dir, owner) != held {
		t.Error("a refused write changed the set")
	}
	if err := target.Zone.Write(t.Context(), publish.Change{Name: owner, Before: after, After: after.Without(record(t, ours))}); err != nil {
		t.Error(err)
	}
	empty, err := target.Zone.Read(t.Context(), "jkt.cnf.vendor.example.")
	if err != nil || len(empty.Records) != 0 || empty.TTL != 0 {
		t.Errorf("a name that holds nothing: %+v, %v", empty, err)
	}
	if contents(t, dir, "1.8.vendor.example.") != others || contents(t, dir, owner) != others {
		t.Error("others' records are not what they were")
	}
}

// TestRequests holds what is written to the program's input to the protocol, octet by octet.
func TestRequests(t *testing.T) {
	before := publish.Set{Name: owner, TTL: time.Hour, Records: []publish.Record{record(t, theirs)}}
	for want, got := range map[string][]byte{
		`{"version":1,"do":"read","name":"x5t#s256.cnf.a\\.b.example."}`: readRequest(`x5t#s256.cnf.a\.b.example.`),
		`{"version":1,"do":"write","name":"` + owner + `","before":{"ttl":3600,"records":["` + theirs + `"],"alias":""},"after":{"ttl":3600,"records":["` + theirs + `","` + ours + `"],"alias":""},"add":["` + ours + `"],"remove":[]}`: writeRequest(
			publish.Change{Name: owner, Before: before, After: before.With(record(t, ours), time.Minute)}),
		`{"version":1,"do":"write","name":"` + owner + `","before":{"ttl":3600,"records":["` + theirs + `"],"alias":""},"after":{"ttl":0,"records":[],"alias":""},"add":[],"remove":["` + theirs + `"]}`: writeRequest(
			publish.Change{Name: owner, Before: before, After: before.Without(record(t, theirs))}),
	} {
		if string(got) != want+"\n" {
			t.Errorf("request\n%s\nwant\n%s", got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	write := publish.Change{Name: owner, After: publish.Set{Name: owner}.With(record(t, ours), time.Minute)}
	for code, kind := range map[int]publish.Kind{
		1: publish.Failed, 2: publish.Failed, 9: publish.Failed, 10: publish.Conflict, 11: publish.Refused, 12: publish.BadKey, 13: publish.Unsupported,
		14: publish.WrongZone, 15: publish.Unreachable, 16: publish.RateLimited, 17: publish.Failed, 75: publish.ServFail, 127: publish.Failed, 255: publish.Failed,
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			good := hook(t, Config{Program: script(t, "ends.sh"), Args: []string{`{"records":[]}`, "a line\nthe last line\n", "0"}})
			if _, err := good.Read(t.Context(), owner); err != nil {
				t.Fatal(err)
			}
			if err := good.Write(t.Context(), write); err != nil {
				t.Fatal(err)
			}
			bad := hook(t, Config{Program: script(t, "ends.sh"), Args: []string{`{"records":[]}`, "a line\nthe last line\n", strconv.Itoa(code)}})
			err := bad.Write(t.Context(), write)
			isKind(t, err, kind, fmt.Sprintf("(exit code %d): it says: the last line", code))
			if strings.Contains(err.Error(), "a line") {
				t.Errorf("%v: more than the last line", err)
			}
			_, err = bad.Read(t.Context(), owner)
			if kind == publish.Conflict { // nothing is there that reading could be in conflict with
				kind = publish.Failed
			}
			isKind(t, err, kind, fmt.Sprintf("(exit code %d)", code))
		})
	}
}

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

// TestDeaf: a program that ends before it has read its input is judged by how it ended.
func TestDeaf(t *testing.T) {
	big := publish.Set{Name: owner}
	for i := range 4000 { // more than a pipe holds
		big = big.With(record(t, fmt.Sprintf("255 255 255 %064X", i)), time.Minute)
	}
	write := publish.Change{Name: owner, After: big}
	deaf := hook(t, Config{Program: script(t, "deaf.sh"), Args: []string{"deaf"}})
	if _, err := deaf.Read(t.Context(), owner); err != nil {
		t.Error(err)
	}
	if err := deaf.Write(t.Context(), write); err != nil {
		t.Error(err)
	}
	isKind(t, hook(t, Config{Program: script(t, "deaf.sh"), Args: []string{"bad"}}).Write(t.Context(), write), publish.Failed, "exit code 1")
}

func TestNew(t *testing.T) {
	right := Config{Program: script(t, "ends.sh")}
	target, err := New(right)
	if err != nil || !target.Limits.Unguarded || target.Name != "hook "+right.Program {
		t.Fatalf("%+v, %v", target, err)
	}
	right.Guarded = true
	if target, err := New(right); err != nil || target.Limits.Unguarded {
		t.Errorf("guarded: %+v, %v", target.Limits, err)
	}
	if target, err := New(Config{Program: "sh"}); err != nil || !filepath.IsAbs(strings.TrimPrefix(target.Name, "hook ")) {
		t.Errorf("a name that PATH has: %q, %v", target.Name, err)
	}
	cases := []struct {
		claim string
		flip  func(*Config)
		says  string
	}{
		{"no program", func(c *Config) { c.Program = "" }, "no program"},
		{"one that is not there", func(c *Config) { c.Program += "x" }, "no such file"},
		{"a name that PATH has not", func(c *Config) { c.Program = "cnfd-no-such-program" }, "not found in $PATH"},
		{"one that may not be executed", func(c *Config) { c.Program = script(t, "not-executable.sh") }, "permission denied"},
		{"a directory", func(c *Config) { c.Program = filepath.Dir(c.Program) }, "is a directory"},
		{"a path from here", func(c *Config) { c.Program = "testdata/ends.sh" }, "want an absolute path"},
		{"a directory from here", func(c *Config) { c.Dir = "testdata" }, "want an absolute path"},
		{"a variable without a value", func(c *Config) { c.Env = []string{"SECRET"} }, "NAME=value"},
		{"a variable without a name", func(c *Config) { c.Env = []string{"=SECRET"} }, "NAME=value"},
		{"an argument with a NUL", func(c *Config) { c.Args = []string{"a\x00b"} }, "NUL"},
		{"a timeout under zero", func(c *Config) { c.Timeout = -1 }, "timeout"},
		{"an output under zero", func(c *Config) { c.MaxOutput = -1 }, "output"},
	}
	for _, tc := range cases {
		c := right
		tc.flip(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: error %v, want %q", tc.claim, err, tc.says)
		}
	}
}

func TestGoneSinceNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\ncat >/dev/null\nprintf '{\"records\":[]}'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	z := hook(t, Config{Program: path})
	if _, err := z.Read(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err := z.Read(t.Context(), owner)
	isKind(t, err, publish.Failed, "could not be started")
}

func TestEnvironment(t *testing.T) {
	t.Setenv("HOME", "/")
	t.Setenv("LANG", "C")
	t.Setenv("CNFD_PUBLISH_CREDENTIALS", "secret")
	t.Setenv("SECRET", "secret")
	dir := t.TempDir()
	set, err := hook(t, Config{Program: script(t, "environment.sh"), Env: []string{"OURS=a=b", "LANG=de"}, Dir: dir}).Read(t.Context(), owner)
	if want := "HOME.LANG.OURS.PATH.." + filepath.Base(dir); err != nil || set.Alias != want {
		t.Errorf("it has %q, %v; want %q", set.Alias, err, want)
	}
}

// world is a signed zone without name servers that could be asked.
type world struct{}

func (world) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	name := q.Name.String()
	a := &dnssec.Answer{Name: name, Type: dnssec.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.NoData, Zone: "vendor.example."}
	return &dnssec.Each{Answer: a, Hops: []dnssec.Hop{{Name: name, Zone: a.Zone}}}, ctx.Err()
}

func (world) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	return &dnssec.Answer{Name: q.Name.String(), Security: dnssec.Secure, Kind: dnssec.NoData, Zone: "vendor.example."}, false, ctx.Err()
}

// TestPublish: whatever the program says of its work, what it holds is read back.
func TestPublish(t *testing.T) {
	cases := []struct {
		how     string
		there   bool // ours, afterwards
		written bool // as the report has it
		kind    publish.Kind
		says    string
	}{
		{"well", true, true, publish.NotProven, "not waited for"},
		{"after", true, true, publish.NotProven, "not waited for"}, // it said that it failed, and had done it
		{"before", false, false, publish.Failed, "no more disk"},
		{"lies", false, true, publish.Mangled, "it lacks " + ours},
	}
	for _, tc := range cases {
		t.Run(tc.how, func(t *testing.T) {
			target, dir := place(t, "HOW="+tc.how)
			p, err := publish.New(publish.Config{Target: target, World: world{}, Now: time.Now, Timeout: -1})
			if err != nil {
				t.Fatal(err)
			}
			others := contents(t, dir, "1.8.vendor.example.")
			report, err := p.Publish(t.Context(), []publish.Entry{{Name: owner, Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: record(t, ours)}})
			var e *publish.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || !strings.Contains(err.Error(), tc.says) || report.Written() != tc.written {
				t.Errorf("error %v, written %t, want one of kind %s that says %q, written %t", err, report.Written(), tc.kind, tc.says, tc.written)
			}
			held := contents(t, dir, owner)
			if strings.Contains(held, ours) != tc.there || !strings.Contains(held, theirs) || contents(t, dir, "1.8.vendor.example.") != others {
				t.Errorf("it holds %s", held)
			}
		})
	}
}
