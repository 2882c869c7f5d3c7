package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
)

// A crowd is of Updates that wait at the same time.
type crowd struct {
	t    *testing.T
	s    *Store
	free chan struct{}
	all  sync.WaitGroup
	errs []error // what each came to, in order of their turns
}

// newCrowd has one Update wait within f; those that are added wait behind it.
func newCrowd(t *testing.T, s *Store, f func(acme.Tx) error) *crowd {
	c := &crowd{t: t, s: s, free: make(chan struct{})}
	inside := make(chan struct{})
	var once sync.Once
	c.run(t.Context(), func(tx acme.Tx) error {
		once.Do(func() { close(inside); <-c.free })
		return f(tx)
	})
	<-inside
	return c
}

func (c *crowd) run(ctx context.Context, f func(acme.Tx) error) {
	at := len(c.errs)
	c.errs = append(c.errs, errEndless)
	c.all.Go(func() {
		defer func() { recover() }()
		err := c.s.Update(ctx, f)
		c.errs[at] = err
	})
}

var errEndless = errors.New("it never returned")

// add waits until the Update has its place.
func (c *crowd) add(ctx context.Context, f func(acme.Tx) error) {
	before := c.waiting()
	c.run(ctx, f)
	for c.waiting() == before {
		runtime.Gosched()
	}
}

func (c *crowd) waiting() int {
	c.s.queue.mu.Lock()
	defer c.s.queue.mu.Unlock()
	return len(c.s.queue.all)
}

// ends lets them have their turns, and waits for all.
func (c *crowd) ends() []error {
	close(c.free)
	c.all.Wait()
	return c.errs
}

// putsAs puts a blob, and counts how often it was called.
func putsAs(id string, calls *int) func(acme.Tx) error {
	return func(tx acme.Tx) error {
		*calls++
		return tx.PutBlob(id, []byte(id))
	}
}

// kept reports whether a blob is there for all to see.
func kept(t *testing.T, s *Store, id string) bool {
	return reads(t, s, func(tx acme.Tx) (bool, error) {
		_, err := tx.Blob(id)
		if errors.Is(err, acme.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	})
}

// TestUpdatesThatWaitShareATransaction: the last of some sees what the first has put, which nobody else does until all have had their turn.
func TestUpdatesThatWaitShareATransaction(t *testing.T) {
	for _, tc := range []struct {
		claim  string
		others int
		shares bool
	}{
		{"as many as may", mostTogether - 1, true},
		{"one more", mostTogether, false},
	} {
		s, calls := opened(t, filepath.Join(t.TempDir(), "acme.db")), 0
		c := newCrowd(t, s, putsAs("first", &calls))
		for i := range tc.others - 1 {
			c.add(t.Context(), putsAs(fmt.Sprint(i), &calls))
		}
		c.add(t.Context(), func(tx acme.Tx) error {
			_, err := tx.Blob("first")
			if seen := kept(t, s, "first"); seen == tc.shares {
				t.Errorf("%s: others see the first's at the turn of the last: %v", tc.claim, seen)
			}
			return errors.Join(err, putsAs("last", &calls)(tx))
		})
		if err := errors.Join(c.ends()...); err != nil || !kept(t, s, "first") || !kept(t, s, "last") || calls != tc.others+1 {
			t.Errorf("%s: in the end %d calls, %v", tc.claim, calls, err)
		}
	}
}

// TestOneOfManyFails has one of five Updates that wait come to nothing, each time in another way: the others are kept, and nobody was told of what was not.
func TestOneOfManyFails(t *testing.T) {
	writes := func(tx acme.Tx) { tx.PutBlob("failed", nil) }
	for _, tc := range []struct {
		claim string
		fails func(tx acme.Tx, end context.CancelFunc) error
		want  string // of its error; "": none
		anew  bool   // those before it are called a second time
	}{
		{"it does not", func(tx acme.Tx, _ context.CancelFunc) error { return nil }, "", false},
		{"an error of its own before it has written", func(acme.Tx, context.CancelFunc) error { return errOwn }, errOwn.Error(), false},
		{"an error of its own", func(tx acme.Tx, _ context.CancelFunc) error { writes(tx); return errOwn }, errOwn.Error(), true},
		{"a panic", func(tx acme.Tx, _ context.CancelFunc) error { writes(tx); panic(errOwn) }, errEndless.Error(), true},
		{"a panic before it has written", func(tx acme.Tx, _ context.CancelFunc) error { panic(errOwn) }, errEndless.Error(), true},
		{"its goroutine's end", func(tx acme.Tx, _ context.CancelFunc) error { writes(tx); runtime.Goexit(); return nil }, errEndless.Error(), true},
		{"its context's end", func(tx acme.Tx, end context.CancelFunc) error { writes(tx); end(); return nil }, context.Canceled.Error(), true},
		{"what cannot be written", func(tx acme.Tx, _ context.CancelFunc) error {
			writes(tx)
			tx.PutAccount(&acme.Account{ID: "x", Created: day.AddDate(20000, 0, 0)})
			return nil
		}, "account x: it cannot be kept", true},
		{"a statement that the database fails at", func(x acme.Tx, _ context.CancelFunc) error {
			x.(*tx).exec("INSERT INTO blobs (id, octets) VALUES ('failed', NULL)")
			return nil
		}, "NOT NULL constraint failed", true},
		{"a reading that the database fails at, before it has written", func(x acme.Tx, _ context.CancelFunc) error {
			return x.(*tx).row("SELECT octets FROM nowhere", nil)
		}, "no such table", true},
		{"a transaction that the database has ended", func(x acme.Tx, _ context.CancelFunc) error {
			writes(x)
			x.(*tx).exec("INSERT OR ROLLBACK INTO blobs (id, octets) VALUES ('failed', NULL)")
			return nil
		}, "NOT NULL constraint failed", true},
		{"what cannot be kept in the end", func(x acme.Tx, _ context.CancelFunc) error {
			must(t, x.(*tx).link.do(t.Context(), "PRAGMA defer_foreign_keys = 1"))
			writes(x)
			x.(*tx).exec("INSERT INTO order_authorizations (authorization_id, order_id) VALUES ('a', 'no order')")
			return nil
		}, "FOREIGN KEY constraint failed", true},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			s := opened(t, filepath.Join(t.TempDir(), "acme.db"))
			var calls [4]int
			c := newCrowd(t, s, putsAs("0", &calls[0]))
			c.add(t.Context(), putsAs("1", &calls[1]))
			ctx, end := context.WithCancel(t.Context())
			defer end()
			c.add(ctx, func(tx acme.Tx) error { return tc.fails(tx, end) })
			c.add(t.Context(), putsAs("2", &calls[2]))
			c.add(t.Context(), putsAs("3", &calls[3]))
			for i, err := range c.ends() {
				switch {
				case i != 2 && err != nil:
					t.Errorf("%d: %v", i, err)
				case i == 2 && (tc.want == "") != (err == nil), i == 2 && err != nil && !strings.Contains(err.Error(), tc.want):
					t.Errorf("%v, want %q", err, tc.want)
				}
			}
			for i, n := range calls {
				if !kept(t, s, fmt.Sprint(i)) {
					t.Errorf("%d was not kept", i)
				}
				if want := 1 + number(tc.anew && i < 2); n != want && !strings.Contains(tc.claim, "in the end") {
					t.Errorf("%d was called %d times, want %d", i, n, want)
				}
			}
			if kept(t, s, "failed") {
				t.Error("what failed was kept")
			}
			update(t, s, func(tx acme.Tx) error { return tx.PutBlob("after", nil) })
		})
	}
}

// TestKilledTogether kills a process 40 times in which eight make Updates at once: each that it said was kept is there, and of no other a part.
func TestKilledTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "acme.db")
	var said, there [crowdSize]int
	for kill := range 40 {
		cmd, _, out := child(t, "crowd", path)
		for first := true; out.Scan(); first = false {
			var own, n int
			if _, err := fmt.Sscan(out.Text(), &own, &n); err != nil {
				t.Fatal(out.Text())
			}
			said[own] = max(said[own], n)
			if first {
				time.AfterFunc(time.Duration(rand.Int64N(int64(30*time.Millisecond))), func() { cmd.Process.Kill() })
			}
		}
		cmd.Wait()
		s, err := Open(path)
		must(t, err)
		view(t, s, func(tx acme.Tx) error {
			for own := range crowdSize {
				name := fmt.Sprint("own ", own)
				n, err := counter(tx, name)
				if err != nil || n < said[own] || n > said[own]+1 {
					t.Fatalf("kill %d: of %d it said %d, and %d are kept, %v", kill, own, said[own], n, err)
				}
				for i := there[own] + 1; i <= n+1; i++ {
					if _, err := tx.Blob(fmt.Sprint(name, " ", i)); (err == nil) != (i <= n) {
						t.Fatalf("kill %d: %s is at %d; blob %d: %v", kill, name, n, i, err)
					}
				}
				there[own], said[own] = n, n
			}
			return nil
		})
		must(t, s.Close())
	}
	sum := 0
	for _, n := range there {
		sum += n
	}
	if sum < 40 { // each process has had one at least
		t.Errorf("only %d Updates", sum)
	}
	t.Logf("figure: 40 kills, %d Updates", sum)
}
