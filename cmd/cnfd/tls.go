package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"cnfd/cmd/cnfd/internal/config"
)

// callers are the authorities of api.tls.client_ca. Over TLS it lets in who shows a
// certificate that one of them vouches for, to be shown by clients (RFC 5280 §4.2.1.12);
// nil: everybody.
type callers struct{ atomic.Pointer[x509.CertPool] }

// tlsFiles is what the files of api.tls hold; the zero value is no TLS.
type tlsFiles struct {
	pair    *tls.Certificate
	callers *x509.CertPool // nil: nobody has to show anything
}

// tlsFilesOf reads them all, or says which is wrong.
func tlsFilesOf(c *config.Config) (f tlsFiles, err error) {
	if c.API.TLS.Cert == "" {
		return tlsFiles{}, nil
	}
	pair, err := tls.LoadX509KeyPair(c.API.TLS.Cert, c.API.TLS.Key)
	if err != nil {
		return tlsFiles{}, fmt.Errorf("api.tls: %w", err)
	}
	callers, err := callersIn(c)
	if err != nil {
		return tlsFiles{}, err
	}
	return tlsFiles{&pair, callers}, nil
}

// showTLS has the next handshake go by f.
func (d *daemon) showTLS(f tlsFiles) {
	if f.pair != nil {
		d.pair.Store(f.pair)
		d.live.callers.Store(f.callers)
	}
}

// tlsConfig is how the API's TCP socket speaks TLS: with the certificate and with the
// callers of now.
func (d *daemon) tlsConfig() *tls.Config {
	protocols := []string{"h2", "http/1.1"}
	certificate := func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.pair.Load(), nil }
	return &tls.Config{
		// Without h2 here net/http offers it, and does not know it where it serves the unix socket first.
		MinVersion: tls.VersionTLS12, GetCertificate: certificate, NextProtos: protocols,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			conn, ok := hello.Conn.(*callerConn)
			if !ok {
				return nil, errors.New("the caller could not be held to its certificate")
			}
			pool := d.live.callers.Load()
			if pool == nil {
				conn.held.Store(&hold{})
				return nil, nil
			}
			return &tls.Config{
				MinVersion: tls.VersionTLS12, GetCertificate: certificate, NextProtos: protocols,
				ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
				// A ticket would let in who had shown a certificate to the authorities of before.
				SessionTicketsDisabled: true,
				VerifyConnection: func(s tls.ConnectionState) error {
					conn.held.Store(&hold{pool, s.PeerCertificates})
					return nil
				},
			}, nil
		},
	}
}

// callerListener has each connection remember who its caller is.
type callerListener struct {
	net.Listener
	callers *callers
}

// Accept returns the next connection.
func (l *callerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &callerConn{Conn: conn, callers: l.callers}, nil
}

// callerConn is a connection beneath TLS. Who is in when the authorities change is held
// to the new ones before anything more is read of him.
type callerConn struct {
	net.Conn
	callers *callers
	held    atomic.Pointer[hold] // nil: the handshake has not come that far, and judges by itself
}

// hold is what a caller has shown, and the authorities that vouched for it: nil, and
// nothing, where none had to.
type hold struct {
	by    *x509.CertPool
	shown []*x509.Certificate
}

// Read ends where the caller may not be here any more, as if it had hung up.
func (c *callerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.lets() {
		return 0, io.EOF
	}
	return n, err
}

func (c *callerConn) lets() bool {
	h, now := c.held.Load(), c.callers.Load()
	switch {
	case h == nil || now == nil || now == h.by:
		return true
	case len(h.shown) == 0:
		return false
	}
	between := x509.NewCertPool()
	for _, one := range h.shown[1:] {
		between.AddCert(one)
	}
	_, err := h.shown[0].Verify(x509.VerifyOptions{
		Roots: now, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: time.Now(),
	})
	if err == nil {
		c.held.Store(&hold{now, h.shown})
	}
	return err == nil
}

// NetConn is the connection itself.
func (c *callerConn) NetConn() net.Conn { return c.Conn }

// callersIn reads the authorities of api.tls.client_ca; nil where it names no file.
func callersIn(c *config.Config) (*x509.CertPool, error) {
	path := c.API.TLS.ClientCA
	if path == "" {
		return nil, nil
	}
	pool, err := readCallers(path)
	if err != nil {
		return nil, fmt.Errorf("api.tls.client_ca: %w", err)
	}
	return pool, nil
}

// readCallers judges a file of authorities. It is stricter than what trusts others: one
// that is left out keeps callers out, and a certificate that is no authority's lets in
// who was not meant.
func readCallers(path string) (*x509.CertPool, error) {
	text, _, err := readFile(path, maxAuthorities)
	switch {
	case err != nil:
		return nil, err
	case len(text) > maxAuthorities:
		return nil, fmt.Errorf("%s: over %d octets", path, maxAuthorities)
	}
	pool, n := x509.NewCertPool(), 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: it has a block that is no certificate: give the authorities' certificates alone", path)
		}
		n++
		one, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: certificate %d: %w", path, n, err)
		case !one.BasicConstraintsValid || !one.IsCA:
			return nil, fmt.Errorf("%s: certificate %d is not an authority's (basicConstraints without CA:TRUE)", path, n)
		}
		pool.AddCert(one)
	}
	if n == 0 {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return pool, nil
}
