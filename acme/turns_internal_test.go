package acme

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// line has parties wait for turns, and writes down in which order they get them.
type line struct {
	*turns
	served []string
	held   map[string]int // turns that are to be given back
	of     map[string]party
	end    context.Context
}

// newLine is one whose turns are all with somebody else, each of a network of its own.
func newLine(t *testing.T, most int) *line {
	end, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return &line{turns: newTurns(most), held: map[string]int{}, of: map[string]party{}, end: end}
}

// comes has a party wait: "network address account".
func (l *line) comes(who string) {
	p := party(strings.Fields(who))
	l.of[who] = p
	go func() {
		if l.take(l.end, p) {
			l.mu.Lock() // of the turns: those that are served note it one by one
			defer l.mu.Unlock()
			l.served = append(l.served, who)
			l.held[who]++
		}
	}()
	synctest.Wait()
}

// ends has a party give one turn back; whoever is next has it once this returns.
func (l *line) ends(t *testing.T, who string) {
	t.Helper()
	if l.held[who] == 0 {
		t.Fatalf("%s has no turn to give back: served %q", who, l.served)
	}
	l.held[who]--
	l.give(l.of[who])
	synctest.Wait()
}

// TestTurnsGoRound: who waits is served in an order in which nobody's many keep others from their one.
func TestTurnsGoRound(t *testing.T) {
	for _, tt := range []struct {
		claim string
		first []string // hold the turns, one each
		wait  []string // come after them, in this order
		ends  int      // turns that are given back, the oldest first
		want  []string
	}{
		{"one after another", []string{"n a x"}, []string{"o b y", "p c z"}, 2, []string{"o b y", "p c z"}},
		{"a newcomer is before one account's second", []string{"n a x"}, []string{"o b y", "o b y", "o b y", "p c z"}, 4, []string{"o b y", "p c z", "o b y", "o b y"}},
		{"who has had a turn is behind who has not", []string{"o b y"}, []string{"o b y", "p c z"}, 2, []string{"p c z", "o b y"}},
		{"accounts of one address have one part", []string{"n a x"}, []string{"o b 1", "o b 2", "o b 3", "p c z", "p c z"}, 5, []string{"o b 1", "p c z", "o b 2", "p c z", "o b 3"}},
		{"addresses of one network have one part", []string{"n a x"}, []string{"o 1 x", "o 2 y", "o 3 z", "p c z", "p c z"}, 5, []string{"o 1 x", "p c z", "o 2 y", "p c z", "o 3 z"}},
		{"the accounts of one address go round", []string{"n a x"}, []string{"o b 1", "o b 1", "o b 1", "o b 2"}, 4, []string{"o b 1", "o b 2", "o b 1", "o b 1"}},
		{"the addresses of one network go round", []string{"n a x"}, []string{"o 1 x", "o 1 x", "o 1 y", "o 2 z"}, 4, []string{"o 1 x", "o 2 z", "o 1 y", "o 1 x"}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLine(t, len(tt.first))
				for _, who := range slices.Concat(tt.first, tt.wait) {
					l.comes(who)
				}
				if !slices.Equal(l.served, tt.first) || l.waiting() != len(tt.wait) {
					t.Fatalf("before any has ended %q have a turn, and %d wait", l.served, l.waiting())
				}
				for n := range tt.ends {
					l.ends(t, l.served[n])
				}
				if got := l.served[len(tt.first):]; !slices.Equal(got, tt.want) {
					t.Errorf("served %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// TestTurnIsOfWhoHoldsTheFewest: beside one account's hundred silent names another waits for one look-up to end, whichever
// that is, and for no second.
func TestTurnIsOfWhoHoldsTheFewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const silent, other, late = "n a silent", "o b other", "p c late"
		l := newLine(t, 4)
		l.comes(late)
		for range 100 {
			l.comes(silent)
		}
		if l.held[silent] != 3 || l.held[late] != 1 {
			t.Fatalf("%v: of four turns one network has three at the most", l.held)
		}
		l.comes(other)
		l.ends(t, silent)
		if l.held[other] != 1 || l.held[silent] != 2 {
			t.Errorf("the turn that came free is not the newcomer's: %v", l.held)
		}
		l.comes(other)
		l.comes(other)
		l.ends(t, late)
		if l.held[other] != 2 || l.held[silent] != 2 {
			t.Errorf("who holds fewer is not the next: %v", l.held)
		}
		for len(l.served) < 104 {
			l.ends(t, l.served[slices.IndexFunc(l.served, func(who string) bool { return l.held[who] > 0 })])
		}
		for who, n := range l.held {
			for range n {
				l.ends(t, who)
			}
		}
		if l.waiting() != 0 || l.all.held != 0 || len(l.all.within) != 0 {
			t.Errorf("%d wait, %d are held, %d networks are known", l.waiting(), l.all.held, len(l.all.within))
		}
	})
}

// TestOneNetworkLeavesTurnsToOthers: however much it wants, another finds a turn at once.
func TestOneNetworkLeavesTurnsToOthers(t *testing.T) {
	for name, wants := range map[string]func(n int) string{
		"one account":               func(int) string { return "n a x" },
		"accounts of one address":   func(n int) string { return fmt.Sprintf("n a x%d", n) },
		"addresses of one network":  func(n int) string { return fmt.Sprintf("n a%d x%d", n, n) },
		"networks, each with a few": func(n int) string { return fmt.Sprintf("n%d a x", n%2) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLine(t, judgedAtOnce)
				l.comes("o b y")
				l.ends(t, "o b y")
				for n := range 2 * judgedAtOnce {
					l.comes(wants(n))
				}
				l.comes("o b y")
				full := strings.Contains(name, "each")
				if at := slices.Index(l.served[1:], "o b y"); at >= 0 == full {
					t.Errorf("it is number %d of %d", at, len(l.served)-1)
				}
				if want := map[bool]int{true: judgedAtOnce, false: judgedAtOnce - judgedAtOnce/4 + 1}[full]; l.all.held != want {
					t.Errorf("%d turns are held, want %d", l.all.held, want)
				}
			})
		})
	}
}

// TestWhoLeavesTheLine takes no turn, and is in nobody's way.
func TestWhoLeavesTheLine(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine(t, 1)
			l.comes("n a x")
			gone, leave := context.WithCancel(t.Context())
			defer leave()
			took := make(chan bool, 1)
			go func() { took <- l.take(gone, party{"o", "b", "y"}) }()
			synctest.Wait()
			l.comes("p c z")
			l.comes("o b y") // behind who leaves
			if leaves {
				leave()
				synctest.Wait()
				if got := <-took; got || l.waiting() != 2 || len(l.all.within) != 3 {
					t.Fatalf("took %t; %d wait; %d are known", got, l.waiting(), len(l.all.within))
				}
				if l.take(gone, party{"q", "d", "w"}) || l.waiting() != 2 || len(l.all.within) != 3 {
					t.Fatal("who has left before coming is in the line")
				}
			}
			l.ends(t, "n a x")
			if got := l.held["o b y"] == 1; got != leaves {
				t.Errorf("left %t, and the next is served: %t", leaves, got)
			}
			if !leaves {
				l.give(party{"o", "b", "y"})
				synctest.Wait()
			} else {
				l.ends(t, "o b y")
			}
			if l.held["p c z"] != 1 {
				t.Errorf("left %t, and who is behind is not served: %v", leaves, l.held)
			}
		})
	}
}

// TestTurnsAreBounded plays at random: no more are held than there are, by one network no more than its part, nobody waits
// whose turn it could be, and nothing is remembered of who has gone.
func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(7, 7))
		l := newLine(t, 8)
		full, waited := 0, 0
		for range 4000 {
			if n := random.IntN(5); n < 2 {
				l.comes(fmt.Sprintf("n%d a%d x%d", random.IntN(3), random.IntN(2), random.IntN(3)))
			} else if i := random.IntN(len(l.served) + 1); i < len(l.served) && l.held[l.served[i]] > 0 {
				l.ends(t, l.served[i])
			}
			held := 0
			for name, s := range l.all.within {
				if held += s.held; s.held > 6 {
					t.Fatalf("%s holds %d", name, s.held)
				}
				if s.waiting > 0 && s.held < 6 && l.all.held < 8 {
					t.Fatalf("%s waits for nothing: %d of 8 are held", name, l.all.held)
				}
				if s.waiting > 0 {
					waited++
				}
			}
			if held != l.all.held || held > 8 {
				t.Fatalf("%d are held, counted %d", held, l.all.held)
			}
			if held == 8 {
				full++
			}
		}
		if full < 100 || waited < 100 {
			t.Errorf("all were held %d times, and somebody waited %d times: nothing is shown", full, waited)
		}
		for l.all.held > 0 {
			for who, n := range l.held {
				if n > 0 {
					l.ends(t, who)
				}
			}
		}
		if l.waiting() != 0 || len(l.all.within) != 0 {
			t.Errorf("%d wait, %d networks are known", l.waiting(), len(l.all.within))
		}
	})
}

// TestOneAccountInItsOwnOrder: who of an account has come first is served first.
func TestOneAccountInItsOwnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, p := newTurns(1), party{"n", "a", "x"}
		if !turns.take(t.Context(), p) {
			t.Fatal("there is no turn")
		}
		var served []int
		for n := range 5 {
			go func() {
				if turns.take(t.Context(), p) {
					served = append(served, n) // one at a time: there is one turn
					turns.give(p)
				}
			}()
			synctest.Wait()
		}
		if len(served) > 0 {
			t.Fatal("more turns are given than there are")
		}
		turns.give(p)
		synctest.Wait()
		if !slices.Equal(served, []int{0, 1, 2, 3, 4}) {
			t.Errorf("served %d", served)
		}
	})
}

// TestWhoHasNoTimeTakesNoTurn, however many there are.
func TestWhoHasNoTimeTakesNoTurn(t *testing.T) {
	for _, over := range []bool{false, true} {
		turns, p := newTurns(8), party{"n", "a", "x"}
		ctx, cancel := context.WithCancel(t.Context())
		if over {
			cancel()
		}
		if got := turns.take(ctx, p); got == over || (len(turns.all.within) == 0) != over {
			t.Errorf("over %t: took one: %t", over, got)
		}
		cancel()
	}
}
