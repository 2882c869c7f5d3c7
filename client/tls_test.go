package client_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/client"
)

// selfMade writes a certificate that is its own authority, and its key.
func selfMade(t *testing.T, dir, name string) (cert, key string, parsed *x509.Certificate) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if parsed, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return cert, key, parsed
}

// TestSecure: a daemon that demands a certificate answers who shows it and believes the daemon's; with one of the two
// missing or another's there is no answer.
func TestSecure(t *testing.T) {
	dir := t.TempDir()
	cert, key, mine := selfMade(t, dir, "mine")
	otherCert, otherKey, _ := selfMade(t, dir, "other")
	s := httptest.NewUnstartedServer(&daemon{status: 200, body: verdict})
	pool := x509.NewCertPool()
	pool.AddCert(mine)
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(dir, "server.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		claim string
		tls   client.TLS
		let   bool
	}{
		{"both", client.TLS{CA: ca, Cert: cert, Key: key}, true},
		{"no certificate", client.TLS{CA: ca}, false},
		{"another's certificate", client.TLS{CA: ca, Cert: otherCert, Key: otherKey}, false},
		{"another's authority", client.TLS{CA: otherCert, Cert: cert, Key: key}, false},
		{"the machine's authorities", client.TLS{Cert: cert, Key: key}, false},
		{"nothing", client.TLS{}, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			c, err := client.New(s.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Secure(tt.tls); err != nil {
				t.Fatal(err)
			}
			if v, err := c.Verify(t.Context(), client.Request{Token: "good"}); (err == nil && v.Confirmed()) != tt.let {
				t.Errorf("%+v %v", v, err)
			}
		})
	}
}

// TestSecureRefuses names the file, and never what is in it.
func TestSecureRefuses(t *testing.T) {
	dir := t.TempDir()
	cert, key, _ := selfMade(t, dir, "mine")
	_, otherKey, _ := selfMade(t, dir, "other")
	for _, tt := range []struct {
		claim, server string
		tls           client.TLS
		says          string
	}{
		{"no file", "https://localhost", client.TLS{CA: filepath.Join(dir, "none")}, "none: no such file"},
		{"no authority", "https://localhost", client.TLS{CA: key}, "mine.key: no certificate in PEM"},
		{"no key", "https://localhost", client.TLS{Cert: cert}, "belong together"},
		{"no certificate", "https://localhost", client.TLS{Key: key}, "belong together"},
		{"another's key", "https://localhost", client.TLS{Cert: cert, Key: otherKey}, "other.key: tls: private key does not match"},
		{"plain HTTP", "http://localhost", client.TLS{CA: cert}, "https:// alone"},
		{"a unix socket", "unix:/run/cnfd/cnfd.sock", client.TLS{Cert: cert, Key: key}, "https:// alone"},
	} {
		c, err := client.New(tt.server)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Secure(tt.tls)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s", tt.claim, err, tt.says)
			continue
		}
		for _, path := range []string{key, otherKey} {
			text, _ := os.ReadFile(path)
			if bytes.Contains([]byte(err.Error()), bytes.Split(text, []byte("\n"))[1]) {
				t.Errorf("%s: the error repeats a key", tt.claim)
			}
		}
	}
}
