package main

import "container/list"

// lru evicts what was used least recently.
type lru struct {
	n     int
	where map[uint32]*list.Element
	order *list.List
}

func newLRU(n int) policy { return &lru{n, map[uint32]*list.Element{}, list.New()} }

func (c *lru) ask(k uint32) bool {
	if e, ok := c.where[k]; ok {
		c.order.MoveToFront(e)
		return true
	}
	if c.order.Len() == c.n {
		last := c.order.Back()
		delete(c.where, c.order.Remove(last).(uint32))
	}
	c.where[k] = c.order.PushFront(k)
	return false
}

// entry is a name with the mark, or the count, of its uses.
type entry struct {
	k    uint32
	uses int
}

// clock puts what is new where the last was evicted.
type clock struct {
	n, hand int
	where   map[uint32]int
	ring    []entry
}

func newClock(n int) policy { return &clock{n: n, where: map[uint32]int{}} }

func (c *clock) ask(k uint32) bool {
	if i, ok := c.where[k]; ok {
		c.ring[i].uses = 1
		return true
	}
	if len(c.ring) < c.n {
		c.where[k] = len(c.ring)
		c.ring = append(c.ring, entry{k: k})
		return false
	}
	for ; c.ring[c.hand].uses > 0; c.hand = (c.hand + 1) % c.n {
		c.ring[c.hand].uses = 0
	}
	delete(c.where, c.ring[c.hand].k)
	c.ring[c.hand], c.where[k] = entry{k: k}, c.hand
	c.hand = (c.hand + 1) % c.n
	return false
}

// sieve puts what is new at the end of a queue, and leaves survivors where they are.
type sieve struct {
	n     int
	where map[uint32]*list.Element
	order *list.List
	hand  *list.Element
}

func newSieve(n int) policy {
	return &sieve{n: n, where: map[uint32]*list.Element{}, order: list.New()}
}

func (c *sieve) ask(k uint32) bool {
	if e, ok := c.where[k]; ok {
		e.Value.(*entry).uses = 1
		return true
	}
	if c.order.Len() == c.n {
		e := c.from(c.hand)
		for e.Value.(*entry).uses > 0 {
			e.Value.(*entry).uses = 0
			e = c.from(e.Prev())
		}
		c.hand = e.Prev()
		delete(c.where, c.order.Remove(e).(*entry).k)
	}
	c.where[k] = c.order.PushFront(&entry{k: k})
	return false
}

func (c *sieve) from(e *list.Element) *list.Element {
	if e == nil {
		return c.order.Back()
	}
	return e
}

// s3fifo has a small queue for what is new, a main one, and remembers whom it sent away.
type s3fifo struct {
	n, room            int // room of the small queue
	where              map[uint32]*entry
	small, main, ghost []uint32
	ghosts             map[uint32]int
}

func newS3FIFO(n int) policy {
	return &s3fifo{n: n, room: n / 10, where: map[uint32]*entry{}, ghosts: map[uint32]int{}}
}

func (c *s3fifo) ask(k uint32) bool {
	if e, ok := c.where[k]; ok {
		e.uses = min(e.uses+1, 3)
		return true
	}
	for len(c.where) >= c.n {
		if len(c.small) < c.room || !c.evictSmall() {
			c.evictMain()
		}
	}
	c.where[k] = &entry{k: k}
	if c.ghosts[k] > 0 {
		c.main = append(c.main, k)
	} else {
		c.small = append(c.small, k)
	}
	return false
}

// evictSmall moves the used ones on and evicts the first that is not.
func (c *s3fifo) evictSmall() bool {
	for len(c.small) > 0 {
		k := c.small[0]
		c.small = c.small[1:]
		if e := c.where[k]; e.uses > 1 {
			e.uses = 0
			c.main = append(c.main, k)
			continue
		}
		delete(c.where, k)
		c.ghost, c.ghosts[k] = append(c.ghost, k), c.ghosts[k]+1
		if len(c.ghost) > c.n-c.room {
			g := c.ghost[0]
			c.ghost = c.ghost[1:]
			if c.ghosts[g]--; c.ghosts[g] == 0 {
				delete(c.ghosts, g)
			}
		}
		return true
	}
	return false
}

func (c *s3fifo) evictMain() {
	for len(c.main) > 0 {
		k := c.main[0]
		c.main = c.main[1:]
		if e := c.where[k]; e.uses > 0 {
			e.uses--
			c.main = append(c.main, k)
			continue
		}
		delete(c.where, k)
		return
	}
	c.evictSmall()
}
