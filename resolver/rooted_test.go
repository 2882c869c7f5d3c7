package resolver

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// rooted asks for a confirmation record whose chain of trust is a minute old at the most.
func rooted(t *testing.T, r *Resolver, name string) *dnssec.Answer {
	t.Helper()
	a, cached := lookup(t, r, dnssec.Question{Type: dnssec.TypeTLSA, ChainAge: time.Minute}, name)
	if cached {
		t.Errorf("%s is from the cache", name)
	}
	return a
}

// lasting is a lab in which a zone, one below it and an alias to it have an hour to be believed.
func lasting() []site {
	return tree(
		site{name: "lasting.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\na 300 TXT a\nz 300 TXT z\n*.d 300 TXT d\n"},
		site{name: "deep.lasting.example.", at: []string{vendor2At}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"},
		site{name: "hidden.lasting.example.", at: []string{otherAt}, records: "jwk.cnf 300 TLSA 255 255 255 " + key + "\n"},
		site{name: "alias.example.", at: []string{evilAt}, records: "jwk.cnf 300 CNAME jwk.cnf.lasting.example.\n"},
		site{name: "elsewhere.example.", at: []string{vendor2At}, ns: []string{"ns1.deep.lasting.example."}, records: "jwk.cnf 300 CNAME jwk.cnf.deep.lasting.example.\n"},
	)
}

func unsignAtParent(t *testing.T, l *lab) {
	t.Helper()
	if err := l.zones["example."].Remove("lasting.example.", dns.TypeDS); err != nil {
		t.Fatal(err)
	}
}

// TestChainAge: whoever bounds the age of the chain is not told of a zone what was true an hour ago, while others may be.
func TestChainAge(t *testing.T) {
	const owner, alias = "jwk.cnf.lasting.example.", "jwk.cnf.alias.example."
	flips := func(t *testing.T, l *lab, r *Resolver, name string, meanwhile func()) {
		t.Helper()
		if a := rooted(t, r, name); a.Security != dnssec.Secure || a.Kind != dnssec.Positive {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		unsignAtParent(t, l)
		time.Sleep(50 * time.Minute)
		meanwhile()
		if a, _ := lookup(t, r, noCache(0), name); a.Security != dnssec.Secure {
			t.Fatalf("the set-up is wrong: others are told %s", a.Security)
		}
		if a := rooted(t, r, name); a.Security != dnssec.Insecure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
		if a := ask(t, r, name, dnssec.TypeTLSA); a.Security != dnssec.Insecure {
			t.Errorf("what was learnt is not kept for others: %s", a.Security)
		}
	}
	nothing := func() {}
	sub(t, "a zone loses its DS", lasting(), func(t *testing.T, l *lab) { flips(t, l, l.resolver(t), owner, nothing) })
	sub(t, "the zone above loses its DS", lasting(), func(t *testing.T, l *lab) { flips(t, l, l.resolver(t), "jwk.cnf.deep.lasting.example.", nothing) })
	sub(t, "the zone that an alias leads to loses its DS", lasting(), func(t *testing.T, l *lab) { flips(t, l, l.resolver(t), alias, nothing) })
	sub(t, "others have just asked for the same", lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		flips(t, l, r, owner, func() { lookup(t, r, noCache(0), owner) })
	})
	sub(t, "others ask meanwhile where the alias leads", lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		var other sync.WaitGroup
		flips(t, l, r, alias, func() {
			other.Go(func() {
				time.Sleep(25 * time.Millisecond) // the way from the root takes longer
				lookup(t, r, noCache(0), owner)
			})
		})
		other.Wait()
	})
	for _, below := range []string{"jwk.cnf.deep.lasting.example.", "jwk.cnf.hidden.lasting.example."} {
		sub(t, below+" was learnt just now, on the word of an old zone", lasting(), func(t *testing.T, l *lab) {
			r := l.resolver(t)
			if a := rooted(t, r, owner); a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			unsignAtParent(t, l)
			time.Sleep(50 * time.Minute)
			if a := ask(t, r, below, dnssec.TypeTLSA); a.Security != dnssec.Secure {
				t.Fatalf("the set-up is wrong: others are told %s", a.Security)
			}
			if a := rooted(t, r, below); a.Security != dnssec.Insecure {
				t.Errorf("%s %+v", a.Security, a.Trouble)
			}
		})
	}
	sub(t, "a zone was learnt on the way to a name server, on the word of an old one", lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := rooted(t, r, owner); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		unsignAtParent(t, l)
		time.Sleep(50 * time.Minute)
		if a := rooted(t, r, "jwk.cnf.elsewhere.example."); a.Security != dnssec.Insecure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
	})
}

// TestChainAgeIsABound: within it the zones above are asked once for all.
func TestChainAgeIsABound(t *testing.T) {
	bubble(t, lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		for _, c := range []struct {
			after time.Duration
			chain bool
		}{{0, true}, {time.Minute - time.Second, false}, {2 * time.Second, true}, {30 * time.Second, false}} {
			time.Sleep(c.after)
			l.count()
			if a := rooted(t, r, "jwk.cnf.lasting.example."); a.Security != dnssec.Secure {
				t.Fatalf("%s %+v", a.Security, a.Trouble)
			}
			log := l.log()
			if asked := slices.ContainsFunc(log, func(line string) bool { return strings.HasPrefix(line, rootAt) }); asked != c.chain || !c.chain && len(log) != 1 {
				t.Errorf("after %s more: %q", c.after, log)
			}
		}
	})
}

// TestChainAgeUsesNothingOfOthers: what a zone denies to others, and the aliases that they find, do not say how old its keys were.
func TestChainAgeUsesNothingOfOthers(t *testing.T) {
	bubble(t, lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		ask(t, r, "ba.lasting.example.", dnssec.TypeTLSA)
		ask(t, r, "jwk.cnf.alias.example.", dns.TypeTXT)
		for _, c := range []struct {
			claim string
			bound time.Duration
			used  bool
		}{{"no bound", 0, true}, {"a minute", time.Minute, false}} {
			w := r.newWalk(t.Context(), time.Now())
			if c.bound != 0 {
				w.rooted = w.terms.Now.Add(-c.bound)
			}
			zone := w.known("lasting.example.")
			if zone == nil {
				t.Fatal("the set-up is wrong: the zone is not known")
			}
			if used := w.denials(zone) != nil; used != c.used {
				t.Errorf("%s: denials are used: %t", c.claim, used)
			}
			if _, _, used := w.aliased("jwk.cnf.alias.example.", dnssec.TypeTLSA); used != c.used {
				t.Errorf("%s: aliases are used: %t", c.claim, used)
			}
		}
	})
}

// TestChainAgeIsNeverCached: the cache alone answers no such question.
func TestChainAgeIsNeverCached(t *testing.T) {
	bubble(t, lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		rooted(t, r, "jwk.cnf.lasting.example.")
		q := dnssec.Question{Type: dnssec.TypeTLSA}
		q.Name, _ = dnssec.NameOf("jwk.cnf.lasting.example.")
		if _, ok := r.Cached(q); !ok {
			t.Fatal("the set-up is wrong: the answer was not kept")
		}
		q.ChainAge = time.Hour
		if _, ok := r.Cached(q); ok {
			t.Error("it was answered from the cache")
		}
	})
}

// TestChainAgeOneFlight: many who ask the same at the same time cost one fetch, and with a further bound one more.
func TestChainAgeOneFlight(t *testing.T) {
	bubble(t, lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		rooted(t, r, "jwk.cnf.lasting.example.")
		l.count()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				lookup(t, r, dnssec.Question{Type: dnssec.TypeTLSA, ChainAge: time.Duration(1+i%2) * time.Minute}, "jwk.cnf.lasting.example.")
			})
		}
		all.Wait()
		if n := l.count(); n < 2 || n > 4 {
			t.Errorf("%d messages", n)
		}
	})
}

// TestChainAgeOfASnapshot: what a file has proven is older than any bound.
func TestChainAgeOfASnapshot(t *testing.T) {
	bubble(t, tree(), func(t *testing.T, l *lab) {
		snapshot := snapshotOf(t, l)
		r := l.resolver(t, snapshots)
		restore(t, r, snapshot)
		l.count()
		if a, cached := lookup(t, r, noCache(0), owner); a.Security != dnssec.Secure || cached || l.count() != 1 {
			t.Fatal("the set-up is wrong: the chain was not restored")
		}
		if a := rooted(t, r, owner); a.Security != dnssec.Secure || !l.asked(rootAt) {
			t.Errorf("%s, by what was restored", a.Security)
		}
	})
}

// TestChainAgeLeavesFailuresBe: nobody is hammered because somebody bounds the age (RFC 9520 §3.2).
func TestChainAgeLeavesFailuresBe(t *testing.T) {
	bubble(t, lasting(), func(t *testing.T, l *lab) {
		r := l.resolver(t)
		if a := rooted(t, r, "jwk.cnf.lasting.example."); a.Security != dnssec.Secure {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		l.lie(silent, otherAt)
		if a := rooted(t, r, "jwk.cnf.lasting.example."); !a.Trouble.Unreachable {
			t.Fatalf("%s %+v", a.Security, a.Trouble)
		}
		l.count()
		if a := rooted(t, r, "jwk.cnf.lasting.example."); !a.Trouble.Unreachable || l.count() != 0 {
			t.Errorf("asked again at once: %s", a.Security)
		}
		time.Sleep(time.Minute)
		l.lie(func(_ string, _, r *dns.Msg) *dns.Msg { return r }, otherAt)
		if a := rooted(t, r, "jwk.cnf.lasting.example."); a.Security != dnssec.Secure {
			t.Errorf("%s %+v", a.Security, a.Trouble)
		}
	})
}
