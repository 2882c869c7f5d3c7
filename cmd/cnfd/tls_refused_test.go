package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoIsKeptOutIsToldOf: each caller without a certificate that is vouched for is counted, the first is told of at
// once, and who is let in, or does not trust the server, is neither.
func TestWhoIsKeptOutIsToldOf(t *testing.T) {
	root, stranger := newAuthority(t, nil, "root"), newAuthority(t, nil, "root")
	o, _, server := guarded(t, root.pem())
	token := o.token(t, "vendor.jwt")
	counted := func() string {
		_, n, _ := strings.Cut(o.page(t), `cnfd_turned_away_total{limit="certificate"} `)
		n, _, _ = strings.Cut(n, "\n")
		return n
	}
	ask := func(roots *x509.CertPool, shown *tls.Certificate, most uint16) error {
		c := showing(roots, shown, func(c *tls.Config) { c.MaxVersion = most })
		defer c.CloseIdleConnections()
		_, err := o.over(c, token)
		return err
	}
	const told = "tls: callers refused by api.tls.client_ca"
	if err := ask(server, root.caller(t, nil), tls.VersionTLS13); err != nil {
		t.Fatal(err)
	}
	if err := ask(x509.NewCertPool(), root.caller(t, nil), tls.VersionTLS13); err == nil {
		t.Fatal("a server that nobody vouches for is trusted")
	}
	if n := counted(); n != "0" || len(o.log.of(t, told)) != 0 {
		t.Fatalf("%s are counted before anybody is kept out: %s", n, o.log)
	}
	another := root.caller(t, nil)
	another.PrivateKey = stranger.key
	want := 0
	for claim, shown := range map[string]*tls.Certificate{"nothing": nil, "another authority's": stranger.caller(t, nil), "another's key": another} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			if err := ask(server, shown, version); err == nil {
				t.Fatalf("%s: let in", claim)
			}
			want++
			for end := time.Now().Add(10 * time.Second); counted() != fmt.Sprint(want); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%s, %x: %s are counted, want %d", claim, version, counted(), want)
				}
			}
		}
	}
	lines := o.log.of(t, told)
	if len(lines) == 0 || lines[0]["level"] != "WARN" || lines[0]["refused"] != 1.0 || !strings.HasPrefix(fmt.Sprint(lines[0]["last_peer"]), "127.0.0.1:") || fmt.Sprint(lines[0]["last_why"]) == "" {
		t.Errorf("%v", lines)
	}
}

// TestKeptOutIsToldOnceASecond: with how many there were.
func TestKeptOutIsToldOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var kept keptOut
		l := handshakeLog{serverLog{slog.New(slog.NewTextHandler(&out, nil))}, &kept}
		for range 100 {
			fmt.Fprint(l, "http: TLS handshake error from [2001:db8::1]:1234: tls: client didn't provide a certificate\n")
			fmt.Fprint(l, "http: TLS handshake error from [2001:db8::1]:1234: remote error: tls: bad certificate\n")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := strings.Count(out.String(), "\n"); n != 2 || kept.all.Load() != 100 {
			t.Errorf("%d lines, %d counted", n, kept.all.Load())
		}
		for _, want := range []string{"refused=1 last_peer=[2001:db8::1]:1234 last_why=\"none was shown\"", "refused=99 "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("want %s in %s", want, out.String())
			}
		}
	})
}
