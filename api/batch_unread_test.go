package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/verifier"
)

// A client that reads nothing is not read from without bound either, though it is the timer that waits for it and
// not who reads the items.
func TestBatchThatIsNotReadWhileTheTimerSends(t *testing.T) {
	const items = 20_000
	for _, tt := range []struct {
		claim string
		reads bool
		most  int64
	}{
		{"it reads", true, items},
		// What fills one buffer of answers, and what the input holds besides.
		{"it does not", false, 2*sendSize/400 + 2*lastBuffer/int64(len(goodItem))},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			var asked atomic.Int64
			v := verifierFunc(func(context.Context, *verifier.Request) (verifier.Verdict, error) {
				asked.Add(1)
				return confirmed(), nil
			})
			bubble(t, Config{Verifier: v}, func(t *testing.T, p *pipes) {
				l := p.dial()
				body := l.begin(t)
				l.say(t, goodItem)
				time.Sleep(2 * sendDelay) // the timer sends its answer
				synctest.Wait()
				if tt.reads {
					go func() {
						for b := make([]byte, 1<<16); ; {
							if _, err := body.Read(b); err != nil {
								return
							}
						}
					}()
				}
				go func() {
					for range items - 1 {
						if _, err := fmt.Fprintf(l, "%x\r\n%s\n\r\n", len(goodItem)+1, goodItem); err != nil {
							return
						}
					}
				}()
				synctest.Wait()
				if n := asked.Load(); n > tt.most || tt.reads && n != items || n < 100 {
					t.Errorf("%d items were answered, want %d at the most", n, tt.most)
				}
				l.Close()
			})
		})
	}
}

// The end of the daemon does not wait for the client's next item.
func TestTheEndOfTheDaemonInterruptsABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopping := make(chan struct{})
		p, s := serveBatches(t, Config{Stopping: stopping})
		s.RegisterOnShutdown(func() { close(stopping) })
		l := p.dial()
		body := l.begin(t)
		l.say(t, goodItem)
		if got := hear(t, body); got != yes {
			t.Fatal(got)
		}
		synctest.Wait() // it waits for the next
		began := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(context.Background()) }()
		if got := hear(t, body); got != "stopping 1" {
			t.Error(got)
		}
		if took := time.Since(began); took >= time.Second { // of the bubble; an item may take batchStall
			t.Errorf("it was told after %v", took)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		l.Close()
	})
}

// A batch whose body has come is answered to its end, though the daemon is to end meanwhile.
func TestTheEndOfTheDaemonLetsAWholeBatchBe(t *testing.T) {
	for _, stops := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w, stopping := &waiter{open: make(chan struct{})}, make(chan struct{})
			p, s := serveBatches(t, Config{Verifier: w, Stopping: stopping})
			s.RegisterOnShutdown(func() { close(stopping) })
			l := p.dial()
			item := named("wait") + "\n"
			fmt.Fprintf(l, "POST /v1/verify/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: %d\r\n\r\n%s", len(item), item)
			r, err := http.ReadResponse(l.in, nil)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			ended := make(chan error, 1)
			if stops {
				go func() { ended <- s.Shutdown(context.Background()) }()
				synctest.Wait()
			}
			close(w.open)
			if got := hear(t, bufio.NewReader(r.Body)); got != yes {
				t.Errorf("the daemon ends: %v; %s", stops, got)
			}
			io.Copy(io.Discard, r.Body)
			if !stops {
				go func() { ended <- s.Shutdown(context.Background()) }()
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			l.Close()
		})
	}
}

// How fresh a batch's answers must be is what Cache-Control says, where nothing else says more.
func TestBatchCacheControl(t *testing.T) {
	for _, tt := range []struct {
		claim, target string
		headers       []string
		bounded       bool
		seconds       float64
	}{
		{"nothing", "", nil, false, 0},
		{"Cache-Control alone", "", []string{"Cache-Control: max-age=40"}, true, 40},
		{"no-cache", "", []string{"Cache-Control: no-cache"}, true, 0},
		{"Cache-Control is the tighter", "?max_age=50", []string{"Cache-Control: max-age=40"}, true, 40},
		{"the query is the tighter", "?max_age=30", []string{"Cache-Control: max-age=40"}, true, 30},
		{"no-cache beside a query", "?max_age=30", []string{"Cache-Control: no-cache"}, true, 0},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			f := &fakeVerifier{verdict: confirmed()}
			h := newHandler(t, Config{Verifier: f})
			send(h, "POST", "/v1/verify/batch"+tt.target, `{"claims":{},"max_age":60}`+"\n"+`{"claims":{}}`, append(tt.headers, asLines)...)
			if len(f.asked) != 2 {
				t.Fatalf("%d were asked", len(f.asked))
			}
			if q := f.asked[1]; q.Bounded != tt.bounded || q.MaxAge.Seconds() != tt.seconds {
				t.Errorf("%v %v", q.Bounded, q.MaxAge)
			}
			want := 60.0
			if tt.bounded {
				want = tt.seconds
			}
			if q := f.asked[0]; !q.Bounded || q.MaxAge.Seconds() != want {
				t.Errorf("an item that wants 60 s: %v %v", q.Bounded, q.MaxAge)
			}
		})
	}
}
