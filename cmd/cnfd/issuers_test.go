package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// issuerServer publishes an issuer's keys over https, counts who asks, and gives 503
// while it is down.
type issuerServer struct {
	*httptest.Server
	ca    string // file of the authority
	asked atomic.Int32
	first chan struct{} // closed when somebody asks
	down  atomic.Bool
}

func newIssuerServer(t *testing.T, keys []byte) *issuerServer {
	t.Helper()
	s := &issuerServer{ca: filepath.Join(t.TempDir(), "ca.pem"), first: make(chan struct{})}
	once := sync.OnceFunc(func() { close(s.first) })
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		once()
		if s.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		w.Write(keys)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(s.ca, authority, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// withIssuer is the sandbox's configuration with its issuer's keys at a URL.
func withIssuer(t *testing.T, p *playground, s *issuerServer, more string) string {
	t.Helper()
	text, err := os.ReadFile(p.path(configFile))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "issuers:") {
			// The host of httptest's certificate, at the address where it is.
			url := strings.Replace(s.URL, "127.0.0.1", "example.com", 1)
			lines[i] = fmt.Sprintf("issuers: [{issuer: https://issuer.example, keys: %q, addresses: [127.0.0.1]%s}]\n", url+"/jwks", more)
		}
		if strings.HasPrefix(l, "  unix:") {
			lines[i] = fmt.Sprintf("  unix: %q\n", filepath.Join(t.TempDir(), "s"))
		}
	}
	file := filepath.Join(t.TempDir(), "with.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestIssuersKeysAtAURL: a command fetches them once it needs them; with another
// authority, or with the server down, nothing is confirmed and nothing refuted.
func TestIssuersKeysAtAURL(t *testing.T) {
	p := play(t, sandboxOptions{})
	s := newIssuerServer(t, p.internet.IssuerKeys())
	file := withIssuer(t, p, s, fmt.Sprintf(", ca: %q", s.ca))
	verify := func(file string, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(append([]string{"verify", "--config", file}, args...), strings.NewReader(""), &out, &errs); code == exitError {
			t.Fatal(errs.String())
		}
		return out.String()
	}
	if got := verify(file, p.path("vendor.jwt")); !strings.HasPrefix(got, "confirmed: record_matches\n") || s.asked.Load() != 0 {
		t.Fatalf("without the check, asked %d times: %s", s.asked.Load(), got)
	}
	if got := verify(file, "--check", "signature", p.path("vendor.jwt")); !strings.HasPrefix(got, "confirmed: record_matches\n") || s.asked.Load() != 1 {
		t.Fatalf("asked %d times: %s", s.asked.Load(), got)
	}
	s.down.Store(true)
	if got := verify(file, "--check", "signature", p.path("vendor.jwt")); !strings.HasPrefix(got, "unproven: unreachable\n") || !strings.Contains(got, "503") {
		t.Errorf("the issuer's server is down: %s", got)
	}
	s.down.Store(false)
	if got := verify(withIssuer(t, p, s, ""), "--check", "signature", p.path("vendor.jwt")); !strings.HasPrefix(got, "unproven: unreachable\n") || !strings.Contains(got, "certificate") {
		t.Errorf("an authority that this machine does not trust: %s", got)
	}
}

// TestTheDaemonKeepsIssuersKeys: it fetches them by itself at its start, and believes
// the last good ones while the issuer's server is down.
func TestTheDaemonKeepsIssuersKeys(t *testing.T) {
	p := play(t, sandboxOptions{})
	s := newIssuerServer(t, p.internet.IssuerKeys())
	c, err := loadConfig(withIssuer(t, p, s, fmt.Sprintf(", check: [signature], ca: %q", s.ca)))
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, &c)
	select {
	case <-s.first:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody has asked for the issuer's keys")
	}
	set, err := d.engine.keys.Keys(context.Background(), "https://issuer.example", false)
	if err != nil || len(set) != 1 || s.asked.Load() != 1 {
		t.Fatalf("asked %d times: %v", s.asked.Load(), err)
	}
	s.down.Store(true)
	q := questionOf(p.samples[0].Token)
	doc, err := askServer(context.Background(), "unix:"+d.Addresses().Unix, &q, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := readVerdict(doc); err != nil || v.Outcome != "confirmed" || v.Signature != "valid" {
		t.Errorf("while the issuer's server is down: %s, %v", doc, err)
	}
}
