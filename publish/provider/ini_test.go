package provider

import (
	"maps"
	"strings"
	"testing"
)

func TestINISection(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       map[string]string // nil: an error
	}{
		{"the section asked for", "[other]\na=1\n[default]\na=2\n", map[string]string{"a": "2"}},
		{"the only section", "[other]\n A = 1 \n", map[string]string{"a": "1"}},
		{"no section", "a=1\nb=\n", map[string]string{"a": "1", "b": ""}},
		{"comments, blanks, CRLF and a byte order mark", "\ufeff# x\r\n; y\r\n\r\n[ default ] # z\r\na = b=c ; no comment\r\n", map[string]string{"a": "b=c ; no comment"}},
		{"two sections, and none asked for", "[a]\nx=1\n[b]\nx=1\n", nil},
		{"nothing", "", nil},
		{"a section without anything", "[default]\n", nil},
		{"a line that is neither", "[default]\nsecret words\n", nil},
		{"a line without a name", "= secret\n", nil},
		{"a section without its end", "[default\nx=1\n", nil},
		{"a setting twice", "x=secret\nX=secret\n", nil},
	} {
		got, err := iniSection([]byte(tt.text), "default")
		if (err == nil) != (tt.want != nil) || err == nil && !maps.Equal(got, tt.want) || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, %v; want %v", tt.name, got, err, tt.want)
		}
	}
}

// FuzzINISection finds no setting that a line of the text does not give.
func FuzzINISection(f *testing.F) {
	f.Add("[default]\naws_access_key_id = A\naws_secret_access_key=B==\n")
	f.Add("\ufeff; x\n[a]\nb\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := iniSection([]byte(text), "default")
		if err != nil && len(got) > 0 {
			t.Fatalf("%v beside %v", got, err)
		}
		for name, value := range got {
			if !strings.Contains(strings.ToLower(text), name) || !strings.Contains(text, value) {
				t.Fatalf("%q = %q is not in %q", name, value, text)
			}
		}
		for _, s := range secretsIn([]byte(text)) {
			if s == "" {
				t.Fatal("nothing is taken for a secret")
			}
		}
	})
}
