package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
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
	"golang.org/x/crypto/acme"
)

// TestACMEHostileClients has clients do to an ACME server what they should not: another beside them has its certificate all the
// while, and in the end nothing of them is left.
func TestACMEHostileClients(t *testing.T) { // beside no other: it takes all the processors there are
	f := newACMEFault(t, 176, bind{}, true, "cache: {max_bytes: 32MiB}\nmetrics: {}")
	f.serve(t)
	all := f.clients(t, "good", "hostile")
	good, hostile := all[0], all[1]
	good.register(t)
	hostile.register(t)
	good.obtains(t)
	good.CloseIdleConnections()
	hostile.CloseIdleConnections()
	goroutines := f.served.running(t)
	f.serve(t)
	good.obtains(t)
	f.silence(t, "silent.example.")
	files := f.served.descriptors(t)
	for _, siege := range []struct {
		claim string
		lay   func(*acmeFault, *testing.T, *faultClient) (lift func())
	}{
		{"300 connections on which nothing comes to its end", (*acmeFault).slowClients},
		{"bodies that are too large", (*acmeFault).largeBodies},
		{"10,000 nonces", (*acmeFault).manyNonces},
		{"200 orders of 100 names whose servers are silent", (*acmeFault).hungOrders},
	} {
		t.Run(siege.claim, func(t *testing.T) {
			o := good.ready(t)
			lift := siege.lay(f, t, hostile)
			begun := time.Now()
			if _, err := good.finalizes(shortly(t), o); err != nil {
				t.Errorf("an order that had begun: %v", err)
			}
			finalized := time.Since(begun)
			good.obtains(t)
			took := time.Since(begun) - finalized
			lift()
			good.CloseIdleConnections()
			hostile.CloseIdleConnections()
			await(t, "nothing is left", func() error {
				if now := f.served.descriptors(t); now > files+5 { // sockets to name servers come and go
					return fmt.Errorf("%d descriptors are open, %d were", now, files)
				}
				return nil
			})
			good.obtains(t)
			t.Logf("figure: %s: beside them an order that had begun was finalized in %v, and a certificate from nothing took %v; at most %.1f MiB resident", name(t), finalized.Round(time.Millisecond), took.Round(time.Millisecond), float64(f.served.memory(t, "VmHWM:"))/(1<<20))
		})
	}
	if peak := f.served.memory(t, "VmHWM:"); peak > 192<<20 {
		t.Errorf("%d MiB were resident", peak>>20)
	}
	if n := f.served.logged(t, "panic"); n > 0 {
		t.Errorf("the log speaks of a panic %d times", n)
	}
	audit(t, f.store(), good.received, hostile.received)
	good.CloseIdleConnections()
	if now := f.served.running(t); now > goroutines+2 { // the runtime's own come and go
		t.Errorf("%d goroutines are left, there were %d", now, goroutines)
	}
}

// silence delegates a zone to a server that hears every question and never answers.
func (f *acmeFault) silence(t testing.TB, name string) {
	t.Helper()
	addr := f.internet.trust.net + "100"
	claim(t, addr)
	mute, err := net.ListenPacket("udp", addr+":53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mute.Close() })
	example, add := f.zones["example."], records(t, name+" NS ns."+name, "ns."+name+" A "+addr)
	example.edit(nil, add)
	f.tld.change(t, f.tld, example, nil, add)
	await(t, "the delegation", func() error {
		m, err := f.tld.ask(name, dns.TypeNS)
		if err == nil && len(m.Ns) == 0 {
			err = fmt.Errorf("no referral: %s", m)
		}
		return err
	})
}

// slowClients hold connections: without a handshake, with half a header, with half a body.
func (f *acmeFault) slowClients(t *testing.T, _ *faultClient) (lift func()) {
	var held []net.Conn
	for i := range 300 {
		conn, err := net.Dial("tcp", f.address)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		says := []string{"", "POST /acme/new-order HTTP/1.1\r\nHost: loc", "POST /acme/new-order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jose+json\r\nContent-Length: 40000\r\n\r\n{"}[i%3]
		if says == "" {
			continue
		}
		secured := tls.Client(conn, &tls.Config{RootCAs: f.pool, ServerName: "localhost"})
		secured.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(secured, says); err != nil {
			t.Fatal(err)
		}
	}
	return func() { // the daemon closes them: nobody else does
		for _, conn := range held {
			conn.SetReadDeadline(time.Now().Add(patience))
			if _, err := io.Copy(io.Discard, conn); err != nil && !gone(err) {
				t.Errorf("a connection is left open: %v", err)
			}
			conn.Close()
		}
	}
}

// largeBodies sends more than a request may have: a little more, and without end.
func (f *acmeFault) largeBodies(t *testing.T, c *faultClient) (lift func()) {
	client := &http.Client{Transport: f.transport(), Timeout: patience}
	post := func(body io.Reader) (int, string, error) {
		response, err := client.Post(f.url("/acme/new-order"), "application/jose+json", body)
		if err != nil {
			return 0, "", err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return response.StatusCode, string(text), err
	}
	if status, text, err := post(strings.NewReader(strings.Repeat(" ", 50_000))); err != nil || status != http.StatusBadRequest {
		t.Errorf("50,000 octets that are no request: %d %s %v", status, text, err)
	}
	for _, many := range []int{50_001, 60_000, 1 << 20} {
		status, text, err := post(bytes.NewReader(make([]byte, many)))
		var p struct{ Type string }
		if json.Unmarshal([]byte(text), &p); err != nil || status != http.StatusRequestEntityTooLarge || p.Type != "urn:ietf:params:acme:error:malformed" {
			t.Errorf("%d octets: %d %s %v", many, status, text, err)
		}
	}
	var sent atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			status, text, err := post(&zeros{sent: &sent, left: 64 << 20})
			if err == nil && status != http.StatusRequestEntityTooLarge {
				t.Errorf("64 MiB: %d %s", status, text)
			}
		})
	}
	all.Wait()
	if n := sent.Load(); n > 20*(8<<20) {
		t.Errorf("of 20 bodies that were too large %d octets were taken", n)
	}
	return client.CloseIdleConnections
}

// zeros is a body of so many octets.
type zeros struct {
	sent *atomic.Int64
	left int
}

func (z *zeros) Read(b []byte) (int, error) {
	n := min(len(b), z.left)
	if n == 0 {
		return 0, io.EOF
	}
	clear(b[:n])
	z.left -= n
	z.sent.Add(int64(n))
	return n, nil
}

// manyNonces asks for nonces and uses none.
func (f *acmeFault) manyNonces(t *testing.T, c *faultClient) (lift func()) {
	if _, err := c.GetReg(shortly(t), ""); err != nil {
		t.Fatal(err)
	}
	stale, _ := c.counted()
	client := &http.Client{Transport: f.transport(), Timeout: patience}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			seen := map[string]bool{}
			for range 500 {
				response, err := client.Head(f.url("/acme/new-nonce"))
				if err != nil {
					t.Error(err)
					return
				}
				response.Body.Close()
				nonce := response.Header.Get("Replay-Nonce")
				if response.StatusCode != http.StatusOK || nonce == "" || seen[nonce] {
					t.Errorf("%s, nonce %q", response.Status, nonce)
					return
				}
				seen[nonce] = true
			}
		})
	}
	all.Wait()
	if _, err := c.GetReg(shortly(t), ""); err != nil {
		t.Error(err)
	}
	if now, _ := c.counted(); now != stale {
		t.Error("others' nonces have taken the place of a client's")
	}
	return client.CloseIdleConnections
}

// hungOrders begins orders for names that nobody answers for, and goes away in the middle of them. It takes eight accounts: one has
// no more than 3,000 names looked up in an hour.
func (f *acmeFault) hungOrders(t *testing.T, _ *faultClient) (lift func()) {
	before := f.served.descriptors(t)
	crowd := f.clients(t, "h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7")
	for _, c := range crowd {
		c.register(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	var all sync.WaitGroup
	var ended atomic.Int64
	for i := range 200 {
		var names []string
		for n := range 100 {
			names = append(names, fmt.Sprintf("n%d-%d.silent.example", i, n))
		}
		all.Go(func() {
			o, err := crowd[i%len(crowd)].AuthorizeOrder(ctx, acme.DomainIDs(names...))
			if err == nil {
				t.Errorf("an order whose servers are silent: %s", o.Status)
			}
			if ctx.Err() == nil {
				ended.Add(1)
			}
		})
	}
	await(t, "orders that hang", func() error {
		if n := f.served.descriptors(t); n < before+200 {
			return fmt.Errorf("%d descriptors, %d before", n, before)
		}
		return nil
	})
	return func() {
		if n := ended.Load(); n == 200 {
			t.Error("every order had ended: nothing is shown")
		}
		const waiting = "cnfd_acme_turns_waiting"
		if _, page := f.served.probe(t, "/metrics"); !strings.Contains(page, waiting+`{for="order"} `) || strings.Contains(page, waiting+"{for=\"order\"} 0\n") || !strings.Contains(page, waiting+"{for=\"begun\"} 0\n") {
			t.Errorf("not those who order alone wait for turns:\n%s", page)
		}
		cancel()
		all.Wait()
		await(t, "nobody waits for a turn", func() error {
			if n := f.served.figure(t, waiting); n > 0 {
				return fmt.Errorf("%s is %d", waiting, n)
			}
			return nil
		})
		for _, c := range crowd {
			c.CloseIdleConnections()
		}
	}
}
