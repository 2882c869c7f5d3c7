// Eviction plays questions by a Zipf law against ways to make room, the cache's own among them, and prints the share of hits.
//
//	go run ./bench/eviction
//
// In a flood, every second question is for a name that is never asked again; it does not count.
package main

import (
	"fmt"
	"math"
	"math/rand"
	"sort"
	"time"

	"cnfd/cache"
)

const (
	names     = 1_000_000
	questions = 3_000_000
	warmUp    = questions / 4
)

// policy answers whether k is there, and puts it there if it is not.
type policy interface{ ask(k uint32) bool }

func main() {
	ways := []struct {
		name string
		of   func(n int) policy
	}{
		{"LRU", newLRU},
		{"clock", newClock},
		{"SIEVE", newSieve},
		{"S3-FIFO", newS3FIFO},
		{"cnfd/cache", newOwn},
	}
	fmt.Print("| questions | room for |")
	for _, w := range ways {
		fmt.Printf(" %s |", w.name)
	}
	fmt.Print("\n|---|---|")
	for range ways {
		fmt.Print("---|")
	}
	fmt.Println()
	for _, flood := range []bool{false, true} {
		for _, exponent := range []float64{0.8, 1.0, 1.2} {
			law := newZipf(exponent)
			for _, share := range []float64{0.01, 0.1} {
				title := fmt.Sprintf("Zipf %.1f", exponent)
				if flood {
					title += ", flood"
				}
				fmt.Printf("| %s | %2.0f %% |", title, share*100)
				for _, w := range ways {
					fmt.Printf(" %.3f |", play(w.of(int(names*share)), law, flood))
				}
				fmt.Println()
			}
		}
	}
}

// play returns the share of hits after the warm-up.
func play(p policy, law zipf, flood bool) float64 {
	r := rand.New(rand.NewSource(1))
	hits, counted := 0, 0
	for i := range questions {
		if flood && r.Intn(2) == 0 {
			p.ask(uint32(names + i))
			continue
		}
		hit := p.ask(law.pick(r))
		if i < warmUp {
			continue
		}
		counted++
		if hit {
			hits++
		}
	}
	return float64(hits) / float64(counted)
}

// zipf is the cumulated weights of the names; math/rand's own takes no exponent of 1 or less.
type zipf []float64

func newZipf(exponent float64) zipf {
	z, sum := make(zipf, names), 0.0
	for i := range z {
		sum += math.Pow(float64(i+1), -exponent)
		z[i] = sum
	}
	return z
}

func (z zipf) pick(r *rand.Rand) uint32 {
	return uint32(sort.SearchFloat64s(z, r.Float64()*z[len(z)-1]))
}

// own is the cache itself. A size that dwarfs its tables makes a bound in bytes one in entries.
type own struct {
	c  *cache.Cache[struct{}]
	at time.Time
}

func newOwn(n int) policy {
	const size = 100_000
	at := time.Unix(0, 0)
	return &own{cache.New[struct{}](cache.Config{MaxBytes: int64(n) * size, Shards: 1, Now: func() time.Time { return at }}), at}
}

func (o *own) ask(k uint32) bool {
	key := fmt.Sprint(k)
	if _, ok := o.c.PeekString(key, time.Time{}); ok {
		return true
	}
	o.c.Put(key, cache.Entry[struct{}]{Size: 99_900, Until: o.at.Add(time.Hour)})
	return false
}
