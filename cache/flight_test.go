package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// source stands for what a fill asks: it counts the questions and takes its time.
type source struct {
	asked atomic.Int64
	takes time.Duration
}

// answer is the number of the question, true for an hour.
func (s *source) answer(context.Context) (Entry[int64], error) {
	n := s.asked.Add(1)
	time.Sleep(s.takes) // within a synctest bubble
	return Entry[int64]{Value: n, Until: time.Now().Add(time.Hour)}, nil
}

// story runs f in a bubble with a cache of one shard and a source that takes a second.
func story(t *testing.T, f func(t *testing.T, k *Cache[int64], s *source)) {
	synctest.Test(t, func(t *testing.T) {
		k := New[int64](Config{Shards: 1, MaxBytes: 1 << 20, Now: time.Now})
		f(t, k, &source{takes: time.Second})
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		invariants(t, k)
	})
}

// callers calls Get n times at once and returns how many got which value.
func callers(t *testing.T, k *Cache[int64], n int, oldest time.Time, s *source) map[int64]int {
	t.Helper()
	var mu sync.Mutex
	got := map[int64]int{}
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			v, err := k.Get(t.Context(), "key", oldest, s.answer)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			got[v]++
			mu.Unlock()
		})
	}
	all.Wait()
	return got
}

func wants(t *testing.T, got map[int64]int, want string) {
	t.Helper()
	if s := fmt.Sprint(got); s != "map["+want+"]" {
		t.Errorf("callers by value: %s, want %s", s, want)
	}
}

func TestAMissingKeyIsFilledOnce(t *testing.T) {
	story(t, func(t *testing.T, k *Cache[int64], s *source) {
		wants(t, callers(t, k, 1000, time.Time{}, s), "1:1000")
		wants(t, callers(t, k, 10, time.Time{}, s), "1:10")
		time.Sleep(time.Hour)
		wants(t, callers(t, k, 10, time.Time{}, s), "2:10")
	})
}

func TestAFlightBegunBeforeOldestIsNotJoined(t *testing.T) {
	story(t, func(t *testing.T, k *Cache[int64], s *source) {
		var first sync.WaitGroup
		first.Go(func() { wants(t, callers(t, k, 5, time.Time{}, s), "1:5") })
		time.Sleep(time.Second / 2)
		begun := time.Now()
		wants(t, callers(t, k, 100, time.Now(), s), "2:100") // half a second of the first and one of their own
		if d := time.Since(begun); d != 3*time.Second/2 {
			t.Errorf("waited for %v", d)
		}
		first.Wait()
		wants(t, callers(t, k, 5, time.Time{}, s), "2:5")
	})
}

func TestThoseWhoWaitedJoinTheNextFlightWhateverTheClockDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Int64 // the clock is set back while the first flight is under way
		k := New[int64](Config{Shards: 1, Now: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }})
		s := &source{takes: time.Second}
		go k.Get(t.Context(), "key", time.Time{}, s.answer)
		time.Sleep(time.Second / 2)
		oldest := time.Now()
		time.AfterFunc(time.Second/4, func() { back.Store(int64(time.Minute)) })
		wants(t, callers(t, k, 100, oldest, s), "2:100")
	})
}

func TestFillRunsToItsEndThoughCallersLeave(t *testing.T) {
	story(t, func(t *testing.T, k *Cache[int64], s *source) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		begun := time.Now()
		_, err := k.Get(ctx, "key", time.Time{}, func(ctx context.Context) (Entry[int64], error) {
			e, _ := s.answer(ctx)
			return e, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second/2 {
			t.Errorf("left after %v with %v", time.Since(begun), err)
		}
		time.Sleep(time.Second)
		if v, _ := k.PeekString("key", time.Time{}); v != 1 {
			t.Errorf("%d is there", v)
		}
	})
}

func TestACallerWhoseTimeIsUpStartsNothing(t *testing.T) {
	story(t, func(t *testing.T, k *Cache[int64], s *source) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.Get(ctx, "key", time.Time{}, s.answer); !errors.Is(err, context.Canceled) || s.asked.Load() != 0 {
			t.Errorf("%v, asked %d times", err, s.asked.Load())
		}
		k.Put("key", Entry[int64]{Value: 7, Until: time.Now().Add(time.Hour)})
		if v, err := k.Get(ctx, "key", time.Time{}, s.answer); v != 7 || err != nil {
			t.Errorf("what is there costs no time: %d, %v", v, err)
		}
	})
}

func TestFillsThatFail(t *testing.T) {
	trouble := errors.New("trouble")
	cases := []struct {
		claim string
		fill  func(context.Context) (Entry[int64], error)
		check func(error) bool
	}{
		{"an error goes to all, and no value with it", func(context.Context) (Entry[int64], error) {
			time.Sleep(time.Second)
			return Entry[int64]{Value: 9, Until: time.Now().Add(time.Hour)}, trouble
		}, func(err error) bool { return err == trouble }},
		{"a panic becomes an error that says where", func(context.Context) (Entry[int64], error) {
			time.Sleep(time.Second)
			panic("index out of range")
		}, func(err error) bool {
			var p *PanicError
			return errors.As(err, &p) && p.Value == "index out of range" &&
				strings.Contains(string(p.Stack), "flight_test.go") && err.Error() == "cache: fill panicked: index out of range"
		}},
		{"a goroutine that ends itself leaves nobody waiting", func(context.Context) (Entry[int64], error) {
			time.Sleep(time.Second)
			runtime.Goexit()
			return Entry[int64]{}, nil
		}, func(err error) bool { return err == errNoReturn }},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			story(t, func(t *testing.T, k *Cache[int64], s *source) {
				var all sync.WaitGroup
				for range 10 {
					all.Go(func() {
						if v, err := k.Get(t.Context(), "key", time.Time{}, tc.fill); v != 0 || !tc.check(err) {
							t.Errorf("%d, %v", v, err)
						}
					})
				}
				all.Wait()
				wants(t, callers(t, k, 10, time.Time{}, s), "1:10") // the key is not lost
			})
		})
	}
}

func TestWhatHappensDuringAFlightIsNotUndoneByIt(t *testing.T) {
	cases := []struct {
		claim string
		event func(k *Cache[int64])
		there int64 // after the flight has landed
		next  string
	}{
		{"a drop", func(k *Cache[int64]) { k.Drop("key") }, 0, "2:10"},
		{"a drop by a function, which cannot see the key", func(k *Cache[int64]) { k.DropFunc(func(string, int64) bool { return false }) }, 0, "2:10"},
		{"a put", func(k *Cache[int64]) { k.Put("key", Entry[int64]{Value: 7, Until: time.Now().Add(time.Hour)}) }, 7, "7:10"},
		{"a put of nothing that lasts", func(k *Cache[int64]) { k.Put("key", Entry[int64]{Value: 7}) }, 0, "2:10"},
		{"the drop of another key does nothing", func(k *Cache[int64]) { k.Drop("other") }, 1, "1:10"},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			story(t, func(t *testing.T, k *Cache[int64], s *source) {
				var all sync.WaitGroup
				all.Go(func() { wants(t, callers(t, k, 5, time.Time{}, s), "1:5") }) // they asked before it
				time.Sleep(time.Second / 2)
				tc.event(k)
				all.Go(func() { wants(t, callers(t, k, 10, time.Time{}, s), tc.next) })
				time.Sleep(3 * time.Second / 4)
				if v, _ := k.PeekString("key", time.Time{}); v != tc.there {
					t.Errorf("%d is there after the flight, want %d", v, tc.there)
				}
				all.Wait()
			})
		})
	}
}

func TestWhatAFlightBrings(t *testing.T) {
	const hour = time.Hour
	cases := []struct {
		claim  string
		before *Entry[int64] // what is there, put a minute ago, too old for the caller
		brings func(now time.Time) Entry[int64]
		there  int64
	}{
		{"takes the place of what was too old", &Entry[int64]{Value: 1}, func(now time.Time) Entry[int64] { return Entry[int64]{Value: 2, Until: now.Add(hour)} }, 2},
		{"drops what was too old even if it does not last itself", &Entry[int64]{Value: 1}, func(now time.Time) Entry[int64] { return Entry[int64]{Value: 2, Until: now} }, 0},
		{"is not kept if it does not last", nil, func(now time.Time) Entry[int64] { return Entry[int64]{Value: 2, Until: now} }, 0},
		{"is not kept if what is there was learnt later", &Entry[int64]{Value: 1}, func(now time.Time) Entry[int64] {
			return Entry[int64]{Value: 2, Until: now.Add(hour), Since: now.Add(-2 * time.Minute)}
		}, 1},
		{"is kept if what is there was learnt earlier", &Entry[int64]{Value: 1}, func(now time.Time) Entry[int64] {
			return Entry[int64]{Value: 2, Until: now.Add(hour), Since: now.Add(-time.Second)}
		}, 2},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			story(t, func(t *testing.T, k *Cache[int64], _ *source) {
				if tc.before != nil {
					tc.before.Until = time.Now().Add(hour)
					k.Put("key", *tc.before)
				}
				time.Sleep(time.Minute)
				v, err := k.Get(t.Context(), "key", time.Now(), func(context.Context) (Entry[int64], error) { return tc.brings(time.Now()), nil })
				if v != 2 || err != nil {
					t.Errorf("the caller got %d, %v", v, err)
				}
				if v, _ := k.PeekString("key", time.Time{}); v != tc.there {
					t.Errorf("%d is there, want %d", v, tc.there)
				}
			})
		})
	}
}

func TestAJoinedFlightWhoseValueIsTooOldIsNotTaken(t *testing.T) {
	story(t, func(t *testing.T, k *Cache[int64], s *source) {
		start := time.Now()
		time.Sleep(time.Minute)
		// The first caller is content with parts that were learnt a minute ago, and uses them.
		patched := func(ctx context.Context) (Entry[int64], error) {
			e, err := s.answer(ctx)
			e.Since = start
			return e, err
		}
		var all sync.WaitGroup
		all.Go(func() {
			if v, err := k.Get(t.Context(), "key", time.Time{}, patched); v != 1 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
		})
		synctest.Wait()
		wants(t, callers(t, k, 10, start.Add(time.Second), s), "2:10") // joined, found it too old, and shared a second
		all.Wait()
		// Of one's own fill one takes whatever comes: it may know better (a failure that must not be asked again).
		if v, err := k.Get(t.Context(), "other", time.Now(), patched); v != 3 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	})
}

func TestClose(t *testing.T) {
	t.Run("waits for the flights and refuses new ones", func(t *testing.T) {
		story(t, func(t *testing.T, k *Cache[int64], s *source) {
			k.Put("there", Entry[int64]{Value: 7, Until: time.Now().Add(time.Hour)})
			var all sync.WaitGroup
			all.Go(func() { wants(t, callers(t, k, 5, time.Time{}, s), "1:5") })
			synctest.Wait()
			begun := time.Now()
			all.Go(func() {
				if err := k.Close(t.Context()); err != nil || time.Since(begun) != time.Second {
					t.Errorf("%v after %v", err, time.Since(begun))
				}
			})
			synctest.Wait()
			if _, err := k.Get(t.Context(), "missing", time.Time{}, s.answer); err != ErrClosed {
				t.Errorf("a missing key: %v", err)
			}
			if v, err := k.Get(t.Context(), "there", time.Time{}, s.answer); v != 7 || err != nil {
				t.Errorf("a key that is there: %d, %v", v, err)
			}
			all.Wait()
		})
	})
	t.Run("cuts the flights short when its own time is up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := New[int64](Config{Now: time.Now})
			ended := make(chan error, 1)
			go func() {
				_, err := k.Get(t.Context(), "key", time.Time{}, func(ctx context.Context) (Entry[int64], error) {
					<-ctx.Done()
					return Entry[int64]{}, ctx.Err()
				})
				ended <- err
			}()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := k.Close(ctx)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 fills cut short") {
				t.Errorf("Close: %v", err)
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the caller got %v", err)
			}
			if err := k.Close(t.Context()); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	})
}

// TestNoStaleValueUnderStress has writers that change a value at its source and
// then drop the key, as a revocation and a purge do, among readers that fill it.
// Once Drop has returned, nobody may be given what was true before.
func TestNoStaleValueUnderStress(t *testing.T) {
	const keys, rounds = 4, 3000
	k := New[int64](Config{Shards: 2, MaxBytes: 1 << 20, Now: time.Now})
	var truth [keys]atomic.Int64
	get := func(i int) (int64, error) {
		return k.Get(context.Background(), fmt.Sprint(i), time.Time{}, func(context.Context) (Entry[int64], error) {
			v := truth[i].Load()
			runtime.Gosched() // a drop may come in between
			return Entry[int64]{Value: v, Until: time.Now().Add(time.Hour)}, nil
		})
	}
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			for n := int64(1); n <= rounds; n++ {
				truth[i].Store(n)
				if n%10 == 0 {
					k.DropFunc(func(key string, _ int64) bool { return key == fmt.Sprint(i) })
				} else {
					k.Drop(fmt.Sprint(i))
				}
				if v, ok := k.PeekString(fmt.Sprint(i), time.Time{}); ok && v < n {
					t.Errorf("key %d: %d is there after %d was dropped", i, v, n)
				}
				if v, err := get(i); v < n || err != nil {
					t.Errorf("key %d: got %d, %v after %d was dropped", i, v, err, n)
				}
			}
		})
		for range 3 {
			all.Go(func() {
				for range rounds {
					least := truth[i].Load() - 1 // the drop of the last may not have happened yet
					if v, err := get(i); v < least || err != nil {
						t.Errorf("key %d: got %d, %v, want at least %d", i, v, err, least)
					}
				}
			})
		}
	}
	all.Wait()
	if err := k.Close(context.Background()); err != nil {
		t.Error(err)
	}
	invariants(t, k)
}
