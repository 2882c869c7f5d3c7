package resolver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

const snapshotLimit = 1 << 20

// snapped are the questions of a snapshot's test: a record, an absent name, an
// absent type, another TLD, an alias, a wildcard, an unsigned zone.
var snapped = []string{owner, "absent.vendor.example.", "www.vendor.example.", "jwk.cnf.vendor.test.", "a.vendor.example.", "x.wild.vendor.example."}

func snapshots(c *Config) { c.Snapshots = true }

// snapshotOf asks a fresh resolver everything of snapped and takes its snapshot.
func snapshotOf(t *testing.T, l *lab, edit ...func(*Config)) []byte {
	t.Helper()
	r := l.resolver(t, append(edit, snapshots)...)
	for _, name := range snapped {
		if a := ask(t, r, name, dns.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("the set-up is wrong: %s %s: %s", name, a.Security, a.Trouble.Text)
		}
	}
	return written(t, r)
}

func written(t *testing.T, r *Resolver) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, _, err := r.Snapshot(&b, snapshotLimit); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func restore(t *testing.T, r *Resolver, snapshot []byte) Restored {
	t.Helper()
	got, err := r.Restore(t.Context(), bytes.NewReader(snapshot), snapshotLimit)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// rewritten lets f change the lines of a snapshot, and gives it the right digest.
func rewritten(t *testing.T, snapshot []byte, f func(head *snapshotHead, zones map[string]*savedZone, answers map[string]*savedAnswer)) []byte {
	t.Helper()
	s, err := readSnapshot(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	zones, answers := map[string]*savedZone{}, map[string]*savedAnswer{}
	for i := range s.zones {
		zones[s.zones[i].Zone] = &s.zones[i]
	}
	for i := range s.answers {
		answers[s.answers[i].Name+dns.Type(s.answers[i].Type).String()] = &s.answers[i]
	}
	f(&s.head, zones, answers)
	var b bytes.Buffer
	put := func(v any) {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	put(s.head)
	for _, z := range s.zones {
		put(z)
	}
	for _, a := range s.answers {
		put(a)
	}
	sum := sha256.Sum256(b.Bytes())
	put(savedSum{hex.EncodeToString(sum[:])})
	return b.Bytes()
}

// TestSnapshot: what was proven before is answered after a restart without a packet,
// as old as it is and for no longer; an alias is put together from what was kept; an
// age that a caller asks for holds; and the next snapshot has it all again.
func TestSnapshot(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		fetched := time.Now()
		snapshot := snapshotOf(t, l)
		time.Sleep(20 * time.Second)
		l.count()
		r := l.resolver(t, snapshots)
		if got := restore(t, r, snapshot); got.Zones != 5 || got.Answers < 5 || got.Dropped != 0 || got.Unread != 0 {
			t.Fatalf("restored %+v", got)
		}
		fresh := l.resolver(t)
		for _, name := range snapped {
			a, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, name)
			if a.Security != dnssec.Secure || a.Fetched.After(fetched.Add(time.Second)) {
				t.Errorf("%s: %s, fetched %s", name, a.Security, a.Fetched.Sub(fetched))
			}
			if name != "a.vendor.example." && !cached {
				t.Errorf("%s is not from the cache", name)
			}
			if n := l.count(); n > 0 {
				t.Errorf("%s: %d packets", name, n)
			}
			want := ask(t, fresh, name, dns.TypeTLSA)
			if a.Kind != want.Kind || a.Rcode != want.Rcode || a.Zone != want.Zone || a.Wildcard != want.Wildcard || a.Name != want.Name || len(a.Data) != len(want.Data) || len(a.Data) > 0 && !bytes.Equal(a.Data[0], want.Data[0]) || !bytes.Equal(a.AnswerSection, want.AnswerSection) {
				t.Errorf("%s:\nrestored %+v\nfresh %+v", name, a, want)
			}
			l.count()
		}
		// Known cuts cost one exchange for a further name.
		if a := ask(t, r, "new.vendor.test.", dns.TypeTLSA); a.Security != dnssec.Secure || l.count() > 1 {
			t.Errorf("a further name: %s: %s", a.Security, a.Trouble.Text)
		}
		if a, cached := lookup(t, r, noCache(10*time.Second), owner); cached || a.Fetched.Before(fetched.Add(20*time.Second)) {
			t.Error("a caller's bound on the age does not hold")
		}
		if got := restore(t, l.resolver(t), written(t, r)); got.Zones != 5 || got.Answers < 5 || got.Dropped != 0 {
			t.Errorf("the next snapshot: %+v", got)
		}
	})
}

// TestRestoredLifeIsTheOldOne: a restored record goes when it would have gone.
func TestRestoredLifeIsTheOldOne(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, snapshots)
		end := ask(t, r, owner, dns.TypeTLSA).Until
		time.Sleep(200 * time.Second)
		next := l.resolver(t)
		restore(t, next, written(t, r))
		for _, zone := range []string{".", "example.", "vendor.example."} {
			was, _ := r.cache.PeekString(cutKey(zone), time.Time{})
			is, ok := next.cache.PeekString(cutKey(zone), time.Time{})
			if !ok || is.cut.until.After(was.cut.until) || is.cut.granted.After(was.cut.granted) {
				t.Errorf("the zone %s: there %v, until %s", zone, ok, is.cut.until.Sub(was.cut.until))
			}
		}
		if a, cached := lookup(t, next, dnssec.Question{Type: dns.TypeTLSA}, owner); !cached || !a.Until.Equal(end) {
			t.Errorf("cached %v, %s later than before", cached, a.Until.Sub(end))
		}
		time.Sleep(time.Until(end) - time.Nanosecond)
		if _, cached := lookup(t, next, dnssec.Question{Type: dns.TypeTLSA}, owner); !cached {
			t.Error("it went before its time")
		}
		late := l.resolver(t)
		if got, err := late.Restore(t.Context(), bytes.NewReader(written(t, r)), snapshotLimit); err != nil || got.Answers == 0 {
			t.Errorf("a moment before its end: %+v, %v", got, err)
		}
		time.Sleep(time.Nanosecond)
		if _, cached := lookup(t, next, dnssec.Question{Type: dns.TypeTLSA}, owner); cached {
			t.Error("it outlived itself")
		}
	})
}

// TestForgedSnapshot first shows the snapshot giving a record without a packet, then
// changes one thing in it, with a right digest, and wants the record asked for anew,
// or, where that is all that may be left of the change, no longer believed than before.
func TestForgedSnapshot(t *testing.T) {
	flip := func(b []byte, back int) { b[len(b)-back] ^= 1 }
	for _, c := range []struct {
		claim string
		forge func(head *snapshotHead, zones map[string]*savedZone, answers map[string]*savedAnswer)
		edit  func(*lab, *Config)
		after time.Duration
		kept  bool // it is still there, and as before
	}{
		{claim: "nothing", kept: true},
		{claim: "an octet of the record", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			b := a[owner+"TLSA"].Answer
			i := bytes.Index(b, []byte{255, 255, 255})
			b[i+10] ^= 1
		}},
		{claim: "an octet of its signature", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			flip(a[owner+"TLSA"].Answer, 1)
		}},
		{claim: "no signature", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			rrs := dnssec.Records(a[owner+"TLSA"].Answer).RRs()
			a[owner+"TLSA"].Answer = dnssec.PackRecords(rrs[:1])
		}},
		{claim: "a larger TTL of the record, and a later end", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			rrs := dnssec.Records(a[owner+"TLSA"].Answer).RRs()
			rrs[0].Header().Ttl = 3000
			a[owner+"TLSA"].Answer = dnssec.PackRecords(rrs)
			a[owner+"TLSA"].Until = a[owner+"TLSA"].Until.Add(20 * time.Minute)
		}, kept: true},
		{claim: "a later end than anything has", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Until = a[owner+"TLSA"].Until.Add(2 * time.Hour)
		}},
		{claim: "an end that has passed", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Until = a[owner+"TLSA"].Fetched
		}},
		{claim: "fetched after the file was written", forge: func(h *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Fetched = h.Written.Add(time.Nanosecond)
		}, after: time.Second},
		{claim: "another name", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			*a[owner+"TLSA"] = *a["jwk.cnf.vendor.test.TLSA"]
			a[owner+"TLSA"].Name = owner
		}},
		{claim: "a zone above for its zone", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Zone = "example."
		}},
		{claim: "a zone beside for its zone", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Zone = "vendor.test."
		}},
		{claim: "no zone", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) { a[owner+"TLSA"].Zone = "" }},
		{claim: "an absent name's denial for the record", forge: func(_ *snapshotHead, _ map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Answer, a[owner+"TLSA"].Authority, a[owner+"TLSA"].Rcode = nil, a["absent.vendor.example.TLSA"].Authority, dns.RcodeNameError
		}},
		{claim: "an octet of the zone's proof", forge: func(_ *snapshotHead, z map[string]*savedZone, _ map[string]*savedAnswer) {
			flip(z["vendor.example."].Proof, 1)
		}},
		{claim: "an octet of the proof of a zone above", forge: func(_ *snapshotHead, z map[string]*savedZone, _ map[string]*savedAnswer) {
			flip(z["example."].Proof, 1)
		}},
		{claim: "an octet of the root's proof", forge: func(_ *snapshotHead, z map[string]*savedZone, _ map[string]*savedAnswer) {
			flip(z["."].Proof, 1)
		}},
		{claim: "another zone's keys", forge: func(_ *snapshotHead, z map[string]*savedZone, _ map[string]*savedAnswer) {
			z["vendor.example."].Proof = z["vendor.test."].Proof
		}},
		{claim: "a zone whose time is over", forge: func(_ *snapshotHead, z map[string]*savedZone, _ map[string]*savedAnswer) {
			z["vendor.example."].Until = z["vendor.example."].Until.Add(-time.Hour)
		}},
		{claim: "a zone without a DS", forge: func(_ *snapshotHead, z map[string]*savedZone, _ map[string]*savedAnswer) {
			rrs := slices.DeleteFunc(dnssec.Records(z["vendor.example."].Proof).RRs(), func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeDS })
			z["vendor.example."].Proof = dnssec.PackRecords(rrs)
		}},
		{claim: "another anchor", edit: func(_ *lab, c *Config) { a := dnssec.RootAnchors(); c.Anchors = &a }},
		{claim: "no anchor", edit: func(_ *lab, c *Config) { c.Anchors = &dnssec.Anchors{} }},
		{claim: "an anchor of the zone's own that it does not meet", edit: func(_ *lab, c *Config) {
			a := c.Anchors.WithAt("vendor.example.", dnssec.RootAnchors().At("."))
			c.Anchors = &a
		}},
		{claim: "an anchor between that nothing meets", edit: func(_ *lab, c *Config) {
			a := c.Anchors.WithAt("cnf.vendor.example.", dnssec.RootAnchors().At("."))
			c.Anchors = &a
		}},
		{claim: "a negative anchor", edit: func(_ *lab, c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "cnf.vendor.example"}} }},
		{claim: "a negative anchor above", edit: func(_ *lab, c *Config) { c.NegativeAnchors = []NegativeAnchor{{Name: "example"}} }},
		{claim: "a smaller cap", edit: func(_ *lab, c *Config) { c.MaxTTL = 5 * time.Second }, after: 10 * time.Second},
		{claim: "its end", after: 300 * time.Second},
		{claim: "a moment before its end", after: 299 * time.Second, kept: true},
	} {
		t.Run(c.claim, func(t *testing.T) {
			bubble(t, tree(), func(t *testing.T, l *lab) {
				snapshot := snapshotOf(t, l)
				good := l.resolver(t)
				restore(t, good, snapshot)
				l.count()
				before, cached := lookup(t, good, dnssec.Question{Type: dns.TypeTLSA}, owner)
				if !cached || before.Security != dnssec.Secure || l.count() != 0 {
					t.Fatalf("the set-up is wrong: cached %v, %s", cached, before.Security)
				}
				if c.forge != nil {
					snapshot = rewritten(t, snapshot, c.forge)
				}
				time.Sleep(c.after)
				r := l.resolver(t, func(x *Config) {
					if c.edit != nil {
						c.edit(l, x)
					}
				})
				restore(t, r, snapshot)
				if c.edit == nil {
					// Where the servers are as they should be a forgery keeps nothing from being found.
					honest := l.resolver(t)
					restore(t, honest, snapshot)
					if a := ask(t, honest, owner, dns.TypeTLSA); a.Security != dnssec.Secure || a.Kind != dnssec.Positive {
						t.Errorf("with honest servers: %s %s", a.Security, a.Trouble.Text)
					}
				}
				l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { r.Rcode = dns.RcodeRefused; r.Answer = nil; return r }, vendorAt, vendor2At)
				a, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, owner)
				if cached != c.kept || (a.Security == dnssec.Secure) != c.kept {
					t.Fatalf("cached %v: %s %s", cached, a.Security, a.Trouble.Text)
				}
				if c.kept && (a.Until.After(before.Until) || !a.Fetched.Equal(before.Fetched) || !bytes.Equal(a.Data[0], before.Data[0])) {
					t.Errorf("%s after it was\n%+v\nwas\n%+v", a.Until.Sub(before.Until), a, before)
				}
			})
		})
	}
}

// TestTheSoonerEndHolds: what was to be believed for less time than it would be now, by
// the settings of then, ends when it would have.
func TestTheSoonerEndHolds(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		end := time.Now().Add(100 * time.Second)
		snapshot := rewritten(t, snapshotOf(t, l), func(_ *snapshotHead, z map[string]*savedZone, a map[string]*savedAnswer) {
			a[owner+"TLSA"].Until, z["vendor.test."].Until = end, end
		})
		r := l.resolver(t)
		restore(t, r, snapshot)
		if a, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, owner); !cached || !a.Until.Equal(end) {
			t.Errorf("cached %v, the record ends %s later", cached, a.Until.Sub(end))
		}
		if e, ok := r.cache.PeekString(cutKey("vendor.test."), time.Time{}); !ok || !e.cut.until.Equal(end) {
			t.Errorf("there %v, the zone ends %s later", ok, e.cut.until.Sub(end))
		}
	})
}

// TestSnapshotWithWhatIsNoneOfIts: aliases and addresses of our neighbours are not taken
// from a file either.
func TestSnapshotWithWhatIsNoneOfIts(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		snapshot := rewritten(t, snapshotOf(t, l), func(_ *snapshotHead, z map[string]*savedZone, a map[string]*savedAnswer) {
			a["a.vendor.example.CNAME"].Type = dns.TypeTLSA
			for i := range z["vendor.example."].Servers {
				s := &z["vendor.example."].Servers[i]
				s.Addrs, s.Offered = []netip.Addr{mustAddr("10.0.0.1"), {}, mustAddr("::ffff:127.0.0.1")}, []netip.Addr{mustAddr("127.0.0.1")}
			}
		})
		r := l.resolver(t)
		if got := restore(t, r, snapshot); got.Dropped != 1 {
			t.Errorf("restored %+v", got)
		}
		if _, ok := r.cache.PeekString(string(answerKey(nil, []byte("a.vendor.example."), dns.TypeTLSA)), time.Time{}); ok {
			t.Error("an alias without its target is an answer")
		}
		l.count()
		ask(t, r, "new.vendor.example.", dns.TypeTLSA)
		for _, line := range l.log() {
			if strings.HasPrefix(line, "10.") || strings.Contains(line, "127.0.0.1") || strings.HasPrefix(line, "invalid") {
				t.Errorf("asked %s", line)
			}
		}
	})
}

// TestEveryOctetOfASnapshotCounts flips each octet that is judged, and wants no other
// record than the one that was proven.
func TestEveryOctetOfASnapshotCounts(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		snapshot := snapshotOf(t, l)
		right := ask(t, l.resolver(t), owner, dns.TypeTLSA)
		fields := map[string]func(map[string]*savedZone, map[string]*savedAnswer) []byte{
			"the record":       func(_ map[string]*savedZone, a map[string]*savedAnswer) []byte { return a[owner+"TLSA"].Answer },
			"the zone's proof": func(z map[string]*savedZone, _ map[string]*savedAnswer) []byte { return z["vendor.example."].Proof },
		}
		for what, field := range fields {
			for i, more := 0, true; more; i++ {
				forged := rewritten(t, snapshot, func(_ *snapshotHead, z map[string]*savedZone, a map[string]*savedAnswer) {
					b := field(z, a)
					b[i] ^= 0x11
					more = i+1 < len(b)
				})
				r := l.resolver(t)
				restore(t, r, forged)
				e, ok := r.cache.PeekString(string(answerKey(nil, []byte(owner), dns.TypeTLSA)), time.Time{})
				if ok && (e.answer.Security != dnssec.Secure || !bytes.Equal(e.answer.Data[0], right.Data[0]) || e.answer.Until.After(right.Until)) {
					t.Errorf("%s, octet %d: %+v", what, i, e.answer)
				}
			}
		}
	})
}

// TestUnreadSnapshots: what is not whole, not ours or not of now is an error, and
// nothing is taken of it.
func TestUnreadSnapshots(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		snapshot := snapshotOf(t, l)
		head := func(f func(*snapshotHead)) []byte {
			return rewritten(t, snapshot, func(h *snapshotHead, _ map[string]*savedZone, _ map[string]*savedAnswer) { f(h) })
		}
		flipped := bytes.Clone(snapshot)
		flipped[len(flipped)/2] ^= 1
		for _, c := range []struct {
			claim, want string
			text        []byte
			edit        func(*Config)
		}{
			{claim: "an empty file", want: "not a snapshot", text: nil},
			{claim: "another file", want: "not a snapshot", text: []byte("hello\nworld\n")},
			{claim: "a digest alone", want: "is not", text: []byte(`{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}` + "\n")},
			{claim: "one octet flipped", want: "damaged", text: flipped},
			{claim: "the end twice", want: "damaged", text: append(bytes.Clone(snapshot), snapshot[bytes.LastIndex(snapshot, []byte(`{"sha256"`)):]...)},
			{claim: "another version", want: "version 2", text: head(func(h *snapshotHead) { h.Version = 2 })},
			{claim: "another kind", want: "version 1 is read", text: head(func(h *snapshotHead) { h.Kind = "certificate" })},
			{claim: "fewer lines than it counts", want: "the lines that it counts", text: head(func(h *snapshotHead) { h.Answers++ })},
			{claim: "more zones than it counts", want: "not of a snapshot", text: head(func(h *snapshotHead) { h.Zones-- })},
			{claim: "written in the future", want: "yet to come", text: head(func(h *snapshotHead) { h.Written = h.Written.Add(time.Second) })},
			{claim: "other root servers", want: "other servers", text: snapshot, edit: func(c *Config) { c.Hints = append(c.Hints, Hint{Name: "b.", Addresses: c.Hints[0].Addresses}) }},
			{claim: "forwarders", want: "other servers", text: snapshot, edit: l.forward(forwarderAt)},
			{claim: "a stub", want: "other servers", text: snapshot, edit: func(c *Config) {
				c.Stubs = []Stub{{Zone: "x.", Addresses: c.Hints[0].Addresses}}
			}},
			{claim: "larger than the limit", want: "over 1048576 octets", text: append(bytes.Clone(snapshot), make([]byte, snapshotLimit)...)},
		} {
			r := l.resolver(t, func(x *Config) {
				if c.edit != nil {
					c.edit(x)
				}
			})
			got, err := r.Restore(t.Context(), bytes.NewReader(c.text), snapshotLimit)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %+v, %v", c.claim, got, err)
			}
			if n := r.Stats().Cache.Entries; n != 0 {
				t.Errorf("%s: %d entries", c.claim, n)
			}
		}
		for n := range snapshot {
			if n%37 == 0 {
				if got, err := l.resolver(t).Restore(t.Context(), bytes.NewReader(snapshot[:n]), snapshotLimit); err == nil {
					t.Errorf("cut short at %d: %+v", n, got)
				}
			}
		}
	})
}

// TestSnapshotWithoutWhatWasDropped: what was purged is in no snapshot, and what is
// purged after a restart goes.
func TestSnapshotWithoutWhatWasDropped(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, snapshots)
		for _, name := range snapped {
			ask(t, r, name, dns.TypeTLSA)
		}
		whole := written(t, r)
		if r.Drop("vendor.example") == 0 {
			t.Fatal("nothing was dropped")
		}
		key := string(answerKey(nil, []byte(owner), dns.TypeTLSA))
		for claim, next := range map[string]*Resolver{"dropped before": l.resolver(t), "dropped after": l.resolver(t)} {
			if claim == "dropped before" {
				restore(t, next, written(t, r))
			} else {
				restore(t, next, whole)
				next.Drop("vendor.example")
			}
			if _, ok := next.cache.PeekString(key, time.Time{}); ok {
				t.Errorf("%s: it is there", claim)
			}
			if a, cached := lookup(t, next, dnssec.Question{Type: dns.TypeTLSA}, "jwk.cnf.vendor.test."); !cached || a.Security != dnssec.Secure {
				t.Errorf("%s: the other zone is gone as well", claim)
			}
		}
	})
}

// TestSnapshotBounds: no more than the limit is written, zones first, and what is
// written is whole; and reading ends when it is told to.
func TestSnapshotBounds(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t, snapshots)
		for _, name := range snapped {
			ask(t, r, name, dns.TypeTLSA)
		}
		last := Restored{}
		for limit := int64(0); limit < 20000; limit += 500 {
			var b bytes.Buffer
			zones, answers, err := r.Snapshot(&b, limit)
			if err != nil || limit >= snapshotFrame && int64(b.Len()) > limit || answers > 0 && zones < 5 || zones < last.Zones || answers < last.Answers {
				t.Errorf("%d octets, %d zones, %d answers for a limit of %d, %v", b.Len(), zones, answers, limit, err)
			}
			last = Restored{Zones: zones, Answers: answers}
			if got := restore(t, l.resolver(t), b.Bytes()); got != last {
				t.Errorf("limit %d: restored %+v of %+v", limit, got, last)
			}
		}
		if last.Answers < 5 {
			t.Errorf("at the most: %+v", last)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if got, err := l.resolver(t).Restore(ctx, bytes.NewReader(written(t, r)), snapshotLimit); err != nil || got.Zones+got.Answers != 0 || got.Unread < 10 {
			t.Errorf("told to end: %+v, %v", got, err)
		}
	})
}

// TestSnapshotsWhereServersAreConfigured: forwarders and stubs are those of now.
func TestSnapshotsWhereServersAreConfigured(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		forwarders := l.forward(forwarderAt)
		l.fetching(nil, forwarderAt)
		for _, c := range []struct {
			claim string
			edit  func(*Config)
		}{
			{"forwarders", forwarders},
			{"a stub", func(c *Config) {
				c.Stubs = []Stub{{Zone: "vendor.example", Addresses: []netip.Addr{mustAddr(vendorAt)}}}
			}},
			{"the hints alone", func(c *Config) { c.WholeNames = true }},
		} {
			claim, edit := c.claim, c.edit
			if claim == "the hints alone" {
				l.lie(func(_ string, q, r *dns.Msg) *dns.Msg {
					if q.Question[0].Qtype == dns.TypeNS {
						r.Rcode = dns.RcodeRefused
						r.Answer = nil
					}
					return r
				}, rootAt)
			}
			snapshot := snapshotOf(t, l, edit)
			r := l.resolver(t, edit)
			got := restore(t, r, snapshot)
			l.count()
			if a, cached := lookup(t, r, dnssec.Question{Type: dns.TypeTLSA}, owner); !cached || a.Security != dnssec.Secure || l.count() != 0 {
				t.Errorf("%s: restored %+v, then cached %v: %s %s", claim, got, cached, a.Security, a.Trouble.Text)
			}
			if a := ask(t, r, "new.vendor.test.", dns.TypeTLSA); a.Security != dnssec.Secure {
				t.Errorf("%s: a further name: %s %s", claim, a.Security, a.Trouble.Text)
			}
		}
	})
}

// FuzzRestore: whatever a file holds, nothing in it is Secure but what the lab signed.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"cnfd":"snapshot","version":1,"written":"2000-01-01T00:00:00Z","setting":"","zones":0,"answers":0}` + "\n"))
	f.Add([]byte("{}\n{}\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		sum := sha256.Sum256(body)
		last, _ := json.Marshal(savedSum{hex.EncodeToString(sum[:])})
		r, err := New(Config{Now: time.Now, MaxBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close(context.Background())
		got, err := r.Restore(context.Background(), bytes.NewReader(slices.Concat(body, last)), snapshotLimit)
		if got.Zones > 0 || got.Answers > 0 || err != nil && strings.ContainsAny(err.Error(), "\n\r") {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}
