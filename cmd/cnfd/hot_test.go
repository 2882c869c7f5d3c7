package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/testneeds"
	"cnfd/lane"
)

// watched counts who answers what.
type watched struct {
	api.Handler
	beneath, above atomic.Int64
}

func (w *watched) Answer(ctx context.Context, r *lane.Request, a *lane.Response) bool {
	ok := w.Handler.Answer(ctx, r, a)
	if ok {
		w.beneath.Add(1)
	}
	return ok
}

func (w *watched) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.above.Add(1)
	w.Handler.ServeHTTP(rw, r)
}

// watchHandler stands before the handler of now.
func (o *operated) watchHandler() *watched {
	now := *o.live.Load()
	w := &watched{Handler: now.handler}
	now.handler = w
	o.live.Store(&now)
	return w
}

// TestHotOnEverySocket: on plain sockets a question is answered above net/http once and then
// beneath it, and whoever listens is told alike of both: the log, the evidence, the metrics.
func TestHotOnEverySocket(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			o := operate(t, func(c *config.Config) { c.Log.Decisions, c.Log.Evidence = true, "all" })
			w := o.watchHandler()
			address := o.c.API.Unix
			if network == "tcp" {
				address = strings.TrimPrefix(o.Addresses().API, "http://")
			}
			conn, err := net.Dial(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			l := newLine(conn)
			token := o.token(t, "vendor.jwt")
			for i := range int64(3) {
				if got := l.asks(t, token); !strings.Contains(got, matches) || !strings.Contains(got, fmt.Sprintf(`"cached":%v`, i > 0)) {
					t.Fatalf("question %d: %s", i, got)
				}
				if w.above.Load() != 1 || w.beneath.Load() != i {
					t.Fatalf("after %d questions %d answers beneath net/http and %d above", i+1, w.beneath.Load(), w.above.Load())
				}
			}
			told, facts := o.log.of(t, "decision"), o.log.of(t, "evidence")
			if len(told) != 3 || len(facts) != 3 {
				t.Fatalf("%d lines, %d of evidence", len(told), len(facts))
			}
			for i, line := range told {
				if _, has := line["uid"]; has != (network == "unix") || line["id"] != facts[i]["id"] || line["outcome"] != "confirmed" {
					t.Errorf("%v, evidence of %v", line, facts[i]["id"])
				}
			}
			if page := o.page(t); !strings.Contains(page, `cnfd_decisions_total{outcome="confirmed",reason="record_matches"} 3`) {
				t.Error(page)
			}
		})
	}
}

// TestHotIsOfNow: what a purge has forgotten and a reload has changed is so for the very next
// question on a connection that has been answered beneath net/http.
func TestHotIsOfNow(t *testing.T) {
	o := operate(t, nil)
	l, token := o.line(t), o.token(t, "vendor.jwt")
	for range 3 {
		if got := l.asks(t, token); !strings.Contains(got, matches) {
			t.Fatal(got)
		}
	}
	r, err := onUnix(o.c.API.Unix).Post("http://localhost/v1/cache/purge", "application/json", strings.NewReader(`{"subject":"https://vendor.example"}`))
	if err != nil || r.StatusCode != http.StatusNoContent {
		t.Fatal(r, err)
	}
	if got := l.asks(t, token); !strings.Contains(got, `"cached":false`) {
		t.Errorf("after a purge: %s", got)
	}
	if got := l.asks(t, token); !strings.Contains(got, `"cached":true`) || !strings.Contains(got, `"signature":"not_checked"`) {
		t.Fatal(got)
	}
	o.c.Check = []string{"signature"}
	o.again(t)
	if got := l.asks(t, token); !strings.Contains(got, `"signature":"valid"`) {
		t.Errorf("after a reload that wants signatures: %s", got)
	}
}

// TestHotIsNotWhatIsOld: who wants fresh data gets it, in each of the ways in which that can be said.
func TestHotIsNotWhatIsOld(t *testing.T) {
	o := operate(t, nil)
	l, token := o.line(t), o.token(t, "vendor.jwt")
	for _, field := range []string{"Pragma: no-cache", "Cache-Control: no-cache", "cache-control: max-age=0"} {
		for range 2 {
			l.asks(t, token)
		}
		if got := l.asks(t, token); !strings.Contains(got, `"cached":true`) {
			t.Fatal(got)
		}
		fmt.Fprintf(l, "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jwt\r\n%s\r\nContent-Length: %d\r\n\r\n%s", field, len(token), token)
		if got := l.hears(t); !strings.Contains(got, `"cached":false`) {
			t.Errorf("%s: %s", field, got)
		}
	}
}

// TestHotIsLimitedAsAbove: a body that is larger than limits.body is refused in the words of net/http's.
func TestHotIsLimitedAsAbove(t *testing.T) {
	o := operate(t, func(c *config.Config) { c.Limits.Body = 1 << 10 })
	l, token := o.line(t), o.token(t, "vendor.jwt")
	for range 2 {
		if got := l.asks(t, token); !strings.Contains(got, matches) {
			t.Fatal(got)
		}
	}
	if got := l.asks(t, token+strings.Repeat("\n", 1<<10)); !strings.Contains(got, "urn:cnfd:problem:too-large") {
		t.Error(got)
	}
}

// TestHotLeavesNothingBehind: connections that come, are answered and go leave no descriptor.
func TestHotLeavesNothingBehind(t *testing.T) {
	o := operate(t, nil)
	token := o.token(t, "vendor.jwt")
	visit := func() {
		l := o.line(t)
		for range 3 {
			if got := l.asks(t, token); !strings.Contains(got, matches) {
				t.Fatal(got)
			}
		}
		l.Conn.(*net.UnixConn).CloseWrite()
		if rest, err := io.ReadAll(l.from); err != nil || len(rest) > 0 {
			t.Fatal(rest, err)
		}
		l.Close()
	}
	visit()
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			testneeds.Lacking(t, "/proc: "+err.Error())
		}
		return len(all)
	}
	before := files()
	for range 100 {
		visit()
	}
	if after := files(); after > before+5 {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// TestWhatIsSentAheadIsOfNow: a question that was sent behind another, while that one waits for the DNS, is
// held to who may ask when its turn comes.
func TestWhatIsSentAheadIsOfNow(t *testing.T) {
	for _, refused := range []bool{false, true} {
		o := operate(t, nil)
		token := o.token(t, "vendor.jwt")
		asked, release := o.hold(t)
		l := o.line(t)
		if err := l.send(token); err != nil {
			t.Fatal(err)
		}
		<-asked
		if err := l.send(token); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // so that its first octet may have been read
		if refused {
			o.c.API.AllowUIDs = []uint32{uint32(os.Geteuid()) + 1}
			o.again(t)
		}
		close(release)
		if got := l.hears(t); !strings.Contains(got, `"id":`) {
			t.Fatalf("what has begun: %q", got)
		}
		if got := l.hears(t); (got == "") != refused {
			t.Errorf("refused is %v; the next: %s", refused, got)
		}
	}
}
