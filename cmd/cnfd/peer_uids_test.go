package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"

	"github.com/miekg/dns"
)

// line is one connection to a daemon's unix socket.
type line struct {
	net.Conn
	from *bufio.Reader
}

func (o *operated) line(t *testing.T) *line {
	t.Helper()
	conn, err := net.Dial("unix", o.c.API.Unix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	return newLine(conn)
}

func newLine(conn net.Conn) *line { return &line{conn, bufio.NewReader(conn)} }

// send writes a question about a token.
func (l *line) send(token string) error {
	_, err := fmt.Fprintf(l, "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jwt\r\nContent-Length: %d\r\n\r\n%s", len(token), token)
	return err
}

// hears gives the next answer; "" where the connection was closed instead.
func (l *line) hears(t *testing.T) string {
	t.Helper()
	r, err := http.ReadResponse(l.from, nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	doc, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// asks sends and hears.
func (l *line) asks(t *testing.T, token string) string {
	t.Helper()
	if err := l.send(token); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return l.hears(t)
}

const matches = `"reason":"record_matches"`

// TestWhoMayCallIsReloaded: a user who is taken off the list gets no more answers, on a connection that
// is open or on a new one, and all of them once the list has him again.
func TestWhoMayCallIsReloaded(t *testing.T) {
	me := uint32(os.Geteuid())
	for _, first := range [][]uint32{nil, {me}} {
		o := operate(t, func(c *config.Config) { c.API.AllowUIDs = first })
		token := o.token(t, "vendor.jwt")
		open, idle := o.line(t), o.line(t)
		for _, l := range []*line{open, open, idle} {
			if got := l.asks(t, token); !strings.Contains(got, matches) {
				t.Fatalf("%v: before anything is changed: %s", first, got)
			}
		}
		for _, list := range [][]uint32{{me, me + 1}, first} { // nothing that concerns this user
			o.c.API.AllowUIDs = list
			o.again(t)
			if got := open.asks(t, token); !strings.Contains(got, matches) {
				t.Fatalf("%v: %s", list, got)
			}
		}
		o.c.API.AllowUIDs = []uint32{me + 1}
		o.again(t)
		if got := open.asks(t, token); got != "" {
			t.Errorf("%v: on a connection that was open: %s", first, got)
		}
		if got := o.line(t).asks(t, token); got != "" {
			t.Errorf("%v: on a new one: %s", first, got)
		}
		if told := o.log.of(t, "unix socket: callers refused by api.allow_uids"); len(told) == 0 || told[0]["refused"] != 1.0 || told[0]["last_uid"] != float64(me) {
			t.Errorf("%v: the log: %v", first, told)
		}
		o.c.API.AllowUIDs = first
		o.again(t)
		for _, l := range []*line{idle, o.line(t)} { // the first has asked nothing in between
			if got := l.asks(t, token); !strings.Contains(got, matches) {
				t.Errorf("%v: listed again: %s", first, got)
			}
		}
	}
}

// hold has whatever is asked about vendor.example wait until release is closed; asked says that it waits. What the
// daemon asks by itself does not.
func (o *operated) hold(t *testing.T) (asked, release chan struct{}) {
	t.Helper()
	asked, release = make(chan struct{}, 1000), make(chan struct{})
	for server := range o.internet.Queries() {
		if err := o.internet.Tamper(server, func(_ string, q, r *dns.Msg) *dns.Msg {
			if strings.HasSuffix(strings.ToLower(q.Question[0].Name), "vendor.example.") {
				asked <- struct{}{}
				<-release
			}
			return r
		}); err != nil {
			t.Fatal(err)
		}
	}
	return asked, release
}

// TestWhatHasBegunIsAnsweredOnTheWayOut: a question that waits for the DNS is answered, though its user is taken off
// the list meanwhile; the next one on the same connection is not.
func TestWhatHasBegunIsAnsweredOnTheWayOut(t *testing.T) {
	o := operate(t, nil)
	token := o.token(t, "vendor.jwt")
	asked, release := o.hold(t)
	l := o.line(t)
	if err := l.send(token); err != nil {
		t.Fatal(err)
	}
	<-asked
	o.c.API.AllowUIDs = []uint32{uint32(os.Geteuid()) + 1}
	o.again(t)
	close(release)
	if got := l.hears(t); !strings.Contains(got, `"id":`) || !strings.Contains(got, "vendor.example") {
		t.Fatalf("what has begun: %q", got)
	}
	if got := l.asks(t, token); got != "" {
		t.Errorf("the next: %s", got)
	}
}

// TestABatchEndsWithItsUser: what comes after the list has changed is not looked at.
func TestABatchEndsWithItsUser(t *testing.T) {
	o := operate(t, nil)
	item := fmt.Sprintf("{\"token\":%q}\n", o.token(t, "vendor.jwt"))
	l := o.line(t)
	fmt.Fprint(l, "POST /v1/verify/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")
	feed := func() error { _, err := fmt.Fprintf(l, "%x\r\n%s\r\n", len(item), item); return err }
	if err := feed(); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(l.from, nil)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := bufio.NewScanner(r.Body)
	for range 2 {
		if !verdicts.Scan() || !strings.Contains(verdicts.Text(), matches) {
			t.Fatal(verdicts.Text(), verdicts.Err())
		}
		if err := feed(); err != nil {
			t.Fatal(err)
		}
	}
	if !verdicts.Scan() || !strings.Contains(verdicts.Text(), matches) {
		t.Fatal(verdicts.Text(), verdicts.Err())
	}
	o.c.API.AllowUIDs = []uint32{uint32(os.Geteuid()) + 1}
	o.again(t)
	feed()
	for verdicts.Scan() {
		if !strings.Contains(verdicts.Text(), "urn:cnfd:problem:") {
			t.Errorf("after the reload: %s", verdicts.Text())
		}
	}
}
