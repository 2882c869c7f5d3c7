package cache

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkZipf sets the cache beside 64 plain maps, each under its RWMutex,
// which keep no time, no order and no bound: a million entries of 200 bytes, 99
// reads to a write by a Zipf law. B/entry is the growth of the heap. How to
// compare: docs/performance.md.
func BenchmarkZipf(b *testing.B) {
	const n = 1_000_000
	keys := make([][]byte, n)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "jwk.cnf.z%06d.example.", i)
	}
	z := rand.NewZipf(rand.New(rand.NewSource(1)), 1.01, 8, n-1)
	picks := make([]uint32, 1<<20)
	for i := range picks {
		picks[i] = uint32(z.Uint64()*2654435761) % n
	}
	for _, s := range []struct {
		name string
		make func() store
	}{{"map", newMaps}, {"cache", newCacheByCaller}, {"cache-own-clock", newCacheByClock}} {
		b.Run(s.name, func(b *testing.B) {
			before := heap()
			st := s.make()
			for _, k := range keys {
				st.put(k, new([200]byte))
			}
			perEntry := float64(heap()-before) / n
			var worker atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := worker.Add(1) * 7919; pb.Next(); i++ {
					k := keys[picks[i&(1<<20-1)]]
					if i%100 == 99 {
						st.put(k, new([200]byte))
					} else if v, ok := st.peek(k); !ok || v[0] != 0 {
						b.Error("a put is lost")
						return
					}
				}
			})
			b.ReportMetric(perEntry, "B/entry")
			runtime.KeepAlive(st)
		})
	}
}

type store struct {
	peek func([]byte) (*[200]byte, bool)
	put  func([]byte, *[200]byte)
}

func newMaps() store {
	type shard struct {
		sync.RWMutex
		m map[string]*[200]byte
		_ [24]byte
	}
	seed, shards := maphash.MakeSeed(), new([64]shard)
	for i := range shards {
		shards[i].m = map[string]*[200]byte{}
	}
	return store{func(k []byte) (*[200]byte, bool) {
		s := &shards[maphash.Bytes(seed, k)&63]
		s.RLock()
		v, ok := s.m[string(k)]
		s.RUnlock()
		return v, ok
	}, func(k []byte, v *[200]byte) {
		s := &shards[maphash.Bytes(seed, k)&63]
		s.Lock()
		s.m[string(k)] = v
		s.Unlock()
	}}
}

func newCacheByCaller() store { return newCache(time.Now()) }
func newCacheByClock() store  { return newCache(time.Time{}) }

// newCache makes a cache whose callers have read the clock (at), or have not.
func newCache(at time.Time) store {
	now := time.Now
	if !at.IsZero() {
		now = func() time.Time { return at }
	}
	c := New[*[200]byte](Config{MaxBytes: 512 << 20, Now: now})
	until := time.Now().Add(time.Hour)
	peek := func(k []byte) (*[200]byte, bool) { return c.Peek(k, time.Time{}) }
	if !at.IsZero() {
		peek = func(k []byte) (*[200]byte, bool) { return c.PeekAt(k, at, time.Time{}) }
	}
	return store{peek, func(k []byte, v *[200]byte) {
		c.Put(string(k), Entry[*[200]byte]{Value: v, Size: 208, Until: until})
	}}
}

// BenchmarkFill is the price of a miss beside that of what fills it.
func BenchmarkFill(b *testing.B) {
	c := New[int](Config{Now: time.Now})
	fill := func(context.Context) (Entry[int], error) { return Entry[int]{}, nil }
	b.ReportAllocs()
	for b.Loop() {
		c.Get(context.Background(), "jwk.cnf.vendor.example.", time.Time{}, fill)
	}
}
