package transport

import (
	"context"
	"runtime"
	"sync"
)

// Turns bounds those who compute at once for what nobody knows yet, each for as long as
// it does not wait for anybody: half as many as Go has processors. What they cause beside
// it (reading and answering their requests, waking up) costs nearly as much again, and
// what is left is for those who ask for what is known. Go looks at the network once
// a processor has nothing else to do, and every 10 ms otherwise (runtime.findRunnable,
// runtime.sysmon): a flood of unknown names that kept all of them busy would have every
// other request wait. The zero value is ready; it must not be copied once it is used.
type Turns struct {
	once  sync.Once
	taken chan struct{}
}

func (t *Turns) make() { t.taken = make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1)) }

// Take waits for a turn, which must be given back. It is false, and nothing is to be
// given back, where the context ends first.
func (t *Turns) Take(ctx context.Context) bool {
	t.once.Do(t.make)
	select {
	case t.taken <- struct{}{}:
		return true
	default:
	}
	select {
	case t.taken <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// Give gives a turn back.
func (t *Turns) Give() { <-t.taken }

// again takes a turn of one who has given it away to wait, and must go on in any case.
func (t *Turns) again() { t.taken <- struct{}{} }
