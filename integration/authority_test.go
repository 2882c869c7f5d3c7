package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// An authority makes the certificates of a town's servers and clients.
type authority struct {
	ca   string // the path of its own certificate
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

func newAuthority(t testing.TB, dir string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "the town's authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	var der []byte
	der, a.key = a.sign(t, template, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.ca = filepath.Join(dir, "ca.pem")
	write(t, a.ca, inPEM("CERTIFICATE", der))
	return a
}

// issue makes a certificate of a host, for servers and clients alike, and returns the files of its key and of itself.
func (a *authority) issue(t testing.TB, host string) (key, cert string) {
	t.Helper()
	der, private := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert)
	octets, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(a.dir, fmt.Sprintf("%s-%d", host, a.made))
	key, cert = name+".key", name+".pem"
	write(t, key, inPEM("PRIVATE KEY", octets))
	write(t, cert, inPEM("CERTIFICATE", der))
	return key, cert
}

// sign makes a certificate with a fresh key, signed by that of the parent or by itself.
func (a *authority) sign(t testing.TB, template, parent *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a.made++
	template.SerialNumber = big.NewInt(a.made)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	signer := a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// server asks clients for a certificate, and takes those of the authority alone.
func (a *authority) server() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}
}

func inPEM(kind string, octets []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: octets}))
}
