package main

import (
	"context"
	"crypto/tls"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestOwnCertificateWhereTheClockIsSetBack: by less than an hour it is good on; by more it is not good until it is looked at again, within a
// minute. The time that was right comes back, and that one is good still.
func TestOwnCertificateWhereTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(t)
		defer k.store.Close()
		k.shift = 24 * time.Hour // the CA is a day old
		o := k.daemon()
		var mu sync.Mutex
		var shown []*tls.Certificate
		o.show = func(c *tls.Certificate) { mu.Lock(); defer mu.Unlock(); shown = append(shown, c) }
		clock := k.shift
		o.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(clock) }
		set := func(to time.Duration) { mu.Lock(); defer mu.Unlock(); clock = to }
		must(t, o.begin(t.Context()))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { o.run(ctx) })
		good := func() bool {
			mu.Lock()
			defer mu.Unlock()
			leaf, now := shown[len(shown)-1].Leaf, time.Now().Add(clock)
			return !now.Before(leaf.NotBefore) && now.Before(leaf.NotAfter)
		}
		for _, step := range []struct {
			claim       string
			to          time.Duration
			atOnce      bool
			certificate int
		}{
			{"50 minutes back", 24*time.Hour - 50*time.Minute, true, 1},
			{"as it was", 24 * time.Hour, true, 1},
			{"2 hours back", 22 * time.Hour, false, 2},
			{"as it was", 24 * time.Hour, true, 2},
		} {
			set(step.to)
			if good() != step.atOnce {
				t.Errorf("%s: good at once: %t", step.claim, !step.atOnce)
			}
			time.Sleep(ownLook + time.Second)
			synctest.Wait()
			if mu.Lock(); len(shown) != step.certificate {
				t.Errorf("%s: %d certificates were shown, want %d", step.claim, len(shown), step.certificate)
			}
			mu.Unlock()
			if !good() {
				t.Errorf("%s: a minute later it is not good", step.claim)
			}
		}
		stop()
		running.Wait()
	})
}
