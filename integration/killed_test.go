package integration

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestKilledUnderLoad ends a daemon by SIGKILL again and again while it is asked on every socket, and starts it again on what it
// has left behind. Whoever is answered is answered rightly, a batch that is cut off is seen to be so, and what is
// withdrawn while nobody runs is not confirmed by who comes next.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	const times = 10
	s := newSiege(t, 85, false, "cache: {max_bytes: 32MiB}")
	var asked, cut, batches atomic.Int64
	var stop atomic.Bool
	var all sync.WaitGroup
	defer all.Wait()
	defer stop.Store(true)
	for _, o := range s.doors {
		for i := range 4 {
			client := o.client()
			client.Transport.(*http.Transport).DisableKeepAlives = i%2 == 0
			client.Timeout = patience
			all.Go(func() {
				for !stop.Load() {
					for _, tt := range []struct {
						token, want string
						options     bound
					}{{s.good, confirmed, nil}, {s.none, absent, now}} {
						v, err := s.judge(client, o.url(), ofToken(tt.token, tt.options))
						switch {
						case err == nil && v.String() != tt.want:
							t.Errorf("over %s: %s, want %s: %s", o.name, v, tt.want, v.all())
						case err == nil:
							asked.Add(1)
						case !gone(err):
							t.Errorf("over %s: %v", o.name, err)
						default:
							cut.Add(1)
							time.Sleep(time.Millisecond)
						}
					}
				}
			})
		}
		all.Go(func() {
			for !stop.Load() {
				if err := s.cutBatch(o); err != nil {
					t.Errorf("a batch over %s: %v", o.name, err)
				}
				batches.Add(1)
			}
		})
	}
	for range times {
		for before := asked.Load(); asked.Load() < before+200 && !t.Failed(); time.Sleep(time.Millisecond) {
		}
		s.process.cmd.Process.Signal(syscall.SIGKILL)
		<-s.process.done
		s.process = start(t, s.process.log, s.process.cmd.Args...)
		s.awaitHealth(t)
	}
	stop.Store(true)
	all.Wait()
	s.right(t)
	s.process.cmd.Process.Signal(syscall.SIGKILL)
	<-s.process.done
	if err := s.Remove("vendor.example.", "jwk.cnf.vendor.example.", dns.TypeTLSA); err != nil {
		t.Fatal(err)
	}
	s.process = start(t, s.process.log, s.process.cmd.Args...)
	s.awaitHealth(t)
	if v := s.says(t, ofToken(s.good, nil)); v.String() != absent {
		t.Errorf("withdrawn before the start: %s", v.all())
	}
	t.Logf("figure: killed %d times: %d right answers, %d that nobody was there for, %d batches", times, asked.Load(), cut.Load(), batches.Load())
	if cut.Load() == 0 {
		t.Error("nobody was cut off: nothing is shown")
	}
}

// gone reports whether an error says that nobody is there, or no more.
func gone(err error) bool {
	for _, want := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, syscall.ENOENT, net.ErrClosed} {
		if errors.Is(err, want) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed idle connection")
}

// cutBatch sends a batch that is confirmed in every item, and wants as many answers as items, or none that looks whole.
func (s *siege) cutBatch(o door) error {
	const items = 2000
	client := o.client()
	client.Timeout = patience
	response, err := client.Post(o.url()+"/v1/verify/batch", "application/x-ndjson", strings.NewReader(strings.Repeat(string(ofToken(s.good, nil))+"\n", items)))
	if err != nil {
		return unlessGone(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	whole := strings.Count(string(text), "\n")
	if right := strings.Count(string(text), `"outcome":"confirmed"`); right < whole {
		return fmt.Errorf("%d of %d are confirmed", right, whole)
	}
	if err == nil && (response.StatusCode != http.StatusOK || whole != items) {
		return fmt.Errorf("%s, %d answers to %d items, and it looks whole", response.Status, whole, items)
	}
	return unlessGone(err)
}

func unlessGone(err error) error {
	if err == nil || gone(err) {
		return nil
	}
	return err
}
