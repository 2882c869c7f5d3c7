package api

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"cnfd/verifier"
)

// waiter is a verifier that waits for whoever is named "wait…", as the real one does
// for the DNS: for its context too.
type waiter struct {
	now, most atomic.Int64
	open      chan struct{}
}

func (w *waiter) Verify(ctx context.Context, q *verifier.Request) (verifier.Verdict, error) {
	v := confirmed()
	if strings.Contains(string(q.Bytes), "absent") {
		v.Reason = verifier.RecordAbsent
	}
	if !strings.Contains(string(q.Bytes), "wait") {
		return v, nil
	}
	n := w.now.Add(1)
	defer w.now.Add(-1)
	for m := w.most.Load(); n > m && !w.most.CompareAndSwap(m, n); m = w.most.Load() {
	}
	select {
	case <-w.open:
		return v, nil
	case <-ctx.Done():
		return verifier.Verdict{}, ctx.Err()
	}
}

func named(name string) string { return `{"claims":{"sub":"https://` + name + `.example"}}` }

// What has to be waited for is waited for together, so many and no more, and what is
// behind it is answered meanwhile and sent in its place.
func TestBatchWaitsTogether(t *testing.T) {
	w := &waiter{}
	bubble(t, Config{Verifier: w}, func(t *testing.T, p *pipes) {
		w.open = make(chan struct{}) // the bubble's own
		l := p.dial()
		body := l.begin(t)
		sent := make(chan struct{})
		const items = 1000
		go func() {
			defer close(sent)
			for i := range items {
				name := "now"
				if i%3 == 1 {
					name = fmt.Sprintf("wait%d", i)
				}
				if i%5 == 0 {
					name += "absent"
				}
				l.say(t, named(name))
			}
			l.say(t, "")
		}()
		if got := hear(t, body); got != "refuted record_absent" {
			t.Fatal(got)
		}
		synctest.Wait()
		if n := w.now.Load(); n != maxWaiting {
			t.Errorf("%d are waited for at a time, want %d", n, maxWaiting)
		}
		close(w.open)
		for i := 1; i < items; i++ {
			want := yes
			if i%5 == 0 {
				want = "refuted record_absent"
			}
			if got := hear(t, body); got != want {
				t.Fatalf("item %d: %s, want %s", i, got, want)
			}
		}
		<-sent
		if _, err := body.ReadByte(); err != io.EOF {
			t.Errorf("after the last: %v", err)
		}
		if n := w.most.Load(); n != maxWaiting {
			t.Errorf("%d were waited for at a time", n)
		}
		l.Close()
	})
}

// A slow first answer holds back neither memory without bound nor the asking of others.
func TestBatchBehindOneThatWaits(t *testing.T) {
	w := &waiter{}
	bubble(t, Config{Verifier: w}, func(t *testing.T, p *pipes) {
		w.open = make(chan struct{}) // the bubble's own
		l := p.dial()
		body := l.begin(t)
		l.say(t, named("wait"))
		var sent atomic.Int64
		go func() {
			for range 20000 {
				if _, err := fmt.Fprintf(l, "%x\r\n%s\n\r\n", len(goodItem)+1, goodItem); err != nil {
					return
				}
				sent.Add(1)
			}
			l.say(t, "")
		}()
		synctest.Wait()
		if n := sent.Load(); n < 1000 || n > maxWindow+2*lastBuffer/int64(len(goodItem)) {
			t.Errorf("%d items were taken behind one that waits", n)
		}
		close(w.open)
		for range 20001 {
			if got := hear(t, body); got != yes {
				t.Fatal(got)
			}
		}
		l.Close()
	})
}

// The client that goes takes its questions with it.
func TestBatchWhoseClientGoes(t *testing.T) {
	w := &waiter{}
	bubble(t, Config{Verifier: w}, func(t *testing.T, p *pipes) {
		w.open = make(chan struct{}) // the bubble's own
		for _, how := range []string{"while it sends", "after its last item"} {
			l := p.dial()
			body := l.begin(t)
			l.say(t, goodItem)
			if got := hear(t, body); got != yes {
				t.Fatal(got)
			}
			for i := range 10 {
				l.say(t, named(fmt.Sprintf("wait%d", i)))
			}
			if how != "while it sends" {
				l.say(t, "")
			}
			synctest.Wait()
			if n := w.now.Load(); n != 10 {
				t.Fatalf("%s: %d are waited for", how, n)
			}
			l.Close()
			synctest.Wait()
			if n := w.now.Load(); n != 0 {
				t.Errorf("%s: %d are waited for after the client has gone", how, n)
			}
		}
	})
}
