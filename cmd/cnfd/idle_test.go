package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// inn is a server with doors before it, whose time goes by as the test says.
type inn struct {
	hall    hall
	begun   chan struct{} // a request for /slow is being answered
	release chan struct{}
}

func newInn(t *testing.T, most, each int64, doors int) *inn {
	t.Helper()
	i := &inn{hall: hall{most: most}, begun: make(chan struct{}), release: make(chan struct{})}
	s := &http.Server{ConnContext: withPeer, Handler: &counting{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			i.begun <- struct{}{}
			<-i.release
		}
		io.WriteString(w, "answer")
	})}}
	t.Cleanup(func() { s.Close() })
	var open []*door
	for range doors {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := newDoor(l, int(each), false)
		d.hall = &i.hall
		open = append(open, d)
	}
	i.hall.doors = open
	for _, d := range open {
		go s.Serve(d) // until the server is closed
	}
	return i
}

// stay keeps those who are in from having to go.
func (l *lounge) stay() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for g := range l.all {
		g.busy.Add(1)
	}
}

// caller is one connection.
type caller struct {
	net.Conn
	from *bufio.Reader
}

func (i *inn) caller(t *testing.T, door int) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", i.hall.doors[door].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return &caller{conn, bufio.NewReader(conn)}
}

func (c *caller) asks(path string) error {
	_, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path)
	return err
}

// hears is the status of the next answer, whole; 0 where the connection was closed instead.
func (c *caller) hears(t *testing.T) int {
	t.Helper()
	r, err := http.ReadResponse(c.from, nil)
	if err != nil {
		var late net.Error
		if errors.As(err, &late) && late.Timeout() {
			t.Fatal(err)
		}
		return 0
	}
	defer r.Body.Close()
	if _, err := io.ReadAll(r.Body); err != nil {
		t.Error(err)
	}
	return r.StatusCode
}

func (c *caller) gets(t *testing.T) int {
	t.Helper()
	if err := c.asks("/"); err != nil {
		return 0
	}
	return c.hears(t)
}

// want holds what a caller gets to a status.
func want(t *testing.T, who string, got, status int) {
	t.Helper()
	if got != status {
		t.Errorf("%s: %d, want %d", who, got, status)
	}
}

// TestTheLongestIdleMakesRoom: a newcomer before a full door is turned away where all have asked something just now; once time
// has gone by, who has been quiet for the longest goes, and nobody else.
func TestTheLongestIdleMakesRoom(t *testing.T) {
	i := newInn(t, 0, 3, 1)
	guests := []*caller{i.caller(t, 0), i.caller(t, 0), i.caller(t, 0)}
	ask := func(n int) {
		t.Helper()
		want(t, fmt.Sprint("guest ", n), guests[n].gets(t), 200)
	}
	for n := range guests {
		ask(n)
	}
	want(t, "a newcomer, all being new", i.caller(t, 0).hears(t), 503)
	i.hall.seconds.Add(1)
	ask(1)
	want(t, "a newcomer a second later", i.caller(t, 0).hears(t), 503)
	i.hall.seconds.Add(1)
	ask(0)
	newcomer := i.caller(t, 0) // 2 is quiet for two seconds, 1 for one, 0 for none
	want(t, "a newcomer two seconds later", newcomer.gets(t), 200)
	want(t, "who was quiet for two seconds", guests[2].hears(t), 0)
	want(t, "another newcomer", i.caller(t, 0).hears(t), 503)
	ask(0)
	ask(1)
	i.hall.seconds.Add(2)
	ask(1)
	want(t, "a newcomer, two seconds after that", i.caller(t, 0).gets(t), 200)
	want(t, "and one more", i.caller(t, 0).gets(t), 200) // 0 and the first newcomer are quiet alike
	want(t, "who was quiet", guests[0].hears(t), 0)
	want(t, "the first newcomer", newcomer.hears(t), 0)
	ask(1)
	if left, refused := i.hall.doors[0].lounge.left.Load(), i.hall.doors[0].refused.Load(); left != 3 || refused != 3 {
		t.Errorf("%d made room and %d were refused", left, refused)
	}
}

// TestWhoWaitsForAnAnswerStays however long it takes; with his answer he is a guest like any other.
func TestWhoWaitsForAnAnswerStays(t *testing.T) {
	i := newInn(t, 0, 1, 1)
	guest := i.caller(t, 0)
	if err := guest.asks("/slow"); err != nil {
		t.Fatal(err)
	}
	<-i.begun
	i.hall.seconds.Add(60)
	want(t, "a newcomer meanwhile", i.caller(t, 0).hears(t), 503)
	close(i.release)
	want(t, "who waited", guest.hears(t), 200)
	i.hall.seconds.Add(2)
	want(t, "a newcomer then", i.caller(t, 0).gets(t), 200)
	want(t, "who had waited", guest.hears(t), 0)
}

// TestTheOtherDoor: where the hall is full somebody at another door makes room; where only the door is, nobody's leaving
// elsewhere would.
func TestTheOtherDoor(t *testing.T) {
	for _, tt := range []struct {
		claim      string
		most, each int64
		newcomer   int
	}{
		{"the hall is full", 2, 2, 200},
		{"the door is full", 0, 1, 503},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			i := newInn(t, tt.most, tt.each, 2)
			idle := i.caller(t, 0)
			want(t, "who is idle at the other door", idle.gets(t), 200)
			i.hall.seconds.Add(2)
			busy := i.caller(t, 1)
			if err := busy.asks("/slow"); err != nil {
				t.Fatal(err)
			}
			<-i.begun
			newcomer := i.caller(t, 1)
			newcomer.asks("/") // who is turned away may have closed already
			want(t, "a newcomer", newcomer.hears(t), tt.newcomer)
			if tt.newcomer == 200 {
				want(t, "who was idle", idle.hears(t), 0)
			} else {
				want(t, "who is idle", idle.gets(t), 200)
			}
			close(i.release)
			want(t, "who waited", busy.hears(t), 200)
		})
	}
}

// TestNewcomersBeforeADaemonFullOfIdleConnections get in, on each socket, as time goes by.
func TestNewcomersBeforeADaemonFullOfIdleConnections(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	pool := makeCertificate(t, cert, key)
	for _, secured := range []bool{false, true} {
		o := operate(t, func(c *config.Config) {
			c.Limits.Connections = 2
			if secured {
				c.API.TLS = config.TLS{Cert: cert, Key: key}
			}
		})
		token := o.token(t, "vendor.jwt")
		for _, socket := range []struct {
			to     string
			client func() *http.Client
		}{
			{o.Addresses().API, func() *http.Client { return showing(pool, nil, nil) }},
			{"http://localhost", func() *http.Client {
				c := onUnix(o.c.API.Unix)
				c.Transport.(*http.Transport).DisableKeepAlives = false
				return c
			}},
		} {
			// Each keeps its connection, and there are more of them than may be.
			for n := range 4 {
				c := socket.client()
				t.Cleanup(c.CloseIdleConnections)
				for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
					r, err := c.Post(socket.to+"/v1/verify", "application/jwt", strings.NewReader(token))
					var doc []byte
					if err == nil {
						doc, _ = io.ReadAll(r.Body)
						r.Body.Close()
					}
					if strings.Contains(string(doc), `"outcome":"confirmed"`) {
						break
					}
					if time.Now().After(deadline) {
						t.Fatalf("%s, caller %d: %v %s", socket.to, n, err, doc)
					}
				}
			}
		}
		if o.atDoors(func(d *door) int64 { return d.lounge.left.Load() }) < 4 {
			t.Error("two on each socket had to make room")
		}
	}
}
