package integration

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"
)

// TestReloadsUnderLoad sends SIGHUP to a daemon that is asked all the time on both sockets: no request fails, and
// what is asked after the log has said so is judged by the new file, what was answered before by the old one.
// A broken file between changes nothing.
func TestReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	n := newTree(t, 33)
	d := n.daemon(t, settings{sections: "record: {forms: [dotted]}"})
	token := ofToken(n.token(t, "vendor.jwt"), nil)
	file := filepath.Join(filepath.Dir(d.unix), "cnfd.yaml")
	dotted, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	underscore := strings.Replace(string(dotted), "forms: [dotted]", "forms: [underscore]", 1)
	want := [...]string{confirmed, absent} // by the era's half, even or odd

	var era atomic.Int64 // 2n between two reloads, 2n+1 while one is under way
	var asked, failed atomic.Int64
	var stop atomic.Bool
	var callers sync.WaitGroup
	load := func(client *http.Client, to string) {
		client.Transport = kept(client.Transport)
		callers.Go(func() {
			for !stop.Load() && failed.Load() == 0 {
				before := era.Load()
				v, err := d.judge(client, to, token)
				after := era.Load()
				asked.Add(1)
				if err != nil || before == after && before%2 == 0 && v.String() != want[before/2%2] {
					failed.Add(1)
					t.Errorf("after %d reloads, want %s: %v %s", before/2, want[before/2%2], err, v.all())
				}
			}
		})
	}
	for range 2 {
		load(d.local(), "http://cnfd")
		load(&http.Client{}, "http://"+d.tcp)
	}
	said := func(what string) int {
		text, _ := os.ReadFile(d.process.log)
		return strings.Count(string(text), what)
	}
	const done, refused = "reload: done", "reload: nothing is changed"
	reload := func(text, says string) {
		t.Helper()
		for began := asked.Load(); asked.Load() < began+50 && failed.Load() == 0; time.Sleep(time.Millisecond) {
		}
		write(t, file, text)
		if says == done {
			era.Add(1)
		}
		before := said(says)
		d.process.cmd.Process.Signal(syscall.SIGHUP)
		await(t, says, func() error {
			if said(says) == before {
				return fmt.Errorf("not in %s", d.process.log)
			}
			return nil
		})
		if says == done {
			era.Add(1)
		}
	}
	for range 3 {
		reload(underscore, done)
		reload("record: {forms: [\n", refused)
		reload(string(dotted), done)
		reload(strings.Replace(underscore, "state_dir:", "decryption_keys: [/nowhere]\nstate_dir:", 1), refused)
	}
	stop.Store(true)
	callers.Wait()
	t.Logf("%d answers over 12 reloads, 6 of them of broken files; %d failed", asked.Load(), failed.Load())
}

// kept is a transport whose connections are used again.
func kept(of http.RoundTripper) http.RoundTripper {
	x, ok := of.(*http.Transport)
	if !ok {
		return &http.Transport{}
	}
	x.DisableKeepAlives = false
	return x
}

// TestTenThousandIdleConnections leaves others their answers, and nothing behind.
func TestTenThousandIdleConnections(t *testing.T) {
	const many = 10_000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < many+2000 {
		testneeds.Lacking(t, fmt.Sprintf("%d open files are needed, and %d may be (ulimit -n)", many+2000, files.Cur))
	}
	n := newTree(t, 34)
	d := n.daemon(t, settings{})
	token := ofToken(n.token(t, "vendor.jwt"), nil)
	for _, way := range []struct {
		client *http.Client
		to     string
	}{{d.local(), "http://cnfd"}, {&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://" + d.tcp}} {
		if v, err := d.judge(way.client, way.to, token); err != nil || v.String() != confirmed {
			t.Fatal(err, v.all())
		}
	}
	open := func() int {
		all, err := os.ReadDir(filepath.Join(d.proc(t), "fd"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := open()
	var idle []net.Conn
	defer func() {
		for _, c := range idle {
			c.Close()
		}
	}()
	for range many {
		c, err := net.Dial("tcp", d.tcp)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	await(t, "all of them are let in", func() error {
		if n := open(); n < before+many {
			return fmt.Errorf("%d files are open, and %d were", n, before)
		}
		return nil
	})
	for what, client := range map[string]*http.Client{"http://cnfd": d.local(), "http://" + d.tcp: {Transport: &http.Transport{DisableKeepAlives: true}}} {
		if v, err := d.judge(client, what, token); err != nil || v.String() != confirmed {
			t.Errorf("%s: %v %s", what, err, v.all())
		}
	}
	if v, err := d.judge(d.local(), "http://cnfd", ofToken(n.token(t, "absent.jwt"), bound{"max_age": 0})); err != nil || v.String() != absent {
		t.Errorf("what must be looked up: %v %s", err, v.all())
	}
	for _, c := range idle {
		c.Close()
	}
	idle = nil
	await(t, "nothing is left", func() error {
		if n := open(); n > before+5 { // sockets to name servers come and go
			return fmt.Errorf("%d files are open, and %d were", n, before)
		}
		return nil
	})
}
