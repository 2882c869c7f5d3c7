package hook

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
