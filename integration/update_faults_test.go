package integration

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	rfc2136 "cnfd/publish/update"
)

// updateFault is one thing that is wrong, and what a Write says then.
type updateFault struct {
	claim string
	flip  func(t *testing.T, w *writable, c *rfc2136.Config)
	expected
}

var otherSecretFault = updateFault{"the secret is another", func(t *testing.T, w *writable, c *rfc2136.Config) {
	c.Key = updateKey(t, strings.Replace(w.key, secretIn(w.key), otherSecret, 1))
}, expected{publish.BadKey, "BADSIG"}}

var updateFaults = []updateFault{
	otherSecretFault,
	{"the key is unknown", func(t *testing.T, w *writable, c *rfc2136.Config) {
		c.Key = updateKey(t, strings.Replace(w.key, `key "`, `key "x`, 1))
	}, expected{publish.BadKey, "BADKEY"}},
	{"the algorithm is another", func(t *testing.T, w *writable, c *rfc2136.Config) {
		c.Key = updateKey(t, strings.Replace(w.key, "hmac-sha256", "hmac-sha512", 1))
	}, expected{publish.BadKey, "BADKEY"}},
	{"the clock is an hour late", func(t *testing.T, w *writable, c *rfc2136.Config) {
		c.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	}, expected{publish.BadTime, "clocks differ by "}},
	{"the clock is an hour early", func(t *testing.T, w *writable, c *rfc2136.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Hour) }
	}, expected{publish.BadTime, "clocks differ by "}},
	{"the zone is another of the server's", func(t *testing.T, w *writable, c *rfc2136.Config) { c.Zone = w.otherZone }, expected{publish.WrongZone, "not in the zone"}},
	{"the zone is the one above", func(t *testing.T, w *writable, c *rfc2136.Config) {
		_, above, _ := strings.Cut(w.zone, ".")
		c.Zone = above
	}, expected{publish.WrongZone, "is in the zone"}},
	{"the server has other zones", func(t *testing.T, w *writable, c *rfc2136.Config) { c.Server, c.Zone = w.stranger, w.zone }, expected{publish.NotAuth, "NOTAUTH"}},
	{"the server has other zones, and the zone is not told", func(t *testing.T, w *writable, c *rfc2136.Config) { c.Server = w.stranger }, expected{publish.Refused, "publish.server"}},
	{"the key may not", func(t *testing.T, w *writable, c *rfc2136.Config) {
		c.Key = updateKey(t, w.reader)
	}, expected{publish.Refused, "REFUSED"}},
	{"there is no key", func(t *testing.T, w *writable, c *rfc2136.Config) { c.Key = rfc2136.Key{} }, expected{publish.Refused, "REFUSED"}},
	{"the server is a secondary", func(t *testing.T, w *writable, c *rfc2136.Config) {
		c.Server = w.secondary
	}, expected{publish.NotAuth, "publish.server"}},
	{"nobody listens there", func(t *testing.T, w *writable, c *rfc2136.Config) {
		host, _, _ := net.SplitHostPort(c.Server)
		c.Server = host + ":9"
	}, expected{publish.Unreachable, "connection refused"}},
}

func secretIn(file string) string { return strings.Split(file, `"`)[3] }

// faulty writes with nothing wrong, then again with one thing wrong.
func (w *writable) faulty(t *testing.T, name string, f updateFault) {
	z := w.target(t, nil)
	before := readSet(t, z, name)
	after := before.With(tlsaOf(t, updateTheirs)[0], time.Minute)
	writeSet(t, z, before, after)
	if now := readSet(t, z, name); !now.Same(after) {
		t.Fatalf("with nothing wrong: %v", now)
	}
	rest := w.all(t)
	wrong := w.target(t, func(c *rfc2136.Config) { f.flip(t, w, c) })
	err := wrong.Write(t.Context(), publish.Change{Name: name, Before: after, After: after.With(tlsaOf(t, updateOurs)[0], time.Minute)})
	want := f.expected
	if other, ok := w.want[f.claim]; ok {
		want = other
	}
	w.refused(t, err, want)
	if now := w.all(t); !slices.Equal(now, rest) {
		t.Errorf("the zone is\n%s\nand was\n%s", strings.Join(now, "\n"), strings.Join(rest, "\n"))
	}
}

func (w *writable) refused(t *testing.T, err error, want expected) {
	t.Helper()
	var e *publish.Error
	if !errors.As(err, &e) || e.Kind != want.kind || !strings.Contains(err.Error(), want.words) {
		t.Errorf("%v; want %s: %s", err, want.kind, want.words)
		return
	}
	t.Log(err)
	if want.kind == publish.BadTime && (e.Theirs.IsZero() || time.Since(e.Theirs).Abs() > time.Minute) {
		t.Errorf("their clock says %v", e.Theirs)
	}
}

// nsupdate changes the zone as somebody else does.
func (w *writable) nsupdate(t testing.TB, lines ...string) {
	t.Helper()
	testneeds.Binary(t, "nsupdate", "bind9-dnsutils")
	host, port, _ := net.SplitHostPort(w.server)
	file := t.TempDir() + "/key"
	write(t, file, w.key)
	run(t, "", fmt.Sprintf("server %s %s\nzone %s\n%s\nsend\n", host, port, w.zone, strings.Join(lines, "\n")), "nsupdate", "-v", "-k", file)
}

// concurrent has somebody change the set between Read and Write.
func (w *writable) concurrent(t *testing.T) {
	for i, c := range []struct {
		claim  string
		before []string
		lines  []string // NAME stands for the name
	}{
		{"and adds a record", []string{updateTheirs}, []string{"update add NAME 60 TLSA 3 0 1 AABB"}},
		{"and replaces a record", []string{updateTheirs}, []string{"update delete NAME TLSA " + updateTheirs, "update add NAME 60 TLSA 3 0 1 AABB"}},
		{"and adds the first record", nil, []string{"update add NAME 60 TLSA 3 0 1 AABB"}},
		{"and removes the last record", []string{updateTheirs}, []string{"update delete NAME TLSA"}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			name := fmt.Sprintf("concurrent%d.cnf.%s", i, w.zone)
			z := w.target(t, nil)
			before := readSet(t, z, name)
			if c.before != nil {
				want := before.With(tlsaOf(t, c.before...)[0], time.Minute)
				writeSet(t, z, before, want)
				before = readSet(t, z, name)
			}
			change := publish.Change{Name: name, Before: before, After: before.With(tlsaOf(t, updateOurs)[0], time.Minute)}
			writeSet(t, z, change.Before, change.After) // nobody is in between
			writeSet(t, z, change.After, change.Before)
			for i := range c.lines {
				c.lines[i] = strings.ReplaceAll(c.lines[i], "NAME", name)
			}
			w.nsupdate(t, c.lines...)
			rest := w.all(t)
			w.refused(t, z.Write(t.Context(), change), expected{publish.Conflict, "what is there is not what was read before"})
			if now := w.all(t); !slices.Equal(now, rest) {
				t.Errorf("the zone is\n%s\nand was\n%s", strings.Join(now, "\n"), strings.Join(rest, "\n"))
			}
			now := readSet(t, z, name) // and who reads anew has his way
			writeSet(t, z, now, now.With(tlsaOf(t, updateOurs)[0], time.Minute))
		})
	}
}

// aliased finds a CNAME at the name, and one that comes between Read and Write.
func (w *writable) aliased(t *testing.T) {
	z := w.target(t, nil)
	rest := w.all(t)
	if set := readSet(t, z, w.alias); set.Alias != "ns."+w.zone || len(set.Records) != 0 {
		t.Fatalf("read %v", set)
	}
	stale := publish.Set{Name: w.alias}
	after := stale.With(tlsaOf(t, updateOurs)[0], time.Minute)
	w.refused(t, z.Write(t.Context(), publish.Change{Name: w.alias, Before: stale, After: after}), expected{publish.Alias, "a CNAME to ns." + w.zone})
	if now := w.all(t); !slices.Equal(now, rest) {
		t.Errorf("the zone is\n%s", strings.Join(now, "\n"))
	}
	name := "turned.cnf." + w.zone
	before := readSet(t, z, name)
	after.Name = name
	writeSet(t, z, before, after)
	writeSet(t, z, after, before)
	w.nsupdate(t, "update add "+name+" 60 CNAME ns."+w.zone)
	rest = w.all(t)
	w.refused(t, z.Write(t.Context(), publish.Change{Name: name, Before: before, After: after}), expected{publish.Alias, "a CNAME to ns." + w.zone})
	if now := w.all(t); !slices.Equal(now, rest) {
		t.Errorf("the zone is\n%s", strings.Join(now, "\n"))
	}
}

// failing comes last: the server does not recover.
func (w *writable) failing(t *testing.T) {
	name := "failing.cnf." + w.zone
	z := w.target(t, nil)
	before := readSet(t, z, name)
	after := before.With(tlsaOf(t, updateOurs)[0], time.Minute)
	writeSet(t, z, before, after)
	w.fail(t)
	w.refused(t, z.Write(t.Context(), publish.Change{Name: name, Before: after, After: before}), expected{publish.ServFail, "SERVFAIL"})
}
