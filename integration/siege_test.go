package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// A siege is a daemon with all its listeners, to which clients do what they should not, and what it had open and
// running before they came.
type siege struct {
	*tree
	*daemon
	doors      []door
	roots      *x509.CertPool // of the door that speaks TLS
	good, none string         // tokens: confirmed, and absent
	files      int            // descriptors before
	again      atomic.Int64   // times that somebody had to ask again
	goroutines int            // of a daemon that was only asked what this one is asked before
}

// A door is one listener for HTTP.
type door struct {
	name string // tcp, unix or tls
	dial func() (net.Conn, error)
}

// newSiege starts the sandbox's internet on 127.number.0.x and a daemon on it, that answers over a unix socket and over TCP,
// secured by TLS or not, and over DNS. Every door is shown to confirm.
func newSiege(t testing.TB, number int, secured bool, sections string) *siege {
	t.Helper()
	s := &siege{tree: newTree(t, number)}
	s.good, s.none = s.token(t, "vendor.jwt"), s.token(t, "absent.jwt")
	s.open(t, secured, sections)
	s.goroutines = s.running(t)
	s.open(t, secured, sections)
	s.files = s.descriptors(t)
	for range 20 { // sockets to name servers come and go
		time.Sleep(10 * time.Millisecond)
		s.files = min(s.files, s.descriptors(t))
	}
	return s
}

// open starts a daemon and has each of its doors confirm.
func (s *siege) open(t testing.TB, secured bool, sections string) {
	t.Helper()
	binary := cnfd(t)
	n := daemons.Add(1)
	dir := filepath.Join(work, fmt.Sprintf("cnfd-%d", n))
	d := &daemon{tcp: fmt.Sprintf("127.0.0.1:%d", 8000+n), unix: filepath.Join(dir, "sock"), dns: netip.MustParseAddrPort(fmt.Sprintf("127.0.0.2:%d", 8000+n))}
	tcp, more := door{"tcp", func() (net.Conn, error) { return net.Dial("tcp", d.tcp) }}, ""
	if secured {
		a := newAuthority(t, dir)
		key, cert := a.issue(t, "cnfd.example")
		more = fmt.Sprintf(", tls: {cert: %q, key: %q}", cert, key)
		roots := x509.NewCertPool()
		roots.AddCert(a.cert)
		s.roots = roots
		tcp = door{"tls", func() (net.Conn, error) {
			return tls.Dial("tcp", d.tcp, &tls.Config{RootCAs: roots, ServerName: "cnfd.example"})
		}}
	}
	sections += fmt.Sprintf("\napi: {listen: %q, unix: %q%s}\ndns: {listen: %q}\n", d.tcp, d.unix, more, d.dns)
	d.process = start(t, filepath.Join(dir, "log"), binary, "serve", "--config", s.configure(t, dir, settings{sections: sections}))
	d.awaitHealth(t)
	s.daemon, s.doors = d, []door{tcp, {"unix", func() (net.Conn, error) { return net.Dial("unix", d.unix) }}}
	s.right(t)
}

// client speaks HTTP through a door, on a new connection each time.
func (o door) client() *http.Client {
	dial := func(context.Context, string, string) (net.Conn, error) { return o.dial() }
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dial, DialTLSContext: dial}}
}

// url is what a client of the door asks.
func (o door) url() string {
	if o.name == "tls" {
		return "https://cnfd.example"
	}
	return "http://cnfd"
}

// right asks every listener for what is confirmed and for what is absent, out of the cache and past it.
func (s *siege) right(t testing.TB) {
	t.Helper()
	if err := s.rightly(); err != nil {
		t.Fatal(err)
	}
}

func (s *siege) rightly() error {
	for _, o := range s.doors {
		client := o.client()
		for _, tt := range []struct {
			token, want string
			options     bound
		}{{s.good, confirmed, nil}, {s.good, confirmed, now}, {s.none, absent, nil}, {s.none, absent, now}} {
			v, err := s.judge(client, o.url(), ofToken(tt.token, tt.options))
			for tries := 0; err != nil && gone(err) && tries < 3; tries++ { // who is late for want of a processor is sent away
				s.again.Add(1)
				v, err = s.judge(client, o.url(), ofToken(tt.token, tt.options))
			}
			if err == nil && v.String() != tt.want {
				err = fmt.Errorf("%s, want %s: %s", v, tt.want, v.all())
			}
			if err != nil {
				return fmt.Errorf("over %s: %w", o.name, err)
			}
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		q := new(dns.Msg).SetQuestion("jwk.cnf.vendor.example.", dns.TypeTLSA)
		q.AuthenticatedData = true
		m, _, err := (&dns.Client{Net: network, Timeout: patience}).Exchange(q, s.dns.String())
		if err == nil && (m.Rcode != dns.RcodeSuccess || !m.AuthenticatedData || len(m.Answer) == 0) {
			err = fmt.Errorf("not proven: %s", m)
		}
		if err != nil {
			return fmt.Errorf("DNS over %s: %w", network, err)
		}
	}
	return nil
}

// meanwhile keeps asking every listener, and counts the rounds that were right, until the returned function is called, which
// says how many there were. The first that is not right fails the test.
func (s *siege) meanwhile(t testing.TB) (rounds *atomic.Int64, stop func() int64) {
	rounds = new(atomic.Int64)
	var asking sync.WaitGroup
	done := make(chan struct{})
	asking.Go(func() {
		for {
			if err := s.rightly(); err != nil {
				t.Errorf("meanwhile: %v", err)
				return
			}
			rounds.Add(1)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	return rounds, func() int64 { close(done); asking.Wait(); return rounds.Load() }
}

// lifted waits until the daemon has open what it had before, and nothing under way, asks it once more, ends it and compares
// what was running with before. No more than most octets may have been resident at any time.
func (s *siege) lifted(t testing.TB, most int64) {
	t.Helper()
	s.right(t)
	await(t, "nothing is left", func() error {
		if now := s.descriptors(t); now > s.files {
			return fmt.Errorf("%d descriptors are open, %d were", now, s.files)
		}
		for figure, want := range map[string]int64{"cnfd_connections": 1, "cnfd_requests_in_flight": 1, "cnfd_misses_in_flight": 0} { // with this one
			if got := s.figure(t, figure); got != want {
				return fmt.Errorf("%s is %d, want %d", figure, got, want)
			}
		}
		return nil
	})
	peak := s.memory(t, "VmHWM:")
	panics := s.logged(t, "panic")
	running := s.running(t)
	t.Logf("figure: afterwards %d descriptors as before, %d goroutines (%d before), at most %.1f MiB resident; %d of the others' questions were asked again", s.files, running, s.goroutines, float64(peak)/(1<<20), s.again.Load())
	if running > s.goroutines+2 { // the runtime's own come and go
		t.Errorf("%d goroutines are left, there were %d", running, s.goroutines)
	}
	if again := s.again.Load(); again > 20 {
		t.Errorf("others were sent away %d times", again)
	}
	if peak > most {
		t.Errorf("%d MiB were resident, the limit is %d MiB", peak>>20, most>>20)
	}
	if panics > 0 {
		t.Errorf("the log speaks of a panic %d times", panics)
	}
}

// name is what a subtest is called.
func name(t testing.TB) string {
	_, last, _ := strings.Cut(t.Name(), "/")
	return strings.ReplaceAll(last, "_", " ")
}

// figure is the sum of a metric over its labels.
func (d *daemon) figure(t testing.TB, name string) (sum int64) {
	t.Helper()
	_, page := d.probe(t, "/metrics")
	found := false
	for line := range strings.Lines(page) {
		at, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if at, _, _ = strings.Cut(at, "{"); at == name {
			var n float64
			fmt.Sscan(value, &n)
			sum, found = sum+int64(n), true
		}
	}
	if !found {
		t.Fatalf("no %s:\n%s", name, page)
	}
	return sum
}

// descriptors counts what the daemon has open.
func (d *daemon) descriptors(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir(filepath.Join(d.proc(t), "fd"))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// memory reads a figure of /proc's status, in octets.
func (d *daemon) memory(t testing.TB, field string) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.proc(t), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), field)
	var kib int64
	fmt.Sscan(rest, &kib)
	return kib << 10
}

// running ends the daemon with SIGQUIT, upon which Go's runtime prints each goroutine, and counts those that are not the
// runtime's own. What was printed is taken out of the log again.
func (d *daemon) running(t testing.TB) int {
	t.Helper()
	before, err := os.ReadFile(d.process.log)
	if err != nil {
		t.Fatal(err)
	}
	d.process.signal(syscall.SIGQUIT)
	<-d.process.done
	after, err := os.ReadFile(d.process.log)
	if err != nil {
		t.Fatal(err)
	}
	os.Truncate(d.process.log, int64(len(before)))
	all := goroutine.FindAllStringSubmatch(string(after[len(before):]), -1)
	if len(all) == 0 {
		t.Fatalf("no goroutine is printed:\n%s", after[len(before):])
	}
	return len(slices.DeleteFunc(all, func(g []string) bool { return runtimesOwn.MatchString(g[1]) }))
}

// goroutine is the line that begins one, with its state; runtimesOwn are the states that no other is in.
var (
	goroutine   = regexp.MustCompile(`(?m)^goroutine \d+ .*\[([^],]+)`)
	runtimesOwn = regexp.MustCompile(`^(GC |force gc|finalizer wait|cleanup wait|GOMAXPROCS updater|runnable \(scan|debug call)`)
)
