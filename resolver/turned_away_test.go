package resolver

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/dnssec"
	"cnfd/resolver/listener"

	"github.com/miekg/dns"
)

// crowdOf fills the places but for so many, and returns what empties them.
func crowdOf(tb testing.TB, r *Resolver, but int) (leave func()) {
	tb.Helper()
	var all []func()
	for range maxInFlight - but {
		_, l, ok := r.crowd.enter(tb.Context(), time.Now())
		if !ok {
			tb.Fatal("no room")
		}
		all = append(all, l)
	}
	return func() {
		for _, l := range all {
			l()
		}
	}
}

// TestTurnedAwayIsTold: that there is no room, at first or no more, is told from that nobody answers.
func TestTurnedAwayIsTold(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure || TurnedAway(a) {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		leave := crowdOf(t, r, 0)
		if a, _ := lookup(t, r, noCache(0), owner); !TurnedAway(a) {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		leave()
		l.lie(silent, vendorAt, vendor2At)
		if a, _ := lookup(t, r, noCache(0), owner); a.Security != dnssec.Indeterminate || TurnedAway(a) {
			t.Errorf("nobody answers: %s %+v", a.Security, a.Trouble)
		}
	})
}

// TestGivingWayIsTold: a question that is slow, and has had its time, gives way to another. Its answer is that there
// is no room for it, to all who wait for it and over DNS too, and not that nobody answers; nothing of that is kept.
func TestGivingWayIsTold(t *testing.T) {
	const owner = "jwk.cnf.vendor.test." // at one server
	for _, crowded := range []bool{false, true} {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			far := &slow{Exchanger: l}
			r := l.resolver(t, func(c *Config) { c.Exchanger = far })
			s := listener.New(listener.Config{Source: r, Now: time.Now})
			ask(t, r, "www.vendor.test.", dns.TypeTXT)
			far.at, far.wait = mustAddr(otherAt), 300*time.Millisecond
			told := make(chan *dnssec.Answer, 3)
			for range 2 {
				go func() { told <- ask(t, r, owner, dnssec.TypeTLSA) }()
			}
			go func() {
				q := dnssec.Question{Type: dnssec.TypeTLSA, At: time.Now()}
				q.Name, _ = dnssec.NameOf(owner)
				a, _, err := r.Lookup(context.Background(), q)
				if err != nil {
					t.Error(err)
				}
				told <- a
			}()
			dug := make(chan *dns.Msg, 1)
			go func() { dug <- new(client).ask(s, owner) }()
			synctest.Wait()
			leave := func() {}
			if crowded {
				leave = crowdOf(t, r, 2)
				time.Sleep(dnssec.Patience)
				for range 2 { // the two that are under way: that of now, and that of another time
					_, l, ok := r.crowd.enter(t.Context(), time.Now())
					if !ok {
						t.Fatal("nobody gives way")
					}
					defer l()
				}
			}
			for range 3 {
				a := <-told
				gone := TurnedAway(a) && a.Security == dnssec.Indeterminate && strings.Contains(a.Trouble.Text, errCrowded.Error()) && a.Data == nil
				if gone != crowded || !crowded && (a.Security != dnssec.Secure || len(a.Data) != 1) {
					t.Errorf("crowded=%t: %s %+v", crowded, a.Security, a.Trouble)
				}
			}
			m := <-dug
			if (m.Rcode == dns.RcodeServerFailure) != crowded || (len(m.Answer) == 0) != crowded {
				t.Errorf("crowded=%t: %s", crowded, m)
			}
			if o := m.IsEdns0(); crowded && (o == nil || len(o.Option) == 0 || !strings.Contains(o.Option[0].String(), noRoom)) {
				t.Errorf("no reason in %s", m)
			}
			leave()
			far.wait = 0
			if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Errorf("crowded=%t, once there is room: %s %+v", crowded, a.Security, a.Trouble)
			}
		})
	}
}
