package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A peer is an ACME server that is measured, with the clients that order from it.
type peer struct {
	name, domain string
	clients      []*client
	pid          int // of the server
}

// used is the processor time that the server has used until now, in ticks of 10 ms (proc(5)).
func (p *peer) used() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseFloat(fields[12], 64)
	return user + system, err
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
	before, err := p.used()
	if err != nil {
		return result{}, err
	}
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
	after, err := p.used()
	r := result{took: slices.Concat(took...), within: time.Since(began), used: after - before}
	slices.Sort(r.took)
	return r, errors.Join(append(errs, err)...)
}
