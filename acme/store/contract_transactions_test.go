package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"cnfd/acme"
)

var errOwn = errors.New("the caller's own")

func errorLeavesNothing(t *testing.T, s acme.Store) {
	for _, want := range []error{nil, errOwn} {
		err := s.Update(t.Context(), func(tx acme.Tx) error { return errors.Join(putCounter(tx, "a", 1), tx.PutBlob("b", []byte("c")), want) })
		if (err == nil) != (want == nil) || !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		if want == nil { // the same is kept without the error
			if n := reads(t, s, func(tx acme.Tx) (int, error) { return counter(tx, "a") }); n != 1 {
				t.Fatal(n)
			}
		}
	}
	err := s.Update(t.Context(), func(tx acme.Tx) error {
		return errors.Join(putCounter(tx, "a", 2), putCounter(tx, "b", 2), tx.PutBlob("other", nil), tx.PutGrant(acme.Grantee{Account: "a", Domain: "b"}), errOwn)
	})
	if !errors.Is(err, errOwn) {
		t.Fatal(err)
	}
	nothingOf(t, s)
	if err := s.View(t.Context(), func(acme.Tx) error { return errOwn }); err != errOwn {
		t.Errorf("of a View: %v", err)
	}
}

// nothingOf finds counter a at 1, and nothing else.
func nothingOf(t *testing.T, s acme.Store) {
	t.Helper()
	view(t, s, func(tx acme.Tx) error {
		a, err := counter(tx, "a")
		b, err2 := counter(tx, "b")
		if a != 1 || b != 0 {
			t.Errorf("a is %d, b %d", a, b)
		}
		if _, err := tx.Blob("other"); !errors.Is(err, acme.ErrNotFound) {
			t.Errorf("a blob of nothing: %v", err)
		}
		grants, err3 := tx.Grants()
		if len(grants) != 0 {
			t.Errorf("grants: %v", grants)
		}
		return errors.Join(err, err2, err3)
	})
}

func panicLeavesNothing(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
	for claim, end := range map[string]func(){"panic": func() { panic(errOwn) }, "goexit": runtime.Goexit} {
		done := make(chan any, 1)
		go func() {
			defer func() { done <- recover() }()
			s.Update(t.Context(), func(tx acme.Tx) error {
				if err := errors.Join(putCounter(tx, "a", 2), putCounter(tx, "b", 2)); err != nil {
					t.Error(err)
				}
				end()
				return nil
			})
			t.Errorf("%s: Update returned", claim)
		}()
		if r := <-done; claim == "panic" && r != errOwn {
			t.Errorf("recovered %v", r)
		}
		nothingOf(t, s)
		update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
	}
}

func failureEnds(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
	err := s.Update(t.Context(), func(tx acme.Tx) error {
		if err := putCounter(tx, "a", 2); err != nil {
			return err
		}
		if err := tx.PutAccount(&acme.Account{ID: "x", Created: day.AddDate(20000, 0, 0)}); err == nil {
			t.Error("an account of a year that cannot be written was put")
		}
		for i, write := range []func() error{
			func() error { return putCounter(tx, "b", 2) },
			func() error { return tx.PutBlob("other", nil) },
			func() error { return tx.PutGrant(acme.Grantee{Account: "a", Domain: "b"}) },
			func() error { return tx.Reserve(&acme.Reservation{Serial: "1"}) },
			func() error { _, err := tx.Prune(day, 9); return err },
		} {
			if err := write(); err == nil || errors.Is(err, acme.ErrExists) {
				t.Errorf("statement %d after one that failed: %v", i, err)
			}
		}
		if _, err := tx.Order("a"); err == nil || errors.Is(err, acme.ErrNotFound) {
			t.Errorf("a reading after a statement that failed: %v", err)
		}
		return nil // it overlooks the errors
	})
	if err == nil {
		t.Error("the Update has no error")
	}
	nothingOf(t, s)
}

func afterTheEnd(t *testing.T, s acme.Store) {
	var kept acme.Tx
	update(t, s, func(tx acme.Tx) error { kept = tx; return putCounter(tx, "a", 1) })
	if err := putCounter(kept, "a", 2); err == nil {
		t.Error("an Update's Tx wrote after its end")
	}
	view(t, s, func(tx acme.Tx) error { kept = tx; return nil })
	if _, err := kept.Grants(); err == nil {
		t.Error("a View's Tx read after its end")
	}
	nothingOf(t, s)
}

func viewsWriteNothing(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error { return errors.Join(putCounter(tx, "a", 1), tx.PutNonces([]string{"n"})) })
	for claim, write := range map[string]func(tx acme.Tx) error{
		"put":    func(tx acme.Tx) error { return putCounter(tx, "a", 2) },
		"nonces": func(tx acme.Tx) error { _, err := tx.Nonces(); return err },
		"prune":  func(tx acme.Tx) error { _, err := tx.Prune(day, 10); return err },
	} {
		if err := s.View(t.Context(), func(tx acme.Tx) error { write(tx); return nil }); err == nil {
			t.Errorf("%s in a View", claim)
		}
	}
	nothingOf(t, s)
	update(t, s, func(tx acme.Tx) error {
		n, err := tx.Nonces()
		if len(n) != 1 {
			t.Errorf("nonces: %q", n)
		}
		return err
	})
}

func increments(t *testing.T, s acme.Store) {
	const callers, times = 8, 20
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for range times {
				err := s.Update(t.Context(), func(tx acme.Tx) error {
					n, err := counter(tx, "a")
					own, err2 := counter(tx, fmt.Sprint("own ", i))
					return errors.Join(err, err2, putCounter(tx, "a", n+1), putCounter(tx, fmt.Sprint("own ", i), own+1))
				})
				if err != nil {
					t.Error(err)
				}
				// What one has written one sees, and no half of what others have.
				if err := s.View(t.Context(), func(tx acme.Tx) error {
					n, err := counter(tx, "a")
					sum := 0
					for j := range callers {
						m, err := counter(tx, fmt.Sprint("own ", j))
						if err != nil {
							return err
						}
						sum += m
					}
					if sum != n {
						t.Errorf("%d in all, and %d of each", n, sum)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := reads(t, s, func(tx acme.Tx) (int, error) { return counter(tx, "a") }); n != callers*times {
		t.Errorf("%d increments came to %d", callers*times, n)
	}
}

func nothingBetween(t *testing.T, s acme.Store) {
	var other sync.WaitGroup
	defer other.Wait()
	var once sync.Once
	update(t, s, func(tx acme.Tx) error {
		before, err := counter(tx, "a")
		once.Do(func() {
			other.Go(func() { update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 100) }) })
		})
		for range 50 {
			runtime.Gosched()
			if now, err := counter(tx, "a"); err != nil || now != before {
				t.Errorf("%d came to be %d in between, %v", before, now, err)
			}
		}
		return errors.Join(err, putCounter(tx, "a", before+1))
	})
	other.Wait()
	if n := reads(t, s, func(tx acme.Tx) (int, error) { return counter(tx, "a") }); n != 100 && n != 101 {
		t.Errorf("after 1 and 100, one after the other: %d", n)
	}
}

func oneInstant(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error { return errors.Join(putCounter(tx, "a", 1), putCounter(tx, "b", 1)) })
	view(t, s, func(tx acme.Tx) error {
		a, err := counter(tx, "a")
		update(t, s, func(tx acme.Tx) error {
			return errors.Join(putCounter(tx, "a", 2), putCounter(tx, "b", 2), putCounter(tx, "c", 2))
		})
		b, err2 := counter(tx, "b")
		again, err3 := counter(tx, "a")
		c, err4 := counter(tx, "c")
		if a != 1 || b != 1 || again != 1 || c != 0 {
			t.Errorf("a is %d, then b %d, a %d, c %d", a, b, again, c)
		}
		return errors.Join(err, err2, err3, err4)
	})
	if b := reads(t, s, func(tx acme.Tx) (int, error) { return counter(tx, "b") }); b != 2 {
		t.Errorf("afterwards b is %d", b)
	}
}

func unseen(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error {
		if err := putCounter(tx, "a", 1); err != nil {
			return err
		}
		if a, err := counter(tx, "a"); a != 1 || err != nil {
			t.Errorf("an Update reads %d of what it has put, %v", a, err)
		}
		if a := reads(t, s, func(tx acme.Tx) (int, error) { return counter(tx, "a") }); a != 0 {
			t.Errorf("a View sees %d before the Update's end", a)
		}
		return nil
	})
	if a := reads(t, s, func(tx acme.Tx) (int, error) { return counter(tx, "a") }); a != 1 {
		t.Errorf("afterwards a is %d", a)
	}
}

func endedContext(t *testing.T, s acme.Store) {
	update(t, s, func(tx acme.Tx) error { return putCounter(tx, "a", 1) })
	for claim, run := range map[string]func(context.Context, func(acme.Tx) error) error{"Update": s.Update, "View": s.View} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := run(ctx, func(acme.Tx) error { t.Errorf("%s: f was called", claim); return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", claim, err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		if err := run(ctx, func(tx acme.Tx) error {
			cancel()
			_, err := tx.Accounts("", 1)
			if err == nil {
				t.Errorf("%s: it is read on after the end", claim)
			}
			return err
		}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, ended before a reading: %v", claim, err)
		}
	}
	for _, at := range []int{0, 1, 2} {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Update(ctx, func(tx acme.Tx) error {
			for i, id := range []string{"a", "b"} {
				if i == at {
					cancel()
				}
				putCounter(tx, id, 2)
			}
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("ended before statement %d: %v", at, err)
		}
		nothingOf(t, s)
	}
	passed, cancel := context.WithDeadline(t.Context(), day.AddDate(-1, 0, 0))
	defer cancel()
	if err := s.Update(passed, func(acme.Tx) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline: %v", err)
	}
}
