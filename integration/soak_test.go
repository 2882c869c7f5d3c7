//go:build soak

package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestSoakDaemon puts one daemon through all that servers can do to it by not answering, and measures the others' answers
// meanwhile, and in the end what is left of it: the figures at the end of threats.md.
func TestSoakDaemon(t *testing.T) {
	n := newTree(t, 30)
	d := n.daemon(t, settings{sections: "cache: {max_bytes: 32MiB}"})
	good := slices.DeleteFunc(n.confirming(t), func(zone string) bool {
		_, err := d.cold(zone) // some have more records than are looked at
		return err != nil
	})
	if len(good) < 10 {
		t.Fatalf("before anything hangs only %v confirm", good)
	}
	descriptors := d.descriptors(t)
	silent, drip, late := n.hostile(t)

	t.Run("1,500 hung questions over HTTP", func(t *testing.T) {
		stop := d.keepAsking(1500, func(worker, i int) error {
			zone := append(append(slices.Clone(silent[:10]), late...), drip[:5]...)[worker%20]
			v, err := d.judge(d.local(), "http://cnfd", ofSubject(fmt.Sprintf("n%d-%d.%s", worker, i, zone)))
			if err == nil && v.Outcome != "unproven" {
				err = fmt.Errorf("a hung question: %s", v.all())
			}
			return err
		})
		measure(t, d, good, 15*time.Second, 2*time.Second)
		report(t, stop)
	})
	t.Run("1,500 hung questions over DNS", func(t *testing.T) {
		stop := d.keepAsking(1500, func(worker, i int) error {
			q := new(dns.Msg).SetQuestion(fmt.Sprintf("d%d-%d.%s.", worker, i, silent[worker%10]), dns.TypeTLSA)
			m, _, err := (&dns.Client{Timeout: 10 * time.Second}).Exchange(q, d.dns.String())
			if err == nil && m.Rcode != dns.RcodeServerFailure {
				return fmt.Errorf("a hung question: %s", dns.RcodeToString[m.Rcode])
			}
			return nil // so many datagrams at once are not all kept by the kernel
		})
		measure(t, d, good, 15*time.Second, 2*time.Second)
		report(t, stop)
	})
	t.Run("100 stuck TCP servers", func(t *testing.T) {
		stop := d.keepAsking(300, func(worker, i int) error {
			v, err := d.judge(d.local(), "http://cnfd", ofSubject(fmt.Sprintf("t%d-%d.%s", worker, i, drip[worker%len(drip)])))
			if err == nil && v.Outcome != "unproven" {
				err = fmt.Errorf("a stuck question: %s", v.all())
			}
			return err
		})
		measure(t, d, good, 15*time.Second, 3*time.Second)
		report(t, stop)
	})
	t.Run("many names", func(t *testing.T) { d.manyNames(t, 100_000) })
	t.Run("what is left", func(t *testing.T) { d.left(t, n, descriptors) })
}

// confirming are the domains of which the sandbox says that their record is Secure, each a zone of its own.
func (n *tree) confirming(t *testing.T) (out []string) {
	t.Helper()
	for _, z := range n.Zones() {
		if z.Want == "secure" && len(z.Cases) > 0 && z.Cases[0].Name == "jwk.cnf."+z.Name && z.Cases[0].Kind == "positive" {
			out = append(out, z.Name)
		}
	}
	if len(out) < 10 {
		t.Fatalf("%d zones confirm", len(out))
	}
	return out
}

// cold has the daemon forget a zone and asks for its record, over DNS; the time is that of the question alone.
func (d *daemon) cold(zone string) (time.Duration, error) {
	response, err := d.local().Post("http://cnfd/v1/cache/purge", "application/json", strings.NewReader(fmt.Sprintf(`{"name":%q}`, zone)))
	if err != nil {
		return 0, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return 0, fmt.Errorf("purge: %s", response.Status)
	}
	q := new(dns.Msg).SetQuestion("jwk.cnf."+zone, dns.TypeTLSA)
	q.AuthenticatedData = true
	begun := time.Now()
	m, _, err := (&dns.Client{Net: "tcp", Timeout: 10 * time.Second}).Exchange(q, d.dns.String())
	took := time.Since(begun)
	if err == nil && (m.Rcode != dns.RcodeSuccess || !m.AuthenticatedData || len(m.Answer) == 0) {
		err = fmt.Errorf("%s, proven: %t", dns.RcodeToString[m.Rcode], m.AuthenticatedData)
	}
	return took, err
}

// hostile delegates zones to servers that never answer (20), that answer late and say nothing (5), and that want TCP, where
// half never answer and half send an octet a second (100).
func (n *tree) hostile(t *testing.T) (silent, drip, late []string) {
	for i := range 20 {
		silent = append(silent, fmt.Sprintf("silent%d.example", i))
		n.hang(t, silent[i]+".")
	}
	for i := range 5 {
		late = append(late, fmt.Sprintf("late%d.example", i))
		addr := fmt.Sprint(n.net, 200+i)
		n.answerOn(t, addr, func(w dns.ResponseWriter, q *dns.Msg) {
			time.Sleep(1500 * time.Millisecond)
			w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeServerFailure))
		})
		n.delegate(t, late[i]+".", addr)
	}
	second := strings.Replace(n.net, ".0.", ".1.", 1)
	for i := range 100 {
		drip = append(drip, fmt.Sprintf("drip%d.example", i))
		addr := fmt.Sprint(second, i+1)
		n.answerOn(t, addr, func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			w.WriteMsg(m)
		})
		n.stickOn(t, addr, i%2 == 0)
		n.delegate(t, drip[i]+".", addr)
	}
	return silent, drip, late
}

// hungTime is how long a question to a silent server takes.
const hungTime = 7 * time.Second

// keepAsking has so many workers ask, one question after the other, each in hungTime, until the returned function is called. It begins
// when all of them wait at once, and says in the end how many questions that were, and the first error.
func (d *daemon) keepAsking(workers int, ask func(worker, i int) error) (stop func() (total int64, err error)) {
	var all sync.WaitGroup
	var waiting, total atomic.Int64
	var first atomic.Pointer[error]
	done := make(chan struct{})
	for w := range workers {
		all.Go(func() {
			for i := 0; ; i++ {
				begun := time.Now()
				waiting.Add(1)
				err := ask(w, i)
				waiting.Add(-1)
				total.Add(1)
				if err != nil {
					first.CompareAndSwap(nil, &err)
				}
				select {
				case <-done:
				case <-time.After(max(0, hungTime-time.Since(begun))): // who is sent away does not come back before his time
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for waiting.Load()+total.Load() < int64(workers) {
		time.Sleep(time.Millisecond)
	}
	return func() (int64, error) {
		close(done)
		all.Wait()
		if err := first.Load(); err != nil {
			return total.Load(), *err
		}
		return total.Load(), nil
	}
}

// measure asks for the good zones, each from nothing, one after the other, for so long.
func measure(t *testing.T, d *daemon, good []string, during, bound time.Duration) {
	t.Helper()
	var took []time.Duration
	again := 0
	for begun := time.Now(); time.Since(begun) < during; {
		for _, zone := range good {
			asked := time.Now()
			x, err := d.cold(zone)
			for err != nil && time.Since(asked) < bound { // as a stub does that is sent away
				again++
				time.Sleep(50 * time.Millisecond)
				_, err = d.cold(zone)
				x = time.Since(asked)
			}
			if err != nil {
				t.Fatalf("%s: after %v: %v", zone, x, err)
			}
			took = append(took, x)
		}
	}
	slices.Sort(took)
	at := func(p int) time.Duration {
		return took[min(len(took)-1, len(took)*p/100)].Round(100 * time.Microsecond)
	}
	t.Logf("figure: %s: %d good zones asked for from nothing meanwhile, %d times again since there was no room: median %v, 99 in 100 within %v, longest %v",
		name(t), len(took), again, at(50), at(99), at(100))
	if at(100) > bound {
		t.Errorf("the longest took %v, the limit is %v", at(100), bound)
	}
}

func report(t *testing.T, stop func() (int64, error)) {
	t.Helper()
	total, err := stop()
	t.Logf("%s: %d such questions", name(t), total)
	if err != nil {
		t.Error(err)
	}
}

// manyNames fills the cache with what is not there.
func (d *daemon) manyNames(t *testing.T, names int) {
	var all sync.WaitGroup
	var next atomic.Int64
	for range 8 {
		all.Go(func() {
			conn, err := dns.Dial("udp", d.dns.String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			for i := next.Add(1); i <= int64(names); i = next.Add(1) {
				zone := []string{"vendor.example.", "vendor.test.", "ed25519.example.", "rsa.example."}[i%4]
				q := new(dns.Msg).SetQuestion(fmt.Sprintf("jwk.cnf.n%d.%s", i, zone), dns.TypeTLSA)
				m, _, err := (&dns.Client{Timeout: 10 * time.Second}).ExchangeWithConn(q, conn)
				if err != nil || m.Rcode != dns.RcodeNameError {
					t.Errorf("%s: %v %v", q.Question[0].Name, m, err)
					return
				}
			}
		})
	}
	all.Wait()
}

// left compares what the daemon has open and running with before, and with a daemon that has done next to nothing.
func (d *daemon) left(t *testing.T, n *tree, descriptors int) {
	await(t, "descriptors", func() error {
		if now := d.descriptors(t); now > descriptors {
			return fmt.Errorf("%d are open, %d were", now, descriptors)
		}
		return nil
	})
	now, peak := d.memory(t, "VmRSS:"), d.memory(t, "VmHWM:")
	other := n.daemon(t, settings{sections: "cache: {max_bytes: 32MiB}"})
	other.cold("vendor.example.")
	d.cold("vendor.example.")
	time.Sleep(6 * time.Second) // connections to servers that are kept for 4 s
	running, fresh := d.running(t), other.running(t)
	t.Logf("figure: after all of it, with cache.max_bytes: 32MiB: %.1f MiB resident (at most %.1f), %d descriptors as at the start, %d goroutines (a fresh daemon has %d)",
		float64(now)/(1<<20), float64(peak)/(1<<20), descriptors, running, fresh)
	if now > 96<<20 {
		t.Errorf("%d MiB are resident, the limit is 96 MiB", now>>20)
	}
	if running > fresh+2 {
		t.Errorf("%d goroutines are left, a fresh daemon has %d", running, fresh)
	}
}
