package stories

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse: any text is a story or an error that names its place.
func FuzzParse(f *testing.F) {
	for _, s := range stories(f) {
		for _, pattern := range []string{"testdata/", "testdata/*/"} {
			names, _ := filepath.Glob(pattern + s.file)
			for _, name := range names {
				text, err := os.ReadFile(name)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(string(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "$GENERATE") {
			return // makes up to 65,536 records of one line: slow, and the library's
		}
		s, err := parseStory("f.rpl", text)
		if err != nil && !strings.HasPrefix(err.Error(), "f.rpl:") {
			t.Errorf("%v", err)
		}
		if err == nil && s == nil {
			t.Error("neither a story nor an error")
		}
	})
}

// TestParseRefuses: what is not known, and what is not whole, is an error with its line.
func TestParseRefuses(t *testing.T) {
	const zone = "ZONE_BEGIN a.example.\nSERVER 192.0.2.1\nZONE_END\n"
	for _, c := range []struct{ claim, text, want string }{
		{"no configuration", "SCENARIO_END", "f.rpl:0: CONFIG_END is missing"},
		{"an unknown key", "resolver: {colour: red}\nCONFIG_END\nSCENARIO_END", "f.rpl:2: configuration above: "},
		{"no end", "CONFIG_END\n" + zone, "SCENARIO_END is missing"},
		{"an unknown word", "CONFIG_END\nHELLO", `f.rpl:2: "HELLO" is not known here`},
		{"a zone without a server", "CONFIG_END\nZONE_BEGIN a.example.\nZONE_END", "f.rpl:2: a.example.: a zone wants a SERVER"},
		{"a zone without an end", "CONFIG_END\nZONE_BEGIN a.example.", "ZONE_END is missing"},
		{"a record elsewhere", "CONFIG_END\nZONE_BEGIN a.example.\nb.example. A 192.0.2.1\nZONE_END", "f.rpl:3: a record outside of a.example."},
		{"no record", "CONFIG_END\nZONE_BEGIN a.example.\nb A 192.0.2.256\nZONE_END", "f.rpl:3: no record"},
		{"another file", "CONFIG_END\nZONE_BEGIN a.example.\n$INCLUDE /etc/passwd\nZONE_END", "f.rpl:3: no record"},
		{"an odd signing", "CONFIG_END\nZONE_BEGIN a.example.\nSIGNED twice\nZONE_END", `f.rpl:3: "twice" says nothing`},
		{"an odd address", "CONFIG_END\nRANGE_BEGIN 1 2\nADDRESS here", "f.rpl:3: "},
		{"a range backwards", "CONFIG_END\nRANGE_BEGIN 2 1", "f.rpl:2: RANGE_BEGIN"},
		{"an odd match", "CONFIG_END\nRANGE_BEGIN 1 2\nENTRY_BEGIN\nMATCH mood", `f.rpl:4: "mood" cannot be matched`},
		{"an odd adjustment", "CONFIG_END\nRANGE_BEGIN 1 2\nENTRY_BEGIN\nADJUST strip=LOVE", `f.rpl:4: "strip=LOVE" is no adjustment`},
		{"an odd flag", "CONFIG_END\nRANGE_BEGIN 1 2\nENTRY_BEGIN\nREPLY XX", `f.rpl:4: "XX" is neither`},
		{"an odd section", "CONFIG_END\nRANGE_BEGIN 1 2\nENTRY_BEGIN\nSECTION FOUR", `f.rpl:4: "FOUR" is no section`},
		{"a record without a section", "CONFIG_END\nRANGE_BEGIN 1 2\nENTRY_BEGIN\na.example. A 192.0.2.1", "f.rpl:4: "},
		{"an odd step", "CONFIG_END\nSTEP 1 DANCE", `f.rpl:2: "DANCE" is no kind of STEP`},
		{"steps out of order", "CONFIG_END\nSTEP 2 TIME_PASSES ELAPSE 1\nSTEP 2 TIME_PASSES ELAPSE 1", "f.rpl:3: step 2 does not follow step 2"},
		{"no claims", "CONFIG_END\nSTEP 2 VERIFY\nSTEP 3 CHECK_SENT 1", "f.rpl:2: VERIFY wants a claim set"},
		{"a verdict that there is not", "CONFIG_END\nSTEP 2 CHECK_VERDICT confirmed bogus", "f.rpl:2: no verdict is confirmed for bogus"},
		{"two questions", "CONFIG_END\nSTEP 2 QUERY\nENTRY_BEGIN\nSECTION QUESTION\na. IN A\nb. IN A\nENTRY_END", "f.rpl:2: QUERY wants one question"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if _, err := parseStory("f.rpl", c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
