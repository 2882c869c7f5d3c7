package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// clock tells the daemon what time it is: the one place where the machine's
// clock is read. With (testing) settings it is off by a stated amount, for
// validity and TTLs alone: deadlines of I/O are timers and never ask it.
type clock struct {
	offset atomic.Int64 // nanoseconds
	stop   context.CancelFunc
	ended  chan struct{}
}

// offsetEvery is how often resolver.clock_offset_file is read again.
const offsetEvery = 100 * time.Millisecond

// newClock returns the clock that c asks for. Close it.
func newClock(c *config.Resolver, log *slog.Logger) (*clock, error) {
	k := &clock{stop: func() {}, ended: make(chan struct{})}
	if c.ValidationTime != "" {
		at, err := time.Parse(time.RFC3339, c.ValidationTime)
		if err != nil {
			return nil, fmt.Errorf("resolver.validation_time: %w", err)
		}
		// The clock goes on from there, so that TTLs still run out.
		k.offset.Store(int64(time.Until(at)))
	}
	if c.ClockOffsetFile == "" {
		close(k.ended)
		return k, nil
	}
	if err := k.read(c.ClockOffsetFile); err != nil {
		return nil, fmt.Errorf("resolver.clock_offset_file: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	go k.follow(ctx, c.ClockOffsetFile, log)
	return k, nil
}

// Now is the time as the daemon judges by it.
func (k *clock) Now() time.Time {
	now := time.Now()
	if d := k.offset.Load(); d != 0 {
		return now.Add(time.Duration(d))
	}
	return now
}

// Close ends the reading of the offset file.
func (k *clock) Close() {
	k.stop()
	<-k.ended
}

func (k *clock) follow(ctx context.Context, file string, log *slog.Logger) {
	defer close(k.ended)
	tick := time.NewTicker(offsetEvery)
	defer tick.Stop()
	broken := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		// A file that is just being written is empty for a moment: the last offset stays.
		err := k.read(file)
		if err != nil && !broken {
			log.Warn("clock offset not read: the last one stays", "err", err)
		}
		broken = err != nil
	}
}

func (k *clock) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || seconds > maxOffset || seconds < -maxOffset {
		return fmt.Errorf("%s: want signed seconds, such as +3600", file)
	}
	k.offset.Store(seconds * int64(time.Second))
	return nil
}

// maxOffset is 200 years, which a time.Duration still holds.
const maxOffset = 200 * 366 * 86400
