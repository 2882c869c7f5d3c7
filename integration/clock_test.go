package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestClockJumps moves the clock of a daemon that runs, in both directions, by much and by little.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	n := newTree(t, 24)
	c := newClock(t, &n.trust)
	d := n.daemon(t, c.settings())
	vendor := []byte(strings.Replace(string(ofToken(n.token(t, "vendor.jwt"), nil)), `}`, `,"time":false}`, 1))
	none := []byte(strings.Replace(string(ofToken(n.token(t, "absent.jwt"), nil)), `}`, `,"time":false}`, 1))
	for _, off := range []time.Duration{40 * day, -40 * day} {
		d.comesTo(t, vendor, confirmed)
		d.comesTo(t, none, absent)
		c.set(t, off)
		await(t, "a wrong clock", func() error {
			if status, text := d.probe(t, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "the clock is wrong") {
				return fmt.Errorf("/readyz: %d %s", status, text)
			}
			return nil
		})
		for range 3 {
			if v, w := d.says(t, vendor), d.says(t, none); v.String() != bogus || w.String() != bogus {
				t.Errorf("by a clock that is %v off: %s and %s", off, v, w)
			}
		}
		if got := d.logged(t, "the clock is wrong: it says "); got == 0 {
			t.Error("the log does not say so")
		}
		c.set(t, 0)
		d.comesTo(t, vendor, confirmed)
		d.comesTo(t, none, absent)
		await(t, "a clock that is right", func() error {
			if status, text := d.probe(t, "/readyz"); status != http.StatusOK {
				return fmt.Errorf("/readyz: %d %s", status, text)
			}
			return nil
		})
	}
}

// TestClockSetBack withdraws a record whose TTL is 2 s and sets the clock back by half an hour: it does not confirm until
// the clock shows the same time again.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	n := newTree(t, 25)
	c := newClock(t, &n.trust)
	d := n.daemon(t, c.settings())
	leaving, long := ofToken(n.token(t, "leaving.jwt"), nil), ofSubject("vendor.example")
	if err := n.Replace("vendor.example.", "jkt.cnf.vendor.example. 300 IN TLSA 255 255 255 "+subjectsKey); err != nil {
		t.Fatal(err)
	}
	if v := d.says(t, leaving); v.String() != confirmed {
		t.Fatal(v.all())
	}
	d.comesTo(t, long, confirmed)
	for _, gone := range [][2]string{{"leaving.example.", "jwk.cnf.leaving.example."}, {"vendor.example.", "jkt.cnf.vendor.example."}} {
		if err := n.Remove(gone[0], gone[1], dns.TypeTLSA); err != nil {
			t.Fatal(err)
		}
	}
	if v := d.says(t, long); v.String() != confirmed {
		t.Fatalf("it was not cached: %s", v.all())
	}
	c.set(t, -30*time.Minute)
	d.comesTo(t, leaving, absent)
	d.comesTo(t, long, absent)
}

// clock is a file that moves a daemon's clock.
type clock string

func newClock(t testing.TB, n *trust) clock {
	c := clock(filepath.Join(work, n.net+"clock", "offset"))
	write(t, string(c), "0\n")
	return c
}

func (c clock) settings() settings {
	return settings{sections: "testing: true", resolver: fmt.Sprintf("clock_offset_file: %q", string(c))}
}

func (c clock) set(t testing.TB, offset time.Duration) {
	t.Helper()
	write(t, string(c)+".new", fmt.Sprintf("%+d\n", int64(offset/time.Second)))
	if err := os.Rename(string(c)+".new", string(c)); err != nil {
		t.Fatal(err)
	}
}
