package lane

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stage is a scene with handlers of every kind.
type stage struct {
	*scene
	mu   sync.Mutex
	logs bytes.Buffer // guarded by mu
}

func (s *stage) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.logs.Write(p)
}

func newStage(withLane bool) *stage {
	s := &stage{scene: &scene{conns: make(chan net.Conn), ended: make(chan struct{})}}
	s.server = &http.Server{
		Handler: http.HandlerFunc(s.play), ErrorLog: log.New(s, "", 0),
		ReadHeaderTimeout: 6 * time.Second, ReadTimeout: 12 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second,
	}
	var l net.Listener = s.scene
	if withLane {
		s.lane = Beneath(s.server, Config{Target: "/hot", Answerer: s, Now: time.Now})
		l = s.lane.Listener(s.scene)
	}
	go s.server.Serve(l)
	return s
}

func (s *stage) play(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	switch r.URL.Path {
	case "/hot":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		if t := r.Header["Content-Type"]; r.Method != "POST" || len(t) != 1 || t[0] != "text/plain" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.Header()["Content-Type"] = []string{"text/plain"}
		fmt.Fprintf(w, "%d %x", len(body), crc32.ChecksumIEEE(body))
	case "/slow": // body read, then a wait
		io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(300 * time.Millisecond):
			fmt.Fprint(w, "slow")
		case <-r.Context().Done():
			fmt.Fprint(w, "gone")
		}
	case "/slowunread":
		time.Sleep(300 * time.Millisecond)
		fmt.Fprint(w, "slowunread")
	case "/bit":
		r.Body.Read(make([]byte, 1))
		fmt.Fprint(w, "bit")
	case "/last":
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "last")
	case "/flush":
		fmt.Fprint(w, "fl")
		c.Flush()
		io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "ush")
	case "/duplex":
		c.EnableFullDuplex()
		w.WriteHeader(200)
		c.Flush()
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	case "/deadline":
		c.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, "deadline ", n, err == nil)
	case "/max":
		n, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, 1000))
		fmt.Fprint(w, "max ", n, err)
	default:
		s.serve(w, r)
	}
}

// Answer says how long what is hot is.
func (s *stage) Answer(_ context.Context, r *Request, w *Response) bool {
	if string(r.ContentType) != "text/plain" || bytes.HasPrefix(r.Body, []byte("cold")) {
		return false
	}
	s.hot.Add(1)
	w.Fields = append(w.Fields, "Content-Type: text/plain\r\n"...)
	w.Body = fmt.Appendf(w.Body, "%d %x", len(r.Body), crc32.ChecksumIEEE(r.Body))
	return true
}

// op is what a client sends, or else for how long it waits.
type op struct {
	data  []byte
	sleep time.Duration
}

// anyRequest is one by chance.
func anyRequest(r *rand.Rand) []byte {
	body := func() string {
		switch r.IntN(8) {
		case 0:
			return ""
		case 1:
			return "cold" + strings.Repeat("c", r.IntN(20))
		case 2:
			return inside
		case 3:
			return strings.Repeat(inside, 1+r.IntN(80))
		case 4:
			return strings.Repeat("x", 3000+r.IntN(4000))
		}
		return "abc"
	}
	targets := []string{"/hot", "/hot", "/hot", "/hot", "/other", "/unread", "/slow", "/slowunread", "/bit", "/last", "/flush", "/duplex", "/deadline", "/max", "/gone"}
	target := targets[r.IntN(len(targets))]
	if target == "/last" || target == "/gone" {
		target = targets[r.IntN(len(targets))]
	}
	switch r.IntN(22) {
	case 0:
		return []byte("GET " + target + " HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\r\n")
	case 1:
		return []byte("HEAD " + target + " HTTP/1.1\r\nHost: a\r\n\r\n")
	case 2:
		b := body()
		out := "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
		if len(b) > 0 {
			out += fmt.Sprintf("%x\r\n%s\r\n", len(b), b)
		}
		return []byte(out + "0\r\n\r\n")
	case 3:
		b := body()
		return []byte("POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(b)) + "\r\n\r\n" + b)
	case 4:
		b := body()
		return []byte("POST " + target + " HTTP/1.0\r\nHost: a\r\nContent-Type: text/plain\r\nConnection: keep-alive\r\nContent-Length: " + strconv.Itoa(len(b)) + "\r\n\r\n" + b)
	case 5:
		return []byte("\r\n" + post("/hot", "abc"))
	case 6:
		b := body()
		return []byte("GET " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(len(b)) + "\r\n\r\n" + b)
	case 7:
		return []byte(post(target, strings.Repeat("y", 262144-1+r.IntN(3))))
	case 8:
		if r.IntN(4) == 0 {
			return []byte(post(target, "abc", "Content-Length: 4"))
		}
	case 9:
		return []byte(post(target, body(), "Upgrade: h2c", "Connection: Upgrade"))
	case 10:
		return []byte(post(target, body(), "X-Long: "+strings.Repeat("z", 3800+r.IntN(400))))
	}
	return []byte(post(target, body()))
}

var naps = []time.Duration{0, 0, 0, time.Millisecond, 50 * time.Millisecond, 150 * time.Millisecond, 260 * time.Millisecond, 410 * time.Millisecond, 930 * time.Millisecond}

// schedule is what one client does on one connection.
func schedule(seed uint64) (ops []op) {
	r := rand.New(rand.NewPCG(seed, 7))
	var all []byte
	flush := func() {
		if len(all) > 0 {
			ops = append(ops, op{data: all})
			all = nil
		}
	}
	pipelines := r.IntN(3) == 0
	warm := seed%2 == 0 // nothing after which the lane looks no more
	for range 1 + r.IntN(16) {
		q := anyRequest(r)
		for warm && (bytes.Contains(q, []byte("chunked")) || bytes.Contains(q, []byte("Expect")) || bytes.Contains(q, []byte("Upgrade")) || bytes.Contains(q, []byte("HTTP/1.0")) ||
			bytes.Contains(q, []byte("X-Long")) || bytes.Contains(q, []byte("/last")) || bytes.Contains(q, []byte("/gone")) || bytes.Contains(q, []byte("Length: 4\r\nC"))) {
			q = anyRequest(r)
		}
		switch r.IntN(4) {
		case 0: // split
			for n := 1 + r.IntN(4); n > 0 && len(q) > 1; n-- {
				at := 1 + r.IntN(len(q)-1)
				if r.IntN(3) == 0 {
					at = 1 + r.IntN(min(len(q)-1, 300))
				}
				all = append(all, q[:at]...)
				q = q[at:]
				flush()
				if r.IntN(2) == 0 {
					ops = append(ops, op{sleep: naps[r.IntN(len(naps))]})
				}
				if len(q) == 0 {
					break
				}
			}
			all = append(all, q...)
		default:
			all = append(all, q...)
		}
		if pipelines && !warm && r.IntN(2) == 0 {
			continue
		}
		flush()
		if warm && r.IntN(3) > 0 {
			ops = append(ops, op{sleep: naps[r.IntN(len(naps))]})
			continue
		}
		if pipelines && r.IntN(2) == 0 {
			ops = append(ops, op{sleep: naps[r.IntN(len(naps))]})
		} else {
			ops = append(ops, op{sleep: 400*time.Millisecond + naps[r.IntN(len(naps))]})
		}
	}
	flush()
	return ops
}

// run drives one connection; heard is all that was answered.
func run(t *testing.T, ops []op, withLane bool) (heard, logs string, hot int64) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(withLane)
		c := s.call()
		var got bytes.Buffer
		done := make(chan struct{})
		go func() { defer close(done); io.Copy(&got, c) }()
		queue := make(chan []byte, 1000)
		go func() {
			for p := range queue {
				if _, err := c.Write(p); err != nil {
					for range queue {
					}
					return
				}
			}
		}()
		for _, o := range ops {
			if o.data != nil {
				queue <- o.data
				synctest.Wait()
			} else if o.sleep > 0 {
				time.Sleep(o.sleep)
			}
		}
		close(queue)
		time.Sleep(time.Second)
		synctest.Wait()
		time.Sleep(45 * time.Second)
		<-done
		c.Close()
		s.server.Close()
		heard, logs, hot = anyDate.ReplaceAllString(got.String(), ""), s.logs.String(), s.hot.Load()
	})
	return
}

// TestAnySequence: whatever a client sends over one connection, in pieces and with waits, is answered as
// without the lane. A seed plays the same again.
func TestAnySequence(t *testing.T) {
	hot := int64(0)
	for seed := range uint64(sequences) {
		ops := schedule(seed)
		want, _, _ := run(t, ops, false)
		got, logs, n := run(t, ops, true)
		hot += n
		if want == got && !strings.Contains(logs, "panic") {
			continue
		}
		t.Errorf("seed %d: with the lane:\n%.2000q\nwithout:\n%.2000q\n%s", seed, got, want, logs)
		for _, o := range ops {
			t.Logf("%v %d %.120q", o.sleep, len(o.data), o.data)
		}
		break
	}
	if hot < sequences/10 {
		t.Errorf("the lane has answered %d", hot)
	}
}

const sequences = 3000
