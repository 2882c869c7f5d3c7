package integration

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	"cnfd/publish/text"

	"github.com/miekg/dns"
)

// What publish/text prints, before the tools that people put it into: the checkers of four name servers' zone
// files, and nsupdate with BIND behind it. octoDNS is neither in Debian nor in npm and is not run here: package
// publish/text holds what is printed for it to the schema of its documentation.

const (
	textOurs   = "255 255 255 80D55420B982E8C5F4D3671C215987A9E8C9B657C5C87F466475FC95857264BD"
	textNext   = "255 255 255 00FF12E4A3C1AE0C2C3A1C2D3E4F50617283940A1B2C3D4E5F60718293A4B5C6"
	textTheirs = "3 1 1 0123456789012345678901234567890123456789012345678901234567890123"
)

// zoneTool is a reader of zone files. kept, where it has it, is its command that prints the zone.
type zoneTool struct {
	program, debian string
	check, kept     func(file string) []string
}

var zoneTools = []zoneTool{
	{"named-checkzone", "bind9-utils",
		func(f string) []string { return []string{"named-checkzone", "vendor.example", f} },
		func(f string) []string {
			return []string{"named-checkzone", "-q", "-D", "-s", "full", "-o", "-", "vendor.example", f}
		}},
	{"named-compilezone", "bind9-utils",
		func(f string) []string { return []string{"named-compilezone", "-o", "/dev/null", "vendor.example", f} },
		func(f string) []string { return []string{"named-compilezone", "-q", "-o", "-", "vendor.example", f} }},
	{"nsd-checkzone", "nsd",
		func(f string) []string { return []string{"nsd-checkzone", "vendor.example", f} },
		func(f string) []string { return []string{"nsd-checkzone", "-p", "vendor.example", f} }},
	{"kzonecheck", "knot-dnssecutils",
		func(f string) []string { return []string{"kzonecheck", "-o", "vendor.example", f} }, nil}, // 3.2 prints no zone
	{"ldns-read-zone", "ldnsutils",
		func(f string) []string { return []string{"ldns-read-zone", f} },
		func(f string) []string { return []string{"ldns-read-zone", f} }},
}

// TestZoneToolsTakeTheFragment: each tool takes the fragment within a zone and keeps its octets, and refuses it
// after one flip. Which flip is the tools' own: ldns 1.8 fills up an odd hex digit of a TLSA record with a zero
// and takes any letter for hex in the generic form, so that the other one of the two is made.
func TestZoneToolsTakeTheFragment(t *testing.T) {
	lab(t)
	const end = "57264BD"
	names := []string{"jwk.cnf.vendor.example.", "1.8.vendor.example.", "_jwk_cnf.vendor.example.", "x5t#s256.cnf.vendor.example.", `a\.b\;\032\000\255.vendor.example.`}
	var changes []publish.Change
	for _, name := range names {
		changes = append(changes, textChange(t, name, []string{textTheirs}, []string{textTheirs, textOurs}))
	}
	changes = append(changes, textChange(t, "gone.vendor.example.", []string{textTheirs, textNext}, []string{textTheirs}))
	formats := []struct {
		format text.Format
		flip   func(fragment string) string // of the first record alone
	}{
		{text.Zone, func(s string) string { return strings.Replace(s, end, strings.TrimSuffix(end, "D")+"G", 1) }},
		{text.Generic, func(s string) string { return strings.Replace(s, end, strings.TrimSuffix(end, "D"), 1) }},
	}
	for _, tool := range zoneTools {
		for _, f := range formats {
			t.Run(tool.program+"/"+f.format.String(), func(t *testing.T) {
				testneeds.Binary(t, tool.program, tool.debian)
				dir := t.TempDir()
				fragment := textOf(t, f.format, text.Options{Zone: "vendor.example.", BeforeKnown: true}, changes...)
				write(t, filepath.Join(dir, "zone"), textZone+fragment)
				run(t, dir, "", tool.check("zone")...)
				if tool.kept != nil {
					kept := run(t, dir, "", tool.kept("zone")...)
					for _, name := range names {
						wantOnly(t, parsed(t, kept, "vendor.example."), name, textOurs)
					}
					wantOnly(t, parsed(t, kept, "vendor.example."), "gone.vendor.example.") // its line is a comment
				}
				flipped := f.flip(fragment)
				if flipped == fragment {
					t.Fatal("nothing was flipped")
				}
				write(t, filepath.Join(dir, "zone"), textZone+flipped)
				if out, err := try(dir, "", tool.check("zone")...); err == nil {
					t.Errorf("after the flip: taken all the same: %s", out)
				}
			})
		}
	}
}

const textZone = `vendor.example. 300 IN SOA ns.vendor.example. hostmaster.vendor.example. 1 3600 600 864000 300
vendor.example. 300 IN NS ns.vendor.example.
ns.vendor.example. 300 IN A 192.0.2.1
`

// TestNSUpdateTakesTheScript: nsupdate and BIND do what a script says, and refuse one whose conditions no longer hold.
func TestNSUpdateTakesTheScript(t *testing.T) {
	lab(t)
	testneeds.Binary(t, "nsupdate", "bind9-dnsutils")
	const name = "jwk.cnf.vendor.example."
	h := newHost(t, bind{}, "127.187.0.1")
	z := newZone(t, "vendor.example.", h.addr, dns.ECDSAP256SHA256)
	z.edit(nil, records(t, name+" TLSA "+textTheirs, name+" TXT \"somebody's\"", "1.8.vendor.example. TLSA "+textTheirs,
		"alias.vendor.example. CNAME ns.vendor.example.", `a\.b.vendor.example. TXT "somebody's"`))
	h.zones = []*zone{z}
	h.start(t)
	server := netip.MustParseAddrPort(h.addr + ":53")
	known := text.Options{Zone: "vendor.example.", Server: server, BeforeKnown: true}
	blind := text.Options{Zone: "vendor.example.", Server: server}
	send := func(script string) error {
		_, err := try(h.dir, script, "nsupdate", "-v", "-k", h.path("tsig"))
		return err
	}
	ours, next, theirs := textRecord(t, textOurs), textRecord(t, textNext), textRecord(t, textTheirs)
	// apply sends the script of a change to what is there now, and finds that alone done.
	apply := func(t *testing.T, after func(publish.Set) publish.Set, names ...string) {
		t.Helper()
		var changes []publish.Change
		for _, n := range names {
			before := h.textSet(t, n)
			changes = append(changes, publish.Change{Name: n, Before: before, After: after(before)})
		}
		others := h.textOthers(t, names...)
		if err := send(textOf(t, text.NSUpdate, known, changes...)); err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if now := h.textSet(t, c.Name); !now.Same(c.After) || now.TTL != c.After.TTL {
				t.Errorf("%s: is %v, want %v", c.Name, now, c.After)
			}
		}
		if now := h.textOthers(t, names...); !slices.Equal(now, others) {
			t.Errorf("others' records were\n%s\nand are\n%s", strings.Join(others, "\n"), strings.Join(now, "\n"))
		}
	}
	add := func(r publish.Record) func(publish.Set) publish.Set {
		return func(s publish.Set) publish.Set { return s.With(r, 7*time.Minute) }
	}
	remove := func(r publish.Record) func(publish.Set) publish.Set {
		return func(s publish.Set) publish.Set { return s.Without(r) }
	}

	t.Run("beside what is there", func(t *testing.T) { apply(t, add(ours), name) })
	t.Run("several names, one of them new", func(t *testing.T) {
		apply(t, add(next), name, "1.8.vendor.example.", "_jwk_cnf.vendor.example.", "x5t#s256.cnf.vendor.example.", `a\.b.vendor.example.`)
	})
	t.Run("taken out again", func(t *testing.T) {
		apply(t, remove(next), name, "1.8.vendor.example.", "_jwk_cnf.vendor.example.", "x5t#s256.cnf.vendor.example.", `a\.b.vendor.example.`)
	})
	t.Run("without a zone, a message for each name", func(t *testing.T) {
		// nsupdate asks the server that it is told for the zone.
		options := text.Options{Server: server, BeforeKnown: true}
		before := h.textSet(t, "_1_8.vendor.example.")
		if err := send(textOf(t, text.NSUpdate, options, publish.Change{Name: before.Name, Before: before, After: before.With(next, time.Minute)})); err != nil {
			t.Fatal(err)
		}
		if !h.textSet(t, before.Name).Has(next) {
			t.Error("the record is not there")
		}
		// The first is stale by now. The second is carried out all the same, and nsupdate does not end well.
		both := textOf(t, text.NSUpdate, options, publish.Change{Name: before.Name, Before: before, After: before.With(next, time.Minute)},
			textChange(t, "3.8.vendor.example.", nil, []string{textOurs}))
		if err := send(both); err == nil || !h.textSet(t, "3.8.vendor.example.").Has(ours) {
			t.Errorf("the first of two is stale: nsupdate says %v, and the second's set is %v", err, h.textSet(t, "3.8.vendor.example."))
		}
	})

	concurrent := []struct {
		claim  string
		change string // what somebody else does between reading and sending
		undo   string
		says   string
	}{
		{"somebody adds a record of the set", "update add " + name + " 300 TLSA 3 1 1 AB", "update delete " + name + " TLSA 3 1 1 AB", "NXRRSET"},
		{"somebody takes one out", "update delete " + name + " TLSA " + textTheirs, "update add " + name + " 300 TLSA " + textTheirs, "NXRRSET"},
		{"somebody changes one octet", "update delete " + name + " TLSA " + textTheirs + "\nupdate add " + name + " 300 TLSA " + textTheirs[:len(textTheirs)-1] + "4",
			"update delete " + name + " TLSA " + textTheirs[:len(textTheirs)-1] + "4\nupdate add " + name + " 300 TLSA " + textTheirs, "NXRRSET"},
	}
	for _, tc := range concurrent {
		t.Run(tc.claim, func(t *testing.T) {
			other := func(commands string) {
				t.Helper()
				if err := send("server " + h.addr + "\nzone vendor.example.\n" + commands + "\nsend\n"); err != nil {
					t.Fatal(err)
				}
			}
			before := h.textSet(t, name)
			if !before.Has(ours) || !before.Has(theirs) || len(before.Records) != 2 {
				t.Fatalf("the set is %v before the change", before)
			}
			script := textOf(t, text.NSUpdate, known, publish.Change{Name: name, Before: before, After: before.Without(ours)})
			other(tc.change)
			theirWork := h.textOthers(t)
			if err := send(script); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("the script of what is no longer: %v, want %s", err, tc.says)
			}
			if now := h.textOthers(t); !slices.Equal(now, theirWork) {
				t.Errorf("a refused script changed\n%s\nto\n%s", strings.Join(theirWork, "\n"), strings.Join(now, "\n"))
			}
			other(tc.undo)
			if err := send(script); err != nil {
				t.Fatalf("the same script once the set is what it was: %v", err)
			}
			apply(t, add(ours), name)
		})
	}
	t.Run("a set is there where none was", func(t *testing.T) {
		const fresh = "jkt.cnf.vendor.example."
		script := textOf(t, text.NSUpdate, known, textChange(t, fresh, nil, []string{textOurs}))
		somebody := func(verb string) {
			t.Helper()
			if err := send(fmt.Sprintf("server %s\nzone vendor.example.\nupdate %s\nsend\n", h.addr, verb)); err != nil {
				t.Fatal(err)
			}
		}
		somebody("add " + fresh + " 60 TLSA " + textTheirs)
		all := h.textOthers(t)
		if err := send(script); err == nil || !strings.Contains(err.Error(), "YXRRSET") {
			t.Errorf("%v, want YXRRSET", err)
		}
		if now := h.textOthers(t); !slices.Equal(now, all) {
			t.Errorf("a refused script changed\n%s\nto\n%s", strings.Join(all, "\n"), strings.Join(now, "\n"))
		}
		somebody("delete " + fresh + " TLSA")
		if err := send(script); err != nil {
			t.Errorf("the same script once nothing is there: %v", err)
		}
	})
	t.Run("one of two names fails, and neither is written", func(t *testing.T) {
		var changes []publish.Change
		for _, n := range []string{"2.8.vendor.example.", "5.8.vendor.example."} {
			changes = append(changes, textChange(t, n, nil, []string{textOurs}))
		}
		stale := slices.Clone(changes)
		stale[1].Before = holdingText(t, stale[1].Name, textTheirs)
		stale[1].After = holdingText(t, stale[1].Name, textTheirs, textOurs)
		all := h.textOthers(t)
		if err := send(textOf(t, text.NSUpdate, known, stale...)); err == nil || !strings.Contains(err.Error(), "NXRRSET") {
			t.Errorf("%v, want NXRRSET", err)
		}
		if now := h.textOthers(t); !slices.Equal(now, all) {
			t.Errorf("half of it was written:\n%s", strings.Join(now, "\n"))
		}
		if err := send(textOf(t, text.NSUpdate, known, changes...)); err != nil {
			t.Errorf("the two of which nothing is stale: %v", err)
		}
	})
	t.Run("without having looked", func(t *testing.T) {
		entries := []publish.Entry{{Name: name, Record: next}}
		others := h.textOthers(t, name)
		if err := send(textOf(t, text.NSUpdate, blind, text.Blind(entries, nil, 5*time.Minute)...)); err != nil {
			t.Fatal(err)
		}
		if now := h.textSet(t, name); !now.Has(next) || !now.Has(ours) || !now.Has(theirs) || len(now.Records) != 3 {
			t.Errorf("the set is %v", now)
		}
		if err := send(textOf(t, text.NSUpdate, blind, text.Blind(nil, entries, 0)...)); err != nil {
			t.Fatal(err)
		}
		if now := h.textSet(t, name); now.Has(next) || !now.Has(ours) || !now.Has(theirs) || len(now.Records) != 2 {
			t.Errorf("the set is %v", now)
		}
		if now := h.textOthers(t, name); !slices.Equal(now, others) {
			t.Errorf("others' records were\n%s\nand are\n%s", strings.Join(others, "\n"), strings.Join(now, "\n"))
		}
		beside := text.Blind([]publish.Entry{{Name: "alias.vendor.example.", Record: next}}, nil, 5*time.Minute)
		if err := send(textOf(t, text.NSUpdate, blind, beside...)); err == nil || !strings.Contains(err.Error(), "YXRRSET") {
			t.Errorf("beside a CNAME: %v, want YXRRSET", err)
		}
	})
}

func textRecord(t testing.TB, s string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func holdingText(t testing.TB, name string, records ...string) publish.Set {
	t.Helper()
	s := publish.Set{Name: name}
	for _, r := range records {
		s = s.With(textRecord(t, r), 5*time.Minute)
	}
	return s
}

func textChange(t testing.TB, name string, before, after []string) publish.Change {
	t.Helper()
	return publish.Change{Name: name, Before: holdingText(t, name, before...), After: holdingText(t, name, after...)}
}

func textOf(t testing.TB, f text.Format, o text.Options, changes ...publish.Change) string {
	t.Helper()
	var b strings.Builder
	if err := text.Write(&b, f, o, changes); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// parsed reads what a tool prints of a zone.
func parsed(t testing.TB, zone, origin string) (set []dns.RR) {
	t.Helper()
	z := dns.NewZoneParser(strings.NewReader(zone), origin, "")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		set = append(set, rr)
	}
	if err := z.Err(); err != nil {
		t.Fatalf("%v\n%s", err, zone)
	}
	return set
}

// wantOnly holds the TLSA records of a name to those wanted, octet by octet.
func wantOnly(t testing.TB, zone []dns.RR, name string, want ...string) {
	t.Helper()
	octets := func(n string) string {
		wire := make([]byte, 256)
		end, err := dns.PackDomainName(n, wire, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ToLower(string(wire[:end]))
	}
	var have []publish.Record
	for _, rr := range zone {
		if tlsa, ok := rr.(*dns.TLSA); ok && octets(tlsa.Hdr.Name) == octets(name) {
			if tlsa.Hdr.Ttl != ttl || tlsa.Hdr.Class != dns.ClassINET {
				t.Errorf("%v: want a TTL of %d", rr, ttl)
			}
			have = append(have, ofTLSA(t, tlsa))
		}
	}
	if len(have) != len(want) {
		t.Fatalf("%s: %d records, want %d", name, len(have), len(want))
	}
	for i := range want {
		if have[i] != textRecord(t, want[i]) {
			t.Errorf("%s: %s, want %s", name, have[i], want[i])
		}
	}
}

func ofTLSA(t testing.TB, rr *dns.TLSA) publish.Record {
	t.Helper()
	association, err := hex.DecodeString(rr.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	r, err := publish.RecordOf(append([]byte{rr.Usage, rr.Selector, rr.MatchingType}, association...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// textSet is the set of a name, as the server itself has it.
func (h *host) textSet(t testing.TB, name string) publish.Set {
	t.Helper()
	m, err := h.ask(name, dns.TypeTLSA)
	if err != nil {
		t.Fatal(err)
	}
	s := publish.Set{Name: name}
	for _, rr := range m.Answer {
		if tlsa, ok := rr.(*dns.TLSA); ok {
			s = s.With(ofTLSA(t, tlsa), time.Duration(tlsa.Hdr.Ttl)*time.Second)
		}
	}
	return s
}

// textOthers is everything that the zone's owner wrote but the TLSA sets of those names, each record as a line
// of hex of its octets, in order.
func (h *host) textOthers(t testing.TB, but ...string) (lines []string) {
	t.Helper()
	for _, name := range []string{"vendor.example.", "ns.vendor.example.", "alias.vendor.example.", "jwk.cnf.vendor.example.", "jkt.cnf.vendor.example.",
		"1.8.vendor.example.", "2.8.vendor.example.", "3.8.vendor.example.", "5.8.vendor.example.", "_1_8.vendor.example.", "_jwk_cnf.vendor.example.", `a\.b.vendor.example.`} {
		for _, rtype := range []uint16{dns.TypeNS, dns.TypeA, dns.TypeCNAME, dns.TypeTXT, dns.TypeTLSA} {
			if rtype == dns.TypeTLSA && slices.Contains(but, name) {
				continue
			}
			m, err := h.ask(name, rtype)
			if err != nil {
				t.Fatal(err)
			}
			for _, rr := range m.Answer {
				if rr.Header().Rrtype == dns.TypeRRSIG {
					continue // the server's own, made anew
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
