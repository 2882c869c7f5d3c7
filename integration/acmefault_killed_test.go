package integration

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// TestACMEKilled ends an ACME server at random instants of issuance, by SIGKILL and now and then by SIGTERM, many times, over one store. The soak does it
// more often.
func TestACMEKilled(t *testing.T) {
	t.Parallel()
	killedWhileIssuing(t, 170, 40)
}

// A crowd are clients that order all the time.
type crowd struct {
	*acmeFault
	clients []*faultClient
	stop    atomic.Bool
	issued  atomic.Int64 // certificates that clients have in their hands

	lock    sync.Mutex // guards what follows
	left    []leftOrder
	revoked map[string]bool // by a client that was told so
	cut     int             // times that a client had no answer
	others  map[string]int  // refusals
}

// leftOrder is one whose client does not know how it went on.
type leftOrder struct {
	client *faultClient
	url    string
}

func killedWhileIssuing(t *testing.T, number, times int) {
	f := newACMEFault(t, number, bind{}, true, "")
	f.serve(t)
	c := &crowd{acmeFault: f, clients: f.clients(t, "a", "b", "c", "d"), revoked: map[string]bool{}, others: map[string]int{}}
	for _, client := range c.clients {
		client.register(t)
		client.obtains(t)
	}
	rest := c.begin(t)
	defer rest()
	var numbers []int64
	for killed := 0; killed < times; {
		for before := c.issued.Load(); c.issued.Load() == before && rand.IntN(100) > 0 && !t.Failed(); time.Sleep(time.Millisecond) {
		}
		if t.Failed() {
			return
		}
		time.Sleep(time.Duration(rand.Int64N(int64(150 * time.Millisecond)))) // any instant
		if rand.IntN(5) == 0 {
			f.end(t) // well, for once: nobody who has asked is left without an answer
		} else {
			f.kill()
			killed++
		}
		f.serve(t)
		numbers = append(numbers, c.number(t))
	}
	rest()
	for i := range numbers[1:] {
		if numbers[i+1] < numbers[i] {
			t.Errorf("the revocation list's number went from %d to %d", numbers[i], numbers[i+1])
		}
	}
	processing := audit(t, f.store(), c.received()...).processing
	c.resume(t)
	c.cleanly(t)
	after := audit(t, f.store(), c.received()...)
	for serial := range c.revoked {
		if !after.revoked[serial] {
			t.Errorf("certificate %s was revoked, and its client told so: it is not", serial)
		}
	}
	t.Logf("figure: killed %d times while issuing: %d certificates, %d revoked, %d answers cut off, %d orders left of which %d were being worked on, %d serials reserved for nothing",
		times, after.certificates, len(c.revoked), c.cut, len(c.left), processing, after.reserved)
	stale := 0
	for _, client := range c.clients {
		n, _ := client.counted()
		stale += n
	}
	if stale == 0 || c.cut == 0 || len(c.left) == 0 || processing == 0 {
		t.Errorf("%d badNonce, %d cut off, %d left, %d being worked on: nothing is shown", stale, c.cut, len(c.left), processing)
	}
	for what, n := range c.others {
		t.Errorf("%d times: %s", n, what)
	}
}

// begin has the clients order until rest is called, which returns once none does any more.
func (c *crowd) begin(t testing.TB) (rest func()) {
	var all sync.WaitGroup
	for _, client := range c.clients {
		all.Go(func() {
			for n := 1; !c.stop.Load(); n++ {
				c.once(t, client, n)
			}
		})
	}
	return func() {
		c.stop.Store(true)
		all.Wait()
	}
}

// once is one order, and now and then a revocation.
func (c *crowd) once(t testing.TB, client *faultClient, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o, err := client.orders(ctx)
	if err != nil {
		c.excuse(err)
		return
	}
	leaf, err := client.finalizes(ctx, o)
	if err != nil {
		c.lock.Lock()
		c.left = append(c.left, leftOrder{client, o.URI})
		c.lock.Unlock()
		c.excuse(err)
		return
	}
	c.issued.Add(1)
	if n%5 != 0 {
		return
	}
	if err := client.RevokeCert(ctx, nil, leaf.Raw, acme.CRLReasonSuperseded); err != nil {
		c.excuse(err)
		return
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.revoked[serialOf(leaf)] = true
}

// excuse counts errors: that nobody is there is to be expected, and anything that a server says is not.
func (c *crowd) excuse(err error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if gone(err) || errors.Is(err, io.ErrUnexpectedEOF) {
		c.cut++
		time.Sleep(2 * time.Millisecond)
		return
	}
	c.others[err.Error()]++
}

func (c *crowd) received() (all []map[string][]byte) {
	for _, client := range c.clients {
		client.lock.Lock()
		all = append(all, maps.Clone(client.wire.received))
		client.lock.Unlock()
	}
	return all
}

// number fetches the revocation list after a start: who was told of a revocation before finds it there.
func (c *crowd) number(t testing.TB) int64 {
	t.Helper()
	c.lock.Lock()
	var told []string
	for serial := range c.revoked {
		told = append(told, serial)
	}
	c.lock.Unlock()
	leaf, issuer := c.any(t)
	client := &http.Client{Transport: c.transport(), Timeout: patience}
	defer client.CloseIdleConnections()
	list, err := c.list(client, leaf, issuer)
	if err != nil {
		t.Fatalf("revocation list: %v", err)
	}
	listed := map[string]bool{}
	for _, e := range list.RevokedCertificateEntries {
		listed[serialOf(&x509.Certificate{SerialNumber: e.SerialNumber})] = true
	}
	for _, serial := range told {
		if !listed[serial] {
			t.Errorf("certificate %s was revoked before a crash, and is on no list after", serial)
		}
	}
	return list.Number.Int64()
}

// any is one of the certificates that were received, and its issuer's.
func (c *crowd) any(t testing.TB) (leaf, issuer *x509.Certificate) {
	t.Helper()
	for _, some := range c.received() {
		for _, der := range some {
			leaf, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			for _, issuer := range c.issuers(t) {
				if leaf.CheckSignatureFrom(issuer) == nil {
					return leaf, issuer
				}
			}
		}
	}
	t.Fatal("no certificate by an issuer of this CA")
	return nil, nil
}

// resume moves the clock past every lease: whatever was being worked on comes to an end by itself, and whatever was left
// comes to its certificate.
func (c *crowd) resume(t testing.TB) {
	t.Helper()
	c.clock.set(t, 3*time.Minute)
	for before := -1; ; {
		now := audit(t, c.store()).processing
		if now == 0 {
			break
		}
		if before == now {
			t.Fatalf("%d orders are stuck", now)
		}
		before = now
		await(t, "orders that were left", func() error {
			if now := audit(t, c.store()).processing; now >= before {
				return fmt.Errorf("%d are being worked on still", now)
			}
			return nil
		})
	}
	for _, left := range c.left {
		o, err := left.client.GetOrder(shortly(t), left.url)
		if err == nil {
			switch o.Status {
			case acme.StatusValid:
				_, err = left.client.FetchCert(shortly(t), o.CertURL, false)
			case acme.StatusReady:
				_, err = left.client.finalizes(shortly(t), o)
			default:
				err = fmt.Errorf("it is %s: %v", o.Status, o.Error)
			}
		}
		if err != nil {
			t.Errorf("an order that was left: %v", err)
		}
	}
}

// cleanly ends and begins once more, well: a nonce that was not used is good still.
func (c *crowd) cleanly(t testing.TB) {
	t.Helper()
	client := c.clients[0]
	client.obtains(t) // and has a nonce from the last answer
	client.CloseIdleConnections()
	c.end(t)
	c.serve(t)
	stale, nonces := client.counted()
	if _, err := client.orders(shortly(t)); err != nil {
		t.Errorf("after a clean stop: %v", err)
	}
	if now, asked := client.counted(); now != stale || asked != nonces {
		t.Errorf("after a clean stop: %d times badNonce, %d nonces asked for", now-stale, asked-nonces)
	}
	client.CloseIdleConnections()
	c.kill()
	c.serve(t)
	if _, err := client.orders(shortly(t)); err != nil {
		t.Errorf("after a crash: %v", err)
	}
	if now, _ := client.counted(); now != stale+1 {
		t.Errorf("after a crash: %d times badNonce, want once", now-stale)
	}
}
