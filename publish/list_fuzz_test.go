package publish_test

import (
	"bytes"
	"context"
	"testing"

	"cnfd/dnssec"
	"cnfd/publish"
)

// FuzzList: whatever servers say, List and Check come to an end, and a key that is not among what a proven answer holds
// never passes, nor does one that servers differ about.
func FuzzList(f *testing.F) {
	key := theKey.RDATA()
	f.Add(key, []byte("\x13"), key, []byte{})
	f.Add(key, []byte("\x13"), anotherKey.RDATA(), key)
	f.Add(key, []byte("\x13\x01"), key, []byte{})
	f.Add(key, []byte("\x23"), key, noKey.RDATA())
	f.Add(noKey.RDATA(), []byte("\x13"), noKey.RDATA(), key)
	f.Add(key, []byte("\x13\x00\x02"), key, key)
	f.Add([]byte{1}, []byte("\x13\x00\x00"), []byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, wanted, flags, first, second []byte) {
		flag := func(i, bit int) bool { return i < len(flags) && flags[i]>>bit&1 == 1 }
		number := func(i int) byte {
			if i < len(flags) {
				return flags[i]
			}
			return 0
		}
		a := &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Security: dnssec.Security(number(0) & 7), Kind: dnssec.Kind(number(0) >> 4 & 3), Zone: "vendor.example."}
		if flag(3, 3) {
			a.Zone = "cnf.vendor.example."
		}
		for _, data := range [][]byte{first, second} {
			if len(data) > 0 {
				a.Data = append(a.Data, data)
			}
		}
		e := &dnssec.Each{Answer: a, Differ: flag(1, 0), Forwarded: flag(1, 1)}
		a.Wildcard, a.Overridden, a.Trouble.Budget, a.Trouble.Unreachable = flag(2, 0), flag(2, 1), flag(2, 2), flag(2, 3)
		if flag(3, 0) {
			a.Name = "other.vendor.example."
		}
		if flag(3, 1) {
			a.Zone = string(second)
		}
		// What signatures and TTLs are made from are records, in whatever octets.
		a.AnswerSection, a.AuthoritySection = dnssec.Records(first), dnssec.Records(second)
		e.Hops = []dnssec.Hop{{Name: watched, Zone: "vendor.example.", Servers: []dnssec.Server{serverAt(1, a), {Name: string(flags), Skipped: flag(3, 2)}}}}

		r, err := publish.RecordOf(wanted)
		if err != nil {
			r = theKey
		}
		w := &told{each: map[string]*dnssec.Each{watched: e}, answers: map[string]*dnssec.Answer{watched + " TLSA": a}}
		l, err := publish.List(context.Background(), w, publish.ListConfig{Entries: []publish.Entry{watch(r)}, Now: stillAt})
		if err != nil {
			t.Fatal(err)
		}
		there := bytes.Equal(first, r.RDATA()) || bytes.Equal(second, r.RDATA())
		if l.Sets[0].Has(r) && !there {
			t.Fatalf("%s is not there: %+v", r, l.Sets[0])
		}
		v := publish.Check(l, publish.CheckConfig{})
		if len(second) == 0 && string(flags) == "\x13" && bytes.Equal(first, key) && bytes.Equal(wanted, key) && v.Level != publish.LevelOK {
			t.Fatalf("the key is there: %s: %+v", v.Level, v.Findings)
		}
		proven := a.Security == dnssec.Secure && a.Kind == dnssec.Positive && !a.Overridden && !e.Differ && a.Name == watched
		if passes := v.Level == publish.LevelOK || v.Level == publish.LevelWarning; passes && !(there && proven) {
			t.Fatalf("%s passes: %+v", r, l.Sets[0])
		}
	})
}
