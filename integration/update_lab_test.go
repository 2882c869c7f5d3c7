package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	rfc2136 "cnfd/publish/update"

	"github.com/miekg/dns"
)

// A writable is a primary of somebody else's that takes updates, and what stands around it.
type writable struct {
	server, zone string // its address, and a zone that it signs
	key, reader  string // files: of the key that may update, and of one that is known and may not
	stranger     string // a server like it that has other zones and knows the same keys
	secondary    string // a server that has the zone from it; "" where there is none
	otherZone    string // another zone of its own
	alias        string // a name with a CNAME to ns.<zone>
	takesEmpty   bool   // records without data
	odd          string // labels that no host has
	fail         func(t *testing.T)
	want         map[string]expected // where it says other things than the rest, by the fault's claim
}

// expected is the end of a Write: nothing is made.
type expected struct {
	kind  publish.Kind
	words string
}

const (
	updateTheirs = "3 1 1 00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
	updateOurs   = "255 255 255 80D55420B98633C5F4DA599C2159872A78EB2657E15D87F4662F1D5A1C97196B"
	otherSecret  = "b3RoZXIgc2VjcmV0IG9mIG1vcmUgdGhhbiBlbm91Z2ggb2N0ZXRz"
	labKey       = "key \"lab\" {\n\talgorithm hmac-sha256;\n\tsecret \"bGFib3JhdG9yeSBvbmx5LCBubyBzZWNyZXQgYXQgYWxs\";\n};\n"
	readerKey    = "key \"reader\" {\n\talgorithm hmac-sha512;\n\tsecret \"cmVhZHMgYW5kIG5ldmVyIHdyaXRlcyBhbnl0aGluZw==\";\n};\n"
)

// oddRecords are what few programs make and every server has to carry.
var oddRecords = []string{
	"0 0 1 01", updateTheirs, "255 255 255 " + strings.Repeat("AB", 48), "1 2 200 FF", "255 255 255 " + strings.Repeat("00", 32),
}

// target is the primary as `cnfd publish` would reach it, with one thing changed or none.
func (w *writable) target(t testing.TB, edit func(*rfc2136.Config)) publish.Zone {
	t.Helper()
	c := rfc2136.Config{Server: w.server, Key: updateKey(t, w.key), Now: time.Now}
	if edit != nil {
		edit(&c)
	}
	target, err := rfc2136.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return target.Zone
}

func updateKey(t testing.TB, file string) rfc2136.Key {
	t.Helper()
	k, err := rfc2136.ParseKey([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func tlsaOf(t testing.TB, texts ...string) (records []publish.Record) {
	t.Helper()
	for _, text := range texts {
		r, err := publish.ParseRecord(text)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

func readSet(t testing.TB, z publish.Zone, name string) publish.Set {
	t.Helper()
	set, err := z.Read(t.Context(), name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return set
}

func writeSet(t testing.TB, z publish.Zone, before, after publish.Set) {
	t.Helper()
	if err := z.Write(t.Context(), publish.Change{Name: before.Name, Before: before, After: after}); err != nil {
		t.Fatalf("write %s: %v", before.Name, err)
	}
}

// all is what owners have put into the zone, by a transfer; what signing makes, and the serial, are left out.
func (w *writable) all(t testing.TB) []string {
	t.Helper()
	m := new(dns.Msg).SetAxfr(w.zone)
	c, err := (&dns.Transfer{DialTimeout: patience, ReadTimeout: patience}).In(m, w.server)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for e := range c {
		if e.Error != nil {
			t.Fatal(e.Error)
		}
		for _, rr := range e.RR {
			switch h := rr.Header(); {
			case slices.Contains([]uint16{dns.TypeSOA, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeDNSKEY, dns.TypeCDS, dns.TypeCDNSKEY, 65534}, h.Rrtype):
			default:
				lines = append(lines, rr.String())
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// others are all but the records of one name.
func (w *writable) others(t testing.TB, name string) string {
	t.Helper()
	return strings.Join(slices.DeleteFunc(w.all(t), func(l string) bool { return strings.HasPrefix(l, name+"\t") }), "\n")
}

// asked is the set that the server answers with to somebody else's client: dig, which does not read records without
// data, or the library.
func (w *writable) asked(t testing.TB, name string) (records []publish.Record, ttl time.Duration) {
	t.Helper()
	var answer []dns.RR
	if w.takesEmpty {
		m, _, err := (&dns.Client{Net: "tcp"}).Exchange(new(dns.Msg).SetQuestion(name, dns.TypeTLSA), w.server)
		if err != nil {
			t.Fatal(err)
		}
		answer = m.Answer
	} else {
		testneeds.Binary(t, "dig", "bind9-dnsutils")
		host, port, _ := net.SplitHostPort(w.server)
		out := run(t, "", "", "dig", "+norec", "+tcp", "+noall", "+answer", "@"+host, "-p", port, name, "TLSA")
		p := dns.NewZoneParser(strings.NewReader(out), ".", "")
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			answer = append(answer, rr)
		}
		if p.Err() != nil {
			t.Fatal(p.Err())
		}
	}
	for _, rr := range answer {
		if tlsa, ok := rr.(*dns.TLSA); ok {
			records = append(records, tlsaOf(t, fmt.Sprintf("%d %d %d %s", tlsa.Usage, tlsa.Selector, tlsa.MatchingType, tlsa.Certificate))...)
			ttl = time.Duration(rr.Header().Ttl) * time.Second
		}
	}
	return records, ttl
}

// prove runs everything that holds of every primary.
func (w *writable) prove(t *testing.T) {
	t.Run("changes are made, and nothing beside", w.changes)
	t.Run("the zone need not be told", func(t *testing.T) { w.edge(t, func(c *rfc2136.Config) { c.Zone = "" }) })
	t.Run("the zone may be told", func(t *testing.T) { w.edge(t, func(c *rfc2136.Config) { c.Zone = w.zone }) })
	t.Run("the primary may be found", func(t *testing.T) {
		w.edge(t, func(c *rfc2136.Config) {
			c.Server = ""
			c.Primary = func(context.Context, string) (string, []netip.AddrPort, error) {
				return w.zone, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort(w.server)}, nil
			}
		})
	})
	t.Run("a name may have any octets", w.oddName)
	t.Run("nothing is lost where many write at once", w.race)
	for i, f := range updateFaults {
		if f.claim == "the key may not" && w.reader == "" || f.claim == "the server is a secondary" && w.secondary == "" {
			continue // PowerDNS and the sandbox stand alone, and the sandbox knows one key
		}
		t.Run(f.claim, func(t *testing.T) { w.faulty(t, fmt.Sprintf("faulty%d.cnf.%s", i, w.zone), f) })
	}
	t.Run("somebody else writes in between", w.concurrent)
	t.Run("a CNAME stands there", w.aliased)
	t.Run("the server fails", w.failing)
}

// changes takes odd sets through every kind of change and back.
func (w *writable) changes(t *testing.T) { w.change(t, nil) }

func (w *writable) change(t *testing.T, edit func(*rfc2136.Config)) {
	name := "changes.cnf." + w.zone
	z, rest := w.target(t, edit), w.others(t, name)
	texts := oddRecords
	if w.takesEmpty {
		texts = append(slices.Clone(texts), "0 0 0", "255 255 255")
	}
	records := tlsaOf(t, texts...)
	ours := tlsaOf(t, updateOurs)[0]
	steps := []struct {
		claim string
		after func(s publish.Set) publish.Set
	}{
		{"the first", func(s publish.Set) publish.Set { return s.With(records[0], 2*time.Minute) }},
		{"all others", func(s publish.Set) publish.Set {
			for _, r := range records {
				s = s.With(r, time.Hour)
			}
			return s
		}},
		{"ours", func(s publish.Set) publish.Set { return s.With(ours, time.Hour) }},
		{"one in another's place", func(s publish.Set) publish.Set {
			return s.Without(records[1]).With(tlsaOf(t, "2 0 0 AA")[0], time.Hour)
		}},
		{"another TTL", func(s publish.Set) publish.Set { s.TTL = 10 * time.Minute; return s }},
		{"ours goes", func(s publish.Set) publish.Set { return s.Without(ours) }},
		{"all go", func(s publish.Set) publish.Set { return s.Without(s.Records...) }},
	}
	for _, step := range steps {
		before := readSet(t, z, name)
		want := step.after(before)
		writeSet(t, z, before, want)
		got := readSet(t, z, name)
		if !got.Same(want) || got.TTL != want.TTL {
			t.Errorf("%s: read back %v %v, want %v %v", step.claim, got.TTL, got.Records, want.TTL, want.Records)
		}
		seen, ttl := w.asked(t, name)
		if s := (publish.Set{Name: name, Records: seen}); !s.Same(want) || ttl != want.TTL {
			t.Errorf("%s: dig sees %v %v, want %v %v", step.claim, ttl, seen, want.TTL, want.Records)
		}
		if now := w.others(t, name); now != rest {
			t.Errorf("%s: others' records are\n%s\nand were\n%s", step.claim, now, rest)
		}
	}
}

// edge writes and takes back one record with another configuration.
func (w *writable) edge(t *testing.T, edit func(*rfc2136.Config)) {
	name := "edge.cnf." + w.zone
	z, rest := w.target(t, edit), w.others(t, name)
	before := readSet(t, z, name)
	after := before.With(tlsaOf(t, updateOurs)[0], time.Minute)
	writeSet(t, z, before, after)
	if seen, _ := w.asked(t, name); !after.Same(publish.Set{Name: name, Records: seen}) {
		t.Errorf("dig sees %v", seen)
	}
	writeSet(t, z, readSet(t, z, name), before)
	if seen, _ := w.asked(t, name); len(seen) != 0 || w.others(t, name) != rest {
		t.Errorf("dig sees %v", seen)
	}
}

// oddName writes at a name that no host has.
func (w *writable) oddName(t *testing.T) {
	name := w.odd + "cnf." + w.zone
	z, rest := w.target(t, nil), w.all(t)
	before := readSet(t, z, name)
	after := before.With(tlsaOf(t, updateOurs)[0], time.Minute)
	writeSet(t, z, before, after)
	if seen, _ := w.asked(t, name); !after.Same(publish.Set{Name: name, Records: seen}) {
		t.Errorf("dig sees %v", seen)
	}
	if now := w.all(t); len(now) != len(rest)+1 {
		t.Errorf("the zone is\n%s", strings.Join(now, "\n"))
	}
	writeSet(t, z, readSet(t, z, name), before)
	if now := w.all(t); !slices.Equal(now, rest) {
		t.Errorf("the zone is\n%s\nand was\n%s", strings.Join(now, "\n"), strings.Join(rest, "\n"))
	}
}

// race has several write to one set, each reading anew where somebody else was quicker.
func (w *writable) race(t *testing.T) {
	const writers, each = 6, 4
	name := "race.cnf." + w.zone
	rest := w.others(t, name)
	var want publish.Set
	var running, ready sync.WaitGroup
	var conflicts atomic.Int64
	ready.Add(writers)
	for i := range writers {
		z := w.target(t, nil)
		for j := range each {
			want = want.With(tlsaOf(t, fmt.Sprintf("255 255 255 %02x%062x", i, j))[0], time.Minute)
		}
		running.Go(func() {
			first := true
			for j := range each {
				r, err := publish.ParseRecord(fmt.Sprintf("255 255 255 %02x%062x", i, j))
				for done := err != nil; !done; {
					before, err := z.Read(t.Context(), name)
					if first { // all have read before one writes
						first = false
						ready.Done()
						ready.Wait()
					}
					if err == nil {
						err = z.Write(t.Context(), publish.Change{Name: name, Before: before, After: before.With(r, time.Minute)})
					}
					var e *publish.Error
					if done = err == nil; !done && (!errors.As(err, &e) || e.Kind != publish.Conflict) {
						t.Error(err)
						return
					}
					if !done {
						conflicts.Add(1)
					}
				}
			}
		})
	}
	running.Wait()
	got := readSet(t, w.target(t, nil), name)
	if want.Name = name; !got.Same(want) {
		t.Errorf("%d records of %d are there, after %d conflicts", len(got.Records), len(want.Records), conflicts.Load())
	}
	if conflicts.Load() < writers-1 {
		t.Errorf("%d conflicts, where all but one of %d have read what is no more", conflicts.Load(), writers)
	}
	if now := w.others(t, name); now != rest {
		t.Errorf("others' records are\n%s\nand were\n%s", now, rest)
	}
}
