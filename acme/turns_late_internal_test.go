package acme

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurnThatComesTooLate gives a turn to who is about to leave: it is not lost, and is given back as any other.
func TestTurnThatComesTooLate(t *testing.T) {
	for range 100 {
		turns, first, late := newTurns(1), party{"n", "a", "x"}, party{"o", "b", "y"}
		if !turns.take(t.Context(), first) {
			t.Fatal("no turn where nobody has one")
		}
		ctx, leave := context.WithCancel(t.Context())
		took := make(chan bool)
		go func() { took <- turns.take(ctx, late) }()
		for turns.waiting() == 0 {
			runtime.Gosched()
		}
		turns.mu.Lock() // it cannot leave before
		leave()
		for range 100 {
			runtime.Gosched()
		}
		for _, s := range turns.line(first) {
			s.held--
		}
		turns.deal()
		turns.mu.Unlock()
		if !<-took {
			t.Fatal("it was given a turn and does not know of it")
		}
		turns.give(late)
		if turns.all.held != 0 || turns.all.waiting != 0 {
			t.Fatalf("%d are held, %d wait", turns.all.held, turns.all.waiting)
		}
	}
}

// TestWhoHasLeftIsForgotten: as many as come and leave, nothing is remembered of them once they are gone.
func TestWhoHasLeftIsForgotten(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			l := newLine(t, 1)
			l.comes("n a x")
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			go func() {
				if p := (party{"o", "b", "y"}); l.take(ctx, p) {
					<-ctx.Done()
					l.give(p)
				}
			}()
			synctest.Wait()
			if leaves {
				leave()
				synctest.Wait()
			}
			if known := len(l.all.within) == 2; known == leaves {
				t.Errorf("left %t: %d networks are known", leaves, len(l.all.within))
			}
			l.ends(t, "n a x")
			leave()
			synctest.Wait()
			if len(l.all.within) != 0 || l.all.held != 0 {
				t.Errorf("left %t: in the end %d networks are known", leaves, len(l.all.within))
			}
		})
	}
}

// openGate is a Gate that lets all through.
type openGate struct{}

func (openGate) Judge(context.Context, *Claim) *Problem { return nil }

// TestWhoWaitsInVainIsTold has all turns be with somebody who keeps them: whoever waits is told to come again, and waits no longer then.
func TestWhoWaitsInVainIsTold(t *testing.T) {
	for _, kept := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, turns := &Server{Config: Config{Gate: openGate{}}}, newTurns(1)
			if kept {
				turns.take(t.Context(), party{"n", "a", "x"})
			}
			begun := time.Now()
			found := s.judge(t.Context(), turns, party{"o", "b", "y"}, []*Claim{{}, {}})
			for _, p := range found {
				if kept && (p == nil || p.Kind != DNS || !p.Passing || p.Retry == 0) || !kept && p != nil {
					t.Errorf("kept %t: %v", kept, p)
				}
			}
			if waited := time.Since(begun); len(found) != 2 || kept != (waited == issueTime) || turns.waiting() != 0 {
				t.Errorf("kept %t: %d problems after %v, %d wait", kept, len(found), waited, turns.waiting())
			}
		})
	}
}
