package integration

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/thumbprint"

	"golang.org/x/crypto/acme"
)

// A faultClient is golang.org/x/crypto/acme as its users have it, with one account, one name and one key for certificates. It
// tries again what was refused for its nonce, and nothing else.
type faultClient struct {
	*acme.Client
	*wire
	name   string
	digest string // of the account's key, in hex
	key    *ecdsa.PrivateKey
}

// A wire notes what a server says to clients.
type wire struct {
	*http.Transport

	lock     sync.Mutex // guards what follows
	stale    int        // answers that say badNonce
	nonces   int        // that were asked for
	received map[string][]byte
	problem  struct { // the last
		Status       int
		Type, Detail string
		Retry        string
		Subproblems  []struct{ Type, Detail string }
	}
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(text))
	if err != nil { // cut off: whoever reads on is told
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text), failing{err}))
		return response, nil
	}
	w.lock.Lock()
	defer w.lock.Unlock()
	switch kind := response.Header.Get("Content-Type"); {
	case r.Method == http.MethodHead && strings.HasSuffix(r.URL.Path, "/new-nonce"):
		w.nonces++
	case kind == "application/problem+json":
		w.problem.Subproblems = nil
		json.Unmarshal(text, &w.problem)
		w.problem.Status, w.problem.Retry = response.StatusCode, response.Header.Get("Retry-After")
		if strings.HasSuffix(w.problem.Type, ":badNonce") {
			w.stale++
		}
	case kind == "application/pem-certificate-chain":
		if block, _ := pem.Decode(text); block != nil {
			if leaf, err := x509.ParseCertificate(block.Bytes); err == nil {
				w.received[serialOf(leaf)] = block.Bytes
			}
		}
	}
	return response, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// serialOf is a certificate's serial as the store writes it: in hex, an even number of digits.
func serialOf(c *x509.Certificate) string {
	text := c.SerialNumber.Text(16)
	return strings.Repeat("0", len(text)%2) + text
}

// counted are the answers that said badNonce, and the nonces that were asked for.
func (w *wire) counted() (stale, nonces int) {
	w.lock.Lock()
	defer w.lock.Unlock()
	return w.stale, w.nonces
}

// said is the detail of the last problem, and of its parts.
func (w *wire) said() string {
	w.lock.Lock()
	defer w.lock.Unlock()
	all := w.problem.Detail
	for _, p := range w.problem.Subproblems {
		all += "\n" + p.Detail
	}
	return all
}

// clients makes so many with an account key each, whose names publish it; they have no accounts yet.
func (f *acmeFault) clients(t testing.TB, names ...string) (all []*faultClient) {
	t.Helper()
	for _, label := range names {
		c := &faultClient{name: label + "." + strings.TrimSuffix(publishingDomain, "."), wire: &wire{Transport: f.transport(), received: map[string][]byte{}}}
		account, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err == nil {
			c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}
		if err != nil {
			t.Fatal(err)
		}
		k, err := thumbprint.KeyOf(account.Public())
		if err != nil {
			t.Fatal(err)
		}
		c.digest = k.JKT(thumbprint.SHA256).Hex()
		c.Client = &acme.Client{
			Key: account, DirectoryURL: f.url("/directory"), HTTPClient: &http.Client{Transport: c.wire},
			RetryBackoff: func(n int, _ *http.Request, response *http.Response) time.Duration {
				if response.StatusCode != http.StatusBadRequest || n > 10 { // of those that come here only badNonce is one
					return 0
				}
				return time.Millisecond
			},
		}
		t.Cleanup(c.CloseIdleConnections)
		all = append(all, c)
	}
	var add = vouching(t, all[0].name, all[0].digest)
	for _, c := range all[1:] {
		add = append(add, vouching(t, c.name, c.digest)...)
	}
	f.leaf.edit(t, f.zone, nil, add)
	return all
}

// shortly bounds what one thing that a client does may take.
func shortly(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

// register makes the account.
func (c *faultClient) register(t testing.TB) {
	t.Helper()
	if _, err := c.Register(shortly(t), &acme.Account{}, acme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
}

// orders begins an order, which must be ready.
func (c *faultClient) orders(ctx context.Context) (*acme.Order, error) {
	o, err := c.AuthorizeOrder(ctx, acme.DomainIDs(c.name))
	if err == nil && o.Status != acme.StatusReady {
		err = errors.New("order: " + o.Status)
	}
	return o, err
}

// finalizes brings an order that is ready to its certificate.
func (c *faultClient) finalizes(ctx context.Context, o *acme.Order) (*x509.Certificate, error) {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{c.name}}, c.key)
	if err != nil {
		return nil, err
	}
	chain, _, err := c.CreateCertFromOrder(ctx, o, csr, true)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(chain[0])
}

// obtains is what a client is for: it fails the test without a certificate.
func (c *faultClient) obtains(t testing.TB) *x509.Certificate {
	t.Helper()
	o, err := c.orders(shortly(t))
	var leaf *x509.Certificate
	if err == nil {
		leaf, err = c.finalizes(shortly(t), o)
	}
	if err != nil {
		t.Fatalf("no certificate: %v\n%s", err, c.said())
	}
	return leaf
}
