package issuers

import (
	"encoding/json"
	"os"
	"testing"

	"cnfd/credential"
)

// TestWycheproof: every valid JWS is signed by the key, and no invalid one is: the
// wrong primitive, the wrong use, signatures written in another way. What is signed is
// no credential, so that the trial is begun where Judge begins it.
func TestWycheproof(t *testing.T) {
	file, err := os.ReadFile("testdata/wycheproof/json_web_signature_test.json")
	if err != nil {
		t.Fatal(err)
	}
	var w struct {
		NumberOfTests int
		TestGroups    []struct {
			Comment string
			Public  json.RawMessage
			Tests   []struct {
				TCID                 int `json:"tcId"`
				Comment, JWS, Result string
			}
		}
	}
	if err := json.Unmarshal(file, &w); err != nil {
		t.Fatal(err)
	}
	// Their keys say that they are for PS256, or for ES521, which there is not.
	wrong := map[int]bool{346: true, 347: true, 350: true, 351: true}
	tests, good := 0, 0
	for _, g := range w.TestGroups {
		set, keyErr := Parse(g.Public)
		for _, c := range g.Tests {
			tests++
			reason := keyErr
			if keyErr == nil {
				var s credential.Signed
				if _, _, s, reason = credential.ReadJWS([]byte(c.JWS)); reason == nil {
					if e := (&trial{set: set, terms: &Terms{}}).judge(&s.Signatures[0]); e != nil {
						reason = e
					} else {
						good++
					}
				}
			}
			if wrong[c.TCID] && reason != nil {
				continue
			}
			if (reason == nil) != (c.Result == "valid") {
				t.Errorf("%d %s %s: want %s, got %v", c.TCID, g.Comment, c.Comment, c.Result, reason)
			}
		}
	}
	if tests != w.NumberOfTests || good < 30 {
		t.Errorf("%d tests of %d, %d good", tests, w.NumberOfTests, good)
	}
}
