package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// times is how much longer the slowest hundredth waits on a socket for the flood.
func (r *round) times(socket string) float64 {
	return r.flood[socket].at(0.99) / r.quiet[socket].at(0.99)
}

func (r round) String() string {
	var b strings.Builder
	for _, socket := range sockets {
		fmt.Fprintf(&b, "%s: quiet %s, flood %s, × %.2f  ", socket, r.quiet[socket], r.flood[socket], r.times(socket))
	}
	return b.String() + r.used.String()
}

const inFlight = "cnfd_misses_in_flight"

var sockets = []string{"unix", "tcp"}

// table is what the rounds come to.
type table struct {
	kind   floodKind
	over   time.Duration // of each flood
	rounds []round
}

func (t *table) median(read func(r *round) float64) float64 {
	var all []float64
	for i := range t.rounds {
		all = append(all, read(&t.rounds[i]))
	}
	return median(all)
}

func (t *table) print() {
	fmt.Printf("%s: %s; medians of %d rounds\n", t.kind.name, t.kind.what, len(t.rounds))
	for _, socket := range sockets {
		var ratios []float64
		for i := range t.rounds {
			ratios = append(ratios, t.rounds[i].times(socket))
		}
		fmt.Printf("  %-4s ", socket)
		for _, p := range []float64{0.5, 0.99, 0.999} {
			fmt.Printf(" p%g %.0f → %.0f µs ", p*100, t.median(func(r *round) float64 { return r.quiet[socket].at(p) }), t.median(func(r *round) float64 { return r.flood[socket].at(p) }))
		}
		fmt.Printf(" p99 × %.2f (%.2f–%.2f)\n", median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	came := map[string]bool{}
	for _, r := range t.rounds {
		for what := range r.cold.Came {
			came[what] = true
		}
	}
	fmt.Printf("  flood  asked %.0f/s", t.median(func(r *round) float64 { return float64(r.cold.Asked) / t.over.Seconds() }))
	for _, what := range slices.Sorted(maps.Keys(came)) {
		fmt.Printf(", %s %.0f/s", what, t.median(func(r *round) float64 { return float64(r.cold.Came[what]) / t.over.Seconds() }))
	}
	fmt.Printf("\n  daemon  in flight %.0f", t.median(func(r *round) float64 { return r.counts[inFlight] }))
	for _, name := range []string{`cnfd_turned_away_total{limit="misses"}`, `cnfd_turned_away_total{limit="caller"}`, `cnfd_upstream_queries_total{network="udp"}`} {
		fmt.Printf(", %s %.0f/s", strings.TrimPrefix(name, "cnfd_"), t.median(func(r *round) float64 { return r.counts[name] / t.over.Seconds() }))
	}
	fmt.Printf("\n  processors  daemon %.2f, name servers %.2f, flood %.2f, others %.2f\n",
		t.median(func(r *round) float64 { return r.used.daemon }), t.median(func(r *round) float64 { return r.used.authority }),
		t.median(func(r *round) float64 { return r.used.load }), t.median(func(r *round) float64 { return r.used.others }))
}
