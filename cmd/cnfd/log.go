package main

import (
	"fmt"
	"io"
	"log/slog"
	"sync"

	"cnfd/cmd/cnfd/internal/config"
)

// logs are where the daemon writes what it has to say.
type logs struct {
	*slog.Logger
	json  *slog.Logger   // JSON whatever log.format says; of evidence
	level *slog.LevelVar // of both
}

// newLogs makes the logs that a configuration asks for.
func newLogs(w io.Writer, c *config.Log) (logs, error) {
	l := logs{level: new(slog.LevelVar)}
	if err := l.level.UnmarshalText([]byte(c.Level)); err != nil {
		return l, fmt.Errorf("log.level: %w", err)
	}
	w = &oneByOne{to: w} // two handlers, each with a lock of its own
	o := &slog.HandlerOptions{Level: l.level}
	l.json = slog.New(slog.NewJSONHandler(w, o))
	l.Logger = slog.New(slog.NewTextHandler(w, o))
	if c.Format == "json" {
		l.Logger = l.json
	}
	return l, nil
}

// oneByOne is a Writer for many.
type oneByOne struct {
	mu sync.Mutex
	to io.Writer
}

// Write writes one line.
func (o *oneByOne) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(line)
}

// logsOf are logs that all go to one.
func logsOf(log *slog.Logger) logs {
	return logs{Logger: log, json: log, level: new(slog.LevelVar)}
}
