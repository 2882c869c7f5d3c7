package resolver

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/cache"
	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// takeAll takes every turn there is; give gives one back.
func takeAll(t *testing.T, r *Resolver) (give func()) {
	t.Helper()
	for range max(runtime.GOMAXPROCS(0)/2, 1) {
		if !r.turns.Take(t.Context()) {
			t.Fatal("no turn")
		}
	}
	return r.turns.Give
}

// TestWhoJudgesTakesTurns: while others compute nothing new is judged, and what is cached
// is answered all the same; one turn is enough for all who wait.
func TestWhoJudgesTakesTurns(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := ask(t, r, owner, dnssec.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		give := takeAll(t, r)
		answers := make(chan *dnssec.Answer, 2)
		for _, name := range []string{"jwk.cnf.vendor.test.", "absent.vendor.example."} {
			go func() { answers <- ask(t, r, name, dnssec.TypeTLSA) }()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(answers) > 0 {
			a := <-answers
			t.Errorf("%s was judged out of turn: %s", a.Name, a.Security)
		}
		if q, ok := dnssec.NameOf(owner); !ok {
			t.Fatal(owner)
		} else if a, cached, err := r.Lookup(t.Context(), dnssec.Question{Name: q, Type: dnssec.TypeTLSA}); err != nil || !cached || a.Security != dnssec.Secure {
			t.Errorf("what is cached: %v %v", cached, err)
		}
		give()
		for range 2 {
			if a := <-answers; a.Security != dnssec.Secure {
				t.Errorf("%s: %s %+v", a.Name, a.Security, a.Trouble)
			}
		}
	})
}

// TestNoTurnInTime: whose turn does not come within the question's time has learnt nothing,
// which is neither Bogus nor Insecure, and soon forgotten.
func TestNoTurnInTime(t *testing.T) {
	for _, name := range []string{"jwk.cnf.vendor.test.", owner, "absent.vendor.example."} {
		bubble(t, tree(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			if a := ask(t, r, "www.vendor.example.", dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			give := takeAll(t, r)
			began := time.Now()
			a := ask(t, r, name, dnssec.TypeTLSA)
			if a.Security != dnssec.Indeterminate || a.Kind != dnssec.NoAnswer || !a.Trouble.Unreachable || !strings.Contains(a.Trouble.Text, "time is up") {
				t.Errorf("%s: %s %d %+v", name, a.Security, a.Kind, a.Trouble)
			}
			if took := time.Since(began); took != questionTime {
				t.Errorf("%s: after %s", name, took)
			}
			give()
			time.Sleep(unreachable)
			if a := ask(t, r, name, dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Errorf("%s, later: %s %+v", name, a.Security, a.Trouble)
			}
		})
	}
}

// TestWhoPanicsGivesItsTurnBack, as does who waits for a server, for what was asked early,
// or for others: when all is over every turn can be taken.
func TestWhoPanicsGivesItsTurnBack(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := ask(t, r, "jwk.cnf.vendor.test.", dnssec.TypeTLSA); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		l.lie(func(string, *dns.Msg, *dns.Msg) *dns.Msg { panic("a bug") }, vendorAt, vendor2At)
		q, _ := dnssec.NameOf(owner)
		var bug *cache.PanicError
		if _, _, err := r.Lookup(t.Context(), dnssec.Question{Name: q, Type: dnssec.TypeTLSA}); !errors.As(err, &bug) {
			t.Fatal(err)
		}
		l.lie(silent, vendorAt, vendor2At)
		if a := ask(t, r, owner, dnssec.TypeTLSA); !a.Trouble.Unreachable {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		takeAll(t, r)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if r.turns.Take(over) {
			t.Error("one turn too many: somebody gave one back that was not taken")
		}
	})
}
