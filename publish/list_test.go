package publish_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"
	"cnfd/publish"
	"cnfd/record"
	"cnfd/thumbprint"

	"github.com/miekg/dns"
)

// told is a World that says what it was told to, and remembers what it was asked.
type told struct {
	each    map[string]*dnssec.Each   // of LookupEach
	answers map[string]*dnssec.Answer // of Lookup, by name and type: "vendor.example. DNSKEY"
	err     error

	mu    sync.Mutex // guards asked
	asked []string
}

func (w *told) LookupEach(ctx context.Context, q dnssec.Question) (*dnssec.Each, error) {
	w.note("each " + q.Name.String() + " " + dns.Type(q.Type).String())
	if w.err != nil {
		return nil, w.err
	}
	return w.each[q.Name.String()], ctx.Err()
}

func (w *told) Lookup(ctx context.Context, q dnssec.Question) (*dnssec.Answer, bool, error) {
	what := q.Name.String() + " " + dns.Type(q.Type).String()
	w.note(what)
	if !q.Bounded || q.MaxAge != 0 {
		return nil, false, errors.New("asked of a cache")
	}
	return w.answers[what], false, ctx.Err()
}

func (w *told) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, what)
}

func stillAt() time.Time { return seenAt }

// says is an answer with these records, which are of the answer section where they are no denial.
func says(name string, s dnssec.Security, k dnssec.Kind, lines ...string) *dnssec.Answer {
	a := &dnssec.Answer{Name: name, Type: dnssec.TypeTLSA, Security: s, Kind: k, Zone: "vendor.example."}
	var answer, authority []dns.RR
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			panic(line + ": " + err.Error())
		}
		if k == dnssec.Positive {
			answer = append(answer, rr)
		} else {
			authority = append(authority, rr)
		}
	}
	a.AnswerSection, a.AuthoritySection = dnssec.PackRecords(answer), dnssec.PackRecords(authority)
	if s != dnssec.Bogus {
		a.Data = a.AnswerSection.RDATA(dnssec.TypeTLSA)
	}
	return a
}

// signed is an RRSIG that ends so long after now.
func signed(name, rrtype string, algorithm int, ends time.Duration) string {
	return fmt.Sprintf("%s 300 RRSIG %s %d 4 300 %s 20260101000000 1 vendor.example. AAAA", name, rrtype, algorithm, seenAt.Add(ends).Format("20060102150405"))
}

func serverAt(i int, a *dnssec.Answer) dnssec.Server {
	return dnssec.Server{Name: fmt.Sprintf("ns%d.vendor.example.", i), Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Answer: a}
}

// alike is what servers say who all say the same.
func alike(as ...*dnssec.Answer) *dnssec.Each {
	e := &dnssec.Each{Answer: as[0], Hops: []dnssec.Hop{{Name: as[0].Name, Zone: "vendor.example."}}}
	for i, a := range as {
		e.Hops[0].Servers = append(e.Hops[0].Servers, serverAt(i+1, a))
	}
	return e
}

func look(t *testing.T, w *told, entries ...publish.Entry) publish.Listing {
	t.Helper()
	l, err := publish.List(t.Context(), w, publish.ListConfig{Entries: entries, Now: stillAt})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// watch is an entry for a record.
func watch(r publish.Record) publish.Entry {
	return publish.Entry{Name: watched, Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: r}
}

const day = 24 * time.Hour

// TestList: a set as it should be, with all that there is to say of it.
func TestList(t *testing.T) {
	line := watched + " 300 TLSA " + theKey.String()
	one := says(watched, dnssec.Secure, dnssec.Positive, line, signed(watched, "TLSA", 13, 10*day))
	two := says(watched, dnssec.Secure, dnssec.Positive, strings.Replace(line, "300", "600", 1), signed(watched, "TLSA", 13, 5*day))
	keys := &dnssec.Answer{
		Name: "vendor.example.", Type: dns.TypeDNSKEY, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: "vendor.example.",
		AnswerSection: says("vendor.example.", dnssec.Secure, dnssec.Positive, signed("vendor.example.", "DNSKEY", 13, 7*day)).AnswerSection,
	}
	w := &told{each: map[string]*dnssec.Each{watched: alike(one, two)}, answers: map[string]*dnssec.Answer{"vendor.example. DNSKEY": keys}}
	l := look(t, w, watch(theKey))
	s := &l.Sets[0]
	if len(l.Sets) != 1 || !s.Has(theKey) || s.Has(anotherKey) || s.Security != dnssec.Secure || s.Zone != "vendor.example." || s.Delegated() {
		t.Errorf("%+v", l)
	}
	if s.TTL != 600*time.Second {
		t.Errorf("TTL %v: the longest of any server counts", s.TTL)
	}
	if want := seenAt.Add(5 * day); !s.Until.Equal(want) {
		t.Errorf("signatures until %v, want %v", s.Until, want)
	}
	if len(s.Servers) != 2 || s.Servers[1].Server != "ns2.vendor.example. 192.0.2.2" || s.Servers[1].Says(s.Wanted) != "1 record with the key" {
		t.Errorf("%+v", s.Servers)
	}
	if len(l.Zones) != 1 || !l.Zones[0].KeysUntil.Equal(seenAt.Add(7*day)) || l.Zones[0].Security != dnssec.Secure {
		t.Errorf("%+v", l.Zones)
	}
	if v := publish.Check(l, publish.CheckConfig{}); v.Level != publish.LevelOK || len(v.Findings) != 0 {
		t.Errorf("%+v", v)
	}
}

// TestListAsksOnce: each name and each zone once, whoever asks for how many keys there.
func TestListAsksOnce(t *testing.T) {
	w := &told{each: map[string]*dnssec.Each{}}
	var entries []publish.Entry
	for i := range 22 {
		name := fmt.Sprintf("n%d.vendor.example.", i)
		w.each[name] = alike(says(name, dnssec.Secure, dnssec.NoData))
		for _, r := range []publish.Record{theKey, anotherKey, theKey, {}} {
			entries = append(entries, publish.Entry{Name: name, Domain: "vendor.example", Method: "jwk", Form: "dotted", Record: r})
		}
	}
	var progress []int
	l, err := publish.List(t.Context(), w, publish.ListConfig{Entries: entries, Now: stillAt, Progress: func(done, of int) {
		if of != 22 {
			t.Errorf("%d of %d", done, of)
		}
		progress = append(progress, done)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Sets) != 22 || len(w.asked) != 23 || len(progress) != 22 || progress[21] != 22 {
		t.Errorf("%d sets, asked %q, told of %v", len(l.Sets), w.asked, progress)
	}
	for i, s := range l.Sets {
		if s.Name != fmt.Sprintf("n%d.vendor.example.", i) || !slices.Equal(s.Wanted, []publish.Record{theKey, anotherKey}) || s.Kind != dnssec.NoData {
			t.Errorf("%d: %+v", i, s)
		}
	}
}

// TestListSees: what is turned in what the servers say, and how it is seen.
func TestListSees(t *testing.T) {
	line := watched + " 300 TLSA " + theKey.String()
	right := func() *dnssec.Answer {
		return says(watched, dnssec.Secure, dnssec.Positive, line, signed(watched, "TLSA", 13, 10*day))
	}
	for _, c := range []struct {
		claim string
		turn  func(e *dnssec.Each)
		want  func(s *publish.SeenSet) bool
	}{
		{"the last of two signatures by one algorithm is enough", func(e *dnssec.Each) {
			e.Hops[0].Servers[0].Answer = says(watched, dnssec.Secure, dnssec.Positive, line, signed(watched, "TLSA", 13, 2*day), signed(watched, "TLSA", 13, 9*day))
		}, func(s *publish.SeenSet) bool { return s.Until.Equal(seenAt.Add(9*day)) && s.Has(theKey) }},
		{"of two algorithms each is needed", func(e *dnssec.Each) {
			e.Hops[0].Servers[0].Answer = says(watched, dnssec.Secure, dnssec.Positive, line, signed(watched, "TLSA", 13, 9*day), signed(watched, "TLSA", 8, 2*day))
		}, func(s *publish.SeenSet) bool { return s.Until.Equal(seenAt.Add(2*day)) && s.Has(theKey) }},
		{"a signature over the denial beside a wildcard counts", func(e *dnssec.Each) {
			b := *e.Hops[0].Servers[0].Answer
			b.Wildcard = true
			b.AuthoritySection = says(watched, dnssec.Secure, dnssec.NoData, signed("a.vendor.example.", "NSEC", 13, 3*day)).AuthoritySection
			e.Hops[0].Servers[0].Answer, e.Answer = &b, &b
		}, func(s *publish.SeenSet) bool { return s.Until.Equal(seenAt.Add(3*day)) && s.Wildcard && s.Has(theKey) }},
		{"a server's bogus answer has no TTL, signatures or records", func(e *dnssec.Each) {
			e.Differ, e.Hops[0].Differ = true, true
			e.Answer = &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Zone: "vendor.example.", Trouble: dnssec.Trouble{Text: "they differ"}}
			e.Hops[0].Servers[0].Answer = says(watched, dnssec.Bogus, dnssec.Positive, watched+" 9999 TLSA "+anotherKey.String(), signed(watched, "TLSA", 13, day))
			e.Hops[0].Servers[0].Trouble.Text = "forged"
		}, func(s *publish.SeenSet) bool {
			return s.Differ && s.TTL == 300*time.Second && s.Until.Equal(seenAt.Add(10*day)) && !s.Has(theKey) &&
				s.Servers[0].Says(s.Wanted) == "bogus: forged" && s.Servers[0].Records == nil && s.Servers[1].Says(s.Wanted) == "1 record with the key"
		}},
		{"servers that differ, with their serials", func(e *dnssec.Each) {
			e.Differ, e.Answer = true, &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Zone: "vendor.example.", Trouble: dnssec.Trouble{Text: "they differ"}}
			e.Hops[0].Servers[1].Answer = says(watched, dnssec.Secure, dnssec.NoName, "vendor.example. 60 SOA a. b. 4 1 1 1 30")
			e.Hops[0].Servers[0].Serial, e.Hops[0].Servers[0].HasSerial = 5, true
			e.Hops[0].Servers[1].Serial, e.Hops[0].Servers[1].HasSerial = 4, true
		}, func(s *publish.SeenSet) bool {
			return s.Differ && s.Kind == dnssec.NoAnswer && s.Trouble.Text == "they differ" && !s.Has(theKey) &&
				s.Servers[0].Says(s.Wanted) == "1 record with the key, serial 5" && s.Servers[1].Says(s.Wanted) == "no record, serial 4"
		}},
		{"servers of the zone above that do not delegate alike", func(e *dnssec.Each) {
			h := &e.Hops[0]
			e.Differ, h.Parted = true, true
			e.Answer = &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Zone: "vendor.example.", Trouble: dnssec.Trouble{Text: "not alike"}}
			h.Parents = []dnssec.Delegator{
				{Name: "a.example.", Address: netip.MustParseAddr("192.0.2.3"), Heard: true, NS: []string{"ns1.vendor.example.", "ns2.vendor.example."}, DS: []string{"1 13 2 aa"}},
				{Name: "b.example.", Heard: true, NS: []string{"ns1.vendor.example."}, DS: []string{}},
				{Name: "c.example.", Heard: true}, {Name: "d.example."}, {Name: "e.example.", Heard: true, NS: []string{"x."}, Trouble: dnssec.Trouble{Text: "a bad DS"}},
			}
		}, func(s *publish.SeenSet) bool {
			return s.Differ && !s.Has(theKey) && slices.Equal(s.Parents, []publish.SeenParent{
				{Server: "a.example. 192.0.2.3", Says: "to ns1.vendor.example. and ns2.vendor.example., DS 1 13 2 aa"},
				{Server: "b.example.", Says: "to ns1.vendor.example., DS none"}, {Server: "c.example.", Says: "holds the zone itself"},
				{Server: "d.example.", Says: "nothing was heard"}, {Server: "e.example.", Says: "a bad DS"},
			})
		}},
		{"an absence, and how long caches know it", func(e *dnssec.Each) {
			e.Answer = says(watched, dnssec.Secure, dnssec.NoData, "vendor.example. 60 SOA a. b. 4 1 1 1 30", signed("vendor.example.", "SOA", 13, 4*day))
			e.Hops[0].Servers = []dnssec.Server{serverAt(1, e.Answer)}
		}, func(s *publish.SeenSet) bool {
			return s.Kind == dnssec.NoData && s.Negative == 30*time.Second && s.TTL == 0 && s.Until.Equal(seenAt.Add(4*day)) && !s.Has(theKey)
		}},
		{"a TTL that a cache has counted down", func(e *dnssec.Each) {
			for i := range e.Hops[0].Servers {
				e.Hops[0].Servers[i].Answer = says(watched, dnssec.Secure, dnssec.Positive, strings.Replace(line, "300", "0", 1), strings.Replace(signed(watched, "TLSA", 13, 10*day), "300", "0", 1))
			}
		}, func(s *publish.SeenSet) bool { return s.TTL == 300*time.Second && s.Has(theKey) }},
		{"an alias, and where it leads", func(e *dnssec.Each) {
			first := says(watched, dnssec.Secure, dnssec.Positive, watched+" 900 CNAME key.other.example.", signed(watched, "CNAME", 13, 2*day))
			e.Hops = []dnssec.Hop{{Name: watched, Zone: "vendor.example.", Servers: []dnssec.Server{serverAt(1, first)}}, e.Hops[0]}
			e.Hops[1].Name = "key.other.example."
		}, func(s *publish.SeenSet) bool {
			return slices.Equal(s.Aliases, []string{"key.other.example."}) && s.Until.Equal(seenAt.Add(2*day)) && s.TTL == 300*time.Second && s.Has(theKey) && len(s.Servers) == 2
		}},
		{"a zone below the domain", func(e *dnssec.Each) { e.Answer.Zone = "cnf.vendor.example." },
			func(s *publish.SeenSet) bool {
				return s.Delegated() && s.Zone == "cnf.vendor.example." && s.Has(theKey)
			}},
		{"an answer to another name is none", func(e *dnssec.Each) { e.Answer.Name = "jkt.cnf.vendor.example." }, knowsNothing},
		{"an answer of another type is none", func(e *dnssec.Each) { e.Answer.Type = dns.TypeTXT }, knowsNothing},
		{"an answer from no zone is none", func(e *dnssec.Each) { e.Answer.Zone = "" }, knowsNothing},
		{"an answer from a zone that is not above the name is none", func(e *dnssec.Each) { e.Answer.Zone = "notvendor.example." }, knowsNothing},
		{"a set without records is none", func(e *dnssec.Each) { e.Answer.Data = nil }, knowsNothing},
		{"an absence with records is none", func(e *dnssec.Each) { e.Answer.Kind = dnssec.NoData }, knowsNothing},
		{"no answer at all", func(e *dnssec.Each) { e.Answer = nil }, knowsNothing},
		{"a bogus answer has no records", func(e *dnssec.Each) { e.Answer.Security = dnssec.Bogus },
			func(s *publish.SeenSet) bool { return s.Security == dnssec.Bogus && len(s.Records) == 0 }},
		{"data that is no TLSA record is seen, and no key", func(e *dnssec.Each) { e.Answer.Data = append(e.Answer.Data, []byte{255}, []byte{}) },
			func(s *publish.SeenSet) bool {
				return len(s.Records) == 3 && !s.Records[1].Usable && s.Records[1].Why != "" && s.Has(theKey) && !s.Has(publish.Record{})
			}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			e := alike(right(), right())
			w := &told{each: map[string]*dnssec.Each{watched: e}}
			if l := look(t, w, watch(theKey)); !l.Sets[0].Has(theKey) || l.Sets[0].Kind != dnssec.Positive || !l.Sets[0].Until.Equal(seenAt.Add(10*day)) {
				t.Fatalf("before: %+v", l.Sets[0])
			}
			c.turn(e)
			if l := look(t, w, watch(theKey)); !c.want(&l.Sets[0]) {
				t.Errorf("%+v", l.Sets[0])
			}
		})
	}
}

func knowsNothing(s *publish.SeenSet) bool {
	return s.Kind == dnssec.NoAnswer && s.Security == dnssec.Indeterminate && len(s.Records) == 0 && !s.Has(theKey) && s.Trouble.Text != ""
}

// TestListWithoutServers: where servers cannot be asked one by one, one look-up stands in, and says so.
func TestListWithoutServers(t *testing.T) {
	whole := says(watched, dnssec.Secure, dnssec.Positive, watched+" 300 TLSA "+theKey.String(), signed(watched, "TLSA", 13, 10*day))
	for _, c := range []struct {
		claim string
		each  *dnssec.Each
		found *dnssec.Answer
		want  string
		level publish.Level
	}{
		{"forwarders", &dnssec.Each{Forwarded: true, Answer: &dnssec.Answer{
			Name: watched, Type: dnssec.TypeTLSA, Trouble: dnssec.Trouble{Text: "handed on", Unreachable: true}}}, whole, "servers_not_asked", publish.LevelUnknown},
		{"forwarders, and nobody there", &dnssec.Each{Forwarded: true, Answer: &dnssec.Answer{
			Name: watched, Type: dnssec.TypeTLSA, Trouble: dnssec.Trouble{Text: "handed on", Unreachable: true}}},
			&dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Trouble: dnssec.Trouble{Text: "timed out", Unreachable: true}}, "unreachable", publish.LevelUnknown},
		{"too many servers to ask each", &dnssec.Each{Answer: &dnssec.Answer{
			Name: watched, Type: dnssec.TypeTLSA, Trouble: dnssec.Trouble{Text: "20 servers", Budget: true}}}, whole, "servers_not_asked", publish.LevelUnknown},
		{"too much for verifiers too", &dnssec.Each{Answer: &dnssec.Answer{
			Name: watched, Type: dnssec.TypeTLSA, Trouble: dnssec.Trouble{Text: "300 records", Budget: true}}},
			&dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA, Trouble: dnssec.Trouble{Text: "300 records", Budget: true}}, "too_costly", publish.LevelCritical},
		{"and the look-up finds another key", &dnssec.Each{Forwarded: true, Answer: &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA}},
			says(watched, dnssec.Secure, dnssec.Positive, watched+" 300 TLSA "+anotherKey.String()), "key_not_published servers_not_asked other_keys", publish.LevelCritical},
		{"and there is no answer at all", &dnssec.Each{Forwarded: true, Answer: &dnssec.Answer{Name: watched, Type: dnssec.TypeTLSA}}, nil, "indeterminate", publish.LevelUnknown},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w := &told{each: map[string]*dnssec.Each{watched: alike(whole)}, answers: map[string]*dnssec.Answer{watched + " TLSA": c.found}}
			if v := publish.Check(look(t, w, watch(theKey)), publish.CheckConfig{}); v.Level != publish.LevelOK || len(w.asked) != 2 {
				t.Fatalf("before: %+v, asked %q", v, w.asked)
			}
			w.each[watched] = c.each
			l := look(t, w, watch(theKey))
			v := publish.Check(l, publish.CheckConfig{})
			if v.Level != c.level || in(v) != c.want || !l.Sets[0].Unasked {
				t.Errorf("%s: %s, want %s: %s; %+v", v.Level, in(v), c.level, c.want, l.Sets[0])
			}
		})
	}
}

// TestListEnds: an end of the context is an error, and nothing that was seen is handed out.
func TestListEnds(t *testing.T) {
	right := alike(says(watched, dnssec.Secure, dnssec.Positive, watched+" 300 TLSA "+theKey.String()))
	for _, c := range []struct {
		claim string
		turn  func(w *told, cancel func())
	}{
		{"before anything was asked", func(_ *told, cancel func()) { cancel() }},
		{"while a server is asked", func(w *told, _ func()) { w.err = context.DeadlineExceeded }},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w := &told{each: map[string]*dnssec.Each{watched: right}}
			look(t, w, watch(theKey))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.turn(w, cancel)
			l, err := publish.List(ctx, w, publish.ListConfig{Entries: []publish.Entry{watch(theKey)}, Now: stillAt})
			var e *publish.Error
			if !errors.As(err, &e) || e.Kind != publish.Stopped || len(l.Sets) != 0 {
				t.Errorf("%v, %+v", err, l)
			}
			if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v does not say why", err)
			}
		})
	}
	for claim, f := range map[string]func() (publish.Listing, error){
		"no world": func() (publish.Listing, error) {
			return publish.List(t.Context(), nil, publish.ListConfig{Now: stillAt})
		},
		"no clock": func() (publish.Listing, error) { return publish.List(t.Context(), &told{}, publish.ListConfig{}) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s: no error", claim)
		}
	}
}

// TestUsable holds what is called usable to what verifiers compare.
func TestUsable(t *testing.T) {
	for length := range 70 {
		for _, first := range [][]byte{{255, 255, 255}, {3, 1, 1}, {255, 255, 1}, {255, 1, 255}, {1, 255, 255}} {
			data := append(bytes.Clone(first), bytes.Repeat([]byte{7}, length)...)
			for method, hashes := range map[string][]thumbprint.Hash{
				"jwk": {thumbprint.SHA256}, "5": {thumbprint.SHA256},
				"kid": {thumbprint.SHA256, thumbprint.SHA384, thumbprint.SHA512}, "3": {thumbprint.SHA256, thumbprint.SHA384, thumbprint.SHA512},
			} {
				compared := false
				for _, h := range hashes {
					th, err := thumbprint.New(thumbprint.JWK, h, bytes.Repeat([]byte{7}, h.Size()))
					if err != nil {
						t.Fatal(err)
					}
					compared = compared || record.Match(th, [][]byte{data}).Usable == 1
				}
				a := says(watched, dnssec.Secure, dnssec.Positive)
				a.Data = [][]byte{data}
				e := watch(publish.Record{})
				e.Method = method
				l := look(t, &told{each: map[string]*dnssec.Each{watched: alike(a)}}, e)
				if got := l.Sets[0].Records[0]; got.Usable != compared || (got.Why == "") != compared {
					t.Errorf("%s: % d and %d octets: usable: %t, %q; verifiers compare it: %t", method, first, length, got.Usable, got.Why, compared)
				}
			}
		}
	}
}
