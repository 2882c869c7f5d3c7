package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestColdCrowd has a thousand clients ask for one name that nobody knows yet, at once, on both sockets. All of them are told
// the same, and it costs what it costs for one: the delegation, the keys and the record, each asked for once.
func TestColdCrowd(t *testing.T) {
	t.Parallel()
	const many = 1000
	n := newTree(t, 79)
	d := n.daemon(t, settings{})
	vendor := ofToken(n.token(t, "vendor.jwt"), nil)
	if v := d.says(t, ofToken(n.token(t, "several.cwt"), nil)); v.String() != confirmed { // a neighbour: the way down to example. is known
		t.Fatal(v.all())
	}
	forget := func() { d.forget(t, "vendor.example.") }
	for _, tt := range []struct {
		claim string
		first func()
		body  []byte
		want  string
		cost  int64 // exchanges with name servers
	}{
		{"a record in a zone that nobody knows", nil, vendor, confirmed, 3},
		{"the same again", nil, vendor, confirmed, 0},
		{"another record of that zone", nil, ofToken(n.token(t, "vendor.cwt"), nil), confirmed, 1},
		{"what is not there, in a zone that nobody knows", nil, ofToken(n.token(t, "absent.jwt"), nil), absent, 3},
		{"what was purged", forget, vendor, confirmed, 3},
	} {
		if tt.first != nil {
			tt.first()
		}
		heard, sent, failed := n.heard(), d.figure(t, "cnfd_upstream_queries_total"), d.figure(t, "cnfd_upstream_errors_total")
		got := d.crowd(t, many, tt.body)
		if len(got) != 1 || got[tt.want] != many {
			t.Errorf("%s: %v, want %s of all", tt.claim, got, tt.want)
		}
		heard, sent = n.heard()-heard, d.figure(t, "cnfd_upstream_queries_total")-sent
		failed = d.figure(t, "cnfd_upstream_errors_total") - failed
		t.Logf("figure: %d clients at once ask for %s: %d exchanges with name servers, and %d that had no answer in time", many, tt.claim, sent-failed, failed)
		// The servers share a processor with the thousand clients: now and then one is late, and asked again.
		if heard != sent || sent-failed != tt.cost || failed > tt.cost {
			t.Errorf("%s: servers heard %d questions, the daemon counts %d, of which %d failed; want %d", tt.claim, heard, sent, failed, tt.cost)
		}
	}
}

// heard is how many questions the sandbox's servers have heard.
func (n *tree) heard() (all int64) {
	for _, heard := range n.Queries() {
		all += int64(heard)
	}
	return all
}

// forget purges a name and all below it.
func (d *daemon) forget(t testing.TB, zone string) {
	t.Helper()
	response, err := d.local().Post("http://cnfd/v1/cache/purge", "application/json", strings.NewReader(fmt.Sprintf(`{"name":%q}`, zone)))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatal(response.Status)
	}
}

// crowd sends the same from so many connections, half of them over TCP, at the same time, and counts the answers.
func (d *daemon) crowd(t testing.TB, many int, body []byte) map[string]int {
	t.Helper()
	request := fmt.Sprintf("POST /v1/verify HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	begin := make(chan struct{})
	var ready, all sync.WaitGroup
	var mu sync.Mutex
	answers := map[string]int{}
	for i := range many {
		network, address := "unix", d.unix
		if i%2 == 1 {
			network, address = "tcp", d.tcp
		}
		conn, err := net.Dial(network, address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * patience))
		ready.Add(1)
		all.Go(func() {
			ready.Done()
			<-begin
			got := asked(conn, request)
			mu.Lock()
			answers[got]++
			mu.Unlock()
		})
	}
	ready.Wait()
	close(begin)
	all.Wait()
	return answers
}

// asked sends a request and says what its verdict is.
func asked(conn net.Conn, request string) string {
	if _, err := io.WriteString(conn, request); err != nil {
		return err.Error()
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err.Error()
	}
	defer r.Body.Close()
	var v verdict
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil || r.StatusCode != http.StatusOK {
		return fmt.Sprint(r.Status, " ", err)
	}
	return v.String()
}
