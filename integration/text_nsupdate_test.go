package integration

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	"cnfd/publish/text"

	"github.com/miekg/dns"
)

// The scripts that publish/text prints, run by nsupdate against BIND.

// scripts is a signed zone on BIND in which others have records.
type scripts struct {
	*host
	known, blind text.Options
}

const scriptName = "jwk.cnf.vendor.example."

func newScripts(t testing.TB) *scripts {
	t.Helper()
	lab(t)
	testneeds.Binary(t, "nsupdate", "bind9-dnsutils")
	h := newHost(t, bind{}, "127.187.0.1")
	if err := os.RemoveAll(h.dir); err != nil { // of a run before this one: BIND has its zone there
		t.Fatal(err)
	}
	z := newZone(t, "vendor.example.", h.addr, dns.ECDSAP256SHA256)
	z.edit(nil, records(t, scriptName+" TLSA "+textTheirs, scriptName+" TXT \"somebody's\"", "1.8.vendor.example. TLSA "+textTheirs,
		"alias.vendor.example. CNAME ns.vendor.example.", `a\.b.vendor.example. TXT "somebody's"`))
	h.zones = []*zone{z}
	h.start(t)
	blind := text.Options{Zone: "vendor.example.", Server: netip.MustParseAddrPort(h.addr + ":53")}
	known := blind
	known.BeforeKnown = true
	return &scripts{h, known, blind}
}

// send has nsupdate run a script.
func (s *scripts) send(script string) error {
	_, err := try(s.dir, script, "nsupdate", "-v", "-k", s.path("tsig"))
	return err
}

// somebody changes the zone without asking anybody.
func (s *scripts) somebody(t testing.TB, commands ...string) {
	t.Helper()
	if err := s.send(fmt.Sprintf("server %s\nzone vendor.example.\n%s\nsend\n", s.addr, strings.Join(commands, "\n"))); err != nil {
		t.Fatal(err)
	}
}

// apply sends the script of what after makes of the sets that are there now, and finds that done and nothing else.
func (s *scripts) apply(t testing.TB, after func(publish.Set) publish.Set, names ...string) {
	t.Helper()
	var changes []publish.Change
	for _, n := range names {
		before := s.set(t, n)
		changes = append(changes, publish.Change{Name: n, Before: before, After: after(before)})
	}
	others := s.all(t, names...)
	if err := s.send(textOf(t, text.NSUpdate, s.known, changes...)); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if now := s.set(t, c.Name); !now.Same(c.After) || now.TTL != c.After.TTL {
			t.Errorf("%s: is %v, want %v", c.Name, now, c.After)
		}
	}
	s.unchanged(t, others, names...)
}

// refused sends a script, which is refused for that reason and has changed nothing.
func (s *scripts) refused(t testing.TB, script, reason string) {
	t.Helper()
	all := s.all(t)
	if err := s.send(script); err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("nsupdate says %v, want %s", err, reason)
	}
	s.unchanged(t, all)
}

func (s *scripts) unchanged(t testing.TB, before []string, but ...string) {
	t.Helper()
	if now := s.all(t, but...); !slices.Equal(now, before) {
		t.Errorf("others' records were\n%s\nand are\n%s", strings.Join(before, "\n"), strings.Join(now, "\n"))
	}
}

func with(t testing.TB, rdata string) func(publish.Set) publish.Set {
	return func(s publish.Set) publish.Set { return s.With(textRecord(t, rdata), 7*time.Minute) }
}

func withoutRecord(t testing.TB, rdata string) func(publish.Set) publish.Set {
	return func(s publish.Set) publish.Set { return s.Without(textRecord(t, rdata)) }
}

// TestNSUpdateTakesTheScript: nsupdate and BIND do what a script says, and refuse one whose conditions no longer hold.
func TestNSUpdateTakesTheScript(t *testing.T) {
	s := newScripts(t)
	several := []string{scriptName, "1.8.vendor.example.", "_jwk_cnf.vendor.example.", "x5t#s256.cnf.vendor.example.", `a\.b.vendor.example.`}
	t.Run("beside what is there", func(t *testing.T) { s.apply(t, with(t, textOurs), scriptName) })
	t.Run("several names, one of them new", func(t *testing.T) { s.apply(t, with(t, textNext), several...) })
	t.Run("taken out again", func(t *testing.T) { s.apply(t, withoutRecord(t, textNext), several...) })
	t.Run("without a zone, a message for each name", s.withoutZone)
	last := textTheirs[:len(textTheirs)-1] + "4"
	for claim, work := range map[string]struct{ done, undone []string }{
		"somebody adds a record of the set": {[]string{"update add " + scriptName + " 300 TLSA 3 1 1 AB"}, []string{"update delete " + scriptName + " TLSA 3 1 1 AB"}},
		"somebody takes one out":            {[]string{"update delete " + scriptName + " TLSA " + textTheirs}, []string{"update add " + scriptName + " 300 TLSA " + textTheirs}},
		"somebody changes one octet": {
			[]string{"update delete " + scriptName + " TLSA " + textTheirs, "update add " + scriptName + " 300 TLSA " + last},
			[]string{"update delete " + scriptName + " TLSA " + last, "update add " + scriptName + " 300 TLSA " + textTheirs},
		},
	} {
		t.Run(claim, func(t *testing.T) { s.concurrent(t, work.done, work.undone) })
	}
	t.Run("a set is there where none was", s.unexpected)
	t.Run("one of two names fails, and neither is written", s.oneOfTwo)
	t.Run("without having looked", s.withoutLooking)
}

// withoutZone: nsupdate asks the server that it is told for the zone of each name.
func (s *scripts) withoutZone(t *testing.T) {
	options := s.known
	options.Zone = ""
	before := s.set(t, "_1_8.vendor.example.")
	first := publish.Change{Name: before.Name, Before: before, After: before.With(textRecord(t, textNext), time.Minute)}
	if err := s.send(textOf(t, text.NSUpdate, options, first)); err != nil {
		t.Fatal(err)
	}
	if !s.set(t, before.Name).Has(textRecord(t, textNext)) {
		t.Error("the record is not there")
	}
	// It is stale now. The second is carried out all the same, and nsupdate does not end well.
	both := textOf(t, text.NSUpdate, options, first, textChange(t, "3.8.vendor.example.", nil, []string{textOurs}))
	if err := s.send(both); err == nil || !s.set(t, "3.8.vendor.example.").Has(textRecord(t, textOurs)) {
		t.Errorf("the first of two is stale: nsupdate says %v, and the second's set is %v", err, s.set(t, "3.8.vendor.example."))
	}
}

// concurrent: somebody works on the set between reading and sending; once that is undone, the same script is taken.
func (s *scripts) concurrent(t *testing.T, done, undone []string) {
	before := s.set(t, scriptName)
	if want := holdingText(t, scriptName, textTheirs, textOurs); !before.Same(want) {
		t.Fatalf("the set is %v before the change", before)
	}
	script := textOf(t, text.NSUpdate, s.known, publish.Change{Name: scriptName, Before: before, After: before.Without(textRecord(t, textOurs))})
	s.somebody(t, done...)
	s.refused(t, script, "NXRRSET")
	s.somebody(t, undone...)
	if err := s.send(script); err != nil {
		t.Fatalf("once the set is what it was: %v", err)
	}
	s.apply(t, with(t, textOurs), scriptName)
}

func (s *scripts) unexpected(t *testing.T) {
	const fresh = "jkt.cnf.vendor.example."
	script := textOf(t, text.NSUpdate, s.known, textChange(t, fresh, nil, []string{textOurs}))
	s.somebody(t, "update add "+fresh+" 60 TLSA "+textTheirs)
	s.refused(t, script, "YXRRSET")
	s.somebody(t, "update delete "+fresh+" TLSA")
	if err := s.send(script); err != nil {
		t.Errorf("once nothing is there: %v", err)
	}
}

func (s *scripts) oneOfTwo(t *testing.T) {
	first, second := textChange(t, "2.8.vendor.example.", nil, []string{textOurs}), textChange(t, "5.8.vendor.example.", nil, []string{textOurs})
	stale := textChange(t, second.Name, []string{textTheirs}, []string{textTheirs, textOurs})
	s.refused(t, textOf(t, text.NSUpdate, s.known, first, stale), "NXRRSET")
	if err := s.send(textOf(t, text.NSUpdate, s.known, first, second)); err != nil {
		t.Errorf("two of which none is stale: %v", err)
	}
}

func (s *scripts) withoutLooking(t *testing.T) {
	next := []publish.Entry{{Name: scriptName, Record: textRecord(t, textNext)}}
	others := s.all(t, scriptName)
	if err := s.send(textOf(t, text.NSUpdate, s.blind, text.Blind(next, nil, 5*time.Minute)...)); err != nil {
		t.Fatal(err)
	}
	if now := s.set(t, scriptName); !now.Same(holdingText(t, scriptName, textTheirs, textOurs, textNext)) {
		t.Errorf("after the addition: %v", now)
	}
	if err := s.send(textOf(t, text.NSUpdate, s.blind, text.Blind(nil, next, 0)...)); err != nil {
		t.Fatal(err)
	}
	if now := s.set(t, scriptName); !now.Same(holdingText(t, scriptName, textTheirs, textOurs)) {
		t.Errorf("after the removal: %v", now)
	}
	s.unchanged(t, others, scriptName)
	next[0].Name = "alias.vendor.example."
	s.refused(t, textOf(t, text.NSUpdate, s.blind, text.Blind(next, nil, 5*time.Minute)...), "YXRRSET")
}

// set is the TLSA set of a name, as the server itself has it.
func (s *scripts) set(t testing.TB, name string) publish.Set {
	t.Helper()
	m, err := s.ask(name, dns.TypeTLSA)
	if err != nil {
		t.Fatal(err)
	}
	set := publish.Set{Name: name}
	for _, rr := range m.Answer {
		if tlsa, ok := rr.(*dns.TLSA); ok {
			set = set.With(ofTLSA(t, tlsa), time.Duration(tlsa.Hdr.Ttl)*time.Second)
		}
	}
	return set
}

// all is everything in the zone but the TLSA sets of those names, what the server itself makes aside: each record as
// a line of hex of its octets, in order.
func (s *scripts) all(t testing.TB, but ...string) (lines []string) {
	t.Helper()
	for _, name := range []string{"vendor.example.", "ns.vendor.example.", "alias.vendor.example.", scriptName, "jkt.cnf.vendor.example.", "x5t#s256.cnf.vendor.example.",
		"1.8.vendor.example.", "2.8.vendor.example.", "3.8.vendor.example.", "5.8.vendor.example.", "_1_8.vendor.example.", "_jwk_cnf.vendor.example.", `a\.b.vendor.example.`} {
		for _, rtype := range []uint16{dns.TypeNS, dns.TypeA, dns.TypeCNAME, dns.TypeTXT, dns.TypeTLSA} {
			if rtype == dns.TypeTLSA && slices.Contains(but, name) {
				continue
			}
			m, err := s.ask(name, rtype)
			if err != nil {
				t.Fatal(err)
			}
			for _, rr := range m.Answer {
				if rr.Header().Rrtype == dns.TypeRRSIG {
					continue
				}
				wire := make([]byte, dns.Len(rr)+1)
				n, err := dns.PackRR(rr, wire, 0, nil, false)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, fmt.Sprintf("%x", wire[:n]))
			}
		}
	}
	slices.Sort(lines)
	return lines
}
