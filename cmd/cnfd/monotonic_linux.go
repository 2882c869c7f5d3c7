package main

import "golang.org/x/sys/unix"

// monotonic is CLOCK_MONOTONIC in nanoseconds, which the service manager compares
// with its own (sd_notify(3), MONOTONIC_USEC). Go's clock does not show its value.
func monotonic() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano()
}
