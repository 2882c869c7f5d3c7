package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/acme/ca"
	"cnfd/cmd/cnfd/internal/config"
)

// agedCA is a directory with a CA that was made so long ago, and a store.
func agedCA(t *testing.T, ago time.Duration) (dir string, root []byte) {
	t.Helper()
	return caOf(t, ca.Setup{Now: time.Now().Add(-ago), IntermediateLife: 30 * 24 * time.Hour})
}

// ready asks /readyz on the unix socket.
func (o *operated) ready(t *testing.T) (status int, text string) {
	t.Helper()
	r, err := onUnix(o.c.API.Unix).Get("http://localhost/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestCAThatCannotIssueKeepsNobodyWaiting: of two CAs the intermediate of one has ended. Verifiers are answered beside either; where
// it has ended clients are told to come again, operators why, and the next intermediate opens it without a restart.
func TestCAThatCannotIssueKeepsNobodyWaiting(t *testing.T) {
	for _, tt := range []struct {
		claim string
		ago   time.Duration
		opens bool
	}{
		{"a CA that can issue", time.Hour, true},
		{"an intermediate that has ended", 31 * 24 * time.Hour, false},
		{"a clock that is behind its beginning", -2 * time.Hour, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			dir, root := agedCA(t, tt.ago)
			o := operate(t, func(c *config.Config) {
				c.ACME.Listen, c.ACME.ListenPlain, c.ACME.URL, c.ACME.Directory = "127.0.0.1:0", "127.0.0.1:0", "https://localhost:8256", dir
			})
			if b, _ := o.ask(t, o.token(t, "vendor.jwt"), ""); b.Outcome != "confirmed" {
				t.Errorf("a verifier is told %+v", b)
			}
			if !tt.opens {
				o.wantShut(t, root)
				if tt.ago < 0 {
					return // nothing but the time mends it
				}
				if _, err := ca.Rotate(dir, ca.Setup{Now: time.Now()}, ""); err != nil {
					t.Fatal(err)
				}
				gate := o.acme.gate.Load()
				if err := o.change(&o.c); err != nil {
					t.Fatal(err)
				}
				if o.acme.gate.Load() == gate {
					t.Error("a reload changes nothing of a server that is not open")
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if !o.acme.opens(ctx) {
					t.Fatal("the next intermediate is there, and it is not open")
				}
			}
			if status, text := o.ready(t); status != 200 || text != "ready\n" {
				t.Errorf("/readyz: %d %q", status, text)
			}
			answer, text := fetch(t, at(trusting(root), o.Addresses().ACME), "https://localhost:8256/directory")
			if answer.StatusCode != 200 || !strings.Contains(text, "newOrder") {
				t.Errorf("%s: %s", answer.Status, text)
			}
			if answer, text := fetch(t, at(trusting(nil), o.Addresses().ACMEPlain), "http://localhost"+crlOf(answer.TLS.PeerCertificates[0])); answer.StatusCode != 200 {
				t.Errorf("the list: %s: %s", answer.Status, text)
			}
			if shut, open := len(o.log.of(t, notOpenLine)), len(o.log.of(t, "acme: open: it issues from now on")); tt.opens && shut+open != 0 || !tt.opens && (shut != 1 || open != 1) {
				t.Errorf("told %d times that it is not open, and %d times that it is", shut, open)
			}
		})
	}
}

const notOpenLine = "acme: not open: nothing is issued, and no list given out, until this has passed; it is tried again by itself, and at a reload"

// wantShut is what a server looks like that is not open.
func (o *operated) wantShut(t *testing.T, root []byte) {
	t.Helper()
	if status, text := o.ready(t); status != 200 || !strings.HasPrefix(text, "ready\nacme: not open: acme: ca: ") {
		t.Errorf("/readyz: %d %q", status, text)
	}
	if all := o.log.of(t, notOpenLine); len(all) != 1 || !strings.Contains(all[0]["err"].(string), "intermediate-1.pem") {
		t.Errorf("the log: %v", all)
	}
	var alert *net.OpError
	if _, err := at(trusting(root), o.Addresses().ACME).Get("https://localhost:8256/directory"); !errors.As(err, &alert) || alert.Op != "remote error" {
		t.Errorf("over TLS, without a certificate to show: %v", err)
	}
	answer, text := fetch(t, at(trusting(nil), o.Addresses().ACMEPlain), "http://localhost/crl/0000000000000000.crl")
	var p struct{ Type, Detail string }
	if err := json.Unmarshal([]byte(text), &p); err != nil || answer.StatusCode != 503 || answer.Header.Get("Retry-After") != "60" || p.Type != "urn:ietf:params:acme:error:serverInternal" ||
		strings.Contains(text, "intermediate") {
		t.Errorf("%s %v: %s", answer.Status, err, text)
	}
}

// TestNotOpenOverTheOperatorsOwnCertificate: with acme.tls clients are told 503.
func TestNotOpenOverTheOperatorsOwnCertificate(t *testing.T) {
	for ago, want := range map[time.Duration]int{time.Hour: 200, 31 * 24 * time.Hour: 503} {
		dir, _ := agedCA(t, ago)
		place := t.TempDir()
		cert, key := filepath.Join(place, "cert.pem"), filepath.Join(place, "key.pem")
		pool := makeCertificate(t, cert, key)
		d := start(t, parse(t, acmeConfig+"  tls: {cert: %q, key: %q}\n", dir, cert, key))
		client := at(trusting(nil), d.Addresses().ACME)
		client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "localhost"}
		if answer, text := fetch(t, client, "https://localhost:8256/directory"); answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", answer.Status, text, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		client.CloseIdleConnections()
		if err := d.Close(ctx); err != nil { // open or not
			t.Error(err)
		}
	}
}

// TestWhatEndsTheStart: each row is a CA with which the daemon starts, with one thing changed; what somebody has to mend ends
// the start, also where the CA could not issue anyhow.
func TestWhatEndsTheStart(t *testing.T) {
	for _, tt := range []struct {
		claim string
		spoil func(t *testing.T, dir string)
		says  string // "": the daemon starts, and waits
	}{
		{"a store that is damaged", func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, storeFile), 8192) }, ""},
		{"a store that is damaged, and a key that others may read", func(t *testing.T, dir string) {
			truncate(t, filepath.Join(dir, storeFile), 8192)
			must(t, os.Chmod(filepath.Join(dir, "intermediate-1.key"), 0o644))
		}, "(0644): chmod 600"},
		{"no directory", func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, "no CA is there: is its disk mounted? cnfd acme restore"},
		{"no store", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, storeFile))) }, "the store (acme.db) is missing"},
		{"a store that others may read", func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, storeFile), 0o644)) }, "others than its owner may use it"},
		{"a store that is none", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, storeFile), []byte(strings.Repeat("none", 999)), 0o600))
		}, "no SQLite database"},
		{"no key", func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "intermediate-1.key"))) }, "intermediate-1.key is not there"},
		{"a key that others may read", func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "intermediate-1.key"), 0o644)) }, "(0644): chmod 600"},
		{"a directory that others may write to", func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o770)) }, "(0770): chmod 700"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			for _, ago := range []time.Duration{time.Hour, 31 * 24 * time.Hour} {
				dir, _ := agedCA(t, ago)
				c := parse(t, acmeConfig, dir)
				starts := func() error {
					l, err := newLogs(io.Discard, &c.Log)
					must(t, err)
					d, err := startDaemon(t.Context(), c, l)
					if err != nil {
						return err
					}
					ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
					defer cancel()
					if open := d.acme.trouble() == ""; open && ago > 24*time.Hour {
						t.Error("it is open though its intermediate has ended")
					}
					must(t, d.Close(ctx))
					return nil
				}
				must(t, starts())
				tt.spoil(t, dir)
				if err := starts(); (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
					t.Errorf("a CA of %s: %v, want %q", ago, err, tt.says)
				}
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	must(t, os.Truncate(path, size))
}
