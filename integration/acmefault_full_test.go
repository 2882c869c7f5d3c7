package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/internal/testneeds"

	"golang.org/x/crypto/acme"
)

// TestACMEDiskFull fills the disk with an ACME server's state, before an order, before its end, and in the middle of it, and
// makes room again.
func TestACMEDiskFull(t *testing.T) {
	t.Parallel()
	lab(t)
	if _, err := try("", "", "unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"); err != nil {
		testneeds.Lacking(t, "a mount namespace: "+err.Error())
	}
	f := newACMEFault(t, 175, bind{}, true, "")
	f.within = []string{"unshare", "-m", "sh", "-c",
		`cp -a "$0" "$0.was" && mount -t tmpfs -o size=8m,mode=700 none "$0" && cp -a "$0.was/." "$0" && exec "$@"`, filepath.Join(f.dir, "state")}
	f.serve(t)
	c := f.clients(t, "vouched")[0]
	c.register(t)
	c.obtains(t)
	t.Run("before a new order and before finalize", func(t *testing.T) { f.fullBefore(t, c) })
	t.Run("while a certificate is being made", func(t *testing.T) { f.fullMeanwhile(t, c) })
	t.Run("at its end and its beginning it says what is the matter", f.fullEnds)
}

// fullEnds ends the daemon on a full disk, and begins it on one: all but the ACME server is there then.
func (f *acmeFault) fullEnds(t *testing.T) {
	says := func(what string) {
		t.Helper()
		await(t, what, func() error {
			select {
			case <-f.served.process.done:
				return nil
			default:
				return errors.New("it runs")
			}
		})
		if code, last := f.served.process.cmd.ProcessState.ExitCode(), tail(f.served.process.log, 1); code != 3 || !strings.Contains(last, "disk full") {
			t.Errorf("%s: exit code %d: %s", what, code, last)
		}
	}
	f.fill(t)
	f.served.process.cmd.Process.Signal(syscall.SIGTERM)
	says("an end on a full disk")
	f.within[4] = strings.Replace(f.within[4], `&& exec`, `; dd if=/dev/zero of="$0/filler" bs=4k 2>/dev/null; exec`, 1)
	f.served.process = start(f.life, filepath.Join(f.dir, "log"), append(slices.Clone(f.within), cnfd(t), "serve", "--config", f.config())...)
	f.notOpen(t, "a beginning on a full disk", "disk full")
	// … and on one that is read-only, as a system mounts it after an error of the disk.
	f.served.process.cmd.Process.Signal(syscall.SIGTERM)
	<-f.served.process.done
	f.within[4] = strings.Replace(f.within[4], `dd if=/dev/zero of="$0/filler" bs=4k 2>/dev/null`, `mount -o remount,ro "$0"`, 1)
	f.served.process = start(f.life, filepath.Join(f.dir, "log"), append(slices.Clone(f.within), cnfd(t), "serve", "--config", f.config())...)
	f.notOpen(t, "a beginning on a read-only disk", "a disk that is read-only")
}

// notOpen waits until verifiers are answered, and the log says why the ACME server is not open.
func (f *acmeFault) notOpen(t *testing.T, what, why string) {
	t.Helper()
	f.served.awaitHealth(t)
	await(t, what, func() error {
		if last := tail(f.served.process.log, 50); !strings.Contains(last, "acme: not open") || !strings.Contains(last, why) {
			return errors.New(last)
		}
		return nil
	})
}

func (f *acmeFault) fullBefore(t *testing.T, c *faultClient) {
	o := c.ready(t)
	before := audit(t, f.copied(t), c.received)
	room := f.fill(t)
	f.until(t, "a new order", func() error {
		_, err := c.orders(shortly(t))
		return err
	})
	if _, err := c.finalizes(shortly(t), o); f.failed(t, c, err) == nil {
		t.Fatal("finalize: the disk is full, and there is a certificate")
	}
	after := audit(t, f.copied(t), c.received)
	if after.certificates != before.certificates {
		t.Errorf("%d certificates more", after.certificates-before.certificates)
	}
	room()
	f.healed(t, c, o)
	c.obtains(t)
	audit(t, f.copied(t), c.received)
}

func (f *acmeFault) fullMeanwhile(t *testing.T, c *faultClient) {
	o := c.ready(t)
	f.leaf.process.signal(syscall.SIGSTOP)
	told := make(chan error, 1)
	go func() {
		_, err := c.finalizes(shortly(t), o)
		told <- err
	}()
	await(t, "an order that is being worked on", func() error {
		now, err := c.GetOrder(shortly(t), o.URI)
		if err == nil && now.Status != acme.StatusProcessing {
			err = errors.New(now.Status)
		}
		return err
	})
	room := f.fill(t)
	f.until(t, "a new account", func() error {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		other := acme.Client{Key: key, DirectoryURL: c.DirectoryURL, HTTPClient: c.HTTPClient, RetryBackoff: c.RetryBackoff}
		_, err = other.Register(shortly(t), &acme.Account{}, acme.AcceptTOS)
		return err
	})
	before := audit(t, f.copied(t), c.received)
	f.leaf.process.signal(syscall.SIGCONT)
	if err := f.failed(t, c, <-told); err == nil {
		t.Fatal("finalize: the disk is full, and there is a certificate")
	}
	after := audit(t, f.copied(t), c.received)
	if after.certificates != before.certificates || after.processing != before.processing {
		t.Errorf("%d certificates, %d orders being worked on; before %d, %d", after.certificates, after.processing, before.certificates, before.processing)
	}
	room()
	f.healed(t, c, o)
	c.obtains(t)
	audit(t, f.copied(t), c.received)
}

// fill takes what is left of the daemon's disk, and returns what gives it back.
func (f *acmeFault) fill(t testing.TB) (room func()) {
	t.Helper()
	path := filepath.Join(f.served.proc(t), "root", f.dir, "state", "filler")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// until does something until it fails for want of room: what SQLite's log has already is used up first.
func (f *acmeFault) until(t testing.TB, what string, do func() error) {
	t.Helper()
	for n := 0; ; n++ {
		err := do()
		if err == nil && n < 1000 {
			continue
		}
		var p *acme.Error
		if !errors.As(err, &p) || p.StatusCode != http.StatusInternalServerError || !strings.HasSuffix(p.ProblemType, ":serverInternal") || p.Header.Get("Retry-After") == "" {
			t.Fatalf("%s on a full disk, the %d.: %v", what, n+1, err)
		}
		return
	}
}

// failed returns the error that a client was told, and fails the test where it is none of a server that says when to come again.
func (f *acmeFault) failed(t testing.TB, c *faultClient, err error) error {
	t.Helper()
	var p *acme.Error
	if err != nil && (!errors.As(err, &p) || p.StatusCode != http.StatusInternalServerError || p.Header.Get("Retry-After") == "" || !strings.HasSuffix(p.ProblemType, ":serverInternal")) {
		t.Errorf("on a full disk: %v", err)
	}
	if status, text := f.served.probe(t, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d %s", status, text)
	}
	if f.served.logged(t, "disk full") == 0 {
		t.Error("the log does not speak of the disk")
	}
	return err
}

// healed brings an order to its certificate once there is room: at once, or when its lease has passed.
func (f *acmeFault) healed(t testing.TB, c *faultClient, o *acme.Order) {
	t.Helper()
	now, err := c.GetOrder(shortly(t), o.URI)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("figure: %s: with room again it is %s", name(t), now.Status)
	if now.Status == acme.StatusReady {
		if _, err := c.finalizes(shortly(t), o); err != nil {
			t.Error(err)
		}
		return
	}
	f.later += 3 * time.Minute
	f.clock.set(t, f.later)
	await(t, "an order that was left", func() error {
		if now, err = c.GetOrder(shortly(t), o.URI); err == nil && now.Status != acme.StatusValid {
			err = fmt.Errorf("it is %s: %v", now.Status, now.Error)
		}
		return err
	})
	chain, err := c.FetchCert(shortly(t), now.CertURL, false)
	if err == nil {
		_, err = x509.ParseCertificate(chain[0])
	}
	if err != nil {
		t.Error(err)
	}
}

// copied is the store as a power cut would leave it now, in another place.
func (f *acmeFault) copied(t testing.TB) string {
	t.Helper()
	from, to := filepath.Join(f.served.proc(t), "root", f.dir, "state", faultStore), t.TempDir()
	f.served.process.cmd.Process.Signal(syscall.SIGSTOP)
	defer f.served.process.cmd.Process.Signal(syscall.SIGCONT)
	for _, name := range []string{"acme.db", "acme.db-wal"} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), string(text))
	}
	return filepath.Join(to, "acme.db")
}
