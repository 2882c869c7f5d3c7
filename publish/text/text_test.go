package text

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/publish"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	old    = "255 255 255 80D55420B982E8C5F4D3671C215987A9E8C9B657C5C87F466475FC95857264BD"
	next   = "255 255 255 1E90D2A4A3C1AE0C2C3A1C2D3E4F50617283940A1B2C3D4E5F60718293A4B5C6"
	theirs = "3 1 1 0123456789012345678901234567890123456789012345678901234567890123"
	five   = 5 * time.Minute
)

func record(t testing.TB, text string) publish.Record {
	t.Helper()
	r, err := publish.ParseRecord(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func holding(t testing.TB, name string, ttl time.Duration, records ...string) publish.Set {
	t.Helper()
	s := publish.Set{Name: name}
	for _, text := range records {
		s = s.With(record(t, text), ttl)
	}
	return s
}

func change(t testing.TB, name string, before, after []string) publish.Change {
	t.Helper()
	return publish.Change{Name: name, Before: holding(t, name, five, before...), After: holding(t, name, five, after...)}
}

func printed(t testing.TB, f Format, o Options, changes ...publish.Change) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f, o, changes); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestGolden holds every format to the files in testdata: go test ./publish/text -update writes them anew.
func TestGolden(t *testing.T) {
	known := Options{Zone: "vendor.example.", BeforeKnown: true}
	cases := []struct {
		name    string
		options Options
		changes []publish.Change
	}{
		{"first", known, []publish.Change{change(t, "jwk.cnf.vendor.example.", nil, []string{old})}},
		{"beside", known, []publish.Change{change(t, "jwk.cnf.vendor.example.", []string{theirs}, []string{theirs, old})}},
		{"several", known, []publish.Change{
			change(t, "323.8.vendor.example.", nil, []string{old}),
			change(t, "jwk.cnf.vendor.example.", []string{theirs, old}, []string{theirs, next}),
			change(t, "x5t#s256.cnf.vendor.example.", nil, []string{old}),
			change(t, "1.8.vendor.example.", []string{old}, nil),
			change(t, "_jwk_cnf.vendor.example.", []string{old}, []string{old}),
		}},
		{"removed", known, []publish.Change{change(t, "jwk.cnf.vendor.example.", []string{theirs, old}, []string{theirs})}},
		{"blind", Options{Zone: "vendor.example."}, Blind(
			[]publish.Entry{{Name: "jwk.cnf.vendor.example.", Record: record(t, next)}, {Name: "1.8.vendor.example.", Record: record(t, next)}},
			[]publish.Entry{{Name: "jwk.cnf.vendor.example.", Record: record(t, old)}}, five)},
		{"no-zone", Options{Server: netip.MustParseAddrPort("[2001:db8::1]:5353"), BeforeKnown: true}, []publish.Change{
			change(t, "jwk.cnf.vendor.example.", nil, []string{old}), change(t, "jwk.cnf.other.example.", nil, []string{old})}},
		{"without-data", known, []publish.Change{change(t, "jwk.cnf.vendor.example.", []string{"3 1 1"}, []string{"3 1 1", old})}},
	}
	for _, tc := range cases {
		for _, f := range []Format{Zone, NSUpdate, Generic, OctoDNS} {
			if f == OctoDNS && tc.options.Zone == "" {
				continue // TestRefused has it
			}
			t.Run(tc.name+"/"+f.String(), func(t *testing.T) {
				got := printed(t, f, tc.options, tc.changes...)
				path := filepath.Join("testdata", tc.name+"."+f.String())
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("%s: printed\n%s\nwant\n%s", path, got, want)
				}
			})
		}
	}
}

func TestRefused(t *testing.T) {
	at := func(name string) publish.Change { return change(t, name, nil, []string{old}) }
	const plain = "jwk.cnf.vendor.example."
	fine := Options{Zone: "vendor.example.", BeforeKnown: true}
	cases := []struct {
		claim   string
		format  Format
		options Options
		changes []publish.Change
		kind    publish.Kind
		what    string
	}{
		{"no format", 0, fine, []publish.Change{at(plain)}, publish.Unsupported, "no format"},
		{"a format that there is not", 9, fine, []publish.Change{at(plain)}, publish.Unsupported, "no format"},
		{"octoDNS without a zone", OctoDNS, Options{BeforeKnown: true}, []publish.Change{at(plain)}, publish.Failed, "zone is not known"},
		{"a name of another zone", Zone, Options{Zone: "endor.example."}, []publish.Change{at(plain)}, publish.WrongZone, "not in the zone endor.example."},
		{"a zone with an empty label", Zone, Options{Zone: "vendor..example"}, []publish.Change{at(plain)}, publish.Unsupported, "label"},
		{"a zone that ends in an escaped dot", Zone, Options{Zone: `vendor.example\.`}, []publish.Change{at(plain)}, publish.Unsupported, "not absolute"},
		{"a name without a dot at its end", Zone, Options{}, []publish.Change{at("jwk.cnf.vendor.example")}, publish.Unsupported, "not absolute"},
		{"a name that ends in an escaped dot", Zone, Options{}, []publish.Change{at(`jwk.cnf.vendor.example\.`)}, publish.Unsupported, "not absolute"},
		{"no name", Zone, Options{}, []publish.Change{at("")}, publish.Unsupported, "not absolute"},
		{"an empty label", Zone, Options{}, []publish.Change{at("jwk..vendor.example.")}, publish.Unsupported, "label"},
		{"a label of 64 octets", Zone, Options{}, []publish.Change{at(strings.Repeat("a", 64) + ".example.")}, publish.Unsupported, "label"},
		{"a name of 256 octets", Zone, Options{}, []publish.Change{at(strings.Repeat("a.", 127) + `\065.`)}, publish.Unsupported, "255 octets"},
		{"an escape of no octet", Zone, Options{}, []publish.Change{at(`a\256.example.`)}, publish.Unsupported, "escape"},
		{"an escape cut short", Zone, Options{}, []publish.Change{at(`a.example.\`)}, publish.Unsupported, "escape"},
		{"two changes of one set", Zone, fine, []publish.Change{at(plain), at(`JWK.cnf.vend\111r.example.`)}, publish.Unsupported, "two changes"},
		{"a CNAME at the name", NSUpdate, fine, []publish.Change{{Name: plain, Before: publish.Set{Alias: "a.example."}, After: holding(t, plain, five, old)}}, publish.Alias, "CNAME"},
		{"a TTL of half a second", Zone, fine, []publish.Change{{Name: plain, After: holding(t, plain, time.Second/2, old)}}, publish.Unsupported, "TTL"},
		{"a TTL over 31 bits", Zone, fine, []publish.Change{{Name: plain, After: holding(t, plain, 1<<31*time.Second, old)}}, publish.Unsupported, "TTL"},
		{"the record that is none", Zone, fine, []publish.Change{{Name: plain, After: publish.Set{Records: []publish.Record{{}}}}}, publish.Unsupported, "without octets"},
		{"a record twice", Zone, fine, []publish.Change{{Name: plain, After: publish.Set{Records: []publish.Record{record(t, old), record(t, old)}}}}, publish.Unsupported, "twice"},
		{"a record longer than RDLENGTH can say", Zone, fine, []publish.Change{at(plain), change(t, "a.vendor.example.", nil, []string{"1 1 1 " + strings.Repeat("00", 65533)})}, publish.Unsupported, "65535"},
		{"a name with a space for octoDNS", OctoDNS, fine, []publish.Change{at(`a\032b.vendor.example.`)}, publish.Unsupported, "escapes"},
	}
	for _, f := range []Format{Zone, NSUpdate, Generic, OctoDNS} {
		printed(t, f, fine, at(plain)) // what every case changes one thing of
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			var b bytes.Buffer
			err := Write(&b, tc.format, tc.options, tc.changes)
			var e *publish.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || !strings.Contains(err.Error(), tc.what) || b.Len() > 0 {
				t.Errorf("error %v (%q printed), want one of kind %s that says %q, and nothing printed", err, b.String(), tc.kind, tc.what)
			}
		})
	}
}

// TestZoneWithoutItsDot: the apex is taken as people write it.
func TestZoneWithoutItsDot(t *testing.T) {
	c := change(t, "jwk.cnf.vendor.example.", nil, []string{old})
	for _, f := range []Format{Zone, NSUpdate, Generic, OctoDNS} {
		if with, without := printed(t, f, Options{Zone: "vendor.example."}, c), printed(t, f, Options{Zone: "Vendor.example"}, c); with != without {
			t.Errorf("%s: with a dot\n%s\nwithout\n%s", f, with, without)
		}
	}
	if root := printed(t, NSUpdate, Options{Zone: "."}, c); !strings.Contains(root, "\nzone .\n") {
		t.Errorf("the root: %s", root)
	}
}

func TestWriterFails(t *testing.T) {
	failing := errors.New("disk full")
	c := change(t, "jwk.cnf.vendor.example.", nil, []string{old})
	if err := Write(broken{failing}, Zone, Options{}, []publish.Change{c}); !errors.Is(err, failing) {
		t.Errorf("error %v, want the writer's", err)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestFormats(t *testing.T) {
	for _, f := range []Format{Zone, NSUpdate, Generic, OctoDNS} {
		if back, err := ParseFormat(f.String()); err != nil || back != f {
			t.Errorf("%s: read back as %q, %v", f, back, err)
		}
	}
	for _, word := range []string{"", "Zone", "bind", "octodns "} {
		if f, err := ParseFormat(word); err == nil {
			t.Errorf("%q is taken for %s", word, f)
		}
	}
	if none := Format(0).String() + Format(200).String(); none != "" {
		t.Errorf("what is no format is named %q", none)
	}
}
