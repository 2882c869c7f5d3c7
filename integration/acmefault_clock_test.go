package integration

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"cnfd/acme"

	"github.com/miekg/dns"
	xacme "golang.org/x/crypto/acme"
)

// TestACMEClockJumps moves the clock of an ACME server in both directions. It begins a day ahead, so that a jump back leads
// to where the zone's signatures are good as well.
func TestACMEClockJumps(t *testing.T) {
	t.Parallel()
	f := newACMEFault(t, 174, bind{}, false, "")
	f.jumps(t, day)
	f.serve(t)
	c := f.clients(t, "vouched")[0]
	c.register(t)
	for _, jump := range []struct {
		claim string
		test  func(*acmeFault, *testing.T, *faultClient)
	}{
		{"forward by half a day, an order that is ready is finalized", (*acmeFault).halfADay},
		{"forward by more than a day, it has expired, and a new one is not", (*acmeFault).aDay},
		{"back by a day, an order that a crash has left is taken up", (*acmeFault).leftAndBack},
		{"forward past its lease, so is one", (*acmeFault).leftAndForward},
		{"back by an hour, certificates, lists and nonces are good", (*acmeFault).anHour},
		{"back by an hour, a record that is deleted does not confirm", (*acmeFault).deletedAndBack},
	} {
		t.Run(jump.claim, func(t *testing.T) {
			f.jumps(t, day)
			f.sane(t, c.obtains(t))
			jump.test(f, t, c)
		})
	}
	audit(t, f.store(), c.received)
}

// jumps sets the clock, and returns once the daemon goes by it.
func (f *acmeFault) jumps(t testing.TB, to time.Duration) {
	t.Helper()
	f.later = to
	f.clock.set(t, to)
	if f.served.process == nil {
		return
	}
	await(t, "the clock", func() error {
		// With the leeway of a minute at both ends it is in its time for twenty seconds before and after. Time is judged first.
		now := time.Now().Add(to).Unix()
		v := f.served.says(t, fmt.Appendf(nil, `{"claims":{"sub":"https://vendor.example","nbf":%d,"exp":%d,"cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}}`, now+40, now-40))
		if v.Reason == "expired" || v.Reason == "not_yet_valid" {
			return fmt.Errorf("what is good for a moment: %s", v.all())
		}
		return nil
	})
}

// sane fails the test where a certificate's life is not around the server's present, or outside of its issuer's.
func (f *acmeFault) sane(t *testing.T, leaf *x509.Certificate) {
	t.Helper()
	now := time.Now().Add(f.later)
	if early, late := now.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now); early < 59*time.Minute || early > 62*time.Minute || late > 7*day || late < 7*day-2*time.Hour {
		t.Errorf("by a clock that says %v it is good from %v to %v", now.UTC(), leaf.NotBefore, leaf.NotAfter)
	}
	for _, issuer := range f.issuers(t) {
		if leaf.CheckSignatureFrom(issuer) == nil && !leaf.NotBefore.Before(issuer.NotBefore) && !leaf.NotAfter.After(issuer.NotAfter) {
			return
		}
	}
	t.Error("no issuer of this CA lives as long")
}

// ready is an order that is.
func (c *faultClient) ready(t *testing.T) *xacme.Order {
	t.Helper()
	o, err := c.orders(shortly(t))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (f *acmeFault) halfADay(t *testing.T, c *faultClient) {
	o := c.ready(t)
	f.jumps(t, day+day/2)
	leaf, err := c.finalizes(shortly(t), o)
	if err != nil {
		t.Fatal(err)
	}
	f.sane(t, leaf)
}

func (f *acmeFault) aDay(t *testing.T, c *faultClient) {
	o := c.ready(t)
	f.jumps(t, 2*day+time.Minute)
	if _, err := c.finalizes(shortly(t), o); err == nil || !strings.Contains(c.said(), "the order is invalid") {
		t.Errorf("%v\n%s", err, c.said())
	}
	f.sane(t, c.obtains(t))
}

// left is an order whose daemon was killed while it waited for a name server; the daemon runs again, and holds on to it.
func (f *acmeFault) left(t *testing.T, c *faultClient) *xacme.Order {
	t.Helper()
	o := c.ready(t)
	f.leaf.process.signal(syscall.SIGSTOP)
	cut := make(chan error, 1)
	go func() {
		_, err := c.finalizes(shortly(t), o)
		cut <- err
	}()
	await(t, "an order that is being worked on", func() error { return f.processing(t, o, 1) })
	f.kill()
	f.leaf.process.signal(syscall.SIGCONT)
	if err := <-cut; err == nil || !gone(err) {
		t.Fatalf("the client was told %v", err)
	}
	f.serve(t)
	if now, err := c.GetOrder(shortly(t), o.URI); err != nil || now.Status != xacme.StatusProcessing {
		t.Fatalf("after a crash: %v, %v", now, err)
	}
	return o
}

// processing is nil where so many tries of an order have begun and it is being worked on.
func (f *acmeFault) processing(t *testing.T, o *xacme.Order, tries int) error {
	id := o.URI[strings.LastIndexByte(o.URI, '/')+1:]
	there := stored(t, f.store(), func(tx acme.Tx) (*acme.Order, error) { return tx.Order(id) })
	if there.State != acme.OrderProcessing || there.Tries != tries {
		return fmt.Errorf("order: state %d, %d tries", there.State, there.Tries)
	}
	return nil
}

// takenUp waits until an order has come to its certificate without its client.
func (f *acmeFault) takenUp(t *testing.T, c *faultClient, o *xacme.Order) {
	t.Helper()
	var now *xacme.Order
	await(t, "an order that was left", func() (err error) {
		if now, err = c.GetOrder(shortly(t), o.URI); err == nil && now.Status != xacme.StatusValid {
			err = fmt.Errorf("it is %s: %v", now.Status, now.Error)
		}
		return err
	})
	chain, err := c.FetchCert(shortly(t), now.CertURL, false)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	f.sane(t, leaf)
}

func (f *acmeFault) leftAndBack(t *testing.T, c *faultClient) {
	o := f.left(t, c)
	f.jumps(t, 0)
	f.takenUp(t, c, o)
}

func (f *acmeFault) leftAndForward(t *testing.T, c *faultClient) {
	o := f.left(t, c)
	f.jumps(t, day+3*time.Minute)
	f.takenUp(t, c, o)
}

func (f *acmeFault) anHour(t *testing.T, c *faultClient) {
	before := c.obtains(t)
	client := &http.Client{Transport: f.transport(), Timeout: patience}
	defer client.CloseIdleConnections()
	list := func(leaf *x509.Certificate) *x509.RevocationList {
		t.Helper()
		for _, issuer := range f.issuers(t) {
			if leaf.CheckSignatureFrom(issuer) != nil {
				continue
			}
			list, err := f.list(client, leaf, issuer)
			if err != nil {
				t.Fatal(err)
			}
			if now := time.Now().Add(f.later); list.ThisUpdate.After(now) || !list.NextUpdate.After(now) {
				t.Errorf("by a clock that says %v the list is of %v to %v", now.UTC(), list.ThisUpdate, list.NextUpdate)
			}
			return list
		}
		t.Fatal("no issuer of this CA")
		return nil
	}
	old := list(before)
	stale, nonces := c.counted()
	f.jumps(t, day-time.Hour)
	after := c.obtains(t)
	f.sane(t, after)
	if now, asked := c.counted(); now != stale || asked != nonces {
		t.Errorf("%d times badNonce, %d nonces asked for", now-stale, asked-nonces)
	}
	next := list(after)
	if next.Number.Cmp(old.Number) < 0 {
		t.Errorf("the list's number went from %v to %v", old.Number, next.Number)
	}
	if err := c.RevokeCert(shortly(t), nil, after.Raw, xacme.CRLReasonSuperseded); err != nil {
		t.Fatal(err)
	}
	last := list(after)
	if last.Number.Cmp(next.Number) <= 0 || len(last.RevokedCertificateEntries) != len(next.RevokedCertificateEntries)+1 {
		t.Errorf("after a revocation: number %v with %d, before %v with %d", last.Number, len(last.RevokedCertificateEntries), next.Number, len(next.RevokedCertificateEntries))
	}
}

func (f *acmeFault) deletedAndBack(t *testing.T, c *faultClient) {
	o := c.ready(t)
	gone := f.zone.set("jwk.cnf."+c.name+".", dns.TypeTLSA)
	f.leaf.edit(t, f.zone, gone, nil)
	f.jumps(t, day-time.Hour)
	if _, err := c.finalizes(shortly(t), o); err == nil || !strings.Contains(c.said(), "(record_absent") {
		t.Errorf("%v\n%s", err, c.said())
	}
	f.leaf.edit(t, f.zone, nil, gone)
	c.obtains(t)
}
