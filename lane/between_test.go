package lane

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheHeaderAlone: what comes after a header is not waited for, and never answered twice.
func TestTheHeaderAlone(t *testing.T) {
	line := "POST /hot HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
	for _, tc := range []struct{ claim, header, rest, want string }{
		{"chunks", line + "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n", "abc"},
		{"a coding nobody knows", line + "Transfer-Encoding: x\r\n\r\n", inside, "501"},
		{"a DEL in a value", line + "X-A: \x7f\r\n\r\n", "", "400"},
		{"CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", "", "CONNECT"},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, true)
				c := s.call()
				defer c.Close()
				io.WriteString(c, tc.header)
				time.Sleep(50 * time.Millisecond)
				got := ask(t, c, tc.rest)
				if !strings.Contains(got, tc.want) || s.hot.Load() != 0 {
					t.Errorf("%d %q", s.hot.Load(), got)
				}
				s.server.Close()
			})
		})
	}
}

// TestHeaderAndBodyApart: a connection whose request came in two rests as long as any other.
func TestHeaderAndBodyApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, true)
		c := s.call()
		defer c.Close()
		hot := post("/hot", "abc")
		ask(t, c, hot)
		io.WriteString(c, hot[:len(hot)-3])
		time.Sleep(50 * time.Millisecond)
		if got := ask(t, c, "abc"); !strings.HasSuffix(got, "abc") || s.hot.Load() != 2 {
			t.Fatal(got, s.hot.Load())
		}
		time.Sleep(2 * time.Second)
		if got := ask(t, c, hot); !strings.HasSuffix(got, "abc") {
			t.Error(got)
		}
		s.server.Close()
	})
}

// TestTheDateIsOfNow: an answer has the date of its second.
func TestTheDateIsOfNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, true)
		c := s.call()
		defer c.Close()
		one := ask(t, c, post("/hot", "abc"))
		time.Sleep(2 * time.Second)
		if two := ask(t, c, post("/hot", "abc")); one == two {
			t.Error(two)
		}
		s.server.Close()
	})
}

// TestTheBetween: what may come between two requests is borne after the lane's answers as it is
// after net/http's.
func TestTheBetween(t *testing.T) {
	hot := post("/hot", "abc")
	for _, tc := range []struct {
		claim    string
		requests []string
		wait     time.Duration // after the first octet of the last
	}{
		{"a line end after a POST", []string{hot, "\r\n" + hot}, 0},
		{"four octets of line ends after a POST", []string{hot, hot, "\r\n\r\n" + get}, 0},
		{"a line end after a POST of net/http", []string{post("/other", "x"), "\r\n" + hot}, 0},
		{"an octet, and the rest after a while", []string{get, hot}, time.Second},
		{"an octet, and the rest after a while, after a hot one", []string{get, hot, hot}, time.Second},
	} {
		for _, with := range []bool{false, true} {
			t.Run(fmt.Sprint(tc.claim, with), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScene(t, with)
					c := s.call()
					defer c.Close()
					for i, r := range tc.requests {
						if i == len(tc.requests)-1 && tc.wait > 0 {
							io.WriteString(c, r[:1])
							time.Sleep(tc.wait)
							r = r[1:]
						}
						if got := ask(t, c, r); !strings.Contains(got, "200 OK") {
							t.Errorf("request %d: %q", i, got)
						}
					}
					s.server.Close()
				})
			})
		}
	}
}

// TestNothingNewAtTheEnd: a server that is shut down answers nobody who has asked nothing yet.
func TestNothingNewAtTheEnd(t *testing.T) {
	for _, stopping := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, true)
			c := s.call()
			synctest.Wait()
			ended := make(chan error, 1)
			if stopping {
				go func() { ended <- s.server.Shutdown(context.Background()) }()
				synctest.Wait()
			}
			if got := ask(t, c, post("/hot", "abc")); strings.Contains(got, "200 OK") == stopping {
				t.Errorf("stopping is %v: %q", stopping, got)
			}
			if stopping {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			s.server.Close()
		})
	}
}

// TestDrain waits for an answer that nobody reads yet, for as long as it may.
func TestDrain(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := newScene(t, true)
			c := s.call()
			if got := ask(t, c, post("/hot", "abc")); !strings.Contains(got, "200 OK") {
				t.Fatal(got)
			}
			io.WriteString(c, post("/hot", "abc")) // and its answer waits for who reads
			synctest.Wait()
			if err := s.server.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if reads {
				go func() { time.Sleep(time.Second); io.Copy(io.Discard, c) }()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if err := s.lane.Drain(ctx); (err == nil) != reads {
				t.Errorf("somebody reads: %v; %v", reads, err)
			}
			if left := s.lane.open(); len(left) > 0 {
				t.Errorf("%d connections are left", len(left))
			}
			c.Close()
		})
	}
}

// TestTheServersOwnHooks are called as without a lane.
func TestTheServersOwnHooks(t *testing.T) {
	type key struct{}
	var states []http.ConnState
	server := &http.Server{
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return context.WithValue(ctx, key{}, "its own") },
		ConnState:   func(_ net.Conn, is http.ConnState) { states = append(states, is) },
	}
	l := Beneath(server, Config{Target: "/hot", Now: time.Now})
	near, far := net.Pipe()
	defer far.Close()
	c := &conn{Conn: near, lane: l}
	c.over.L = &c.reading
	server.ConnState(c, http.StateIdle)
	if ctx := server.ConnContext(context.Background(), c); ctx.Value(key{}) != "its own" || c.ctx != ctx || len(states) != 1 || !c.resting {
		t.Errorf("context %v, states %v", ctx, states)
	}
}
