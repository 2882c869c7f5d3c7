package integration

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestFraming sends every shape of shapes and lineShapes, on a connection of its own, to every listener for HTTP, and holds what comes back to
// what RFC 9112 allows: octets behind a request are answered as another one where it is beyond doubt that they are
// one, and never else.
func TestFraming(t *testing.T) { // beside no other: it takes all the processors there are
	for i, secured := range []bool{false, true} {
		t.Run(map[bool]string{false: "in plain", true: "over TLS"}[secured], func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, 71+i, secured, "limits: {idle_timeout: 5s}")
			_, stop := s.meanwhile(t)
			var all sync.WaitGroup
			for _, o := range s.doors {
				s.frame(t, o, slices.Concat(shapes, lineShapes), &all)
			}
			all.Wait()
			t.Logf("figure: %s: %d shapes in 6 ways to each of 2 sockets, others asked all there is %d times meanwhile", name(t), len(shapes)+len(lineShapes), stop())
			s.lifted(t, 128<<20)
		})
	}
}

// frame sends every shape through a door, many at once: some wait for the end of the daemon's patience.
func (s *siege) frame(t *testing.T, o door, shapes []shape, all *sync.WaitGroup) {
	first := s.hot(s.good)
	for way, tt := range map[string]struct {
		before, answers string
		piece           int  // octets of a write; 0: all
		hot             bool // what follows is a request for a verdict, as they are answered beneath net/http
	}{
		"as it is":                  {},
		"in pieces":                 {piece: 7},
		"behind another request":    {before: first, answers: "confirmed"},
		"behind another, in pieces": {before: first, answers: "confirmed", piece: 11},
		"before a question":         {hot: true},
		"between questions":         {before: first, answers: "confirmed", hot: true},
	} {
		following, answer := next, "next"
		if tt.hot {
			following, answer = s.hot(s.none), "refuted"
		}
		for _, x := range shapes {
			all.Go(func() {
				shapesSent <- struct{}{}
				defer func() { <-shapesSent }()
				got, err := x.send(o.dial, s.good, tt.before, following, tt.piece)
				if err != nil {
					t.Errorf("%s: %s, %s: %v", o.name, x.claim, way, err)
					return
				}
				for want := range strings.SplitSeq(x.want, "|") {
					if got == strings.TrimSpace(tt.answers+" "+strings.ReplaceAll(want, "next", answer)) {
						return
					}
				}
				t.Errorf("%s: %s, %s: %q, want %q after %q", o.name, x.claim, way, got, x.want, tt.answers)
			})
		}
	}
}

// hot is a request for the verdict on a token.
func (s *siege) hot(token string) string {
	return posted(fmt.Sprintf("Content-Length: %d\r\n", len(token)), token)
}

// shapesSent bounds the shapes that are under way: each needs a processor before the daemon loses its patience.
var shapesSent = make(chan struct{}, 200)

// A shape is what a client sends in one go. Where $TOKEN stands in it there is a token that is confirmed, in $LEN octets ($HEX, in
// hexadecimal), and what it ends in is often $NEXT, which is a request of $NEXTLEN octets whose answer, "next", shows that it was taken
// for one.
type shape struct {
	claim, sends string
	want         string // the answers in order, until the daemon closes the connection; one of several, between bars
}

const (
	next  = "GET /openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	alive = "GET /healthz HTTP/1.1\r\nHost: a\r\n"
)

// posted is a request for a verdict with fields of its own and whatever follows its header.
func posted(fields, rest string) string {
	return "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/jwt\r\n" + fields + "\r\n" + rest
}

// send sends the shape behind another request, or none, in pieces or whole, and says what is answered: each verdict's outcome,
// "next", each other answer's status, and what is no answer. The daemon must be the one to close the connection.
func (x shape) send(dial func() (net.Conn, error), token, before, next string, piece int) (string, error) {
	conn, err := dial()
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	size := len(token)
	sends := before + strings.NewReplacer("$TOKEN", token, "$LEN", fmt.Sprint(size), "$HEX", fmt.Sprintf("%x", size), "$NEXTLEN", fmt.Sprint(len(next)), "$NEXT", next).Replace(x.sends)
	if piece == 0 {
		piece = len(sends)
	}
	piece = max(piece, len(sends)/200) // of what is long 200
	go func() {                        // who is not listened to is answered all the same
		for rest := []byte(sends); len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if _, err := conn.Write(rest[:min(piece, len(rest))]); err != nil {
				return
			}
		}
	}()
	return answers(conn, strings.HasPrefix(x.sends, "HEAD"), strings.Count(before, "HTTP/1.1"))
}

// answers reads what is answered until the connection is closed, where one request may have been HEAD.
func answers(conn net.Conn, head bool, at int) (string, error) {
	var all []string
	in := bufio.NewReader(conn)
	for {
		if _, err := in.Peek(1); err != nil {
			return strings.Join(all, " "), closed(err)
		}
		request := &http.Request{Method: "POST"}
		if head && len(all) == at {
			request.Method = "HEAD"
		}
		r, err := http.ReadResponse(in, request)
		if err != nil {
			return "", fmt.Errorf("after %q no answer: %w", all, err)
		}
		body, err := io.ReadAll(r.Body)
		if (r.StatusCode >= 400 || r.ProtoMinor == 0) && errors.Is(err, syscall.ECONNRESET) { // closed with something unread
			return strings.Join(append(all, answered(r, nil)), " "), nil
		}
		if err != nil {
			return "", fmt.Errorf("after %q no end of an answer: %w", all, err)
		}
		all = append(all, answered(r, body))
	}
}

// answered is an answer in a word.
func answered(r *http.Response, body []byte) string {
	var v struct{ Outcome, OpenAPI string }
	if r.StatusCode == http.StatusOK && json.Unmarshal(body, &v) == nil {
		switch {
		case v.Outcome != "":
			return v.Outcome
		case v.OpenAPI != "":
			return "next"
		}
	}
	return fmt.Sprint(r.StatusCode)
}

// closed is nil where the other end has closed the connection, be it by a reset: that it is closed with something
// unread is what is wanted of it.
func closed(err error) error {
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return errors.New("the connection is left open")
	}
	return nil
}
