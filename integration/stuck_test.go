package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestStuck has first hundreds of questions wait for a server that never answers, and then every server there is fall silent.
// What is cached is answered on every listener all the while, the rest is unreachable and nothing else, and
// nothing of it is left when the servers are back.
func TestStuck(t *testing.T) {
	t.Parallel()
	s := newSiege(t, 87, false, "cache: {max_bytes: 32MiB}")
	s.hang(t, "hung.example.")
	_, stop := s.meanwhile(t)
	s.cold(t, "hung.example", 150)
	others := stop()

	silence := func(f func(string, *dns.Msg, *dns.Msg) *dns.Msg) {
		for i := range 100 {
			s.Tamper(s.host(i), f) // an error where there is no such server
		}
	}
	silence(func(string, *dns.Msg, *dns.Msg) *dns.Msg { return nil })
	var cached atomic.Int64
	var over atomic.Bool
	var all sync.WaitGroup
	for _, o := range s.doors {
		all.Go(func() {
			for !over.Load() {
				if v, err := s.judge(o.client(), o.url(), ofToken(s.good, nil)); err != nil || v.String() != confirmed {
					t.Errorf("what is cached, over %s: %v %s", o.name, err, v.all())
					return
				}
				cached.Add(1)
			}
		})
	}
	s.cold(t, "nobody.test", 150)
	if v := s.says(t, ofToken(s.good, now)); v.String() != unreachable {
		t.Errorf("what must be asked for anew: %s", v.all())
	}
	if v := s.says(t, ofToken(s.none, now)); v.String() != unreachable {
		t.Errorf("what is not there: %s", v.all())
	}
	over.Store(true)
	all.Wait()
	silence(nil)
	s.comesTo(t, ofToken(s.good, now), confirmed)
	s.comesTo(t, ofToken(s.none, now), absent)
	t.Logf("figure: 900 questions without an answer, others asked all there is %d times meanwhile, then for what is cached %d times", others, cached.Load())
	s.lifted(t, 128<<20)
}

// cold asks for so many names below a zone on each listener at once, none of which may come to a verdict.
func (s *siege) cold(t *testing.T, zone string, many int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range many {
		for _, o := range s.doors {
			all.Go(func() {
				v, err := s.judge(o.client(), o.url(), ofSubject(fmt.Sprintf("%s%d.%s", o.name, i, zone)))
				if err != nil || v.String() != unreachable && v.String() != "unproven too_costly" { // given up for others
					t.Errorf("over %s: %v %s", o.name, err, v.all())
				}
			})
		}
		all.Go(func() {
			q := new(dns.Msg).SetQuestion(fmt.Sprintf("jwk.cnf.dns%d.%s.", i, zone), dns.TypeTLSA)
			m, _, err := (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(q, s.dns.String())
			if err != nil || m.Rcode != dns.RcodeServerFailure {
				t.Errorf("over DNS: %v %v", err, m)
			}
		})
	}
	all.Wait()
}

// TestReloadsLeaveNothing has a daemon read its file again forty times, while it is asked on every listener.
func TestReloadsLeaveNothing(t *testing.T) {
	t.Parallel()
	const times = 40
	s := newSiege(t, 88, true, "cache: {max_bytes: 32MiB}\nlimits: {misses: 4000}")
	path := filepath.Join(filepath.Dir(s.unix), "cnfd.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, stop := s.meanwhile(t)
	for i := range times {
		write(t, path, strings.Replace(string(text), "misses: 4000", fmt.Sprintf("misses: %d", 3000+i), 1))
		s.process.cmd.Process.Signal(syscall.SIGHUP)
		await(t, "a reload", func() error {
			if got := s.logged(t, "reload: done"); got != i+1 {
				return fmt.Errorf("%d are done, want %d", got, i+1)
			}
			return nil
		})
		time.Sleep(time.Millisecond)
	}
	t.Logf("figure: %d reloads, others asked all there is %d times meanwhile", times, stop())
	time.Sleep(61 * time.Second) // for a minute old questions may wait for the issuers' keys of their time
	s.lifted(t, 128<<20)
}
