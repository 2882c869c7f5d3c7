package source_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/internal/testneeds"
	"cnfd/issuers/source"
)

// TestServersOfOthers: keys from TLS servers that are not Go's, by the issuer's name
// and a pinned address. They are refreshed, outlive their server, and are not had
// from one with another name.
func TestServersOfOthers(t *testing.T) {
	const python = `
import http.server, ssl
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain("cert.pem", "key.pem")
s.socket = c.wrap_socket(s.socket, server_side=True)
print("ACCEPT 127.0.0.1:%d" % s.server_address[1], flush=True)
s.serve_forever()`
	for _, c := range []struct {
		program, debian string
		args            []string
	}{
		{"openssl", "openssl", []string{"s_server", "-WWW", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem"}},
		{"python3", "python3", []string{"-c", python}},
	} {
		t.Run(c.program, func(t *testing.T) {
			program := testneeds.Binary(t, c.program, c.debian)
			dir := t.TempDir()
			roots := certify(t, dir)
			file := filepath.Join(dir, "jwks.json")
			check(t, os.WriteFile(file, []byte(`{"keys":[`+jwk+`]}`), 0o600))
			port, kill := start(t, dir, program, c.args...)
			from := source.Source{Issuer: name, URL: "https://issuer.example:" + port + "/jwks.json", Roots: roots, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Refresh: time.Second}
			k, err := source.New(source.Config{Now: time.Now, Sources: []source.Source{from}})
			check(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { k.Run(ctx) })
			defer running.Wait()
			defer cancel()
			set, err := k.Keys(ctx, name, false)
			if err != nil || len(set) != 1 || set[0].KID != "a" {
				t.Fatal(set, err)
			}

			other := from
			other.URL = "https://other.example:" + port + "/jwks.json"
			if n, err := fetch(t, other); err == nil || !strings.Contains(err.Error(), "x509") {
				t.Errorf("by another name: %d, %v", n, err)
			}
			other = from
			other.URL += ".old"
			if n, err := fetch(t, other); err == nil {
				t.Errorf("of another file: %d", n)
			}

			next := file + ".next"
			check(t, os.WriteFile(next, []byte(strings.Replace(jwk, `"a"`, `"b"`, 1)), 0o600))
			check(t, os.Rename(next, file))
			for set[0].KID != "b" {
				time.Sleep(10 * time.Millisecond)
				if set, err = k.Keys(ctx, name, false); err != nil || t.Context().Err() != nil {
					t.Fatal(set, err)
				}
			}
			kill()
			if n, err := fetch(t, from); err == nil {
				t.Errorf("of nobody: %d", n)
			}
			if set, err := k.Keys(ctx, name, false); err != nil || set[0].KID != "b" {
				t.Error(set, err)
			}
		})
	}
}

// certify writes a key and a certificate of issuer.example into a directory.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, DNSNames: []string{"issuer.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return roots
}

// start starts a server that says at which port it accepts.
func start(t *testing.T, dir, program string, args ...string) (port string, kill func()) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "ACCEPT 127.0.0.1:"); ok {
			go func() {
				for lines.Scan() { // so that it never waits for a reader
				}
			}()
			return at, kill
		}
	}
	t.Fatalf("%s accepts nothing", program)
	return "", nil
}
