package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/cmd/cnfd/internal/config"
)

// runs starts a daemon, has f look at it, and ends it.
func runs(t *testing.T, c *config.Config, f func(d *daemon)) (log string) {
	t.Helper()
	var written lines
	l, err := newLogs(&written, &c.Log)
	must(t, err)
	d, err := startDaemon(t.Context(), c, l)
	must(t, err)
	f(d)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	must(t, d.Close(ctx))
	return written.String()
}

// TestURLThatChanges: once an account has been made under a URL, another is told of at the start, by cnfd config check, and beside what
// cnfd acme list and cnfd acme accounts list print; before, and where it is set back, nothing is.
func TestURLThatChanges(t *testing.T) {
	dir, root := madeCA(t)
	of := func(url string) *config.Config {
		return parse(t, "api: {listen: '', unix: ''}\nacme: {listen: '127.0.0.1:0', url: %q, directory: %q}\n", url, dir)
	}
	const first, second, third = "https://localhost:8256", "https://localhost:8257", "https://localhost:8258"
	nothing := func(*daemon) {}
	wants := func(claim, log, url, former string) {
		t.Helper()
		if got := strings.Contains(log, "acme.url has changed"); got != (former != "") || former != "" && !strings.Contains(log, "while it was "+former+", and name that") {
			t.Errorf("%s: the start says %q", claim, log)
		}
		warned := ""
		for _, f := range acmeNamedFiles(of(url)) {
			if f.err != nil || f.place == "acme.url" {
				warned += strings.Join(f.warnings, "")
			}
		}
		if (warned != "") != (former != "") || !strings.Contains(warned, former) || former != "" && !strings.Contains(warned, filepath.Join(dir, urlFile)) {
			t.Errorf("%s: config check says %q", claim, warned)
		}
		file := filepath.Join(t.TempDir(), "cnfd.yaml")
		must(t, os.WriteFile(file, []byte("acme: {url: '"+url+"', directory: "+dir+"}\n"), 0o600))
		for _, args := range [][]string{{"acme", "list"}, {"acme", "accounts", "list"}} {
			cmd, out, errs := newRoot(), &strings.Builder{}, &strings.Builder{}
			cmd.SetOut(out)
			cmd.SetErr(errs)
			cmd.SetArgs(append(args, "--config", file))
			must(t, cmd.Execute())
			if got := errs.String(); (got != "") != (former != "") || former != "" && !strings.Contains(got, "warning: acme.url has changed: accounts and certificates were made while it was "+former) {
				t.Errorf("%s: cnfd %s says %q", claim, strings.Join(args, " "), got)
			}
		}
	}
	wants("the first start", runs(t, of(first), nothing), first, "")
	wants("another, before there is an account", runs(t, of(second), nothing), second, "")
	registered := func(d *daemon) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		c := &client.Client{Key: key, DirectoryURL: second + "/directory", HTTPClient: at(trusting(root), d.Addresses().ACME)}
		_, err = c.Register(t.Context(), &client.Account{}, client.AcceptTOS)
		must(t, err)
		c.HTTPClient.CloseIdleConnections()
	}
	wants("an account is made", runs(t, of(second), registered), second, "")
	wants("another, once there is one", runs(t, of(third), nothing), third, second)
	wants("again", runs(t, of(third), nothing), third, second)
	wants("set back", runs(t, of(second), nothing), second, "")
	must(t, os.Remove(filepath.Join(dir, urlFile)))
	wants("another, and nobody is left who knows the former", runs(t, of(third), nothing), third, "")
	wants("which is what later changes are told from", runs(t, of(second), nothing), second, third)
}

// TestReloadLooksForOrphans: an intermediate that is not there, of which certificates live on, is no reload; each time nothing else is changed.
func TestReloadLooksForOrphans(t *testing.T) {
	dir, _ := madeCA(t)
	c := parse(t, acmeConfig, dir)
	d := start(t, c)
	must(t, d.change(c))
	gate := d.acme.gate.Load()
	put := func(ends time.Time) {
		t.Helper()
		must(t, d.acme.store.Update(t.Context(), func(tx acme.Tx) error {
			return tx.PutCertificate(&acme.Certificate{
				Serial: "77", Issuer: "0123456789abcdef", Account: "somebody", Leaf: []byte("a leaf"), Issued: time.Now().Add(time.Second), NotBefore: time.Now(), NotAfter: ends,
			})
		}))
	}
	put(time.Now().Add(time.Hour))
	if _, err := ca.Rotate(dir, ca.Setup{Now: time.Now()}, ""); err != nil {
		t.Fatal(err)
	}
	if err := d.change(c); err == nil || !strings.Contains(err.Error(), "the store has certificates of 0123456789abcdef, whose intermediate is not there") {
		t.Errorf("a reload with certificates of an intermediate that is not there: %v", err)
	}
	if d.acme.gate.Load() != gate || len(d.acme.ca.Issuers()) != 1 {
		t.Error("something was taken into use all the same")
	}
	put(time.Now().Add(-time.Minute))
	must(t, d.change(c))
	if d.acme.gate.Load() == gate || len(d.acme.ca.Issuers()) != 2 {
		t.Error("nothing was taken into use once they had ended")
	}
}
