package cache

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestEach: every live value once, the newest first, and which of them were read.
func TestEach(t *testing.T) {
	now := time.Unix(1795000000, 0)
	c := New[int](Config{Now: func() time.Time { return now }, Shards: 1})
	defer c.Close(context.Background())
	collect := func() (out []string) {
		c.Each(func(key string, v int, used bool) { out = append(out, fmt.Sprintf("%s=%d %v", key, v, used)) })
		return out
	}
	if got := collect(); len(got) != 0 {
		t.Errorf("an empty cache has %v", got)
	}
	long := "a key that is longer than what fits into a slot"
	c.Put("dropped", Entry[int]{Value: 1, Until: now.Add(time.Hour)})
	c.Put("replaced", Entry[int]{Value: 2, Until: now.Add(time.Hour)})
	c.Put("short", Entry[int]{Value: 3, Until: now.Add(time.Second)})
	c.Put(long, Entry[int]{Value: 4, Until: now.Add(time.Hour)})
	c.Put("replaced", Entry[int]{Value: 5, Until: now.Add(time.Hour)})
	c.Drop("dropped")
	c.PeekString(long, time.Time{})
	if got, want := collect(), []string{"replaced=5 false", long + "=4 true", "short=3 false"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	now = now.Add(time.Second)
	if got, want := collect(), []string{"replaced=5 false", long + "=4 true"}; !slices.Equal(got, want) {
		t.Errorf("after a second: got %q, want %q", got, want)
	}
	c.DropFunc(func(string, int) bool { return true })
	if got := collect(); len(got) != 0 {
		t.Errorf("an emptied cache has %v", got)
	}
}

// TestEachSeesEveryShard: what is spread over many locks comes together, once each.
func TestEachSeesEveryShard(t *testing.T) {
	now := time.Unix(1795000000, 0)
	c := New[int](Config{Now: func() time.Time { return now }, Shards: 16})
	defer c.Close(context.Background())
	seen := map[string]int{}
	for i := range 1000 {
		c.Put(fmt.Sprint(i), Entry[int]{Value: i, Until: now.Add(time.Hour)})
	}
	c.Each(func(key string, v int, _ bool) {
		if key != fmt.Sprint(v) {
			t.Errorf("%s=%d", key, v)
		}
		seen[key]++
	})
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s: %d times", key, n)
		}
	}
	if len(seen) != 1000 {
		t.Errorf("%d of 1000", len(seen))
	}
}
