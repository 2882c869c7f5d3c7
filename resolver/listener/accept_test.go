package listener

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// scanty is a listener without descriptors for n calls, and then without anything.
type scanty struct {
	net.Listener
	n     int
	calls []time.Time
}

func (s *scanty) Accept() (net.Conn, error) {
	s.calls = append(s.calls, time.Now())
	if len(s.calls) <= s.n {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return nil, net.ErrClosed
}

func TestAcceptDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scanty{n: 3}
		if _, err := (patient{s}).Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("it ended with %v", err)
		}
		for i := 1; i < len(s.calls); i++ {
			if d := s.calls[i].Sub(s.calls[i-1]); d != breath {
				t.Errorf("it tried again after %v, want %v", d, breath)
			}
		}
		if len(s.calls) != 4 {
			t.Errorf("%d tries, want 4", len(s.calls))
		}
	})
}
