package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadinessIsAnsweredInTime: an attempt that takes as long as a question may keeps nobody for more than a second, and
// what it comes to is said later; ready is what is proven now, never what was.
func TestReadinessIsAnsweredInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p proof
		type network struct {
			takes time.Duration
			comes error
		}
		var now atomic.Pointer[network]
		var begun atomic.Int64
		prove := func(ctx context.Context) error {
			begun.Add(1)
			n := now.Load()
			time.Sleep(n.takes)
			return errors.Join(n.comes, ctx.Err())
		}
		says := func(claim, want string, within time.Duration, attempts int64) {
			t.Helper()
			began := time.Now()
			ctx, gone := context.WithCancel(t.Context())
			err := p.of(ctx, prove)
			gone() // the attempt goes on
			if took := time.Since(began); took > within {
				t.Errorf("%s: took %s", claim, took)
			}
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || begun.Load() != attempts {
				t.Errorf("%s: %v, in %d attempts", claim, err, begun.Load())
			}
		}
		now.Store(&network{})
		says("what is proven at once", "", 0, 1)
		now.Store(&network{7 * time.Second, errors.New("no server of the root was reached")})
		says("without a network, where it was proven before", "not yet known", proofTime, 2)
		says("the same attempt", "not yet known", proofTime, 2)
		time.Sleep(7 * time.Second)
		says("the next, by what the last came to", "no server of the root", proofTime, 3)
		time.Sleep(7 * time.Second)
		now.Store(&network{takes: 500 * time.Millisecond})
		says("with a network again", "", proofTime, 4)
	})
}
