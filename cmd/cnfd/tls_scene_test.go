package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// authority signs certificates for a test.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	below [][]byte // from it up to the root, without that
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

// sign makes a certificate; a nil authority is its own.
func (a *authority) sign(t *testing.T, c *x509.Certificate) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	above := &authority{cert: c, key: key}
	if a != nil {
		above = a
	}
	der, err := x509.CreateCertificate(rand.Reader, c, above.cert, &key.PublicKey, above.key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	one := &authority{cert: made, key: key}
	if a != nil {
		one.below = append([][]byte{der}, a.below...)
	}
	return one
}

func newAuthority(t *testing.T, above *authority, name string) *authority {
	c := template(name)
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	return above.sign(t, c)
}

// caller makes what a client shows; edit flips something.
func (a *authority) caller(t *testing.T, edit func(*x509.Certificate)) *tls.Certificate {
	t.Helper()
	c := template("a caller")
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if edit != nil {
		edit(c)
	}
	one := a.sign(t, c)
	return &tls.Certificate{Certificate: one.below, PrivateKey: one.key}
}

func (a *authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// guarded is a daemon with TLS that lets in whom vouching vouches for.
func guarded(t *testing.T, vouching []byte) (o *operated, ca string, server *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem"), filepath.Join(dir, "ca.pem")
	server = makeCertificate(t, cert, key)
	put(t, ca, vouching)
	o, _ = reloadable(t, func(c *config.Config) { c.API.TLS = config.TLS{Cert: cert, Key: key, ClientCA: ca} })
	return o, ca, server
}

// showing is a client that shows a certificate whether the server names its authority or not.
func showing(server *x509.CertPool, shown *tls.Certificate, edit func(*tls.Config)) *http.Client {
	c := &tls.Config{RootCAs: server, ServerName: "localhost"}
	if shown != nil {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	}
	if edit != nil {
		edit(c)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, ForceAttemptHTTP2: true}}
}

// over asks about a token over TLS; an error is the handshake's, or a connection that was closed.
func (o *operated) over(c *http.Client, token string) (string, error) {
	r, err := c.Post(o.Addresses().API+"/v1/verify", "application/jwt", strings.NewReader(token))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return r.Proto + " " + string(text), err
}
