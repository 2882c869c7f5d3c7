package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// supervisor is the service manager that started the daemon (sd_notify(3)). The zero
// value is none, and is told nothing.
type supervisor struct {
	socket   string        // NOTIFY_SOCKET
	watchdog time.Duration // how often it wants to hear of us; 0: never
	log      *slog.Logger
	beside   func() string // what else is not ready, in a line; "": nothing. May be nil
}

// supervisorOf reads what the service manager says of itself. env is os.Getenv.
func supervisorOf(env func(string) string, log *slog.Logger) supervisor {
	s := supervisor{socket: env("NOTIFY_SOCKET"), log: log}
	pid := env("WATCHDOG_PID")
	usec, err := strconv.ParseInt(env("WATCHDOG_USEC"), 10, 63)
	if err == nil && usec > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		s.watchdog = time.Duration(usec) * time.Microsecond
	}
	return s
}

// tell sends assignments such as READY=1.
func (s *supervisor) tell(assignments ...string) {
	if s.socket == "" {
		return
	}
	name := s.socket
	if strings.HasPrefix(name, "@") { // unix(7): an abstract address
		name = "\x00" + name[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		defer conn.Close()
		_, err = conn.Write([]byte(strings.Join(assignments, "\n")))
	}
	if err != nil {
		s.log.Warn("the service manager could not be told", "what", assignments[0], "err", err)
	}
}

// readyTime is how long the manager waits for the first proof: a machine that boots
// may have no network yet, and is not to be kept from booting by that.
const readyTime = 10 * time.Second

// ready tells the manager that requests are answered, once the root is proven, or
// after readyTime in any case.
func (s *supervisor) ready(ctx context.Context, prove func(context.Context) error) {
	if s.socket == "" {
		return
	}
	limited, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	err := prove(limited)
	for err != nil && limited.Err() == nil {
		s.tell("STATUS=not ready: " + oneLine(err.Error()))
		select {
		case <-limited.Done():
		case <-time.After(500 * time.Millisecond):
			err = prove(limited)
		}
	}
	switch {
	case ctx.Err() != nil: // to be stopped
	case err != nil:
		s.tell("READY=1", "STATUS=listening, but nothing can be proven yet: "+oneLine(err.Error())+s.more())
	default:
		s.tell("READY=1", "STATUS=ready"+s.more())
	}
}

// more is what else is not ready, behind a status.
func (s *supervisor) more() string {
	if s.beside == nil || s.beside() == "" {
		return ""
	}
	return "; " + oneLine(s.beside())
}

// feed tells the watchdog that the daemon is alive, as long as alive says so, until
// ctx ends.
func (s *supervisor) feed(ctx context.Context, alive func() error) {
	if s.watchdog == 0 {
		return
	}
	tick := time.NewTicker(s.watchdog / 3)
	defer tick.Stop()
	for {
		if err := alive(); err != nil {
			s.log.Error("watchdog: not fed", "err", err)
		} else {
			s.tell("WATCHDOG=1")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// reloading tells the manager that a reload begins; ready, or a status, says that it is
// over.
func (s *supervisor) reloading() {
	if s.socket != "" {
		s.tell("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic()/1000))
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// alive asks the daemon for its health as a caller would, past its sockets: those may
// be full, and it is alive all the same. What it waits for is what requests wait for.
func (d *daemon) alive() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/healthz", nil)
	if err != nil {
		return err
	}
	ended := make(chan int, 1)
	go func() {
		d.engine.resolver.Stats() // takes the lock of every part of the cache
		w := &statusOnly{head: http.Header{}}
		d.live.ServeHTTP(w, r)
		ended <- w.status
	}()
	select {
	case status := <-ended:
		if status != 0 && status != http.StatusOK {
			return fmt.Errorf("health: %d", status)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("health: no answer in %s", 5*time.Second)
	}
}

// statusOnly is an http.ResponseWriter for nobody.
type statusOnly struct {
	head   http.Header
	status int
}

func (w *statusOnly) Header() http.Header         { return w.head }
func (w *statusOnly) WriteHeader(status int)      { w.status = status }
func (w *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
