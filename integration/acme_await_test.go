package integration

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	xacme "golang.org/x/crypto/acme"
)

// TestACMEAwaitsTheRecord has the daemon's configuration say that an order waits for its record, and a client that knows cnf-01
// publish it meanwhile. The client is golang.org/x/crypto/acme, which accepts challenges of any type.
func TestACMEAwaitsTheRecord(t *testing.T) {
	t.Parallel()
	s := newACMEScene(t, 204, "record", "await_record: true")
	t.Run("what was published meanwhile is enough", func(t *testing.T) {
		newKnowing(t, s, "patient").comesTo(t, nothing, nil)
	})
	for i, f := range []struct {
		claim string
		flip  func(t *testing.T, k *knowing)
		want  []string
	}{
		{"nothing was published", func(t *testing.T, k *knowing) { k.publishes = "" }, []string{"(record_absent)", "Add to its zone: jwk.cnf."}},
		{"another key was", func(t *testing.T, k *knowing) { k.publishes = s.another(t) }, []string{"(record_differs)", "Add to its zone: jwk.cnf."}},
		{"the name does not say that it is enough", func(t *testing.T, k *knowing) {
			s.update(t, "delete "+k.name+". CAA")
		}, []string{"validationmethods=ca-cnf-01"}},
	} {
		t.Run(f.claim, func(t *testing.T) {
			k := newKnowing(t, s, fmt.Sprintf("hasty-%d", i))
			k.comesTo(t, f.flip, f.want)
			if k.publishes != "" {
				s.publish(t, "remove", k.publishes, k.name)
			}
			s.optIn(t, k.name)
			k.publishes = k.file
			k.comesTo(t, nothing, nil)
		})
	}
	t.Run("clients that do not know it give up, and come to a certificate once it is there", s.strangersToCNF)
	t.Run("without the setting there is no such order", func(t *testing.T) {
		s.reconfigure(t, "await_record: true", "await_record: false")
		k := newKnowing(t, s, "refused")
		_, err := k.AuthorizeOrder(shortly(t), xacme.DomainIDs(k.name))
		var p *xacme.Error
		if p, _ = err.(*xacme.Error); p == nil || p.StatusCode != http.StatusForbidden || len(p.Subproblems) != 1 || p.Subproblems[0].Identifier.Value != k.name {
			t.Fatalf("newOrder: %v", err)
		}
		if sub := p.Subproblems[0].Detail; !strings.Contains(sub, "(record_absent)") || !strings.Contains(sub, "Add to its zone: jwk.cnf."+k.name+".") {
			t.Errorf("subproblem: %s", sub)
		}
		s.reconfigure(t, "await_record: false", "await_record: true")
		k.comesTo(t, nothing, nil)
	})
}

// TestACMEOrderLife has orders and authorizations expire as the daemon's configuration says.
func TestACMEOrderLife(t *testing.T) {
	t.Parallel()
	s := newACMEScene(t, 206, "challenge", "order_life: 3h")
	k := newKnowing(t, s, "orders")
	k.publish(t)
	for _, life := range []time.Duration{3 * time.Hour, 5 * time.Hour} {
		if life != 3*time.Hour {
			s.reconfigure(t, "order_life: 3h", fmt.Sprintf("order_life: %.0fh", life.Hours()))
		}
		before := time.Now()
		o, err := k.AuthorizeOrder(shortly(t), xacme.DomainIDs(k.name))
		if err != nil {
			t.Fatal(err)
		}
		z, err := k.GetAuthorization(shortly(t), o.AuthzURLs[0])
		if err != nil {
			t.Fatal(err)
		}
		// Both are of whole seconds.
		from, to := before.Add(life).Truncate(time.Second), time.Now().Add(life)
		for what, expires := range map[string]time.Time{"order": o.Expires, "authorization": z.Expires} {
			if expires.Before(from) || expires.After(to) {
				t.Errorf("order_life %v: the %s expires at %v, want %v to %v", life, what, expires, from, to)
			}
		}
	}
}

// reconfigure has other words in the daemon's configuration, and starts it again on what it knows.
func (s *acmeScene) reconfigure(t testing.TB, words, others string) {
	t.Helper()
	file := filepath.Join(filepath.Dir(s.daemon.unix), "cnfd.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), words) != 1 {
		t.Fatalf("%q is not there once:\n%s", words, text)
	}
	write(t, file, strings.Replace(string(text), words, others, 1))
	s.daemon.process.stop()
	s.daemon.process = start(s.leaf.life, s.daemon.process.log, cnfd(t), "serve", "--config", file)
	s.daemon.awaitHealth(t)
}

// A knowing client reads what a challenge cnf-01 shows, publishes its own key and has the server look.
type knowing struct {
	*xacme.Client
	*acmeScene
	*shown
	name            string
	file, publishes string // of the account's key, and of the key that is published; "": none is
	key             crypto.Signer
}

// newKnowing is a client with an account, whose name says that the record is enough. The record is not there.
func newKnowing(t *testing.T, s *acmeScene, label string) *knowing {
	t.Helper()
	o := s.client(t, 0, label)
	k := &knowing{acmeScene: s, name: o.names[0], file: o.keyFile(t, "account.pem", "ec"), shown: &shown{
		RoundTripper: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: poolOf(t, s.ca)}, DisableKeepAlives: true},
	}}
	k.publishes = k.file
	var err error
	if k.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(k.file)
	block, _ := pem.Decode(text)
	account, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	k.Client = &xacme.Client{Key: account.(crypto.Signer), DirectoryURL: s.directory, HTTPClient: &http.Client{Transport: k.shown}}
	if _, err := k.Register(shortly(t), &xacme.Account{}, xacme.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	s.optIn(t, k.name)
	return k
}

func (k *knowing) publish(t *testing.T) {
	t.Helper()
	k.acmeScene.publish(t, "add", k.publishes, k.name)
}

func nothing(*testing.T, *knowing) {}

// comesTo has the client order, and something happen before it has the server look. It comes to a certificate, or to a problem
// with the words.
func (k *knowing) comesTo(t *testing.T, happens func(*testing.T, *knowing), words []string) {
	t.Helper()
	ctx, issued := shortly(t), k.issued(t)
	o, err := k.AuthorizeOrder(ctx, xacme.DomainIDs(k.name))
	if err != nil {
		t.Fatal(err)
	}
	z, err := k.GetAuthorization(ctx, o.AuthzURLs[0])
	if err != nil {
		t.Fatal(err)
	}
	if o.Status != xacme.StatusPending || z.Status != xacme.StatusPending || len(z.Challenges) != 1 || z.Challenges[0].Type != "cnf-01" {
		t.Fatalf("order %s, authorization %s with %d challenges", o.Status, z.Status, len(z.Challenges))
	}
	name, rdata := k.record()
	if want := "255 255 255 " + k.thumbprint(t, k.file); name != "jwk.cnf."+k.name+"." || rdata != want {
		t.Fatalf("it shows %s %s; the account's own key comes to %s", name, rdata, want)
	}
	happens(t, k)
	if k.publishes != "" {
		k.publish(t)
	}
	if _, err := k.Accept(ctx, z.Challenges[0]); err != nil {
		t.Fatal(err)
	}
	_, err = k.WaitAuthorization(ctx, z.URI)
	if words != nil {
		k.refused(t, ctx, o, err, words)
		if now := k.issued(t); now != issued {
			t.Errorf("%d certificates", now-issued)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if o, err = k.WaitOrder(ctx, o.URI); err != nil {
		t.Fatal(err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{k.name}}, k.key)
	if err != nil {
		t.Fatal(err)
	}
	ders, _, err := k.CreateCertFromOrder(ctx, o, csr, true)
	if err != nil {
		t.Fatal(err)
	}
	var chain bytes.Buffer
	for _, der := range ders {
		chain.WriteString(inPEM("CERTIFICATE", der))
	}
	(&acmeOrder{names: []string{k.name}}).proven(t, chain.Bytes(), k.roots)
}

// refused fails the test where the authorization has not come to an end for this reason, and its order with it.
func (k *knowing) refused(t *testing.T, ctx context.Context, o *xacme.Order, err error, words []string) {
	t.Helper()
	ended, _ := err.(*xacme.AuthorizationError)
	if ended == nil || len(ended.Errors) != 1 {
		t.Fatalf("authorization: %v", err)
	}
	p, _ := ended.Errors[0].(*xacme.Error)
	if p == nil || p.ProblemType != "urn:ietf:params:acme:error:unauthorized" {
		t.Fatalf("challenge: %v", ended.Errors[0])
	}
	now, err := k.GetOrder(ctx, o.URI)
	if err != nil || now.Status != xacme.StatusInvalid || now.Error == nil {
		t.Fatalf("order: %v, %v", now, err)
	}
	for _, detail := range []string{p.Detail, now.Error.Detail} {
		for _, w := range words {
			if !strings.Contains(detail, w) {
				t.Errorf("no %q in %s", w, detail)
			}
		}
	}
}

// shown notes the authorization that a server has shown last: the library reads nothing of a challenge that it does not know.
type shown struct {
	http.RoundTripper
	lock sync.Mutex // guards last
	last []byte
}

func (s *shown) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := s.RoundTripper.RoundTrip(r)
	if err != nil || !strings.Contains(r.URL.Path, "/authz/") {
		return response, err
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(text))
	s.lock.Lock()
	defer s.lock.Unlock()
	s.last = text
	return response, err
}

// record is the one that the authorization's first challenge is for.
func (s *shown) record() (name, rdata string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	var z struct {
		Challenges []struct {
			Name  string `json:"cnf-name"`
			RDATA string `json:"cnf-rdata"`
		}
	}
	if json.Unmarshal(s.last, &z) != nil || len(z.Challenges) == 0 {
		return "", ""
	}
	return z.Challenges[0].Name, z.Challenges[0].RDATA
}

// strangersToCNF are clients that have never heard of the challenge that they are offered.
func (s *acmeScene) strangersToCNF(t *testing.T) {
	clients := acmeClients(t)
	for name, says := range map[string]string{"certbot": "does not support any combination of challenges", "lego": "cnf-01", "acmez": "cnf-01"} {
		t.Run(name, func(t *testing.T) {
			a := s.actor(t, clients[name], 20, name, acmeNone)
			s.grants(t, a, a.client.obtain)
			s.publish(t, "remove", a.key, a.names...)
			s.requests()
			before := s.issued(t)
			_, told, err := a.client.obtain(t, a.acmeOrder)
			seen := s.requests()
			if now := s.issued(t); err == nil || now != before || strings.Contains(told, "panic") || !strings.Contains(told, says) {
				t.Errorf("%d certificates; the client: %v\n%s", now-before, err, acmeSaid(told))
			}
			if strings.Contains(seen, "/finalize") || strings.Contains(seen, "POST /acme/chall/") || !strings.Contains(seen, "POST /acme/authz/") {
				t.Errorf("the server:\n%s", seen)
			}
			s.publish(t, "add", a.key, a.names...)
			s.grants(t, a, a.client.obtain)
		})
	}
}
