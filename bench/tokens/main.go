// Command tokens measures a verify on a hit, from the bytes of a token to the
// verdict, beside what other Go libraries take to read the same token and to say
// what its key's thumbprint is, or to check the same signature.
//
//	cd bench/tokens && go run . -rounds 7
//
// Each round plays all of them once; what is printed is the median, over the rounds,
// of the ratio to cnfd's own time in that round. It is a module of its own, so
// that the libraries are no dependencies of cnfd.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// contest is a token that is read by several.
type contest struct {
	name   string
	verify func() error // bytes to verdict, by cnfd
	peers  []peer
}

type peer struct {
	name string
	read func() error
}

func main() {
	rounds := flag.Int("rounds", 7, "how often all are measured")
	each := flag.Duration("each", 100*time.Millisecond, "how much of the processor one is given, at least")
	only := flag.String("only", "", "measure only the tokens whose name has this in it")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	contests, err := all()
	if err != nil {
		fail(err)
	}
	contests = slices.DeleteFunc(contests, func(c contest) bool { return !strings.Contains(c.name, *only) })
	ours := make([][]float64, len(contests))
	ratios := make([][][]float64, len(contests))
	allocations := make([][]uint64, len(contests))
	for range *rounds {
		for i, c := range contests {
			us, n := measure(c.name, *each, c.verify)
			ours[i] = append(ours[i], us)
			if ratios[i] == nil {
				ratios[i] = make([][]float64, len(c.peers))
				allocations[i] = []uint64{n}
			}
			for j, p := range c.peers {
				them, n := measure(c.name+", "+p.name, *each, p.read)
				ratios[i][j] = append(ratios[i][j], them/us)
				allocations[i] = append(allocations[i], n)
			}
		}
	}
	fmt.Printf("| token | cnfd, to the verdict | × %s | allocations | beside it: × cnfd, allocations |\n|---|---|---|---|---|\n", contests[0].name)
	for i, c := range contests {
		against := make([]float64, *rounds) // the first token, of the same round
		for j := range against {
			against[j] = ours[i][j] / ours[0][j]
		}
		fmt.Printf("| %s | %.1f µs | %.2f | %d |", c.name, median(ours[i])/1000, median(against), allocations[i][0])
		for j, p := range c.peers {
			r := ratios[i][j]
			if j > 0 {
				fmt.Print(";")
			}
			fmt.Printf(" %s × %.2f (%.2f–%.2f), %d", p.name, median(r), slices.Min(r), slices.Max(r), allocations[i][1+j])
		}
		fmt.Println(" |")
	}
}

// measure gives nanoseconds of the processor, the collector's among them, and
// allocations of one call. Others on the machine take from the clock and not from
// the processor time of this process.
func measure(name string, each time.Duration, call func() error) (ns float64, allocations uint64) {
	for n := 1; ; n *= 2 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := spent()
		for range n {
			if err := call(); err != nil {
				fail(fmt.Errorf("%s: %w", name, err))
			}
		}
		took := spent() - begun
		if runtime.ReadMemStats(&after); took >= each {
			return float64(took) / float64(n), (after.Mallocs - before.Mallocs) / uint64(n)
		}
	}
}

// spent is the processor time that this process has used.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fail(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "tokens:", err)
	os.Exit(1)
}
