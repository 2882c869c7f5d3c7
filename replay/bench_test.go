package replay

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkTake takes new proofs that live for two minutes each; the clock goes on so
// that 65,536 are remembered at a time.
func BenchmarkTake(b *testing.B) {
	var clock, jti atomic.Int64
	m, err := New(Config{Now: func() time.Time { return noon.Add(time.Duration(clock.Load())) }})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		k := key(b, 1)
		var name [8]byte
		for pb.Next() {
			n := jti.Add(1)
			clock.Add(int64(2 * time.Minute / (1 << 16)))
			binary.BigEndian.PutUint64(name[:], uint64(n))
			if first, err := m.Take(context.Background(), k, name[:], noon.Add(time.Duration(clock.Load())+2*time.Minute)); !first || err != nil {
				b.Fatal(first, err)
			}
		}
	})
}

// BenchmarkReplay takes one proof again and again.
func BenchmarkReplay(b *testing.B) {
	m, _ := memory(b, 0)
	k := key(b, 1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Take(context.Background(), k, []byte("a"), noon.Add(time.Minute))
		}
	})
}

// BenchmarkFull fills a memory with proofs of eight keys and tells what one of them takes.
func BenchmarkFull(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		m, _ := memory(b, 0)
		var name [8]byte
		for i := range DefaultProofs {
			binary.BigEndian.PutUint64(name[:], uint64(i))
			if first, err := m.Take(context.Background(), key(b, byte(i%8)), name[:], noon.Add(time.Duration(i%120)*time.Second)); !first || err != nil {
				b.Fatal(first, err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/DefaultProofs, "B/proof")
		runtime.KeepAlive(m)
	}
}
