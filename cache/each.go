package cache

import "sync/atomic"

// Each calls f with every live value, the newest first within a shard. used tells
// of one that was read since the hand that makes room last passed it. f runs under a
// lock that only readers share: it must not call the Cache, and takes no long time.
func (c *Cache[V]) Each(f func(key string, v V, used bool)) {
	now := c.now().UnixNano()
	for i := range c.shards {
		c.shards[i].each(f, now)
	}
}

func (s *shard[V]) each(f func(string, V, bool), now int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.table.live == 0 {
		return
	}
	for p := s.table.newest; p != none; p = s.table.order[p].older {
		e := &s.table.slots[p]
		if e.holds(now) {
			f(e.key(), e.value, atomic.LoadUint32(&e.state)&marked != 0)
		}
	}
}
