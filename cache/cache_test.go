package cache

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// clock is a time that a test moves by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) forward(d time.Duration) { c.t = c.t.Add(d) }
func (c *clock) in(d time.Duration) time.Time {
	return c.t.Add(d)
}

func newClock() *clock { return &clock{time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)} }

func one[V any](max int64, c *clock) *Cache[V] {
	return New[V](Config{MaxBytes: max, Now: c.now, Shards: 1})
}

func TestPeek(t *testing.T) {
	c := newClock()
	start := c.t
	cases := []struct {
		claim  string
		entry  Entry[string]
		after  time.Duration
		oldest time.Time
		want   bool
	}{
		{"a value is there until its time", Entry[string]{Until: start.Add(time.Minute)}, time.Minute - 1, time.Time{}, true},
		{"at its time it is gone", Entry[string]{Until: start.Add(time.Minute)}, time.Minute, time.Time{}, false},
		{"what was put at oldest will do", Entry[string]{Until: start.Add(time.Minute)}, time.Second, start, true},
		{"what was put before oldest will not", Entry[string]{Until: start.Add(time.Minute)}, time.Second, start.Add(1), false},
		{"a part learnt before oldest counts, not the putting", Entry[string]{Until: start.Add(time.Minute), Since: start.Add(-time.Second)}, 0, start, false},
		{"a value without an Until is not kept", Entry[string]{}, 0, time.Time{}, false},
		{"for ever is further than an int64 of nanoseconds", Entry[string]{Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, time.Hour, time.Time{}, true},
		{"an oldest before 1677 sets no bound", Entry[string]{Until: start.Add(time.Minute)}, 0, time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), true},
		{"an oldest far in the future matches nothing", Entry[string]{Until: start.Add(time.Minute)}, 0, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), false},
		{"a negative size counts as none", Entry[string]{Until: start.Add(time.Minute), Size: -1 << 40}, 0, time.Time{}, true},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			c := newClock()
			k := one[string](1<<20, c)
			tc.entry.Value = "v"
			k.Put("key", tc.entry)
			c.forward(tc.after)
			v, ok := k.Peek([]byte("key"), tc.oldest)
			if ok != tc.want || ok != (v == "v") {
				t.Errorf("Peek: %q, %v", v, ok)
			}
			if v2, ok2 := k.PeekString("key", tc.oldest); v2 != v || ok2 != ok {
				t.Errorf("PeekString: %q, %v; Peek: %q, %v", v2, ok2, v, ok)
			}
			if v2, ok2 := k.PeekAt([]byte("key"), c.t, tc.oldest); v2 != v || ok2 != ok {
				t.Errorf("PeekAt: %q, %v; Peek: %q, %v", v2, ok2, v, ok)
			}
		})
	}
}

func TestPutReplaces(t *testing.T) {
	cases := []struct {
		claim string
		entry func(c *clock) Entry[int]
		want  int // 0: nothing
	}{
		{"a newer value", func(c *clock) Entry[int] { return Entry[int]{Value: 2, Until: c.in(time.Hour)} }, 2},
		{"nothing by a value that is no longer true", func(c *clock) Entry[int] { return Entry[int]{Value: 2, Until: c.t} }, 0},
		{"nothing by a value larger than a shard", func(c *clock) Entry[int] {
			return Entry[int]{Value: 2, Size: 1 << 20, Until: c.in(time.Hour)}
		}, 0},
		{"nothing by a value whose size overflows", func(c *clock) Entry[int] {
			return Entry[int]{Value: 2, Size: math.MaxInt, Until: c.in(time.Hour)}
		}, 0},
	}
	for _, tc := range cases {
		for _, key := range []string{"short", strings.Repeat("long", 20)} {
			t.Run(tc.claim, func(t *testing.T) {
				c := newClock()
				k := one[int](1<<20, c)
				k.Put(key, Entry[int]{Value: 1, Until: c.in(time.Hour)})
				k.Put(key, tc.entry(c))
				if v, _ := k.PeekString(key, time.Time{}); v != tc.want || k.Stats().Entries != min(1, tc.want) {
					t.Errorf("%d is there, want %d: %+v", v, tc.want, k.Stats())
				}
				invariants(t, k)
			})
		}
	}
}

func TestKeysAreBytes(t *testing.T) {
	c := newClock()
	k := New[string](Config{Now: c.now})
	keys := []string{"", "\x00", "\x00\x00", "a", "A", strings.Repeat("a", shortKey), strings.Repeat("a", shortKey+1),
		strings.Repeat("a", 255), strings.Repeat("a", 256), strings.Repeat("a", 1000), "jwk.cnf.vendor.example.\x004"}
	for _, key := range keys {
		k.Put(key, Entry[string]{Value: "of " + key, Until: c.in(time.Hour)})
	}
	for _, key := range keys {
		b := []byte(key)
		if v, _ := k.Peek(b, time.Time{}); v != "of "+key {
			t.Errorf("%q: %q", key, v)
		}
		for i := range b {
			b[i] = 'x' // the cache must not have kept it
		}
	}
	for _, key := range keys {
		if !k.Drop(key) || k.Drop(key) {
			t.Errorf("%q: dropped not exactly once", key)
		}
	}
}

func TestNothingIsAllocatedOnAHit(t *testing.T) {
	k := New[*int](Config{Now: time.Now})
	v := 1
	fill := func(context.Context) (Entry[*int], error) { t.Error("filled"); return Entry[*int]{}, nil }
	for _, key := range []string{"jwk.cnf.vendor.example.", strings.Repeat("long.", 12)} {
		k.Put(key, Entry[*int]{Value: &v, Until: time.Now().Add(time.Hour)})
		b, now := []byte(key), time.Now()
		for name, hit := range map[string]func() (*int, bool){
			"Peek":       func() (*int, bool) { return k.Peek(b, time.Time{}) },
			"PeekAt":     func() (*int, bool) { return k.PeekAt(b, now, time.Time{}) },
			"PeekString": func() (*int, bool) { return k.PeekString(key, time.Time{}) },
			"Get": func() (*int, bool) {
				got, err := k.Get(context.Background(), key, time.Time{}, fill)
				return got, err == nil
			},
		} {
			if n := testing.AllocsPerRun(100, func() {
				if got, ok := hit(); got != &v || !ok {
					t.Fatalf("%s: %v, %v", name, got, ok)
				}
			}); n != 0 {
				t.Errorf("%s of a key of %d bytes: %v allocations", name, len(key), n)
			}
		}
	}
}

func TestConfig(t *testing.T) {
	cases := []struct {
		claim  string
		config Config
		shards int
	}{
		{"the default is 64 shards", Config{}, 64},
		{"a small cache has fewer", Config{MaxBytes: 5 << 20}, 4},
		{"a tiny one has one", Config{MaxBytes: 1}, 1},
		{"a count is rounded up to a power of two", Config{Shards: 5}, 8},
		{"and down to 256", Config{Shards: 1 << 40}, 256},
	}
	for _, tc := range cases {
		t.Run(tc.claim, func(t *testing.T) {
			tc.config.Now = time.Now
			k := New[int](tc.config)
			if len(k.shards) != tc.shards {
				t.Fatalf("%d shards, want %d", len(k.shards), tc.shards)
			}
			used := map[uint64]bool{}
			for i := range 4096 {
				key := fmt.Sprint(i)
				k.Put(key, Entry[int]{Value: i, Until: time.Now().Add(time.Hour)})
				if v, ok := k.PeekString(key, time.Time{}); ok != (tc.config.MaxBytes != 1) || ok && v != i {
					t.Fatalf("key %d: %d, %v", i, v, ok)
				}
			}
			for i := range k.shards {
				if k.shards[i].table.live > 0 {
					used[uint64(i)] = true
				}
			}
			if tc.config.MaxBytes != 1 && len(used) != tc.shards {
				t.Errorf("%d of %d shards used", len(used), tc.shards)
			}
		})
	}
}

func TestBytesAreBounded(t *testing.T) {
	const max = 1 << 20
	c := newClock()
	k := one[int](max, c)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 50_000 {
		size := r.IntN(300)
		if i > 25_000 && i%100 == 0 {
			size = r.IntN(max / 2) // few large ones after many small ones: the table must give way
		}
		key := fmt.Sprintf("%0*d", 1+r.IntN(80), r.IntN(20_000))
		k.Put(key, Entry[int]{Value: i, Size: size, Until: c.in(time.Hour)})
		if v, ok := k.PeekString(key, time.Time{}); !ok || v != i {
			t.Fatalf("put %d is lost at once", i)
		}
		if b := k.Stats().Bytes; b > max {
			t.Fatalf("after %d puts %d bytes are in use", i, b)
		}
	}
	invariants(t, k)
	if s := k.Stats(); s.Evictions == 0 {
		t.Errorf("nothing was evicted: %+v", s)
	}
}

func TestALargeValueFindsRoomAmongSmallOnes(t *testing.T) {
	const max = 1 << 20
	c := newClock()
	k := one[int](max, c)
	for i := range 20_000 {
		k.Put(fmt.Sprint(i), Entry[int]{Value: i, Until: c.in(time.Hour)})
	}
	k.Put("large", Entry[int]{Value: -1, Size: max - firstSlots*int(slotBytes[int]()), Until: c.in(time.Hour)})
	if v, _ := k.PeekString("large", time.Time{}); v != -1 {
		t.Errorf("not there: %+v", k.Stats())
	}
	invariants(t, k)
}

// The bound is worth what the accounting is worth: what the heap grows by must
// be what Stats says, within what the garbage collector itself keeps.
func TestAccountingIsHonest(t *testing.T) {
	for _, key := range []string{"%023d", "%060d", "%0150d"} {
		before := heap()
		k := New[*[200]byte](Config{MaxBytes: 1 << 30, Now: time.Now})
		for i := range 100_000 {
			k.Put(fmt.Sprintf(key, i), Entry[*[200]byte]{Value: new([200]byte), Size: 208, Until: time.Now().Add(time.Hour)})
		}
		grown, says := heap()-before, k.Stats().Bytes
		if grown > says*105/100 || grown < says*90/100 {
			t.Errorf("keys as %s: the heap grew by %d, Stats says %d", key, grown, says)
		}
		runtime.KeepAlive(k)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestWhatIsInUseSurvivesAFlood(t *testing.T) {
	c := newClock()
	k := one[int](256<<10, c)
	for i := range 100 {
		k.Put(fmt.Sprint("used ", i), Entry[int]{Value: i, Size: 200, Until: c.in(time.Hour)})
	}
	for flood := range 20_000 {
		k.Put(fmt.Sprint("once ", flood), Entry[int]{Size: 200, Until: c.in(time.Hour)})
		if flood%500 == 0 {
			for i := range 100 {
				k.PeekString(fmt.Sprint("used ", i), time.Time{})
			}
		}
	}
	for i := range 100 {
		if _, ok := k.PeekString(fmt.Sprint("used ", i), time.Time{}); !ok {
			t.Errorf("the flood displaced key %d", i)
		}
	}
}

func TestWhatHasExpiredGoesFirst(t *testing.T) {
	c := newClock()
	k := one[int](64<<10, c)
	for i := range 200 {
		k.Put(fmt.Sprint("brief ", i), Entry[int]{Size: 50, Until: c.in(time.Second)})
	}
	for i := range 50 {
		k.Put(fmt.Sprint("lasting ", i), Entry[int]{Size: 50, Until: c.in(time.Hour)})
	}
	c.forward(time.Minute)
	for i := range 150 {
		k.Put(fmt.Sprint("new ", i), Entry[int]{Size: 50, Until: c.in(time.Hour)})
	}
	if s := k.Stats(); s.Evictions != 0 || s.Expired != 200 || s.Entries != 200 {
		t.Errorf("%+v", s)
	}
}

func TestWhatHasExpiredIsNotForgivenItsMark(t *testing.T) {
	c := newClock()
	k := one[int](64<<10, c)
	k.Put("lasting", Entry[int]{Size: 50, Until: c.in(time.Hour)}) // the oldest: what follows cannot be swept
	for i := range 300 {
		key := fmt.Sprint("brief ", i)
		k.Put(key, Entry[int]{Size: 50, Until: c.in(time.Second)})
		k.PeekString(key, time.Time{})
	}
	c.forward(time.Minute)
	for i := range 300 {
		k.PeekString("lasting", time.Time{})
		k.Put(fmt.Sprint("new ", i), Entry[int]{Size: 50, Until: c.in(time.Hour)})
	}
	if s := k.Stats(); s.Evictions != 0 || s.Expired == 0 {
		t.Errorf("live values made room for dead ones: %+v", s)
	}
}

func TestAKeyInUseIsStillInUseAfterARefresh(t *testing.T) {
	c := newClock()
	k := one[int](64<<10, c)
	k.Put("used", Entry[int]{Value: 1, Size: 50, Until: c.in(time.Hour)})
	k.PeekString("used", time.Time{})
	k.Put("used", Entry[int]{Value: 2, Size: 50, Until: c.in(time.Hour)})
	// The hand reaches each key once before the first of these is evicted.
	for i := 0; k.Stats().Evictions < 100; i++ {
		k.Put(fmt.Sprint("once ", i), Entry[int]{Size: 50, Until: c.in(time.Hour)})
	}
	if v, _ := k.PeekString("used", time.Time{}); v != 2 {
		t.Error("displaced by names asked once")
	}
}

// TestALongKeyIsKeptWithoutACopy: a value may point into the key that it is kept
// under, and the text is there once.
func TestALongKeyIsKeptWithoutACopy(t *testing.T) {
	c := newClock()
	k := New[int](Config{Now: c.now})
	key := strings.Repeat("long", 20)
	k.Put(key, Entry[int]{Until: c.in(time.Hour)})
	k.Each(func(kept string, _ int, _ bool) {
		if kept != key || unsafe.StringData(kept) != unsafe.StringData(key) {
			t.Errorf("%q was copied", kept)
		}
	})
	if s := k.Stats(); s.Entries != 1 || s.Bytes < int64(len(key)) {
		t.Errorf("%+v", s)
	}
}

// TestPutSinceTheClockWasRead: who reads the clock first meets what others put
// meanwhile; what was learnt long after the present is of a clock that was set back.
func TestPutSinceTheClockWasRead(t *testing.T) {
	c := newClock()
	k := one[int](1<<20, c)
	k.Put("key", Entry[int]{Value: 1, Until: c.in(time.Hour)})
	for early, want := range map[time.Duration]bool{0: true, time.Millisecond: true, time.Second: true, time.Minute: false} {
		if v, ok := k.PeekAt([]byte("key"), c.now().Add(-early), time.Time{}); ok != want || ok && v != 1 {
			t.Errorf("%s early: %d %v", early, v, ok)
		}
	}
}

func TestStats(t *testing.T) {
	c := newClock()
	k := one[int](1<<20, c)
	put := func(context.Context) (Entry[int], error) { return Entry[int]{Value: 1, Until: c.in(time.Minute)}, nil }
	k.Get(context.Background(), "a", time.Time{}, put) // a miss
	k.Get(context.Background(), "a", time.Time{}, put) // a hit
	k.PeekString("a", time.Time{})                     // a hit
	k.PeekString("b", time.Time{})                     // nothing: Peek does not wait for a fill
	c.forward(time.Minute)
	k.Get(context.Background(), "a", time.Time{}, put)            // a miss, and the old value expires
	k.Put("b", Entry[int]{Size: 2 << 20, Until: c.in(time.Hour)}) // too large
	want := Stats{Entries: 1, Bytes: firstSlots * slotBytes[int](), Hits: 2, Misses: 2, Expired: 1, TooLarge: 1}
	if s := k.Stats(); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
}

func TestDropFunc(t *testing.T) {
	c := newClock()
	k := New[int](Config{Now: c.now})
	for i := range 5000 {
		k.Put(fmt.Sprintf("%d.%s.example.", i, []string{"gone", "kept"}[i%2]), Entry[int]{Value: i, Until: c.in(time.Hour)})
	}
	n := k.DropFunc(func(key string, v int) bool {
		if !strings.HasPrefix(key, fmt.Sprint(v, ".")) {
			t.Errorf("key %q with value %d", key, v)
		}
		return strings.HasSuffix(key, ".gone.example.")
	})
	if n != 2500 {
		t.Errorf("%d dropped", n)
	}
	for i := range 5000 {
		_, ok := k.PeekString(fmt.Sprintf("%d.%s.example.", i, []string{"gone", "kept"}[i%2]), time.Time{})
		if ok != (i%2 == 1) {
			t.Errorf("%d: there %v", i, ok)
		}
	}
	invariants(t, k)
}

func TestAPutOfWhatWasLearntBeforeADropChangesNothing(t *testing.T) {
	drops := map[string]func(k *Cache[int]){
		"Drop":     func(k *Cache[int]) { k.Drop("key") },
		"DropFunc": func(k *Cache[int]) { k.DropFunc(func(string, int) bool { return true }) },
	}
	for name, drop := range drops {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			k := one[int](1<<20, c)
			learnt := c.t
			c.forward(time.Second)
			drop(k)
			k.Put("key", Entry[int]{Value: 1, Since: learnt, Until: c.in(time.Hour)})
			if _, ok := k.PeekString("key", time.Time{}); ok {
				t.Error("what was dropped is back")
			}
			k.Put("key", Entry[int]{Value: 2, Since: c.t, Until: c.in(time.Hour)})
			k.Put("key", Entry[int]{Value: 1, Since: learnt, Until: c.in(time.Hour)})
			if v, _ := k.PeekString("key", time.Time{}); v != 2 {
				t.Errorf("%d is there, want what was learnt after the drop", v)
			}
		})
	}
}

// TestClockSetBack holds that nothing outlives its time by a clock that was ahead
// while it was learnt, whichever way it comes in.
func TestClockSetBack(t *testing.T) {
	for _, way := range []struct {
		claim string
		learn func(k *Cache[int], learnt time.Time, meanwhile func())
	}{
		{"put before", func(k *Cache[int], learnt time.Time, meanwhile func()) {
			k.Put("key", Entry[int]{Value: 1, Until: learnt.Add(time.Minute), Since: learnt})
			meanwhile()
		}},
		{"put after, and dropped in between", func(k *Cache[int], learnt time.Time, meanwhile func()) {
			meanwhile()
			k.DropFunc(func(string, int) bool { return true })
			k.Put("key", Entry[int]{Value: 1, Until: learnt.Add(time.Minute), Since: learnt})
		}},
		{"filled meanwhile", func(k *Cache[int], learnt time.Time, meanwhile func()) {
			v, err := k.Get(context.Background(), "key", time.Time{}, func(context.Context) (Entry[int], error) {
				meanwhile()
				return Entry[int]{Value: 1, Until: learnt.Add(time.Minute), Since: learnt}, nil
			})
			if v != 1 || err != nil {
				t.Errorf("who waited got %d, %v", v, err)
			}
		}},
	} {
		for _, back := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprint(way.claim, ", by ", back), func(t *testing.T) {
				c := newClock()
				k := one[int](1<<20, c)
				way.learn(k, c.t, func() { c.forward(-back) })
				if _, ok := k.PeekString("key", time.Time{}); ok != (back == 0) {
					t.Errorf("it is there: %t", ok)
				}
				v, err := k.Get(context.Background(), "key", time.Time{}, func(context.Context) (Entry[int], error) {
					return Entry[int]{Value: 2, Until: c.in(time.Minute)}, nil
				})
				if v != 1 && back == 0 || v != 2 && back > 0 || err != nil {
					t.Errorf("Get: %d, %v", v, err)
				}
			})
		}
	}
}
