package integration

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestClientsVanish has a thousand clients begin something and go away in the middle of it: of batches, of questions that a
// server leaves without an answer, of the DNS. Nothing of it is left, and others have their answers meanwhile.
func TestClientsVanish(t *testing.T) { // beside no other: it takes all the processors there are
	const many = 1000
	for i, secured := range []bool{false, true} {
		t.Run(map[bool]string{false: "in plain", true: "over TLS"}[secured], func(t *testing.T) {
			t.Parallel()
			s := newSiege(t, 81+i, secured, "cache: {max_bytes: 32MiB}")
			s.hang(t, "hung.example.")
			others, stop := s.meanwhile(t)
			ways := s.vanishing()
			var all sync.WaitGroup
			var seen atomic.Int64
			places := make(chan struct{}, 100)
			for i := 0; i < many || others.Load() < 5 && !t.Failed(); i++ {
				at := i % len(ways)
				if i >= many { // no more are to hang than may be looked up at once: others would be told 503
					at = i % (len(ways) - 4)
				}
				places <- struct{}{}
				all.Go(func() {
					defer func() { <-places }()
					for _, o := range s.doors {
						way := ways[at]
						if err := way.do(o, i); err != nil {
							t.Errorf("%s: %s: %v", o.name, way.claim, err)
						}
						seen.Add(1)
					}
				})
			}
			all.Wait()
			t.Logf("figure: %s: %d clients vanished, others asked all there is %d times meanwhile", name(t), seen.Load(), stop())
			s.lifted(t, 192<<20)
		})
	}
}

// A way is how a client vanishes; do returns once it is gone.
type way struct {
	claim string
	do    func(o door, i int) error
}

func (s *siege) vanishing() []way {
	item := string(ofToken(s.good, nil)) + "\n"
	hung := func(i int) string { return string(ofSubject(fmt.Sprintf("n%d.hung.example", i))) }
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	batch := batched("Transfer-Encoding: chunked\r\n", "")
	asked := func(body string) string {
		return "POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	}
	return []way{
		{"before anything", func(o door, _ int) error { return o.vanish("", 0, false) }},
		{"within a header", func(o door, _ int) error { return o.vanish(alive, 0, false) }},
		{"within a body", func(o door, _ int) error { return o.vanish(asked(item)[:300], 0, true) }},
		{"after a question", func(o door, _ int) error { return o.vanish(asked(item), 0, true) }},
		{"after the head of a batch", func(o door, _ int) error { return o.vanish(batch, 0, false) }},
		{"after an item", func(o door, _ int) error { return o.vanish(batch+chunk(item), 0, false) }},
		{"after an answer", func(o door, _ int) error { return o.vanish(batch+chunk(item), 1, false) }},
		{"after an answer, with a reset", func(o door, _ int) error { return o.vanish(batch+chunk(item+item), 1, true) }},
		{"within an item", func(o door, _ int) error { return o.vanish(batch+chunk(item+item[:20]), 1, false) }},
		{"within a chunk", func(o door, _ int) error { return o.vanish(batch+chunk(item)+"fff\r\n"+item, 0, false) }},
		{"with answers unread", func(o door, _ int) error { return o.vanish(batch+chunk(strings.Repeat(item, 500)), 0, true) }},
		// The last four have a server hang.
		{"while an item waits for a server", func(o door, i int) error { return o.vanish(batch+chunk(item+hung(i)+"\n"+item), 1, false) }},
		{"while many items wait for a server", func(o door, i int) error {
			var items strings.Builder
			for n := range 10 {
				items.WriteString(hung(1000*i+n) + "\n")
			}
			return o.vanish(batch+chunk(item+items.String()), 1, true)
		}},
		{"while a question waits for a server", func(o door, i int) error { return o.vanish(asked(hung(i)), 0, false) }},
		{"while a question of the DNS waits for a server", func(o door, i int) error {
			conn, err := dns.Dial("tcp", s.dns.String())
			if err != nil {
				return err
			}
			defer conn.Close()
			return conn.WriteMsg(new(dns.Msg).SetQuestion(fmt.Sprintf("jwk.cnf.d%d.hung.example.", i), dns.TypeTLSA))
		}},
	}
}

// vanish sends this, reads so many answers of a batch, each of which must confirm, and is gone, by a reset or not.
func (o door) vanish(sends string, answers int, reset bool) error {
	conn, err := o.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, sends); err != nil {
		return err
	}
	if answers > 0 {
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		for in := bufio.NewReader(r.Body); answers > 0; answers-- {
			line, err := in.ReadString('\n')
			if err != nil || !strings.Contains(line, `"outcome":"confirmed"`) {
				return fmt.Errorf("%q, %v", line, err)
			}
		}
	}
	if !reset {
		return nil
	}
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	if c, ok := conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	return conn.Close()
}
