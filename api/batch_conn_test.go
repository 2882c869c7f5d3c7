package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/verifier"
)

// pipes is a listener of connections in memory, whose time a bubble can turn.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

// line is a client at one connection, that sees every octet.
type line struct {
	net.Conn
	in *bufio.Reader
}

func (p *pipes) dial() *line {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return &line{ours, bufio.NewReader(ours)}
}

const batchHead = "POST /v1/verify/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"

// begin starts a batch in chunks and reads the header of its answer.
func (l *line) begin(t *testing.T) *bufio.Reader {
	t.Helper()
	_, err := io.WriteString(l, batchHead)
	must(t, err)
	r, err := http.ReadResponse(l.in, nil)
	must(t, err)
	if r.StatusCode != 200 {
		t.Fatalf("%d", r.StatusCode)
	}
	return bufio.NewReader(r.Body)
}

// say sends one item, as a chunk; "" ends the body.
func (l *line) say(t *testing.T, item string) {
	t.Helper()
	if item != "" {
		item += "\n"
	}
	_, err := fmt.Fprintf(l, "%x\r\n%s\r\n", len(item), item)
	must(t, err)
}

// hear reads one answer.
func hear(t *testing.T, body *bufio.Reader) string {
	t.Helper()
	text, err := body.ReadString('\n')
	if err != nil {
		return fmt.Sprintf("no answer: %v", err)
	}
	var a batchAnswer
	must(t, json.Unmarshal([]byte(text), &a))
	return a.String()
}

const yes = "confirmed record_matches"

// serveBatches runs a server with the daemon's limits (cmd/cnfd) in a bubble.
func serveBatches(t *testing.T, c Config) (*pipes, *http.Server) {
	t.Helper()
	h := newHandler(t, c)
	p := newPipes()
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	go s.Serve(p)
	return p, s
}

// bubble runs f in a bubble, which waits for every goroutine that f left: a leak
// is a deadlock, and fails the test.
func bubble(t *testing.T, c Config, f func(t *testing.T, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, s := serveBatches(t, c)
		f(t, p)
		s.Close()
		synctest.Wait()
	})
}

// A client may wait for each answer before it sends the next item, for longer than
// any one request may take; and no longer than an item may take.
func TestBatchLastsWhileItMakesProgress(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, p *pipes) {
		l := p.dial()
		body := l.begin(t)
		for range 30 {
			l.say(t, goodItem)
			if got := hear(t, body); got != yes {
				t.Fatal(got)
			}
			time.Sleep(9 * time.Second)
		}
		l.say(t, goodItem)
		if got := hear(t, body); got != yes {
			t.Fatal(got)
		}
		time.Sleep(11 * time.Second) // the one thing that is flipped
		if got := hear(t, body); got != "timeout 31" {
			t.Error(got)
		}
		if got := hear(t, body); got != "no answer: unexpected EOF" {
			t.Errorf("after it: %s", got)
		}
	})
}

// A client that waits to be told to go on is told.
func TestBatchThatIsToContinue(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, p *pipes) {
		for _, framing := range []string{"Transfer-Encoding: chunked", fmt.Sprintf("Content-Length: %d", len(goodItem))} {
			l := p.dial()
			_, err := fmt.Fprintf(l, "POST /v1/verify/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nExpect: 100-continue\r\n%s\r\n\r\n", framing)
			must(t, err)
			if got, err := l.in.ReadString('\n'); err != nil || got != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("%s: %q, %v", framing, got, err)
			}
			l.in.ReadString('\n')
			go func() {
				if strings.HasPrefix(framing, "Content") {
					io.WriteString(l, goodItem)
					return
				}
				fmt.Fprintf(l, "%x\r\n%s\r\n0\r\n\r\n", len(goodItem), goodItem)
			}()
			r, err := http.ReadResponse(l.in, nil)
			must(t, err)
			body := bufio.NewReader(r.Body)
			if got := hear(t, body); got != yes {
				t.Errorf("%s: %s", framing, got)
			}
			io.Copy(io.Discard, body)
			l.Close()
		}
	})
}

// Who sends an octet now and then makes no progress.
func TestBatchThatDrips(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, p *pipes) {
		l := p.dial()
		body := l.begin(t)
		l.say(t, goodItem)
		if got := hear(t, body); got != yes {
			t.Fatal(got)
		}
		done := make(chan int)
		go func() {
			n := 0
			for ; n < 100; n++ {
				if _, err := io.WriteString(l, "1\r\n \r\n"); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			done <- n
		}()
		if got := hear(t, body); got != "timeout 1" {
			t.Error(got)
		}
		io.Copy(io.Discard, body)
		l.Close()
		if n := <-done; n > 12 {
			t.Errorf("%d octets were read", n)
		}
	})
}

// Answers that nobody reads are not made, and after a while the client is given up.
func TestBatchThatIsNotRead(t *testing.T) {
	var asked atomic.Int64
	v := verifierFunc(func(context.Context, *verifier.Request) (verifier.Verdict, error) {
		asked.Add(1)
		return confirmed(), nil
	})
	bubble(t, Config{Verifier: v}, func(t *testing.T, p *pipes) {
		l := p.dial()
		l.begin(t)
		end := make(chan error, 1)
		go func() {
			for {
				if _, err := fmt.Fprintf(l, "%x\r\n%s\n\r\n", len(goodItem)+1, goodItem); err != nil {
					end <- err
					return
				}
			}
		}()
		start := time.Now()
		err := <-end
		if took := time.Since(start); err == nil || took > 3*batchStall {
			t.Errorf("%v after %v", err, took)
		}
		if n := asked.Load(); n == 0 || n > 2000 {
			t.Errorf("%d items were answered to nobody", n)
		}
		l.Close()
	})
}

// What follows a batch on its connection is the next request; what follows one that
// was not read to its end is none.
func TestBatchAndWhatFollows(t *testing.T) {
	const next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, tt := range []struct {
		claim, chunks, answers string
		again                  bool
	}{
		{"whole", "LINE\n", yes, true},
		{"whole, its last item cut short", `{"claims":{"su`, "malformed 0", true},
		{"broken in its framing", "", "malformed 1", false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			bubble(t, Config{Verifier: newReal(t, nil).Verifier}, func(t *testing.T, p *pipes) {
				l := p.dial()
				chunks := strings.Replace(tt.chunks, "LINE", goodItem, 1)
				rest := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n%s", len(chunks), chunks, next)
				if chunks == "" {
					rest = fmt.Sprintf("%x\r\n%s\n\r\nzz\r\n%s", len(goodItem)+1, goodItem, next)
				}
				go io.WriteString(l, batchHead+rest)
				r, err := http.ReadResponse(l.in, nil)
				must(t, err)
				body := bufio.NewReader(r.Body)
				if chunks == "" {
					if got := hear(t, body); got != yes {
						t.Error(got)
					}
				}
				if got := hear(t, body); got != tt.answers {
					t.Error(got)
				}
				_, err = io.Copy(io.Discard, body)
				if (err == nil) != tt.again {
					t.Errorf("the end of the answers: %v", err)
				}
				r, err = http.ReadResponse(l.in, nil)
				if (err == nil) != tt.again {
					t.Errorf("the next request: %v, %v", r, err)
				}
				l.Close()
			})
		})
	}
}

// A daemon that is to end answers what it has read, and says that it does not read on.
func TestBatchAndTheEndOfTheDaemon(t *testing.T) {
	for _, when := range []string{"while it waits for an item", "while it answers"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, stopping := &waiter{open: make(chan struct{})}, make(chan struct{})
				p, s := serveBatches(t, Config{Verifier: w, Stopping: stopping})
				s.RegisterOnShutdown(func() { close(stopping) })
				l := p.dial()
				body := l.begin(t)
				l.say(t, goodItem)
				if got := hear(t, body); got != yes {
					t.Fatal(got)
				}
				if when == "while it answers" {
					l.say(t, named("wait"))
					time.AfterFunc(3*time.Second, func() { close(w.open) })
					synctest.Wait()
				}
				ended := make(chan error, 1)
				go func() { ended <- s.Shutdown(context.Background()) }()
				want := "stopping 1"
				if when == "while it answers" {
					if got := hear(t, body); got != yes {
						t.Error(got)
					}
					want = "stopping 2"
				}
				if got := hear(t, body); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
				l.Close()
			})
		})
	}
}
