//go:build soak

package cache

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// TestSoakMemory turns a small cache over many times, with values of all sizes
// and lives, under the memory limit that cnfd serve sets, and holds the resident
// memory of the whole process to 1.25 x MaxBytes + 48 MiB throughout.
func TestSoakMemory(t *testing.T) {
	const room = 128 << 20
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(room + room/5 + 40<<20))
	k := New[[]byte](Config{MaxBytes: room, Now: time.Now})
	var all sync.WaitGroup
	for w := range uint64(2) {
		all.Go(func() {
			r := rand.New(rand.NewPCG(w, 1))
			for i := range 4_000_000 {
				// Phases of small and of large values: tables and payload must make way for each other.
				size := 50 + r.IntN(400)
				if i/500_000%2 == 1 {
					size = 1 + r.IntN(20_000)
				}
				key := fmt.Sprintf("%0*d.example.", 10+r.IntN(50), r.IntN(3_000_000))
				k.Put(key, Entry[[]byte]{Value: make([]byte, size), Size: size + size/8 + 8, Until: time.Now().Add(time.Duration(r.IntN(60)) * time.Second)})
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	peak := int64(0)
	for tick := time.Tick(50 * time.Millisecond); ; {
		select {
		case <-tick:
			peak = max(peak, resident(t))
			continue
		case <-done:
		}
		break
	}
	limit := int64(room + room/4 + 48<<20)
	t.Logf("figure: a cache of 128 MiB turned over many times: at most %d MiB resident, the limit is %d MiB", peak>>20, limit>>20)
	t.Logf("%+v", k.Stats())
	if peak > limit {
		t.Errorf("resident memory reached %d MiB, the limit is %d MiB", peak>>20, limit>>20)
	}
	runtime.KeepAlive(k)
}

// resident is the memory that the kernel says the process holds.
func resident(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		testneeds.Lacking(t, "/proc/self/status is missing: "+err.Error())
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("/proc/self/status has no VmRSS")
	return 0
}
