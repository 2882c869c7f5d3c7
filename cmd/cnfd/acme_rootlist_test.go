package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/acme/ca"
)

// TestACMERootListThatEnds: it is told of in time, at the start and once a day, until there is the next one.
func TestACMERootListThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		if err := ca.Init(dir, ca.Setup{Now: time.Now()}); err != nil {
			t.Fatal(err)
		}
		authority, err := ca.Open(ca.Config{Dir: dir, URL: anyURL, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(334 * 24 * time.Hour)
		var log lines
		a := &acmeService{ca: authority}
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { a.watchEnd(ctx, slog.New(slog.NewTextHandler(&log, nil)), time.Now) })
		const soon, over = "the root's revocation list ends soon", "the root's revocation list has ended"
		for _, tt := range []struct {
			day         int
			soon, ended int
			checked     string // by cnfd config check
		}{{334, 0, 0, ""}, {335, 0, 0, ""}, {336, 1, 0, soon}, {337, 2, 0, soon}, {364, 29, 0, soon}, {365, 29, 1, over}, {366, 29, 2, over}} {
			time.Sleep(time.Duration(tt.day)*24*time.Hour - time.Since(authorityBegan(t, authority)))
			synctest.Wait()
			if n, m := strings.Count(log.String(), soon), strings.Count(log.String(), over); n != tt.soon || m != tt.ended {
				t.Errorf("day %d: told %d times that it ends and %d that it has, want %d and %d", tt.day, n, m, tt.soon, tt.ended)
			}
			if w := strings.Join(warnedRootList(dir, time.Now()), ""); !strings.Contains(w, tt.checked) || (w == "") != (tt.checked == "") {
				t.Errorf("day %d: config check says %q", tt.day, w)
			}
		}
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "cnfd acme rotate --list-only") {
			t.Errorf("%s", log.String())
		}
		before := log.String()
		if err := ca.RenewRootList(dir, time.Now(), ""); err != nil {
			t.Fatal(err)
		}
		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if log.String() != before || warnedRootList(dir, time.Now()) != nil {
			t.Errorf("there is the next one, and it is told: %s", log.String())
		}
		stop()
		watching.Wait()
	})
}

// authorityBegan is when a CA was made.
func authorityBegan(t *testing.T, c *ca.CA) time.Time {
	t.Helper()
	root, err := x509.ParseCertificate(c.RootDER())
	if err != nil {
		t.Fatal(err)
	}
	return root.NotBefore.Add(time.Hour)
}

// TestACMERootIsServed: the root and its list are had from both listeners, and what the commands write is there at once.
func TestACMERootIsServed(t *testing.T) {
	dir, root := madeCA(t)
	d := start(t, parse(t, acmeConfig, dir))
	_, list, err := ca.ReadRootList(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := "/crl/" + list.Issuer + ".crl"
	for what, from := range map[string]func(string) (*http.Response, string){
		"plain": func(path string) (*http.Response, string) {
			return fetch(t, at(trusting(nil), d.Addresses().ACMEPlain), "http://localhost"+path)
		},
		"TLS": func(path string) (*http.Response, string) {
			return fetch(t, at(trusting(root), d.Addresses().ACME), "https://localhost:8256"+path)
		},
	} {
		answer, text := from("/root.pem")
		if block, _ := pem.Decode([]byte(text)); answer.StatusCode != http.StatusOK || block == nil || text != string(root) {
			t.Errorf("%s: %s: %s", what, answer.Status, text)
		}
		_, list, err := ca.ReadRootList(dir)
		if err != nil {
			t.Fatal(err)
		}
		if answer, text = from(path); answer.StatusCode != http.StatusOK || text != string(list.DER) {
			t.Errorf("%s: %s", what, answer.Status)
		}
		if err := ca.RenewRootList(dir, time.Now().Add(time.Minute), ""); err != nil {
			t.Fatal(err)
		}
		_, list, err = ca.ReadRootList(dir)
		if err != nil {
			t.Fatal(err)
		}
		if answer, text = from(path); answer.StatusCode != http.StatusOK || text != string(list.DER) {
			t.Errorf("%s: the next list: %s", what, answer.Status)
		}
	}
}

// TestConfigCheckOfARootListThatEnds: cnfd config check warns of it, and of one that has not begun, and of no other.
func TestConfigCheckOfARootListThatEnds(t *testing.T) {
	for days, warns := range map[int]string{-1: "has not begun", 0: "", 334: "", 336: "ends soon", 366: "has ended"} {
		dir, _ := caOf(t, ca.Setup{Now: time.Now().AddDate(0, 0, -max(days, 0))})
		if days < 0 { // made where the clock was wrong
			if err := ca.RenewRootList(dir, time.Now().AddDate(0, 0, -days), ""); err != nil {
				t.Fatal(err)
			}
		}
		said := ""
		for _, f := range acmeNamedFiles(parse(t, acmeConfig, dir)) {
			if f.err != nil {
				t.Error(f.err)
			}
			said += f.place + ": " + strings.Join(f.warnings, "; ")
		}
		if (said != "") != (warns != "") || warns != "" && !strings.HasPrefix(said, "acme.directory: the root's revocation list "+warns) {
			t.Errorf("%d days old: %q", days, said)
		}
	}
}
