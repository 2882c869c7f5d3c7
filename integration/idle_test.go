package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// TestIdleOnBothSockets has ten thousand clients ask once, be confirmed, and keep their connections; at the end half of them ask
// again. Others have their answers meanwhile, and nothing is left once all have gone.
func TestIdleOnBothSockets(t *testing.T) {
	for i, tt := range []struct {
		secured bool
		each    int // clients of a socket
		most    int64
	}{{false, 5000, 300 << 20}, {true, 1500, 300 << 20}} {
		var files syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || int(files.Cur) < 2*tt.each+2000 {
			testneeds.Lacking(t, fmt.Sprintf("%d open files are needed, and %d may be (ulimit -n)", 2*tt.each+2000, files.Cur))
		}
		s := newSiege(t, 83+i, tt.secured, "cache: {max_bytes: 32MiB}")
		_, stop := s.meanwhile(t)
		var mu sync.Mutex
		var idle []*idler
		var all sync.WaitGroup
		for _, o := range s.doors {
			for range 8 {
				all.Go(func() {
					for range tt.each / 8 {
						c, err := o.idle(s.good)
						if err != nil {
							t.Errorf("%s: %v", o.name, err)
							return
						}
						mu.Lock()
						idle = append(idle, c)
						mu.Unlock()
					}
				})
			}
		}
		all.Wait()
		open, resident := s.figure(t, "cnfd_connections"), s.memory(t, "VmRSS:")
		if open < int64(len(idle)) {
			t.Errorf("%d connections are open, want %d", open, len(idle))
		}
		for _, c := range idle[:len(idle)/2] {
			if err := c.ask(s.good); err != nil {
				t.Errorf("again: %v", err)
			}
		}
		t.Logf("figure: %s and unix: %d idle connections, %.1f MiB resident, others asked all there is %d times meanwhile", s.doors[0].name, len(idle), float64(resident)/(1<<20), stop())
		for _, c := range idle {
			c.Close()
		}
		s.lifted(t, tt.most)
	}
}

// An idler keeps its connection.
type idler struct {
	net.Conn
	in *bufio.Reader
}

func (o door) idle(token string) (*idler, error) {
	conn, err := o.dial()
	if err != nil {
		return nil, err
	}
	c := &idler{conn, bufio.NewReaderSize(conn, 1<<10)}
	return c, c.ask(token)
}

// ask asks once, and must be confirmed.
func (c *idler) ask(token string) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, posted(fmt.Sprintf("Content-Length: %d\r\n", len(token)), token)); err != nil {
		return err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	var v verdict
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil || v.String() != confirmed {
		return fmt.Errorf("%s %s, %v", r.Status, v.all(), err)
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err
}
