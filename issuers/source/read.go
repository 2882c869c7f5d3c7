package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// maxOctets bounds what is read of a file or an answer: one octet more than
// issuers.Parse takes, which then says so.
const maxOctets = 1<<20 + 1

// readFile reads a regular file. It never waits for one to write to a FIFO.
func readFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	return io.ReadAll(io.LimitReader(f, maxOctets))
}

// fetcher makes what fetches a URL: from its own host alone, which the TLS
// certificate must be of.
func fetcher(u *url.URL, s *Source, timeout time.Duration, now func() time.Time) func(context.Context) ([]byte, error) {
	transport := &http.Transport{
		Proxy:                  nil, // not that of the environment either: whoever sets that sets the keys
		DialContext:            (&net.Dialer{}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12, Time: now},
		DisableKeepAlives:      true, // once an hour
		DisableCompression:     true, // the bound is that of what was sent
		MaxResponseHeaderBytes: 64 << 10,
	}
	if len(s.Addresses) > 0 {
		transport.DialContext = pinned(s.Addresses, timeout)
	}
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return func(ctx context.Context) ([]byte, error) {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, errors.New("not a URL that can be asked for")
		}
		q.Header.Set("Accept", "application/jwk-set+json, application/jwk+json, application/json, application/cose-key-set, application/cose-key, application/pem-certificate-chain;q=0.5, */*;q=0.1")
		q.Header.Set("User-Agent", "cnfd")
		r, err := client.Do(q)
		if err != nil {
			return nil, plain(ctx, err)
		}
		defer r.Body.Close()
		switch encoding := r.Header.Get("Content-Encoding"); {
		case r.StatusCode >= 300 && r.StatusCode < 400:
			return nil, fmt.Errorf("the server answers %d: redirects are not followed, give the URL where the keys are", r.StatusCode)
		case r.StatusCode != http.StatusOK:
			return nil, fmt.Errorf("the server answers %d, not 200", r.StatusCode)
		case encoding != "" && encoding != "identity":
			return nil, errors.New("the server compresses its answer, which was not asked for")
		}
		text, err := io.ReadAll(io.LimitReader(r.Body, maxOctets))
		if err != nil || ctx.Err() != nil {
			// A server that sees us hang up may end its answer as if that were all of it.
			return nil, plain(ctx, err)
		}
		return text, nil
	}
}

// pinned dials the addresses in their order, whatever the host's name is, each for
// its share of the time. It begins with another each time, so that one that takes
// connections and leaves them does not stand before the others for ever.
func pinned(addresses []netip.Addr, timeout time.Duration) func(context.Context, string, string) (net.Conn, error) {
	n := len(addresses)
	dialer := &net.Dialer{Timeout: timeout / time.Duration(n)}
	var dialled atomic.Uint32
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		first := int(dialled.Add(1)-1) % n
		var errs []error
		for i := range n {
			conn, err := dialer.DialContext(ctx, network, net.JoinHostPort(addresses[(first+i)%n].String(), port))
			if err == nil {
				return conn, nil
			}
			errs = append(errs, err)
		}
		return nil, errors.Join(errs...)
	}
}

// plain is an error of package net/http without the URL, and without what a
// server that does not speak HTTP has said instead.
func plain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("no whole answer in time")
	}
	var (
		dialled *net.OpError
		lookup  *net.DNSError
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &record):
		return errors.New("the server does not speak TLS")
	case errors.As(err, &cert):
		return errors.New("tls: " + cut(cert.Err.Error()))
	case errors.As(err, &lookup):
		return unknown(lookup)
	case errors.As(err, &dialled):
		return dialled
	}
	var inner *url.Error
	if errors.As(err, &inner) && strings.HasPrefix(inner.Err.Error(), "tls: ") {
		return errors.New(cut(inner.Err.Error()))
	}
	return errors.New("no whole answer in HTTP")
}

// unknown is a name that was not found, without the address of the resolver that was
// asked: the verdicts of those who have no business with it repeat this.
func unknown(e *net.DNSError) error {
	switch {
	case e.IsNotFound:
		return fmt.Errorf("lookup %s: no such host", cut(e.Name))
	case e.IsTimeout:
		return fmt.Errorf("lookup %s: no answer in time", cut(e.Name))
	}
	return fmt.Errorf("lookup %s: this machine's resolver does not say", cut(e.Name))
}

// cut bounds what others have a say in, as in who a certificate is for.
func cut(text string) string {
	const most = 200
	return text[:min(len(text), most)]
}
