package lane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// scene is a server that repeats the body of a POST to /hot, beneath net/http and above
// it alike, but for bodies that begin with "cold", which only net/http answers.
type scene struct {
	server *http.Server
	lane   *Lane // nil: net/http alone
	hot    atomic.Int64
	during func() // called while an answer is made
	conns  chan net.Conn
	ended  chan struct{}
	once   sync.Once
}

func newScene(t testing.TB, withLane bool) *scene {
	s := &scene{conns: make(chan net.Conn), ended: make(chan struct{})}
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.serve), ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: 2 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second,
	}
	var l net.Listener = s
	if withLane {
		s.lane = Beneath(s.server, Config{Target: "/hot", Answerer: s, Now: time.Now})
		l = s.lane.Listener(s)
	}
	go s.server.Serve(l)
	t.Cleanup(func() { s.server.Close() })
	return s
}

func (s *scene) serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/hot":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		for _, name := range []string{"Cache-Control", "Content-Encoding", "Te"} { // what changes an answer
			if v := r.Header[name]; len(v) > 0 {
				w.Header()["X-Changed"] = v
			}
		}
		if t := r.Header["Content-Type"]; r.Method != "POST" || len(t) != 1 || t[0] != "text/plain" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.Header()["Content-Type"] = []string{"text/plain"}
		w.Write(body)
	case "/unread": // leaves the body to net/http
		fmt.Fprint(w, "unread")
	case "/gone":
		panic(http.ErrAbortHandler)
	default:
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %d %q %q", r.Method, r.URL, len(body), r.Header["X-A"], r.Host)
	}
}

// Answer repeats what is hot.
func (s *scene) Answer(_ context.Context, r *Request, w *Response) bool {
	if s.during != nil {
		s.during()
	}
	if string(r.ContentType) != "text/plain" || bytes.HasPrefix(r.Body, []byte("cold")) {
		return false
	}
	s.hot.Add(1)
	w.Fields = append(w.Fields, "Content-Type: text/plain\r\n"...)
	w.Body = append(w.Body, r.Body...)
	return true
}

// Accept, Close and Addr make the scene a listener for the connections that it is given.
func (s *scene) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.ended:
		return nil, net.ErrClosed
	}
}

func (s *scene) Close() error { s.once.Do(func() { close(s.ended) }); return nil }

func (s *scene) Addr() net.Addr { return &net.UnixAddr{Name: "scene", Net: "unix"} }

// pair returns both ends of a unix stream, on which no answer is lost by a reset.
func pair(t testing.TB) (client, server *net.UnixConn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		ends[i] = c.(*net.UnixConn)
	}
	return ends[0], ends[1]
}

// says sends pieces over a new connection, ends its half, and returns all that is answered.
func (s *scene) says(t testing.TB, pieces ...[]byte) string {
	t.Helper()
	client, server := pair(t)
	defer client.Close()
	select {
	case s.conns <- server:
	case <-s.ended:
		t.Fatal("the server has ended")
	}
	client.SetDeadline(time.Now().Add(20 * time.Second))
	heard := make(chan []byte, 1)
	go func() {
		all, err := io.ReadAll(client)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			all = fmt.Appendf(all, "\n%v", err)
		}
		heard <- all
	}()
	for _, p := range pieces {
		if _, err := client.Write(p); err != nil {
			break // the server has had enough
		}
	}
	client.CloseWrite()
	return anyDate.ReplaceAllString(string(<-heard), "Date: …\r\n")
}

var anyDate = regexp.MustCompile(`Date: [^\r]*\r\n`)

func post(target, body string, fields ...string) string {
	out := "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
	for _, f := range fields {
		out += f + "\r\n"
	}
	return out + "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}
