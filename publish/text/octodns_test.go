package text

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

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
