package acme_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/thumbprint"
)

// play is a scene with a real CA, and a gate and a validator that do as they are told.
type play struct {
	*scene
	*client
	gate   *gate
	issuer *issuer
}

// newPlay makes one; change, where not nil, changes what the server is made of.
func newPlay(t *testing.T, change func(*acme.Config)) *play {
	t.Helper()
	p := &play{gate: &gate{}}
	p.scene = newScene(t, func(c *acme.Config) {
		p.issuer = newIssuer(t, c.Now)
		c.Gate, c.Validator, c.Issuer, c.Authority = p.gate, p.gate, p.issuer, p.issuer
		if change != nil {
			change(c)
		}
	})
	p.client = registered(t, p.Server)
	return p
}

// gate is a Gate and a Validator that remembers what it was asked.
type gate struct {
	mu        sync.Mutex
	asked     []acme.Claim
	tried     []string
	judge     func(*acme.Claim) *acme.Problem
	validated *acme.Problem
}

func (g *gate) Judge(_ context.Context, c *acme.Claim) *acme.Problem {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, *c)
	if g.judge == nil {
		return nil
	}
	return g.judge(c)
}

func (g *gate) Validate(_ context.Context, method string, i acme.Identifier, token, keyAuthorization string) *acme.Problem {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tried = append(g.tried, method+" "+i.Value+" "+token+" "+keyAuthorization)
	return g.validated
}

// says sets what the gate says from now on.
func (g *gate) says(f func(*acme.Claim) *acme.Problem) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.judge, g.asked = f, nil
}

// claims are what was asked since.
func (g *gate) claims() []acme.Claim {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]acme.Claim(nil), g.asked...)
}

// refutes is a gate's word that a record is missing; passing, that nothing is proven.
func refutes(c *acme.Claim) *acme.Problem {
	return acme.Problemf(acme.Unauthorized, "add jwk.cnf.%s", c.Identifier.Domain()).For(c.Identifier)
}

func passing(c *acme.Claim) *acme.Problem {
	p := acme.Problemf(acme.DNS, "nothing is proven of %s", c.Identifier.Domain()).For(c.Identifier)
	p.Passing, p.Retry = true, 5*time.Second
	return p
}

// issuer is the built-in CA, with what happens around its signature.
type issuer struct {
	*ca.CA
	mu            sync.Mutex
	before, after func() // the commit
	signed        []*acme.Issued
}

func newIssuer(t *testing.T, now func() time.Time) *issuer {
	t.Helper()
	dir := t.TempDir() + "/ca"
	if err := ca.Init(dir, ca.Setup{Name: "Test", Now: now()}); err != nil {
		t.Fatal(err)
	}
	made, err := ca.Open(ca.Config{Dir: dir, URL: "http://ca.example", Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{CA: made}
}

func (i *issuer) Issue(ctx context.Context, r *acme.Request, commit func(string, []byte) error) (*acme.Issued, error) {
	issued, err := i.CA.Issue(ctx, r, func(serial string, tbs []byte) error {
		if f := i.hook(&i.before); f != nil {
			f()
		}
		err := commit(serial, tbs)
		if f := i.hook(&i.after); f != nil && err == nil {
			f()
		}
		return err
	})
	if err == nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.signed = append(i.signed, issued)
	}
	return issued, err
}

func (i *issuer) hook(f *func()) func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	return *f
}

// orderDoc, authzDoc and challengeDoc are what a client reads.
type orderDoc struct {
	Status         acme.Status
	Expires        time.Time
	Profile        string
	Identifiers    []acme.Identifier
	Error          *acme.Problem
	Authorizations []string
	Finalize       string
	Certificate    string
	url            string
}

type authzDoc struct {
	Identifier acme.Identifier
	Status     acme.Status
	Expires    time.Time
	Wildcard   bool
	Challenges []challengeDoc
}

type challengeDoc struct {
	Type, URL, Token string
	Status           acme.Status
	Validated        string
	Error            *acme.Problem
	Name             string `json:"cnf-name"`
	RDATA            string `json:"cnf-rdata"`
}

// ordering is the payload of a newOrder.
func ordering(names ...string) map[string]any {
	var ids []acme.Identifier
	for _, n := range names {
		i := dns(n)
		if strings.ContainsAny(n, ":") || strings.Trim(n, "0123456789.") == "" {
			i.Type = acme.TypeIP
		}
		ids = append(ids, i)
	}
	return map[string]any{"identifiers": ids}
}

// order orders, wants status, and reads the order where there is one.
func (p *play) order(payload map[string]any, status acme.Status) orderDoc {
	p.t().Helper()
	r, body := p.post("/acme/new-order", payload)
	wantStatus(p.t(), r, body, http.StatusCreated)
	o := read[orderDoc](p.t(), body)
	if o.url = r.Header.Get("Location"); o.Status != status {
		p.t().Fatalf("the order is %s, want %s: %s", o.Status, status, body)
	}
	return o
}

func (p *play) t() *testing.T { return p.scene.t }

// look reads an order anew.
func (p *play) look(o orderDoc) orderDoc {
	p.t().Helper()
	r, body := p.post(o.url, nil)
	wantStatus(p.t(), r, body, http.StatusOK)
	if r.Header.Get("Location") != o.url {
		p.t().Errorf("Location %q of an order, want its URL", r.Header.Get("Location"))
	}
	n := read[orderDoc](p.t(), body)
	n.url = o.url
	return n
}

func (p *play) authz(url string) authzDoc {
	p.t().Helper()
	r, body := p.post(url, nil)
	wantStatus(p.t(), r, body, http.StatusOK)
	return read[authzDoc](p.t(), body)
}

// awaits looks at an authorization until it is not being validated any more.
func (p *play) awaits(url string) authzDoc {
	p.t().Helper()
	for range 1000 {
		a := p.authz(url)
		if len(a.Challenges) == 0 || a.Challenges[0].Status != acme.Processing {
			return a
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.t().Fatal("the challenge is being worked on for ever")
	return authzDoc{}
}

// csr is a certificate request for names.
func csr(t *testing.T, key crypto.Signer, names ...string) map[string]any {
	t.Helper()
	template := &x509.CertificateRequest{DNSNames: names}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"csr": base64.RawURLEncoding.EncodeToString(der)}
}

// finalize asks for the certificate, with a new key.
func (p *play) finalize(o orderDoc, names ...string) (*http.Response, []byte) {
	p.t().Helper()
	return p.post(o.Finalize, csr(p.t(), newKey(p.t()), names...))
}

// certified finalizes and reads the certificate.
func (p *play) certified(o orderDoc, names ...string) *x509.Certificate {
	p.t().Helper()
	r, body := p.finalize(o, names...)
	wantStatus(p.t(), r, body, http.StatusOK)
	n := read[orderDoc](p.t(), body)
	if n.Status != acme.Valid || r.Header.Get("Location") != o.url {
		p.t().Fatalf("finalized: %s, Location %s", body, r.Header.Get("Location"))
	}
	return p.download(n)
}

func (p *play) download(o orderDoc) *x509.Certificate {
	p.t().Helper()
	r, body := p.post(o.Certificate, nil)
	wantStatus(p.t(), r, body, http.StatusOK)
	block, _ := pem.Decode(body)
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		p.t().Fatal(err)
	}
	return leaf
}

// accountKey is the thumbprint of the client's key.
func (p *play) accountKey() thumbprint.Thumbprint { return thumbprintOf(p.t(), p.key) }

func thumbprintOf(t *testing.T, key crypto.Signer) thumbprint.Thumbprint {
	t.Helper()
	k, err := thumbprint.KeyOf(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k.JKT(thumbprint.SHA256)
}

// problemOf reads a problem document.
func problemOf(t *testing.T, body []byte) *acme.Problem {
	t.Helper()
	var p acme.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", body, err))
	}
	return &p
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	octets, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}
