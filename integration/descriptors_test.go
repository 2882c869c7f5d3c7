package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"github.com/miekg/dns"
)

// TestDescriptorsExhausted lowers the limit of a daemon that runs to what it has open, and raises it again.
func TestDescriptorsExhausted(t *testing.T) {
	t.Parallel()
	testneeds.Binary(t, "prlimit", "util-linux")
	n := newTree(t, 26)
	d := n.daemon(t, settings{})
	token, cwt := n.token(t, "vendor.jwt"), n.token(t, "vendor.cwt")
	kept := d.local()
	kept.Transport.(*http.Transport).DisableKeepAlives = false
	ask := func(what string, options bound) verdict {
		t.Helper()
		v, err := d.judge(kept, "http://cnfd", ofToken(n.token(t, what), options))
		if err != nil {
			t.Fatalf("on a connection that was there: %v", err)
		}
		return v
	}
	for _, cached := range []string{"vendor.jwt", "vendor.cwt"} {
		if v := ask(cached, nil); v.String() != confirmed {
			t.Fatal(v.all())
		}
	}
	limit := func(n int) {
		run(t, "", "", "prlimit", "--pid", fmt.Sprint(d.pid()), fmt.Sprintf("--nofile=%d:", n))
	}
	limit(3)
	waiting := make(chan error, 20)
	for range cap(waiting) { // the listening sockets have work that they cannot do
		go func() {
			v, err := d.judge(d.local(), "http://cnfd", ofToken(cwt, nil))
			if err == nil && v.String() != confirmed {
				err = fmt.Errorf("%s: %s", v, v.all())
			}
			waiting <- err
		}()
	}
	stuck, err := (&dns.Client{Net: "tcp"}).Dial(d.dns.String())
	if err != nil {
		t.Fatal(err) // the kernel has accepted it
	}
	defer stuck.Close()
	if v := ask("vendor.jwt", nil); v.String() != confirmed {
		t.Errorf("what is cached: %s", v.all())
	}
	if v := ask("vendor.jwt", now); v.String() != unreachable {
		t.Errorf("what must be asked for: %s", v.all())
	}
	if v := ask("absent.jwt", now); v.String() != unreachable {
		t.Errorf("what is not there: %s", v.all())
	}
	begun := d.processorTime(t)
	time.Sleep(time.Second)
	if used := d.processorTime(t) - begun; used > 500*time.Millisecond {
		t.Errorf("in a second in which it could do nothing it used %v of processor time", used)
	}
	limit(1000)
	for range cap(waiting) {
		if err := <-waiting; err != nil {
			t.Errorf("who waited: %v", err)
		}
	}
	d.comesTo(t, ofToken(token, now), confirmed)
	d.comesTo(t, ofToken(n.token(t, "absent.jwt"), now), absent)
	if m, err := askOn(stuck); err != nil || m.Rcode != dns.RcodeSuccess {
		t.Errorf("who waited at the DNS listener: %v, %v", m, err)
	}
}

func askOn(conn *dns.Conn) (*dns.Msg, error) {
	m, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).ExchangeWithConn(new(dns.Msg).SetQuestion("jwk.cnf.vendor.example.", dns.TypeTLSA), conn)
	return m, err
}

// processorTime is what the daemon has used so far: fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms.
func (d *daemon) processorTime(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.proc(t), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var user, system int64
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}
