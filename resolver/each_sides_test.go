package resolver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"cnfd/dnssec"
)

// TestEachSides: the servers that the parent names and those that the zone names are all asked; that the two name
// others is said, and is no reason to refuse.
func TestEachSides(t *testing.T) {
	for _, c := range []struct {
		claim               string
		child, parent       bool
		onlyAbove, onlyZone string
	}{
		{"neither", false, false, "[]", "[]"},
		{"both name it", true, true, "[]", "[]"},
		{"the zone alone", true, false, "[]", "[ns3.vendor.example.]"},
		{"the parent alone", false, true, "[ns3.vendor.example.]", "[]"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := tree()
				if c.child {
					sites[3].records += "@ 3600 NS ns3\nns3 3600 A " + thirdAt + "\n"
				}
				if c.parent {
					sites[1].records += "vendor.example. 3600 NS ns3.vendor.example.\nns3.vendor.example. 3600 A " + thirdAt + "\n"
				}
				l := newLab(t, sites...)
				l.on[mustAddr(thirdAt)] = l.on[mustAddr(vendorAt)]
				e := rollOf(t, l.resolver(t), owner)
				h := &e.Hops[0]
				if e.Differ || len(e.Answer.Data) != 1 || (len(h.Servers) == 3) != (c.child || c.parent) {
					t.Fatalf("%+v\n%s", e, heard(h))
				}
				if fmt.Sprint(h.OnlyAbove) != c.onlyAbove || fmt.Sprint(h.OnlyWithin) != c.onlyZone {
					t.Errorf("above %v, within %v; want %s, %s", h.OnlyAbove, h.OnlyWithin, c.onlyAbove, c.onlyZone)
				}
			})
		})
	}
}

// TestEachOfAllParents: who is named by one of the parent's servers alone is asked too, and where one has another
// address for a server, at that one too.
func TestEachOfAllParents(t *testing.T) {
	for _, c := range []struct {
		claim  string
		edit   func([]site)
		parted bool
	}{
		{"a server more", func(s []site) { s[3].at = []string{vendorAt, vendor2At, thirdAt} }, true},
		{"another address", func(s []site) { s[3].at = []string{vendorAt, thirdAt} }, false},
	} {
		for _, at := range []string{exampleAt, example2At} {
			t.Run(c.claim+" at "+at, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := doubled(t)
					r := l.resolver(t)
					if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Servers) != 2 {
						t.Fatalf("before: %+v", e)
					}
					l.delegates(t, at, c.edit)
					e := rollOf(t, r, owner)
					h := &e.Hops[0]
					if e.Differ != c.parted || h.Parted != c.parted || h.Differ || len(h.Servers) != 3 || !strings.Contains(heard(h), thirdAt+": secure 1") {
						t.Errorf("%+v\n%s\n%s", e.Answer, referred(h), heard(h))
					}
					l.lie(silent, thirdAt)
					if e = rollOf(t, r, owner); !e.Differ || !e.Hops[0].Differ {
						t.Errorf("the third is silent: %s", heard(&e.Hops[0]))
					}
				})
			})
		}
	}
}

// TestEachOnOneParentsServer: one of the parent's servers holds the zone itself, though nobody names it for that. A
// verifier who is sent there has its answer, so that it is asked as the zone's own servers are.
func TestEachOnOneParentsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := doubled(t)
		r := l.resolver(t)
		if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 || len(e.Hops[0].Servers) != 2 {
			t.Fatalf("before: %+v", e)
		}
		l.on[mustAddr(example2At)]["vendor.example."] = l.zones["vendor.example."]
		e := rollOf(t, r, owner)
		if h := &e.Hops[0]; e.Differ || len(e.Answer.Data) != 1 || len(h.Servers) != 3 || !strings.Contains(heard(h), example2At+": secure 1") {
			t.Errorf("it has the same copy: %+v\n%s\n%s", e.Answer, referred(h), heard(h))
		}
		l.hold(t, vendor("www 300 TXT none\n"), example2At)
		for range 5 { // whichever is heard first
			e = rollOf(t, r, owner)
			if h := &e.Hops[0]; !e.Differ || e.Answer.Security == dnssec.Secure || !strings.Contains(heard(h), example2At+": secure 0 serial 1") {
				t.Errorf("it has an old copy: %+v\n%s\n%s", e.Answer, referred(h), heard(h))
			}
		}
	})
}

// TestParentsAreBounded: the zone above may have as many servers as the zone itself, silent ones too; what it has
// beyond that is not left out.
func TestParentsAreBounded(t *testing.T) {
	const below = "jwk.cnf.sub.many.example."
	for _, c := range []struct {
		claim            string
		names, addresses int
		silent           int
		want             string
	}{
		{"thirteen servers with two addresses, as com has", 13, 2, 0, ""},
		{"half of them silent", 13, 2, 13, ""},
		{"all but one of thirteen with four addresses silent", 13, 4, 51, ""},
		{"fourteen servers are too many", 14, 1, 0, "many.example. has more than 13 name servers"},
		{"fifty-three addresses are too many", 2, 27, 0, "more than 52 addresses"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sites := many(c.names, c.addresses)
				// The addresses of its servers are in the delegation.
				for _, line := range strings.Split(sites[5].records, "\n") {
					if f := strings.Fields(line); len(f) == 4 && f[2] == "A" {
						sites[1].records += f[0] + ".many.example. 3600 A " + f[3] + "\n"
					}
				}
				l := newLab(t, append(sites, site{name: "sub.many.example.", at: []string{thirdAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"})...)
				zones := l.on[mustAddr("198.51.100.1")]
				for i := range c.names * (c.addresses - 1) {
					l.on[mustAddr(fmt.Sprintf("203.0.113.%d", i+1))] = zones
				}
				r := l.resolver(t)
				if e := rollOf(t, r, below); e.Differ || (len(e.Answer.Data) == 1) != (c.want == "") {
					t.Fatalf("before: %+v", e.Answer)
				}
				quiet := c.silent
				for i := c.names * (c.addresses - 1); i > 0 && quiet > 0; i, quiet = i-1, quiet-1 {
					l.lie(silent, fmt.Sprintf("203.0.113.%d", i))
				}
				for i := c.names; quiet > 0; i, quiet = i-1, quiet-1 {
					l.lie(silent, fmt.Sprintf("198.51.100.%d", i))
				}
				l.count()
				e := rollOf(t, r, below)
				if n := l.count(); n > maxEachSends {
					t.Errorf("%d messages", n)
				}
				if ok := !e.Differ && e.Answer.Security == dnssec.Secure && len(e.Answer.Data) == 1; ok != (c.want == "") || !strings.Contains(e.Answer.Trouble.Text, c.want) || ok == e.Answer.Trouble.Budget {
					t.Errorf("%t %+v", e.Differ, e.Answer)
				}
				if c.want != "" {
					return
				}
				said := strings.Count(referred(&e.Hops[0]), ": ns1.sub.many.example., 1 DS")
				if n := len(e.Hops[0].Parents); n != c.names*c.addresses || said > n-c.silent || said < n-c.silent-1 || said == 0 {
					t.Errorf("%d of %d were heard, %d are silent\n%s", said, n, c.silent, referred(&e.Hops[0]))
				}
			})
		})
	}
}
