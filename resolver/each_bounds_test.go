package resolver

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// TestEachIsKept: what all servers prove is known to Lookup from then on, and nothing else is.
func TestEachIsKept(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		known := func(want int, cached bool) {
			t.Helper()
			if a, was := lookup(t, r, dnssec.Question{Type: dnssec.TypeTLSA}, owner); len(a.Data) != want || was != cached || a.Security != dnssec.Secure {
				t.Errorf("%d records, cached: %t; want %d, %t", len(a.Data), was, want, cached)
			}
		}
		rollOf(t, r, owner)
		known(1, true)
		l.hold(t, vendor("www 300 TXT none\n"), vendorAt)
		if e := rollOf(t, r, owner); !e.Differ {
			t.Errorf("%+v", e)
		}
		known(1, true) // as before
		l.hold(t, vendor("www 300 TXT none\n"), vendor2At)
		rollOf(t, r, owner)
		known(0, true)
		l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { drop(r, dns.TypeRRSIG); return r }, vendorAt, vendor2At)
		rollOf(t, r, owner)
		known(0, true)
		time.Sleep(61 * time.Second) // as long as an absence lives
		l.lie(nil, vendorAt, vendor2At)
		known(0, false)
		// Withdrawn while the last of the servers is waited for.
		l.hold(t, vendor("jwk.cnf 300 TLSA 255 255 255 "+key+"\n"), vendorAt, vendor2At)
		l.lie(func(_ string, q, r *dns.Msg) *dns.Msg { time.Sleep(90 * time.Millisecond); return r }, vendor2At)
		var all sync.WaitGroup
		all.Go(func() {
			if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
				t.Errorf("%+v", e)
			}
		})
		time.Sleep(time.Millisecond)
		denied(r, owner)
		all.Wait()
		known(0, true)
	})
}

// denied puts a later absence of a name into a resolver's cache, as one that asks afresh would.
func denied(r *Resolver, name string) {
	now := time.Now()
	a := &dnssec.Answer{Name: name, Type: dnssec.TypeTLSA, Zone: "vendor.example.", Security: dnssec.Secure, Kind: dnssec.NoData, Fetched: now, Until: now.Add(time.Minute)}
	k := string(answerKey(nil, []byte(name), dnssec.TypeTLSA))
	r.cache.Put(k, cache.Entry[*entry]{Value: keptAnswer(k, a), Size: answerSize(a), Until: a.Until, Since: now})
}

// many is the tree with a zone of so many servers with so many addresses each, in the zone itself.
func many(names, addresses int) []site {
	s := site{name: "many.example.", records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"}
	for i := range names {
		s.at = append(s.at, fmt.Sprintf("198.51.100.%d", i+1))
		for j := range addresses - 1 {
			s.records += fmt.Sprintf("ns%d 3600 A 203.0.113.%d\n", i+1, i*(addresses-1)+j+1)
		}
	}
	return tree(s)
}

// TestEachIsBounded: what a zone has beyond the bounds is not left out of the judgement, and nothing costs more than
// its bound, whatever the servers do.
func TestEachIsBounded(t *testing.T) {
	for _, c := range []struct {
		claim            string
		names, addresses int
		silent           bool
		want             string
	}{
		{"thirteen servers with four addresses are asked", 13, 4, false, ""},
		{"two servers with six addresses are asked", 2, 6, false, ""},
		{"fourteen servers are too many", 14, 1, false, "more than 13 name servers"},
		{"fifty-three addresses are too many", 2, 27, false, "more than 52 addresses"},
		{"fifty-two silent addresses", 13, 4, true, "no server of many.example."},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, many(c.names, c.addresses)...)
				all := l.on[mustAddr("198.51.100.1")]
				for i := range c.names * (c.addresses - 1) {
					l.on[mustAddr(fmt.Sprintf("203.0.113.%d", i+1))] = all
				}
				r := l.resolver(t)
				if c.silent {
					if e := rollOf(t, r, "jwk.cnf.many.example."); e.Differ || len(e.Answer.Data) != 1 {
						t.Fatalf("before: %+v", e.Answer)
					}
					for a := range l.on {
						if a.As4()[0] != 192 {
							l.lie(silent, a.String())
						}
					}
				}
				l.count()
				e := rollOf(t, r, "jwk.cnf.many.example.")
				if n := l.count(); n > maxEachSends || c.want == "" && n < c.names*c.addresses {
					t.Errorf("%d messages", n)
				}
				ok := !e.Differ && e.Answer.Security == dnssec.Secure && len(e.Answer.Data) == 1 && len(e.Hops[0].Servers) == c.names*c.addresses
				if ok != (c.want == "") || !strings.Contains(e.Answer.Trouble.Text, c.want) || e.Answer.Trouble.Budget == (c.silent || c.want == "") {
					t.Errorf("%t %+v\n%s", e.Differ, e.Answer, heard(&e.Hops[0]))
				}
			})
		})
	}
}

// busy is an Exchanger that remembers how many messages were under way at once.
type busy struct {
	Exchanger
	mu        sync.Mutex // guards what follows
	now, most int
}

func (b *busy) count(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += n
	b.most = max(b.most, b.now)
}

func (b *busy) Exchange(ctx context.Context, to netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	b.count(1)
	defer b.count(-1)
	return b.Exchanger.Exchange(ctx, to, network, q)
}

// TestEachInAll: what the parts of one question send is counted together, eight are sent at a time, and a proof that
// costs too much at one server is not made at the next.
func TestEachInAll(t *testing.T) {
	first, second := many(13, 4)[5], many(13, 4)[5]
	first.records = strings.Replace(first.records, "jwk.cnf 300 TLSA 255 255 255 "+key, "jwk.cnf 300 CNAME jwk.cnf.more.example.", 1)
	second.name = "more.example."
	bubble(t, tree(first, second), func(t *testing.T, l *lab) {
		all := l.on[mustAddr("198.51.100.1")]
		for i := range 39 {
			l.on[mustAddr(fmt.Sprintf("203.0.113.%d", i+1))] = all
		}
		b := &busy{Exchanger: l}
		r := l.resolver(t, func(c *Config) { c.Exchanger = b })
		if e := rollOf(t, r, "jwk.cnf.more.example."); e.Differ || len(e.Answer.Data) != 1 {
			t.Fatalf("one of the two zones: %+v", e.Answer)
		}
		l.count()
		e := rollOf(t, r, "jwk.cnf.many.example.")
		if n := l.count(); n != 256 || !e.Answer.Trouble.Budget || e.Answer.Data != nil || e.Differ {
			t.Errorf("%d messages: %+v", n, e.Answer)
		}
		if b.most > 8 {
			t.Errorf("%d messages at once", b.most)
		}
	})
	bubble(t, tree(), func(t *testing.T, l *lab) {
		var crowd strings.Builder
		for i := range 256 {
			fmt.Fprintf(&crowd, "jwk.cnf 300 TLSA 255 255 255 %064X\n", i)
		}
		c := &roll{r: l.resolver(t), ctx: t.Context(), rrtype: dnssec.TypeTLSA, now: time.Now()}
		c.purse.left.Store(maxEachSends)
		h := &hop{Hop: dnssec.Hop{Name: owner, Zone: "vendor.example."}}
		_, h.at = c.walk().zoneOf(owner, dnssec.TypeTLSA)
		l.hold(t, vendor("cnf 300 NS ns.elsewhere.test.\n"), vendor2At)
		away := &polled{}
		away.Address = mustAddr(vendor2At)
		if c.ask(h, away); away.answered || away.Trouble.Text != "refers to servers of cnf.vendor.example." {
			t.Errorf("it has given the name away: %+v", away)
		}
		l.hold(t, vendor(crowd.String()), vendor2At)
		one, two := &polled{}, &polled{}
		one.Address, two.Address = mustAddr(vendorAt), mustAddr(vendor2At)
		if c.ask(h, one); !one.answered || c.purse.left.Load() <= 0 {
			t.Fatalf("%+v, %d left", one, c.purse.left.Load())
		}
		if c.ask(h, two); two.answered || !two.Trouble.Budget || c.purse.left.Load() > 0 {
			t.Errorf("%+v, %d left", two, c.purse.left.Load())
		}
	})
}

// slow is an Exchanger with a server that takes its time.
type slow struct {
	Exchanger
	at   netip.Addr
	wait time.Duration
}

func (s *slow) Exchange(ctx context.Context, to netip.AddrPort, network string, q *dns.Msg) (*dns.Msg, error) {
	if to.Addr() == s.at {
		select {
		case <-time.After(s.wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Exchanger.Exchange(ctx, to, network, q)
}

// TestEachWaits: a server that was quick, and has much to do at the moment, is waited for: nobody else answers for it.
func TestEachWaits(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		s := &slow{Exchanger: l}
		r := l.resolver(t, func(c *Config) { c.Exchanger = s })
		if e := rollOf(t, r, owner); e.Differ {
			t.Fatalf("%+v", e)
		}
		s.at, s.wait = mustAddr(vendor2At), time.Second
		if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
			t.Errorf("%s", heard(&e.Hops[0]))
		}
	})
}

// TestEachTogether: many who ask the same at the same time are served by two rounds at most, and a panic is theirs.
func TestEachTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, tree()...)
		r := l.resolver(t)
		rollOf(t, r, owner)
		once := l.count()
		rollOf(t, r, owner)
		once = min(once, l.count())
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Microsecond)
				if e := rollOf(t, r, owner); e.Differ || len(e.Answer.Data) != 1 {
					t.Errorf("%+v", e)
				}
			})
		}
		all.Wait()
		if n := l.count(); n > 2*once {
			t.Errorf("%d messages for 200 at once, and %d for one", n, once)
		}
		l.lie(func(string, *dns.Msg, *dns.Msg) *dns.Msg { panic("a bug") }, vendor2At)
		q := dnssec.Question{Type: dnssec.TypeTLSA}
		q.Name, _ = dnssec.NameOf(owner)
		if _, err := r.LookupEach(t.Context(), q); err == nil {
			t.Error("a panic is no error")
		}
	})
}
