package api

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A thousand clients that vanish in the middle leave neither a goroutine nor a
// descriptor, and the others are answered meanwhile. Real sockets.
func TestBatchesOfAThousandClientsThatVanish(t *testing.T) {
	w := &waiter{open: make(chan struct{})}
	h := newHandler(t, Config{Verifier: w})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	address := listener.Addr().String()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	var clients sync.WaitGroup
	places := make(chan struct{}, 50) // descriptors are few where this runs
	for i := range 1000 {
		clients.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			fmt.Fprintf(c, "%s%x\r\n%s\n\r\n", batchHead, len(goodItem)+1, goodItem)
			switch in := bufio.NewReader(c); i % 4 {
			case 0: // at once
			case 1: // after the first answer
				r, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := bufio.NewReader(r.Body).ReadString('\n'); err != nil || !strings.Contains(got, `"confirmed"`) {
					t.Error(got, err)
				}
			case 2: // in the middle of an item, answers waited for
				item := named("wait")
				fmt.Fprintf(c, "%x\r\n%s\n%s", 2*len(item)+1, item, item[:20])
			case 3: // unread answers, a reset
				for range 200 {
					fmt.Fprintf(c, "%x\r\n%s\n\r\n", len(goodItem)+1, goodItem)
				}
				c.(*net.TCPConn).SetLinger(0)
			}
		})
	}
	clients.Wait()
	others := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := others.Post("http://"+address+"/v1/verify/batch", "application/x-ndjson", strings.NewReader(goodItem))
	must(t, err)
	if _, got := answers(t, r); got != yes {
		t.Errorf("another client: %s", got)
	}
	r.Body.Close()
	// Done without a clock: each wait is for the server's own steps.
	for tries := 0; ; tries++ {
		if n := runtime.NumGoroutine(); n <= goroutines && openFiles(t) <= files && w.now.Load() == 0 {
			break
		}
		if tries == 2000 {
			t.Fatalf("%d goroutines (%d before), %d files (%d), %d waited for", runtime.NumGoroutine(), goroutines, openFiles(t), files, w.now.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
	must(t, s.Close())
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// openFiles counts this process's descriptors; 0 where they cannot be counted.
func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
