package hook

import (
	"encoding/json"
	"testing"
	"time"

	"cnfd/publish"
)

// FuzzReadSet: what is taken of a program's output is what package encoding/json finds
// in it as well, holds no record twice, and is read alike once it is printed again.
func FuzzReadSet(f *testing.F) {
	f.Add([]byte(`{"ttl":300,"records":["` + ours + `","` + theirs + `"],"alias":""}`))
	f.Add([]byte(`{"records":[],"alias":"a.example."}`))
	f.Add([]byte(`{"ttl":0,"records":["255 255 255"]} `))
	f.Add([]byte(`{"ttl":1,"records":["0 0 0 aa","0 0 0 AA"]}`))
	f.Add([]byte(`{"ttl":1,"ttl":2,"records":null}`))
	f.Fuzz(func(t *testing.T, out []byte) {
		s, err := readSet(owner, out)
		if err != nil {
			return
		}
		var loose struct {
			TTL     int64
			Records []string
			Alias   string
		}
		if err := json.Unmarshal(out, &loose); err != nil {
			t.Fatalf("%q: taken, and no JSON: %v", out, err)
		}
		if len(loose.Records) != len(s.Records) || loose.Alias != s.Alias || len(s.Records) > 0 && time.Duration(loose.TTL)*time.Second != s.TTL {
			t.Fatalf("%q: taken for %+v", out, s)
		}
		seen := map[publish.Record]bool{}
		for i, r := range s.Records {
			if other, err := publish.ParseRecord(loose.Records[i]); err != nil || other != r || seen[r] {
				t.Fatalf("%q: record %d is %s", out, i, r)
			}
			seen[r] = true
		}
		printed, err := json.Marshal(setOf(s))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readSet(owner, printed); err != nil || !again.Same(s) || again.TTL != s.TTL {
			t.Fatalf("%q: printed as %s, read as %+v, %v", out, printed, again, err)
		}
	})
}
