package integration

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/publish"
	"cnfd/publish/text"

	"github.com/miekg/dns"
)

// The fragments that publish/text prints, before what reads the zone files of four name servers. octoDNS is neither
// in Debian nor in npm and is not run here: package publish/text holds what is printed for it to the schema of its
// documentation.

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
