package cache

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

// TestDerivedDuringDropFunc: what is derived, while DropFunc is on its way through the shards,
// from a value that it has not come to yet does not stay behind it: neither by Put nor by a fill.
func TestDerivedDuringDropFunc(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := New[string](Config{Now: func() time.Time { return now }, Shards: 4})
	in := func(shard uint64, what string) string { // a key of that shard
		for i := 0; ; i++ {
			if k := fmt.Sprint(what, i); maphash.String(c.seed, k)>>c.shift == shard {
				return k
			}
		}
	}
	root, half, cut, answer := in(3, "root"), in(1, "half"), in(0, "cut"), in(0, "answer")
	c.Put(root, Entry[string]{Value: "proven from the old anchor", Until: now.Add(time.Hour)})
	c.Put(half, Entry[string]{Value: "x", Until: now.Add(time.Hour)})
	now = now.Add(time.Second)
	c.DropFunc(func(key string, _ string) bool {
		if key == half { // shard 0 is done, shard 3 is not
			now = now.Add(time.Millisecond)
			done := make(chan bool)
			go func() { // a question that begins now
				defer close(done)
				began := now
				old, ok := c.PeekString(root, time.Time{})
				if !ok {
					return
				}
				c.Put(cut, Entry[string]{Value: "cut from " + old, Until: now.Add(time.Hour), Since: began})
				c.Get(context.Background(), answer, time.Time{}, func(context.Context) (Entry[string], error) {
					return Entry[string]{Value: "answer from " + old, Until: now.Add(time.Hour), Since: began}, nil
				})
			}()
			<-done
		}
		return true
	})
	for _, k := range []string{root, cut, answer} {
		if v, ok := c.PeekString(k, time.Time{}); ok {
			t.Errorf("after everything was dropped: %q", v)
		}
	}
}

// TestEachBesideReaders: for the race detector.
func TestEachBesideReaders(t *testing.T) {
	c := New[int](Config{Now: time.Now, Shards: 1, MaxBytes: 1 << 20})
	for i := range 50 {
		k := fmt.Sprint("k", i)
		if i%2 == 0 {
			k += strings.Repeat("x", 40)
		}
		c.Put(k, Entry[int]{Value: i, Size: 8, Until: time.Now().Add(time.Hour)})
	}
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		for i := range 50 {
			k := fmt.Sprint("k", i)
			if i%2 == 0 {
				k += strings.Repeat("x", 40)
			}
			c.PeekString(k, time.Time{})
		}
	}()
	go func() {
		defer wg.Done()
		c.Each(func(string, int, bool) {})
	}()
	wg.Wait()
}

// TestClockSetBackAgainAndAgain: an entry lives no longer for it, whether somebody looks
// meanwhile or, where the clock has a monotonic reading, not.
func TestClockSetBackAgainAndAgain(t *testing.T) {
	for _, tt := range []struct {
		claim            string
		monotonic, looks bool
	}{
		{"somebody looks", false, true},
		{"nobody looks, a monotonic clock", true, false},
		{"both", true, true},
	} {
		now := time.Now()
		if !tt.monotonic {
			now = now.Round(0)
		}
		c := New[int](Config{Now: func() time.Time { return now }})
		c.Put("k", Entry[int]{Value: 1, Size: 8, Until: now.Add(300 * time.Second)})
		if _, ok := c.PeekString("k", time.Time{}); !ok {
			t.Fatal("the set-up is wrong")
		}
		lived := 0
		for range 100 {
			now = now.Add(200 * time.Second) // true time passes
			lived += 200
			if _, ok := c.PeekString("k", time.Time{}); !ok {
				break
			}
			now = setBack(now, 199)
			if tt.looks {
				c.PeekString("another", time.Time{})
			}
		}
		if lived > 600 { // it is looked for once a second
			t.Errorf("%s: an entry of 300 s was given after %d s", tt.claim, lived)
		}
	}
}

// setBack takes seconds from a time's wall clock and leaves its monotonic reading, as
// whoever sets a clock does. It knows how package time lays a Time out; where that changes
// the test above fails.
func setBack(t time.Time, seconds uint64) time.Time {
	if !strings.Contains(t.String(), "m=") {
		return t.Add(-time.Duration(seconds) * time.Second)
	}
	*(*uint64)(unsafe.Pointer(&t)) -= seconds << 30
	return t
}

// TestModelWithDrops: what is given is the last value put, not dropped since, and still true.
func TestModelWithDrops(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		now := time.Unix(1e9, 0)
		c := New[int](Config{Now: func() time.Time { return now }, Shards: 1 << r.IntN(3), MaxBytes: 40 << 10 << r.IntN(6)})
		type val struct {
			v            int
			since, until time.Time
		}
		model := map[string]val{}
		keys := make([]string, 600)
		for i := range keys {
			keys[i] = fmt.Sprint(i) + strings.Repeat("k", r.IntN(60))
			if r.IntN(4) == 0 {
				keys[i] = (fmt.Sprint(i) + strings.Repeat("k", 30))[:23+r.IntN(3)]
			}
		}
		gone := 0
		for i := range 30000 {
			k := keys[r.IntN(len(keys))]
			switch r.IntN(12) {
			case 0:
				c.Drop(k)
				delete(model, k)
			case 1:
				now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			case 2:
				if r.IntN(200) == 0 {
					p := k[:1]
					c.DropFunc(func(key string, _ int) bool { return key[:1] == p })
					for key := range model {
						if key[:1] == p {
							delete(model, key)
						}
					}
				}
			case 3:
				c.Each(func(key string, v int, _ bool) {
					if m, ok := model[key]; !ok || m.v != v || !m.until.After(now) {
						t.Fatalf("each: %q %d %+v %v", key, v, m, ok)
					}
				})
			case 4, 5, 6, 7:
				e := Entry[int]{Value: i, Size: r.IntN(300), Until: now.Add(time.Duration(r.IntN(60)-2) * time.Second)}
				if r.IntN(2) == 0 {
					v, err := c.Get(context.Background(), k, now.Add(time.Hour), func(context.Context) (Entry[int], error) { return e, nil })
					if err != nil || v != i {
						t.Fatal(v, err)
					}
				} else {
					c.Put(k, e)
				}
				model[k] = val{i, now, e.Until}
			default:
				v, ok := c.PeekString(k, time.Time{})
				v2, ok2 := c.Peek([]byte(k), time.Time{})
				if v != v2 || ok != ok2 {
					t.Fatal("peeks differ")
				}
				m, there := model[k]
				if ok && (!there || m.v != v || !m.until.After(now)) {
					t.Fatalf("%q: %d, model %+v %v", k, v, m, there)
				}
				if !ok && there && m.until.After(now) {
					gone++
					delete(model, k)
				}
			}
			for j := range c.shards {
				if s := &c.shards[j]; s.used() > s.max {
					t.Fatalf("shard over: %d > %d", s.used(), s.max)
				}
			}
		}
		st := c.Stats()
		if gone > int(st.Evictions+st.TooLarge) {
			t.Fatalf("gone %d evicted %d", gone, st.Evictions)
		}
	}
}

// givenUp is why a caller leaves who has no use for the value any more.
type givenUp struct{}

func (givenUp) Error() string  { return "given up" }
func (givenUp) Abandons() bool { return true }

// TestAbandoned: a fill goes on for those who left in haste, and ends where the last who
// waits gives up; who comes then gets a new one.
func TestAbandoned(t *testing.T) {
	for _, tt := range []struct {
		claim string
		leave []error // why each of the callers leaves; nil: it stays
		ends  bool
	}{
		{"one who gives up", []error{givenUp{}}, true},
		{"one who only leaves", []error{context.Canceled}, false},
		{"one gives up, another stays", []error{givenUp{}, nil}, false},
		{"one leaves, then the last gives up", []error{context.Canceled, givenUp{}}, true},
		{"one gives up, then the last leaves", []error{givenUp{}, context.Canceled}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := New[int](Config{Now: time.Now})
			fills := 0
			fill := func(ctx context.Context) (Entry[int], error) {
				fills++
				select {
				case <-ctx.Done():
					return Entry[int]{Value: -1, Until: time.Now().Add(time.Hour)}, nil
				case <-time.After(time.Minute):
					return Entry[int]{Value: fills, Until: time.Now().Add(time.Hour)}, nil
				}
			}
			for i, why := range tt.leave {
				ctx, leave := context.WithCancelCause(t.Context())
				go func() {
					if v, err := c.Get(ctx, "k", time.Time{}, fill); why == nil && (v != 1 || err != nil) {
						t.Errorf("%s: who stays gets %d, %v", tt.claim, v, err)
					}
				}()
				time.AfterFunc(time.Duration(i+1)*time.Second, func() {
					if why != nil {
						leave(why)
					}
				})
			}
			time.Sleep(10 * time.Second)
			want := 1
			if tt.ends {
				want = 2
			}
			if v, err := c.Get(t.Context(), "k", time.Time{}, fill); v != want || err != nil || fills != want {
				t.Errorf("%s: then %d, %v after %d fills, want %d", tt.claim, v, err, fills, want)
			}
			c.Close(t.Context())
		})
	}
}
