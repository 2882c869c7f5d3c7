package lane

import (
	"bufio"
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

// hear reads one answer, header and body as they came.
func hear(t testing.TB, c net.Conn) string {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	var text strings.Builder
	r, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &text)), nil)
	if err != nil {
		return "closed"
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return "cut short"
	}
	return text.String()
}

// call is one connection in a bubble, where waiting costs no time.
func (s *scene) call() net.Conn {
	client, server := net.Pipe()
	s.conns <- server
	return client
}

func ask(t *testing.T, c net.Conn, request string) string {
	t.Helper()
	go io.WriteString(c, request)
	answer := hear(t, c)
	synctest.Wait()
	return answer
}

// TestTimes: a connection ends when it does without a lane, whoever has answered before.
func TestTimes(t *testing.T) {
	hot, slow := post("/hot", "abc"), post("/hot", "cold")
	header, body := slow[:len(slow)-4], slow[len(slow)-4:]
	late := func(wait time.Duration) func(*testing.T, net.Conn) string {
		return func(t *testing.T, c net.Conn) string {
			io.WriteString(c, header)
			time.Sleep(wait)
			return ask(t, c, body)
		}
	}
	cases := []struct {
		claim string
		then  func(*testing.T, net.Conn) string
		want  string
	}{
		{"at rest for less than the idle timeout", func(t *testing.T, c net.Conn) string { time.Sleep(29 * time.Second); return ask(t, c, hot) }, "200 OK"},
		{"at rest for longer", func(t *testing.T, c net.Conn) string { time.Sleep(32 * time.Second); return ask(t, c, hot) }, "closed"},
		{"a body that comes within the read timeout", late(4 * time.Second), "200 OK"},
		{"a body that comes later", late(8 * time.Second), "408"},
		{"a header that comes within its timeout", func(t *testing.T, c net.Conn) string {
			io.WriteString(c, slow[:30])
			time.Sleep(1500 * time.Millisecond)
			return ask(t, c, slow[30:])
		}, "200 OK"},
		{"a header that comes later", func(t *testing.T, c net.Conn) string {
			io.WriteString(c, slow[:30])
			time.Sleep(2500 * time.Millisecond)
			return ask(t, c, slow[30:])
		}, "400"},
	}
	for _, before := range []struct {
		claim    string
		requests []string
	}{{"after the lane", []string{hot, hot}}, {"after net/http", []string{slow}}, {"after both", []string{slow, hot}}, {"after net/http at last", []string{hot, slow}}} {
		for _, tc := range cases {
			for _, with := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, %v", before.claim, tc.claim, with), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s := newScene(t, with)
						c := s.call()
						defer c.Close()
						for range 20 { // longer than every timeout but that of a connection at rest
							time.Sleep(time.Second)
							for _, r := range before.requests {
								if got := ask(t, c, r); !strings.Contains(got, "200 OK") {
									t.Fatal(got)
								}
							}
						}
						if got := tc.then(t, c); !strings.Contains(got, tc.want) {
							t.Errorf("%q, want %s", got, tc.want)
						}
						s.server.Close()
					})
				})
			}
		}
	}
}

// TestWhoDoesNotReadIsLeft: an answer that nobody takes does not keep its connection.
func TestWhoDoesNotReadIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, true)
		c := s.call()
		if got := ask(t, c, post("/hot", "abc")); !strings.Contains(got, "200 OK") {
			t.Fatal(got)
		}
		io.WriteString(c, post("/hot", "abc"))
		time.Sleep(9 * time.Second)
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatalf("before its time: %v", err)
		}
		time.Sleep(3 * time.Second)
		if rest, err := io.ReadAll(c); err != nil || strings.HasSuffix(string(rest), "abc") {
			t.Errorf("%q %v: the answer is still there", rest, err)
		}
		s.server.Close()
	})
}

// TestTheEnd: a server that is shut down ends what is at rest, and lets what has begun
// come to its end.
func TestTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, true)
		rests, busy := s.call(), s.call()
		for _, c := range []net.Conn{rests, busy} {
			if got := ask(t, c, post("/hot", "abc")); !strings.Contains(got, "200 OK") {
				t.Fatal(got)
			}
		}
		fresh := s.call() // has asked nothing yet
		synctest.Wait()
		begun, release := make(chan struct{}), make(chan struct{})
		s.during = func() { close(begun); <-release }
		go io.WriteString(busy, post("/hot", "abc"))
		<-begun
		ended := make(chan error)
		go func() { ended <- s.server.Shutdown(context.Background()) }()
		synctest.Wait()
		if _, err := rests.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("at rest: %v", err)
		}
		close(release)
		if got := hear(t, busy); !strings.HasSuffix(got, "abc") {
			t.Errorf("what had begun: %q", got)
		}
		if _, err := busy.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after its answer: %v", err)
		}
		// One that has asked nothing is left to net/http, which waits for what it may ask.
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := fresh.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("new: %v", err)
		}
		if len(s.lane.conns) > 0 {
			t.Errorf("%d connections are remembered", len(s.lane.conns))
		}
	})
}

// TestAPanicClosesTheConnection, and nothing else.
func TestAPanicClosesTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, true)
		c, other := s.call(), s.call()
		if got := ask(t, c, post("/hot", "abc")); !strings.Contains(got, "200 OK") {
			t.Fatal(got)
		}
		s.during = func() { panic("a bug") }
		if got := ask(t, c, post("/hot", "abc")); got != "closed" {
			t.Error(got)
		}
		s.during = nil
		if got := ask(t, other, post("/hot", "abc")); !strings.Contains(got, "200 OK") {
			t.Error(got)
		}
		s.server.Close()
	})
}
