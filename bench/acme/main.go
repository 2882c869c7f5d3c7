// Acme measures how many certificates a second cnfd issues, and how long one order
// takes, beside Pebble, Let's Encrypt's ACME server for tests, in turn (A B A B).
// Printed are the medians of the rounds, and the median of the rounds' ratios. Linux
// with Debian's pebble.
//
//	make build && go run ./bench/acme -rounds 5 -accounts 8
//
// An order is newOrder, finalize, and the certificate downloaded, over connections that
// stay: each authorization is valid at once. In cnfd that is by the confirmation record,
// which is asked for in the DNS twice for each order, with CAA, past every cache: cnfd
// sandbox plays the Internet, on the same processors. Each order is in its store on the
// disk. Pebble asks nobody, reuses the authorization of the account's first order
// (PEBBLE_AUTHZREUSE=100, PEBBLE_VA_ALWAYS_VALID=1), and keeps all in memory.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"
)

func main() {
	w := world{}
	flag.StringVar(&w.cnfd, "cnfd", "bin/cnfd", "the binary to measure")
	flag.StringVar(&w.before, "before", "", "another binary of cnfd that is measured in turn with the two")
	flag.StringVar(&w.pebble, "pebble", "pebble", "the binary beside it")
	flag.IntVar(&w.accounts, "accounts", 8, "accounts that order at once, each one certificate after the other")
	rounds := flag.Int("rounds", 5, "rounds of each")
	seconds := flag.Float64("seconds", 5, "how long each is asked in a round")
	flag.Parse()
	if err := compare(&w, *rounds, time.Duration(*seconds*float64(time.Second))); err != nil {
		fmt.Fprintln(os.Stderr, "bench/acme:", err)
		os.Exit(1)
	}
}

func compare(w *world, rounds int, each time.Duration) (err error) {
	defer func() { err = errors.Join(err, w.close()) }()
	theirs, err := w.startPebble()
	if err != nil {
		return err
	}
	ours, err := w.startCNFD("cnfd", w.cnfd)
	if err != nil {
		return err
	}
	peers := []*peer{ours, theirs}
	if w.before != "" {
		before, err := w.startCNFD("before", w.before)
		if err != nil {
			return err
		}
		peers = append(peers, before)
	}
	for _, p := range peers {
		if err := p.register(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if _, err := p.load(each / 5); err != nil { // to warm up
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	results := map[*peer][]result{}
	for range rounds {
		for _, p := range peers {
			r, err := p.load(each)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			results[p] = append(results[p], r)
		}
	}
	fmt.Printf("%d accounts at once, %d rounds of %v each; medians (lowest–highest)\n", w.accounts, rounds, each)
	for _, p := range peers {
		of := func(f func(result) float64) string { return spread(results[p], f) }
		fmt.Printf("%-8s %s orders a second; an order takes %s ms at the median, %s ms at p99, and %s ms of the server's processor time\n",
			p.name, of(result.rate), of(result.median), of(result.p99), of(result.cpu))
	}
	for _, p := range peers {
		if p != theirs {
			ratios(p, results[p], results[theirs])
		}
	}
	return nil
}

// ratios prints those of a peer's rounds to Pebble's of the same turn.
func ratios(p *peer, own, theirs []result) {
	var rate, p99, cpu []float64
	for i, a := range own {
		b := theirs[i]
		rate, p99, cpu = append(rate, a.rate()/b.rate()), append(p99, a.p99()/b.p99()), append(cpu, a.cpu()/b.cpu())
	}
	fmt.Printf("%s: × %s of Pebble's orders a second, × %s of its p99, × %s of its processor time an order\n", p.name, inOrder(rate), inOrder(p99), inOrder(cpu))
}

// A result is how long each order of one round took, the shortest first.
type result struct {
	took   []time.Duration
	within time.Duration
	used   float64 // processor time of the server, in ticks of 10 ms
}

func (r result) rate() float64   { return float64(len(r.took)) / r.within.Seconds() }
func (r result) cpu() float64    { return r.used * 10 / float64(len(r.took)) } // ms an order
func (r result) median() float64 { return r.at(0.5) }
func (r result) p99() float64    { return r.at(0.99) }

// at is in milliseconds.
func (r result) at(share float64) float64 {
	return float64(r.took[int(share*float64(len(r.took)-1))].Microseconds()) / 1000
}

func spread(all []result, of func(result) float64) string {
	var figures []float64
	for _, r := range all {
		figures = append(figures, of(r))
	}
	return inOrder(figures)
}

func inOrder(figures []float64) string {
	slices.Sort(figures)
	return fmt.Sprintf("%.3g (%.3g–%.3g)", figures[len(figures)/2], figures[0], figures[len(figures)-1])
}
