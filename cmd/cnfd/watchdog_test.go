package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheWatchdogIsFedInTime: three times in what the manager demands, so that two may be lost; who is dead is asked as often.
func TestTheWatchdogIsFedInTime(t *testing.T) {
	for _, tt := range []struct {
		usec string
		want time.Duration // between two
	}{
		{"30000000", 10 * time.Second},
		{"600000", 200 * time.Millisecond},
	} {
		for _, err := range []error{nil, errors.New("dead")} {
			synctest.Test(t, func(t *testing.T) {
				s := supervisorOf(func(name string) string {
					if name == "WATCHDOG_USEC" {
						return tt.usec
					}
					return "" // no NOTIFY_SOCKET: what is told is not looked at here
				}, quiet())
				ctx, cancel := context.WithCancel(t.Context())
				began := time.Now()
				var asked []time.Duration
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					s.feed(ctx, func() error { asked = append(asked, time.Since(began)); return err })
				}()
				time.Sleep(3*tt.want + tt.want/2)
				cancel()
				<-ended
				if want := []time.Duration{0, tt.want, 2 * tt.want, 3 * tt.want}; !slices.Equal(asked, want) {
					t.Errorf("%s µs: asked at %v, want %v", tt.usec, asked, want)
				}
			})
		}
	}
}
