package listener

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// patient waits where the machine has no descriptor or memory left for a client:
// package dns would try again at once, and burn a processor over it.
type patient struct{ net.Listener }

// breath is how long it waits. Shutdown waits for it too.
const breath = 50 * time.Millisecond

// Accept returns the next client's connection.
func (p patient) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if err == nil || !scarce(err) {
			return conn, err
		}
		time.Sleep(breath)
	}
}

func scarce(err error) bool {
	for _, want := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}
