package cache_test

import (
	"context"
	"fmt"
	"time"

	"cnfd/cache"
)

func Example() {
	now := time.Date(2026, 11, 22, 6, 40, 0, 0, time.UTC)
	c := cache.New[string](cache.Config{MaxBytes: 1 << 20, Now: func() time.Time { return now }})
	defer c.Close(context.Background())

	fetch := func(context.Context) (cache.Entry[string], error) {
		fmt.Println("fetching")
		return cache.Entry[string]{Value: "255 255 255 80d55420", Size: 20, Until: now.Add(5 * time.Minute)}, nil
	}
	for range 2 {
		v, err := c.Get(context.Background(), "jwk.cnf.vendor.example.", time.Time{}, fetch)
		fmt.Println(v, err)
	}
	now = now.Add(time.Minute)
	_, ok := c.PeekString("jwk.cnf.vendor.example.", now.Add(-30*time.Second))
	fmt.Println("learnt within the last 30 s:", ok)
	// Output:
	// fetching
	// 255 255 255 80d55420 <nil>
	// 255 255 255 80d55420 <nil>
	// learnt within the last 30 s: false
}
