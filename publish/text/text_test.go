package text

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/publish"

	"github.com/goccy/go-yaml"
	"github.com/miekg/dns"
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
			t.Run(tc.name+"/"+f.String(), func(t *testing.T) {
				if f == OctoDNS && tc.options.Zone == "" {
					t.SkipNow() // TestRefused has it
				}
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

// TestNames holds names to another reader's opinion of what comes out.
func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"JWK.cnf.vendor.example.":                    "jwk.cnf.vendor.example.",
		"x5t#s256.cnf.vendor.example.":               `x5t\035s256.cnf.vendor.example.`,
		`a\.b\\c\"d.example.`:                        `a\046b\092c\034d.example.`,
		`a\000\255\;$@( .example.`:                   `a\000\255\059\036\064\040\032.example.`,
		"*._tcp.example.":                            "*._tcp.example.",
		"☕.example.":                                 `\226\152\149.example.`,
		".":                                          ".",
		strings.Repeat("a.", 127):                    strings.Repeat("a.", 127),
		strings.Repeat(`\120`, 63) + ".example.":     strings.Repeat("x", 63) + ".example.",
		"line\nupdate delete vendor.example.":        `line\010update\032delete\032vendor.example.`,
		"a\\\nprereq.example.":                       `a\010prereq.example.`,
		`\074\087\075.cnf.vendor.example.`:           "jwk.cnf.vendor.example.",
		"xn--53h.example.":                           "xn--53h.example.",
		`;\032comment.example.`:                      `\059\032comment.example.`,
		`"quoted".example.`:                          `\034quoted\034.example.`,
		`\*.example.`:                                "*.example.",
		`a\0468\.b.example.`:                         `a\0468\046b.example.`,
		"_1_8.vendor.example.":                       "_1_8.vendor.example.",
		`$include.example.`:                          `\036include.example.`,
		`\@.example.`:                                `\064.example.`,
		"(paren.example.":                            `\040paren.example.`,
		"tab\there.example.":                         `tab\009here.example.`,
		"del\x7f.example.":                           `del\127.example.`,
		strings.Repeat("b", 63) + ".vendor.example.": strings.Repeat("b", 63) + ".vendor.example.",
	} {
		n, err := parseName(in)
		if err != nil || n.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, n, err, want)
			continue
		}
		if !slices.Equal(wireName(t, n.String()), wireName(t, in)) {
			t.Errorf("%q and %q are two names", in, n)
		}
	}
}

// wireName is a name's octets, as miekg/dns reads it, in lower case.
func wireName(t testing.TB, text string) []byte {
	t.Helper()
	wire := make([]byte, 256)
	n, err := dns.PackDomainName(text, wire, 0, nil, false)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return bytes.ToLower(wire[:n])
}

// TestOctoDNSOrder holds the order of keys to what octoDNS wants: natsort's.
func TestOctoDNSOrder(t *testing.T) {
	order := []string{"", "1.8", "1.8.sub", "2.8", "3.8", "5.8", "5.8b", "05.9", "323.8", "*", "_1_8", "_5_8", "_323_8", "_jwk_cnf", "a", "a1", "a2", "a10", "a-", "ab", "jkt.cnf", "jwk.cnf", "jwk.cnf.a"}
	for i, a := range order {
		for j, b := range order {
			if got, want := natural(a, b), sign(i-j); got != want {
				t.Errorf("%q against %q: %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

// octoRecord is the schema of a TLSA record in octoDNS' documentation, docs/records.md,
// and in octodns/record/tlsa.py.
type octoRecord struct {
	OctoDNS struct {
		Lenient bool `yaml:"lenient"`
	} `yaml:"octodns"`
	TTL    int    `yaml:"ttl"`
	Type   string `yaml:"type"`
	Values []struct {
		Data     string `yaml:"certificate_association_data"`
		Usage    uint8  `yaml:"certificate_usage"`
		Matching uint8  `yaml:"matching_type"`
		Selector uint8  `yaml:"selector"`
	} `yaml:"values"`
}

func readOctoDNS(t testing.TB, text string) map[string]octoRecord {
	t.Helper()
	file := map[string]octoRecord{}
	if err := yaml.NewDecoder(strings.NewReader(text), yaml.Strict()).Decode(&file); err != nil && strings.Trim(text, "# \n") != "" {
		t.Fatalf("%v\n%s", err, text)
	}
	return file
}

// TestOctoDNSKeysAreInOrder reads every mapping as octoDNS does that enforces order.
func TestOctoDNSKeysAreInOrder(t *testing.T) {
	text := printed(t, OctoDNS, Options{Zone: "vendor.example.", BeforeKnown: true},
		change(t, "jwk.cnf.vendor.example.", []string{theirs}, []string{theirs, old}),
		change(t, "323.8.vendor.example.", nil, []string{old}),
		change(t, "1.8.vendor.example.", nil, []string{old}),
		change(t, "vendor.example.", nil, []string{old}))
	var file yaml.MapSlice
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	mappings := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case yaml.MapSlice:
			mappings++
			for i, item := range v {
				if i > 0 && natural(v[i-1].Key.(string), item.Key.(string)) >= 0 {
					t.Errorf("key %q after %q", item.Key, v[i-1].Key)
				}
				walk(item.Value)
			}
		}
	}
	var ordered any
	if err := yaml.UnmarshalWithOptions([]byte(text), &ordered, yaml.UseOrderedMap()); err != nil {
		t.Fatal(err)
	}
	walk(ordered)
	if mappings != 14 || len(file) != 4 {
		t.Errorf("%d mappings of %d names were read, want 14 of 4", mappings, len(file))
	}
}

// TestOctoDNSWithoutOurs: what its check takes is not told to be lenient.
func TestOctoDNSWithoutOurs(t *testing.T) {
	options := Options{Zone: "vendor.example.", BeforeKnown: true}
	name := "jwk.cnf.vendor.example."
	with := readOctoDNS(t, printed(t, OctoDNS, options, change(t, name, []string{theirs}, []string{theirs, old})))["jwk.cnf"]
	without := readOctoDNS(t, printed(t, OctoDNS, options, change(t, name, []string{theirs, old}, []string{theirs})))["jwk.cnf"]
	if !with.OctoDNS.Lenient || len(with.Values) != 2 || without.OctoDNS.Lenient || len(without.Values) != 1 {
		t.Errorf("with ours %+v, without %+v", with, without)
	}
}
