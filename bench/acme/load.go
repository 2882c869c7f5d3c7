package main

import (
	"errors"
	"slices"
	"sync"
	"time"
)

// A peer is an ACME server that is measured, with the clients that order from it.
type peer struct {
	name, domain string
	clients      []*client
}

// register makes the clients' accounts.
func (p *peer) register() error {
	for _, c := range p.clients {
		if err := c.register(); err != nil {
			return err
		}
	}
	return nil
}

// load has every client order one certificate after the other; an order that fails ends it.
func (p *peer) load(each time.Duration) (result, error) {
	var wait sync.WaitGroup
	took, errs := make([][]time.Duration, len(p.clients)), make([]error, len(p.clients))
	began := time.Now()
	for i, c := range p.clients {
		wait.Go(func() {
			for time.Since(began) < each && errs[i] == nil {
				start := time.Now()
				errs[i] = c.order(p.domain)
				took[i] = append(took[i], time.Since(start))
			}
		})
	}
	wait.Wait()
	r := result{took: slices.Concat(took...), within: time.Since(began)}
	slices.Sort(r.took)
	return r, errors.Join(errs...)
}
