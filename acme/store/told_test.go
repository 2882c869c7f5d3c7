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

// A flow is of Updates that one caller makes, one after another. Each counts up for the flow and for all, and puts a blob.
type flow struct {
	t      *testing.T
	s      *Store
	name   string
	chance *rand.Rand
	kept   int
}

// ways are how an Update ends, once it has written; the others than those that fail come to nil.
var ways = []struct {
	claim string
	fails bool
	end   func(t *testing.T, x *tx) error
}{
	{"well", false, func(*testing.T, *tx) error { return nil }},
	{"an error", true, func(*testing.T, *tx) error { return errOwn }},
	{"a panic", true, func(*testing.T, *tx) error { panic(errOwn) }},
	{"its goroutine's end", true, func(*testing.T, *tx) error { runtime.Goexit(); return nil }},
	{"a statement that fails", true, func(_ *testing.T, x *tx) error {
		x.exec("INSERT INTO blobs (id, octets) VALUES ('failed', NULL)")
		return nil
	}},
	{"a transaction that the database has ended", true, func(_ *testing.T, x *tx) error {
		x.exec("INSERT OR ROLLBACK INTO blobs (id, octets) VALUES ('failed', NULL)")
		return nil
	}},
	{"what cannot be kept in the end", true, func(t *testing.T, x *tx) error {
		if err := x.link.do(t.Context(), "PRAGMA defer_foreign_keys = 1"); err != nil {
			t.Error(err)
		}
		x.exec("INSERT INTO order_authorizations (authorization_id, order_id) VALUES ('a', 'no order')")
		return nil
	}},
}

// one makes an Update that ends in a way, or before: most contexts go on, some end at any moment.
func (f *flow) one() {
	way, ctx := ways[f.chance.IntN(len(ways))], context.Background()
	ends := f.chance.IntN(4) == 0
	if ends {
		within, end := context.WithTimeout(ctx, time.Duration(f.chance.IntN(3000))*time.Microsecond)
		defer end()
		ctx = within
	}
	size, err, over := f.chance.IntN(3000), errEndless, make(chan struct{})
	go func() {
		defer close(over)
		defer func() { recover() }()
		err = f.s.Update(ctx, func(x acme.Tx) error {
			n, err := counter(x, f.name)
			if err != nil {
				return err
			}
			if n != f.kept {
				f.t.Errorf("%s is at %d, and %d were kept", f.name, n, f.kept)
			}
			sum, err := counter(x, "all")
			if err != nil {
				return err
			}
			if err := errors.Join(putCounter(x, f.name, n+1), putCounter(x, "all", sum+1), x.PutBlob(fmt.Sprint(f.name, " ", n+1), make([]byte, size))); err != nil {
				return err
			}
			return way.end(f.t, x.(*tx))
		})
	}()
	<-over
	if err == nil {
		f.kept++
	}
	if way.fails && err == nil || !way.fails && err != nil && !ends {
		f.t.Errorf("%s: %s: %v", f.name, way.claim, err)
	}
}

// TestWhatEachWasToldIsSo has a dozen make Updates at once through two stores of one file: each is kept whose caller was told so, and of no other a part.
func TestWhatEachWasToldIsSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	stores := []*Store{opened(t, path), opened(t, path)}
	var flows [12]*flow
	var all sync.WaitGroup
	for n := range flows {
		flows[n] = &flow{t: t, s: stores[n/9], name: fmt.Sprint("own ", n), chance: rand.New(rand.NewPCG(uint64(n), 7))}
		all.Go(func() {
			for range 60 {
				flows[n].one()
			}
		})
	}
	all.Wait()
	view(t, stores[0], func(x acme.Tx) error {
		sum := 0
		for _, f := range flows {
			if n, err := counter(x, f.name); err != nil || n != f.kept || n == 0 {
				t.Errorf("%s: it is at %d of %d, %v", f.name, n, f.kept, err)
			}
			for i := range f.kept + 1 {
				if _, err := x.Blob(fmt.Sprint(f.name, " ", i+1)); (err == nil) != (i < f.kept) {
					t.Errorf("%s: blob %d of %d: %v", f.name, i+1, f.kept, err)
				}
			}
			sum += f.kept
		}
		if n, err := counter(x, "all"); err != nil || n != sum {
			t.Errorf("all: %d of %d, %v", n, sum, err)
		}
		t.Logf("figure: %d of %d Updates were kept", sum, 60*len(flows))
		return nil
	})
	for _, s := range stores {
		if s.queue.taken || len(s.queue.all) > 0 || len(s.writer.turns) > 0 {
			t.Errorf("somebody has the turn yet (%t, %d), or waits: %d", s.queue.taken, len(s.writer.turns), len(s.queue.all))
		}
	}
}

// TestAttemptsEnd has others in the way of each attempt of an Update, whose last one but for that shares a transaction of
// which nothing comes: it is tried once more, alone, and no more.
func TestAttemptsEnd(t *testing.T) {
	for _, tc := range []struct {
		claim  string
		shares int // the attempt that shares a transaction; 0: none
		want   int
	}{
		{"none shares", 0, attempts},
		{"the second one", 2, attempts},
		{"the last one", attempts, attempts + 1},
	} {
		s, calls := opened(t, filepath.Join(t.TempDir(), "acme.db")), 0
		s.dialect.again = func(err error) bool { return strings.Contains(err.Error(), "NOT NULL") }
		somebodyWaits := func() {
			for waiting := 0; waiting == 0; runtime.Gosched() {
				s.queue.mu.Lock()
				waiting = len(s.queue.all)
				s.queue.mu.Unlock()
			}
		}
		var other sync.WaitGroup
		ctx, end := context.WithCancel(t.Context())
		err := s.Update(ctx, func(x acme.Tx) error {
			switch calls++; calls {
			case tc.shares - 1: // the other's turn is the next, until the attempt that follows waits for it
				other.Go(func() {
					var first sync.Once
					if err := s.Update(t.Context(), func(acme.Tx) error { first.Do(somebodyWaits); return nil }); err != nil {
						t.Error(err)
					}
				})
				somebodyWaits()
			case 20 * attempts:
				end()
			}
			_, err := x.(*tx).exec("INSERT INTO blobs (id, octets) VALUES ('failed', NULL)")
			return err
		})
		end()
		other.Wait()
		if err == nil || !strings.Contains(err.Error(), "NOT NULL") || calls != tc.want {
			t.Errorf("%s: %d attempts, want %d; %v", tc.claim, calls, tc.want, err)
		}
	}
}
