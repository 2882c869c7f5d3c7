package cache

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestModel plays random calls against the Cache and a plain map. A cache with
// room must agree with the map on everything; a small one may have forgotten,
// but what it gives is what the map gives.
func TestModel(t *testing.T) {
	type kept struct {
		value        int
		since, until time.Time
	}
	for _, tc := range []struct {
		claim  string
		max    int64
		shards int
		keys   int
		exact  bool
	}{
		{"with room, one shard", 64 << 20, 1, 3000, true},
		{"with room, many shards", 64 << 20, 16, 3000, true},
		{"too small, one shard", 48 << 10, 1, 3000, false},
		{"too small, many shards", 80 << 10, 8, 3000, false},
		{"hardly any room", firstSlots*slotBytes[int]() + 500, 1, 100, false},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			r := rand.New(rand.NewPCG(seed, 0))
			c := newClock()
			k := New[int](Config{MaxBytes: tc.max, Shards: tc.shards, Now: c.now})
			model := map[string]kept{}
			live := func(key string, oldest time.Time) (int, bool) {
				m, ok := model[key]
				return m.value, ok && m.until.After(c.t) && !m.since.Before(oldest)
			}
			for i := 1; i <= 60_000; i++ {
				key := fmt.Sprint(r.IntN(tc.keys))
				if len(key)%2 == 0 {
					key += strings.Repeat(".long", 10)
				}
				switch op := r.IntN(100); {
				case op < 40:
					m := kept{i, c.t, c.in(time.Duration(r.IntN(120)-10) * time.Second)}
					k.Put(key, Entry[int]{Value: m.value, Size: r.IntN(200), Until: m.until})
					model[key] = m
				case op < 90:
					var oldest time.Time
					if op < 60 {
						oldest = c.in(-time.Duration(r.IntN(60)) * time.Second)
					}
					got, ok := k.PeekString(key, oldest)
					want, there := live(key, oldest)
					if ok && (got != want || !there) || tc.exact && ok != there {
						t.Fatalf("call %d: key %s: %d, %v; the map has %d, %v", i, key, got, ok, want, there)
					}
				case op < 95:
					_, there := model[key]
					if ok := k.Drop(key); ok && !there {
						t.Fatalf("call %d: key %s: dropped, was not there", i, key)
					}
					delete(model, key)
				case op < 99:
					c.forward(time.Duration(r.IntN(3000)) * time.Millisecond)
				case r.IntN(20) == 0:
					last := key[len(key)-1]
					k.DropFunc(func(key string, _ int) bool { return key[len(key)-1] == last })
					for key := range model {
						if key[len(key)-1] == last {
							delete(model, key)
						}
					}
				}
				if s := k.Stats(); s.Bytes > tc.max {
					t.Fatalf("call %d: %d bytes of %d", i, s.Bytes, tc.max)
				}
				if i%1000 == 0 {
					invariants(t, k)
				}
			}
			if s := k.Stats(); tc.exact != (s.Evictions == 0) {
				t.Errorf("the test does not test what it says: %+v", s)
			}
		})
	}
}

// invariants checks what must hold of every shard between two calls.
func invariants[V any](t *testing.T, k *Cache[V]) {
	t.Helper()
	for i := range k.shards {
		s := &k.shards[i]
		tab := &s.table
		used, payload, handSeen := 0, int64(0), s.hand == none
		for p := range tab.slots {
			e := &tab.slots[p]
			if e.state&inUse == 0 {
				if e.long != nil || e.short != [shortKey]byte{} {
					t.Fatalf("shard %d: slot %d is free and holds on to a key", i, p)
				}
				continue
			}
			used++
			if q, found := find(tab, e.tag, e.key()); found != e || int(q) != p {
				t.Fatalf("shard %d: the key in slot %d is not found there", i, p)
			}
		}
		if used != tab.live {
			t.Fatalf("shard %d: %d slots in use, %d counted", i, used, tab.live)
		}
		if tab.live == 0 {
			continue
		}
		before, n := none, 0
		for p := tab.oldest; p != none; p = tab.order[p].newer {
			if tab.slots[p].state&inUse == 0 || tab.order[p].older != before || n > tab.live {
				t.Fatalf("shard %d: the queue is broken at slot %d", i, p)
			}
			handSeen = handSeen || p == s.hand
			payload += int64(tab.order[p].bytes)
			before = p
			n++
		}
		if n != tab.live || before != tab.newest || payload != s.payload || !handSeen {
			t.Fatalf("shard %d: %d in the queue of %d, newest %d of %d, payload %d of %d, hand in it %v",
				i, n, tab.live, before, tab.newest, payload, s.payload, handSeen)
		}
	}
}
