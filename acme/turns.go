package acme

import (
	"context"
	"slices"
	"sync"
)

// turns are so many things that may be under way at once: look-ups, connections. Where more are wanted, the next turn
// is that of whoever holds the fewest; of several who hold as many, of the one who has come or given one back the longest ago: so
// all take it in rounds. That is done for networks, for the addresses of one and for the accounts of an address: who
// makes accounts, or has many addresses, has no more for it. One network never has all of them: another finds a turn at once.
//
// They are made by newTurns. What they keep is as much as waits and is under way.
type turns struct {
	most, mostOfOne int

	mu    sync.Mutex // guards what follows
	all   share
	times uint64 // that somebody has come, or given a turn back
}

// newTurns makes so many, of which one network has no more than three quarters.
func newTurns(most int) *turns { return &turns{most: most, mostOfOne: most - most/4} }

// party is who wants a turn: a network, an address in it and an account there.
type party [3]string

// party is who has sent a request. Of this machine's accounts each is by itself, as if it came from elsewhere.
func (c *call) party() party {
	narrow, wide := source(c.http)
	switch {
	case narrow == "":
		narrow, wide = c.account.ID, c.account.ID
	case wide == "":
		wide = narrow
	}
	return party{wide, narrow, c.account.ID}
}

// left is who wants what is taken up without a request: all accounts have one network's part of the turns for that.
func left(account string) party { return party{"", "", account} }

// share is what somebody has of turns. The zero value is nobody's.
type share struct {
	held, waiting int
	last          uint64            // time that it has come, or given one back
	within        map[string]*share // of a network its addresses, of an address its accounts
	queue         []chan struct{}   // of an account: closed one after another
}

// take waits for a turn, to be given back; it is false where ctx ends before.
func (t *turns) take(ctx context.Context, p party) bool {
	t.mu.Lock()
	if ctx.Err() != nil {
		t.mu.Unlock()
		return false
	}
	turn := make(chan struct{})
	t.times++
	line := t.line(p)
	for _, s := range line {
		s.waiting++
	}
	account := line[len(line)-1]
	account.queue = append(account.queue, turn)
	t.deal()
	t.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := slices.Index(account.queue, turn)
	if n < 0 {
		return true // it has just been given
	}
	account.queue = slices.Delete(account.queue, n, n+1)
	for _, s := range line {
		s.waiting--
	}
	t.forget(p)
	return false
}

// give gives back a turn that take has given.
func (t *turns) give(p party) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times++
	for _, s := range t.line(p) {
		s.held, s.last = s.held-1, t.times
	}
	t.forget(p)
	t.deal()
}

// waiting is how many wait for a turn.
func (t *turns) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all.waiting
}

// deal gives the turns that there are to those who wait.
func (t *turns) deal() {
	for t.all.held < t.most {
		line := []*share{&t.all}
		for at := &t.all; at.queue == nil; line = append(line, at) {
			if at = at.next(t.mostOfOne); at == nil {
				return
			}
		}
		for _, s := range line {
			s.held, s.waiting = s.held+1, s.waiting-1
		}
		account := line[len(line)-1]
		close(account.queue[0])
		account.queue = slices.Delete(account.queue, 0, 1)
	}
}

// next is whose turn it is of those within, who wait and hold less than bound; nil where there is nobody.
func (s *share) next(bound int) (first *share) {
	for _, one := range s.within {
		if one.waiting == 0 || one.held >= bound {
			continue
		}
		if first == nil || one.held < first.held || one.held == first.held && one.last < first.last {
			first = one
		}
	}
	return first
}

// line is all that a party's turn counts for, the account the last. Who was not there is, from now on.
func (t *turns) line(p party) []*share {
	line := []*share{&t.all}
	at := &t.all
	for _, name := range p {
		if at.within == nil {
			at.within = map[string]*share{}
		}
		if at.within[name] == nil {
			at.within[name] = &share{last: t.times}
		}
		at = at.within[name]
		line = append(line, at)
	}
	return line
}

// forget drops what is known of a party that neither holds a turn nor waits for one.
func (t *turns) forget(p party) {
	line := t.line(p)
	for n := len(p) - 1; n >= 0; n-- {
		if s := line[n+1]; s.held == 0 && s.waiting == 0 {
			delete(line[n].within, p[n])
		}
	}
}
