package integration

import (
	"fmt"
	"sync"
	"testing"

	"cnfd/internal/testneeds"
)

// TestExhaustedLeavesNothing takes all descriptors from a daemon three times while two hundred clients want in, who have their
// answers once there is room; those who were inside have theirs meanwhile.
func TestExhaustedLeavesNothing(t *testing.T) {
	t.Parallel()
	testneeds.Binary(t, "prlimit", "util-linux")
	for i, secured := range []bool{false, true} {
		t.Run(map[bool]string{false: "in plain", true: "over TLS"}[secured], func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, 89+i, secured, "cache: {max_bytes: 32MiB}")
			limit := func(n int) {
				run(t, "", "", "prlimit", "--pid", fmt.Sprint(s.pid()), fmt.Sprintf("--nofile=%d:", n))
			}
			const waiting = 200
			inside := 0
			for range 3 {
				for _, o := range s.doors {
					c, err := o.idle(s.good)
					if err != nil {
						t.Fatal(err)
					}
					limit(3)
					var all sync.WaitGroup
					for range waiting {
						all.Go(func() {
							c, err := o.idle(s.good)
							if err != nil {
								t.Errorf("who waited at %s: %v", o.name, err)
								return
							}
							c.Close()
						})
					}
					for range 50 {
						if err := c.ask(s.good); err != nil {
							t.Errorf("who was inside by %s: %v", o.name, err)
							break
						}
						inside++
					}
					limit(10_000)
					all.Wait()
					c.Close()
				}
				s.right(t)
			}
			t.Logf("figure: %s: without a descriptor 6 times, %d clients waited, who were inside were answered %d times", name(t), 6*waiting, inside)
			s.lifted(t, 128<<20)
		})
	}
}
