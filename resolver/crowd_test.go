package resolver

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"cnfd/dnssec"
)

// TestHungQuestionsGiveWay: 1,500 questions to servers that never answer keep neither
// the quick ones out nor more than a thousand of themselves in, and what gave way is
// not held against its name.
func TestHungQuestionsGiveWay(t *testing.T) {
	const hungAt = "192.0.2.77"
	hung := site{name: "hung.example.", at: []string{hungAt, evilAt}, records: "*.all 300 TLSA 255 255 255 " + key}
	const first = "n0.all.hung.example."
	bubble(t, tree(hung), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := ask(t, r, "x.all.hung.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		ask(t, r, "www.example.", dnssec.TypeTLSA)
		l.lie(silent, hungAt, evilAt)
		var wg sync.WaitGroup
		gave, refused := 0, 0
		var mu sync.Mutex // guards the two
		var honest atomic.Bool
		for i := range 1500 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond / 2)
				a := ask(t, r, fmt.Sprintf("n%d.all.hung.example.", i), dnssec.TypeTLSA)
				if honest.Load() {
					return
				}
				if a.Security != dnssec.Indeterminate || !a.Trouble.Unreachable || len(a.Data) > 0 {
					t.Errorf("%s %+v", a.Security, a.Trouble)
				}
				mu.Lock()
				defer mu.Unlock()
				if strings.Contains(a.Trouble.Text, errCrowded.Error()) {
					gave++
				}
				if strings.Contains(a.Trouble.Text, errYoung.Error()) {
					refused++
				}
			})
		}
		time.Sleep(800 * time.Millisecond)
		for i := range 100 {
			began := time.Now()
			a, _ := lookup(t, r, noCache(0), []string{owner, "jwk.cnf.vendor.test.", "a.vendor.example."}[i%3])
			if took := time.Since(began); a.Security != dnssec.Secure || took > 100*time.Millisecond {
				t.Errorf("%s: %s after %s: %s", a.Name, a.Security, took, a.Trouble.Text)
			}
		}
		if gave < 500 || refused > 0 {
			t.Errorf("%d gave way, %d were refused", gave, refused)
		}
		honest.Store(true)
		l.lie(nil, hungAt, evilAt)
		if a := ask(t, r, first, dnssec.TypeTLSA); a.Security != dnssec.Secure {
			t.Errorf("one that gave way: %s %+v", a.Security, a.Trouble)
		}
		wg.Wait()
	})
}

// TestCrowdOfTheYoung: where nobody has had his time yet the newcomer is turned away,
// and said why; once they have, or have left, there is room.
func TestCrowdOfTheYoung(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		var leave []func()
		for range maxInFlight {
			_, l, ok := r.crowd.enter(t.Context(), time.Now())
			if !ok {
				t.Fatal("no room")
			}
			leave = append(leave, l)
		}
		a, _ := lookup(t, r, noCache(0), owner)
		if a.Security != dnssec.Indeterminate || !strings.Contains(a.Trouble.Text, "no room for the question: 1000 others") {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		leave[500]()
		if a, _ := lookup(t, r, noCache(0), owner); a.Security != dnssec.Secure {
			t.Errorf("when one has left: %s %+v", a.Security, a.Trouble)
		}
		_, last, _ := r.crowd.enter(t.Context(), time.Now())
		time.Sleep(dnssec.Patience)
		if a, _ := lookup(t, r, noCache(0), owner); a.Security != dnssec.Secure {
			t.Errorf("when they have had their time: %s %+v", a.Security, a.Trouble)
		}
		for _, l := range append(leave, last) {
			l()
		}
		if n := r.crowd.guests.Len(); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// TestTurnedAwayKeepsTheCache: a question that is turned away, or finds nobody, takes
// nothing out of the cache that is still true.
func TestTurnedAwayKeepsTheCache(t *testing.T) {
	for _, young := range []bool{false, true} {
		sub(t, fmt.Sprint("young=", young), tree(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			time.Sleep(time.Second)
			var leave []func()
			if young {
				for range maxInFlight {
					_, l, _ := r.crowd.enter(t.Context(), time.Now())
					leave = append(leave, l)
				}
			}
			lookup(t, r, noCache(0), owner) // turned away where the crowd is young
			a := ask(t, r, owner, dnssec.TypeTLSA)
			if a.Security != dnssec.Secure {
				t.Errorf("young=%v: what was cached and true is gone: %s %s", young, a.Security, a.Trouble.Text)
			}
			for _, l := range leave {
				l()
			}
		})
	}
}

// TestRootLeaderGivesWay: where the one that asks for the root gives way, one other takes
// that over, not all who wait.
func TestRootLeaderGivesWay(t *testing.T) {
	for _, late := range []bool{false, true} {
		sub(t, fmt.Sprint("late=", late), tree(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			l.lie(func(_ string, q, m *dns.Msg) *dns.Msg { time.Sleep(240 * time.Millisecond); return m }, rootAt)
			var wg sync.WaitGroup
			for i := range maxInFlight {
				wg.Go(func() { ask(t, r, fmt.Sprintf("n%d.vendor.example.", i), dnssec.TypeTLSA) })
			}
			if late {
				time.Sleep(210 * time.Millisecond)
				ask(t, r, "late.vendor.example.", dnssec.TypeTLSA)
			}
			wg.Wait()
			n := 0
			for _, s := range l.log() {
				if strings.HasPrefix(s, rootAt) {
					n++
				}
			}
			if n > 20 {
				t.Errorf("late=%v: %d messages to the root's server", late, n)
			}
		})
	}
}

// TestAgesAreByTheCalendar: what the machine slept through is time that has passed, which
// a monotonic clock does not count.
func TestAgesAreByTheCalendar(t *testing.T) {
	l := newLab(t, tree()...)
	r := l.resolver(t)
	a := ask(t, r, owner, dnssec.TypeTLSA)
	if !strings.Contains(time.Now().String(), "m=") {
		t.Fatal("the test does not test: the clock has no monotonic reading")
	}
	for what, at := range map[string]time.Time{"fetched": a.Fetched, "until": a.Until} {
		if a.Security != dnssec.Secure || strings.Contains(at.String(), "m=") {
			t.Errorf("%s, %s at %s", a.Security, what, at)
		}
	}
}
