package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/acme/store"
	"cnfd/cmd/cnfd/internal/config"
)

// madeCA is a directory with a CA and a store, as cnfd acme init makes it.
func madeCA(t *testing.T) (dir string, root []byte) {
	t.Helper()
	return caOf(t, ca.Setup{Now: time.Now()})
}

// caOf is a directory with such a CA, and a store.
func caOf(t *testing.T, setup ca.Setup) (dir string, root []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "ca")
	if err := ca.Init(dir, setup); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(filepath.Join(dir, storeFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if root, err = os.ReadFile(filepath.Join(dir, rootFile)); err != nil {
		t.Fatal(err)
	}
	return dir, root
}

const acmeConfig = `
api: {listen: "", unix: ""}
acme:
  listen: 127.0.0.1:0
  listen_plain: 127.0.0.1:0
  url: https://localhost:8256
  directory: %q
`

// at has a client connect to address whatever the URL says.
func at(client *http.Client, address string) *http.Client {
	_, address, _ = strings.Cut(address, "://")
	client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return client
}

func fetch(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// TestACMEIsServed asks a daemon for its directory, by TLS that root.pem alone vouches for.
func TestACMEIsServed(t *testing.T) {
	dir, root := madeCA(t)
	d := start(t, parse(t, acmeConfig, dir))
	client := at(trusting(root), d.Addresses().ACME)
	answer, text := fetch(t, client, "https://localhost:8256/directory")
	var directory struct{ NewOrder string }
	if err := json.Unmarshal([]byte(text), &directory); err != nil || answer.StatusCode != http.StatusOK || directory.NewOrder != "https://localhost:8256/acme/new-order" {
		t.Fatalf("%s %v: %s", answer.Status, err, text)
	}
	if answer.ProtoMajor != 2 {
		t.Errorf("%s: HTTP/2 was offered", answer.Proto)
	}
	shown := answer.TLS.PeerCertificates[0]
	if _, err := client.Get("https://127.0.0.1:8256/directory"); err == nil {
		t.Error("the certificate is good for another host, too")
	}
	for version, says := range map[uint16]string{tls.VersionTLS12: "", tls.VersionTLS11: "protocol version not supported"} {
		old := at(trusting(root), d.Addresses().ACME)
		c := old.Transport.(*http.Transport).TLSClientConfig
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, version
		answer, err := old.Get("https://localhost:8256/directory")
		if err == nil {
			answer.Body.Close()
		}
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}

	// The plain listener gives out what anybody may have, at the place that certificates name.
	plain := at(trusting(nil), d.Addresses().ACMEPlain)
	for path, status := range map[string]int{"/directory": 404, "/acme/new-nonce": 404, "/crl/0000000000000000.crl": 404, crlOf(shown): 200, issuerOf(shown): 200} {
		if answer, text := fetch(t, plain, "http://localhost"+path); answer.StatusCode != status {
			t.Errorf("%s: %s: %s", path, answer.Status, text)
		}
	}
	if !strings.HasPrefix(shown.CRLDistributionPoints[0], "http://localhost:") || shown.DNSNames[0] != "localhost" {
		t.Errorf("%v %v", shown.CRLDistributionPoints, shown.DNSNames)
	}
}

// TestACMELimits: 0 of the configuration is any number, and what is not there the default.
func TestACMELimits(t *testing.T) {
	for _, tc := range []struct {
		claim, more      string
		accounts, orders int
	}{
		{"nothing said", "", 100, 3000},
		{"other figures", "  new_accounts: 7\n  new_orders: 8\n", 7, 8},
		{"any number", "  new_accounts: 0\n  new_orders: 0\n", -1, -1},
	} {
		t.Run(tc.claim, func(t *testing.T) {
			dir, _ := madeCA(t)
			d := start(t, parse(t, acmeConfig+tc.more, dir))
			if s := d.acme.server; s.NewAccounts != tc.accounts || s.NewOrders != tc.orders {
				t.Errorf("%d accounts and %d names an hour, want %d and %d", s.NewAccounts, s.NewOrders, tc.accounts, tc.orders)
			}
		})
	}
}

func crlOf(c *x509.Certificate) string    { return pathOf(c.CRLDistributionPoints[0]) }
func issuerOf(c *x509.Certificate) string { return pathOf(c.IssuingCertificateURL[0]) }

func pathOf(url string) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return "/" + path
}

// TestACMEEndsClean: what the server has put aside is there for the next one, and the store is closed.
func TestACMEEndsClean(t *testing.T) {
	dir, root := madeCA(t)
	d := start(t, parse(t, acmeConfig, dir))
	client := at(trusting(root), d.Addresses().ACME)
	answer, _ := fetch(t, client, "https://localhost:8256/acme/new-nonce")
	nonce := answer.Header.Get("Replay-Nonce")
	if nonce == "" {
		t.Fatal("no nonce")
	}
	client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := d.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var nonces []string
	if err := s.Update(ctx, func(tx acme.Tx) (err error) { nonces, err = tx.Nonces(); return err }); err != nil {
		t.Fatal(err)
	}
	if want := "stranger:" + nonce; len(nonces) != 1 || nonces[0] != want { // nobody has signed for it
		t.Errorf("put aside: %q, want %q", nonces, want)
	}
}

// TestACMEReload: a new intermediate and a new list of keys are taken into use, and a file
// that is wrong changes nothing.
func TestACMEReload(t *testing.T) {
	dir, _ := madeCA(t)
	list := filepath.Join(t.TempDir(), "blocked")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	c := parse(t, acmeConfig+"  blocked_keys: %q\n", dir, list)
	d := start(t, c)
	before, gate := d.acme.ca.Issuers(), d.acme.gate.Load()
	if d.acme.blocked.Load().Len() != 0 || len(before) != 1 {
		t.Fatalf("%d keys, issuers %v", d.acme.blocked.Load().Len(), before)
	}
	if _, err := ca.Rotate(dir, ca.Setup{Now: time.Now()}, ""); err != nil {
		t.Fatal(err)
	}
	write("no sum\n")
	if err := d.change(c); err == nil || !strings.Contains(err.Error(), "acme.blocked_keys: blocklist: line 1") {
		t.Fatalf("a list that is wrong: %v", err)
	}
	if len(d.acme.ca.Issuers()) != 1 {
		t.Error("the intermediate was taken into use all the same")
	}
	if d.acme.gate.Load() != gate {
		t.Error("another gate was taken into use all the same")
	}
	write(strings.Repeat("ab", 32) + "\n")
	if err := d.change(c); err != nil {
		t.Fatal(err)
	}
	if d.acme.gate.Load() == gate {
		t.Error("the gate judges by what it was begun with")
	}
	after := d.acme.ca.Issuers()
	if d.acme.blocked.Load().Len() != 1 || len(after) != 2 || after[1] != before[0] {
		t.Errorf("%d keys, issuers %v, before %v", d.acme.blocked.Load().Len(), after, before)
	}
}

// TestPublicURL: certificates name the plain listener where there is one.
func TestPublicURL(t *testing.T) {
	for _, tt := range []struct{ url, plain, want string }{
		{"https://ca.example:8256", "", "https://ca.example:8256"},
		{"https://ca.example:8256", "0.0.0.0:80", "http://ca.example"},
		{"https://ca.example", ":8080", "http://ca.example:8080"},
		{"https://192.0.2.1", "192.0.2.1:80", "http://192.0.2.1"},
		{"https://[2001:db8::1]:8256", "[::]:80", "http://[2001:db8::1]"},
		{"https://[2001:db8::1]:8256", "[::]:81", "http://[2001:db8::1]:81"},
	} {
		if got := publicURL(&config.ACME{URL: tt.url, ListenPlain: tt.plain}); got != tt.want {
			t.Errorf("%s and %s: %s, want %s", tt.url, tt.plain, got, tt.want)
		}
	}
}

// TestMayMake: root makes no files where those of another user are.
func TestMayMake(t *testing.T) {
	dir := t.TempDir()
	if err := mayMake(filepath.Join(dir, "not", "yet")); err != nil {
		t.Errorf("in a directory of one's own: %v", err)
	}
	if os.Geteuid() != 0 {
		return // nobody else can give a directory away
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "not", "yet")} {
		if err := mayMake(path); err == nil || !strings.Contains(err.Error(), "runuser -u nobody -- cnfd acme") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestACMEIntermediateThatEnds: it is told of in time, at the start and once a day.
func TestACMEIntermediateThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		if err := ca.Init(dir, ca.Setup{Now: time.Now(), IntermediateLife: endSoon + 36*time.Hour}); err != nil {
			t.Fatal(err)
		}
		authority, err := ca.Open(ca.Config{Dir: dir, URL: anyURL, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		var log lines
		a := &acmeService{ca: authority}
		ctx, stop := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() { a.watchEnd(ctx, slog.New(slog.NewTextHandler(&log, nil)), time.Now) })
		for day, want := range []int{0, 0, 1, 2} {
			synctest.Wait()
			if n := strings.Count(log.String(), "the intermediate ends soon"); n != want {
				t.Errorf("after %d days: told %d times, want %d", day, n, want)
			}
			time.Sleep(24 * time.Hour)
		}
		stop()
		watching.Wait()
	})
}
