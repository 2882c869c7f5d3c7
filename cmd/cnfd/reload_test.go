package main

import (
	"bufio"
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
	"sync/atomic"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/sandbox"
)

// another is a file of a key that has signed nothing.
func another(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func put(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// reloadable is a daemon whose issuer's keys are in a file of the test's own.
func reloadable(t *testing.T, edit func(*config.Config)) (o *operated, keys string) {
	t.Helper()
	keys = filepath.Join(t.TempDir(), "issuer.jwks")
	o = operate(t, func(c *config.Config) {
		good, err := os.ReadFile(c.Issuers[0].Keys)
		if err != nil {
			t.Fatal(err)
		}
		put(t, keys, good)
		c.Issuers[0].Keys, c.Check = keys, []string{"signature"}
		if edit != nil {
			edit(c)
		}
	})
	return o, keys
}

// again has the daemon take up what its files say now.
func (o *operated) again(t *testing.T) {
	t.Helper()
	if err := o.change(&o.c); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderLoad: while callers ask without a pause, a reload fails not one of
// them. What was answered before it is judged by the keys of before, what is asked after
// it by those of after.
func TestReloadUnderLoad(t *testing.T) {
	o, keys := reloadable(t, nil)
	token := o.token(t, "vendor.jwt")
	good, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	// era is 2n between reloads n and n+1, and 2n+1 while reload n+1 is under way.
	var era atomic.Int64
	var stop atomic.Bool
	var asked, failed atomic.Int64
	want := func(era int64) string { return [...]string{"record_matches", "signature_invalid"}[era/2%2] }
	client := onUnix(o.c.API.Unix)
	client.Transport.(*http.Transport).DisableKeepAlives = false
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = 8
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for !stop.Load() {
				before := era.Load()
				r, err := client.Post("http://localhost/v1/verify", "application/jwt", strings.NewReader(token))
				if err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
				doc, err := io.ReadAll(r.Body)
				r.Body.Close()
				after := era.Load()
				asked.Add(1)
				if err != nil || r.StatusCode != 200 {
					failed.Add(1)
					t.Errorf("%s %v: %s", r.Status, err, doc)
				} else if before == after && before%2 == 0 && !strings.Contains(string(doc), `"reason":"`+want(before)+`"`) {
					failed.Add(1)
					t.Errorf("after reload %d, want %s: %s", before/2, want(before), doc)
				}
			}
		})
	}
	other := another(t)
	for n := range int64(20) {
		for began := asked.Load(); asked.Load() < began+20 && failed.Load() == 0; {
			o.ask(t, token, "") // somebody else, who does not wait for them
		}
		put(t, keys, [][]byte{other, good}[n%2])
		era.Add(1)
		o.again(t)
		era.Add(1)
	}
	stop.Store(true)
	callers.Wait()
	if asked.Load() < 400 {
		t.Errorf("only %d were asked", asked.Load())
	}
	t.Logf("%d answers over 20 reloads, %d failed", asked.Load(), failed.Load())
}

// TestTheNextItemIsJudgedByWhatIsLive: a batch that is open does not keep the keys of
// an issuer that are no longer there.
func TestTheNextItemIsJudgedByWhatIsLive(t *testing.T) {
	o, keys := reloadable(t, nil)
	item := fmt.Sprintf("{\"token\":%q}\n", o.token(t, "vendor.jwt"))
	body, feed := io.Pipe()
	r, err := http.NewRequest("POST", "http://localhost/v1/verify/batch", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	go io.WriteString(feed, item)
	answer, err := onUnix(o.c.API.Unix).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	verdicts := bufio.NewScanner(answer.Body)
	if !verdicts.Scan() || !strings.Contains(verdicts.Text(), `"reason":"record_matches"`) {
		t.Fatal(verdicts.Text(), verdicts.Err())
	}
	put(t, keys, another(t))
	o.again(t)
	go func() { io.WriteString(feed, item); feed.Close() }()
	if !verdicts.Scan() || !strings.Contains(verdicts.Text(), `"reason":"signature_invalid"`) {
		t.Error(verdicts.Text(), verdicts.Err())
	}
}

// TestABrokenFileLeavesAllAsItWas: each is one line that says what is wrong, and the
// next verdict is that of before; mended, it holds.
func TestABrokenFileLeavesAllAsItWas(t *testing.T) {
	o, keys := reloadable(t, nil)
	token, before := o.token(t, "vendor.jwt"), o.live.Load()
	fine := o.c
	bad := filepath.Join(t.TempDir(), "bad")
	put(t, bad, []byte("nothing of use"))
	for _, tt := range []struct {
		claim string
		edit  func(*config.Config)
		says  string
	}{
		{"an issuer's keys", func(c *config.Config) {
			c.Issuers = []config.Issuer{{Issuer: sandbox.Issuer, Keys: bad}}
		}, "issuers[0].keys"},
		{"an authority's certificate", func(c *config.Config) {
			c.Issuers = []config.Issuer{{Issuer: sandbox.Issuer, Keys: "https://issuer.example/", CA: bad}}
		}, "issuers[0].ca"},
		{"a decryption key", func(c *config.Config) { c.DecryptionKeys = []string{bad} }, "decryption_keys[0]"},
		{"an anchor", func(c *config.Config) { c.Resolver.TrustAnchors = []string{"x"} }, "resolver.trust_anchors"},
		{"who may pass", func(c *config.Config) { c.Authz.Possession = []string{"signature"} }, "authz"},
	} {
		broken := fine
		// Something else that is right must not hold either.
		broken.Check = nil
		tt.edit(&broken)
		if err := o.change(&broken); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v", tt.claim, err)
		}
		if o.live.Load() != before {
			t.Fatalf("%s: something was changed", tt.claim)
		}
		if b, _ := o.ask(t, token, ""); b.Outcome != "confirmed" || b.Signature != "valid" {
			t.Errorf("%s: %+v", tt.claim, b)
		}
	}
	file := filepath.Join(t.TempDir(), "cnfd.yaml")
	put(t, file, []byte("issuers: [\n"))
	o.reload(file)
	told := o.log.of(t, "reload: nothing is changed")
	if len(told) != 1 || !strings.Contains(fmt.Sprint(told[0]["err"]), file+":1:") || o.live.Load() != before {
		t.Errorf("%v", told)
	}
	put(t, keys, another(t))
	o.again(t)
	if b, _ := o.ask(t, token, ""); b.Reason != "signature_invalid" {
		t.Errorf("%+v", b)
	}
}

// TestAReloadNamesWhatItCannotDo, and does the rest.
func TestAReloadNamesWhatItCannotDo(t *testing.T) {
	o, keys := reloadable(t, nil)
	put(t, keys, another(t))
	o.c.API.Listen, o.c.Cache.MaxBytes = "127.0.0.1:1", 1<<21
	o.again(t)
	told := o.log.of(t, "reload: done, but for what a restart alone changes")
	if len(told) != 1 || told[0]["keys"] != "api.listen cache.max_bytes" {
		t.Errorf("%v in %s", told, o.log)
	}
	if b, _ := o.ask(t, o.token(t, "vendor.jwt"), ""); b.Reason != "signature_invalid" {
		t.Errorf("the rest was not done: %+v", b)
	}
}

// TestAReloadOfTheAnchors: without one nothing is proven, and what was is forgotten;
// with it again, it is.
func TestAReloadOfTheAnchors(t *testing.T) {
	o, _ := reloadable(t, nil)
	token, trusted := o.token(t, "vendor.jwt"), o.c.Resolver.TrustAnchors
	for _, tt := range []struct {
		anchors []string
		want    string
	}{{trusted, "record_matches"}, {[]string{config.NoAnchors}, "indeterminate"}, {trusted, "record_matches"}} {
		o.c.Resolver.TrustAnchors = tt.anchors
		o.again(t)
		if b, _ := o.ask(t, token, ""); b.Reason != tt.want {
			t.Errorf("%q: %+v, want %s", tt.anchors, b, tt.want)
		}
	}
}

// TestAReloadOfTheCertificate: the next connection gets the new one, and the one that
// is open goes on.
func TestAReloadOfTheCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	first := makeCertificate(t, cert, key)
	o, _ := reloadable(t, func(c *config.Config) { c.API.TLS.Cert, c.API.TLS.Key = cert, key })
	client := func(roots *x509.CertPool) *http.Client {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	}
	healthy := func(c *http.Client) error {
		r, err := c.Get(o.Addresses().API + "/healthz")
		if err == nil {
			io.Copy(io.Discard, r.Body)
			r.Body.Close()
		}
		return err
	}
	open := client(first)
	if err := healthy(open); err != nil {
		t.Fatal(err)
	}
	second := makeCertificate(t, cert, key)
	if err := healthy(client(second)); err == nil {
		t.Fatal("the new certificate is there before the reload")
	}
	o.again(t)
	if err := healthy(client(second)); err != nil {
		t.Error(err)
	}
	if err := healthy(client(first)); err == nil {
		t.Error("the old certificate is there still")
	}
	if err := healthy(open); err != nil {
		t.Errorf("the connection that was open: %v", err)
	}
	put(t, key, []byte("no key"))
	if err := o.change(&o.c); err == nil || !strings.Contains(err.Error(), "api.tls") {
		t.Errorf("a broken key: %v", err)
	}
	if err := healthy(client(second)); err != nil {
		t.Error(err)
	}
}

// TestAReloadKeepsTheKeysOfAURL: an issuer that cannot be reached at that moment has
// not withdrawn them; at another URL they are another's.
func TestAReloadKeepsTheKeysOfAURL(t *testing.T) {
	p := play(t, sandboxOptions{})
	s := newIssuerServer(t, p.internet.IssuerKeys())
	c, err := loadConfig(withIssuer(t, p, s, fmt.Sprintf(", check: [signature], ca: %q", s.ca)))
	if err != nil {
		t.Fatal(err)
	}
	o := &operated{playground: p, daemon: start(t, &c), c: c}
	token := o.token(t, "vendor.jwt")
	if b, _ := o.ask(t, token, ""); b.Outcome != "confirmed" || b.Signature != "valid" {
		t.Fatalf("%+v", b)
	}
	s.down.Store(true)
	o.again(t)
	if b, _ := o.ask(t, token, ""); b.Outcome != "confirmed" || b.Signature != "valid" {
		t.Errorf("after the reload: %+v", b)
	}
	o.c.Issuers = append([]config.Issuer(nil), o.c.Issuers...)
	o.c.Issuers[0].Keys += "2"
	o.again(t)
	if b, _ := o.ask(t, token, ""); b.Reason != "unreachable" {
		t.Errorf("keys of another URL: %+v", b)
	}
}

// TestAReloadOfTheDecryptionKeys: what nobody could open is opened by the next question.
func TestAReloadOfTheDecryptionKeys(t *testing.T) {
	var made struct {
		Keys map[string]json.RawMessage
		JWE  []struct{ Key, Compact string }
	}
	text, err := os.ReadFile("../../decryption/testdata/made.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "p256.jwk")
	put(t, key, made.Keys["p256"])
	sealed := ""
	for _, one := range made.JWE {
		if one.Key == "p256" {
			sealed = one.Compact
		}
	}
	o := operate(t, nil)
	ask := func() (b brief) {
		t.Helper()
		body := fmt.Sprintf(`{"claims":{"sub":"https://vendor.example","cnf":{"jwe":%q}}}`, sealed)
		r, err := onUnix(o.c.API.Unix).Post("http://localhost/v1/verify", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	if b := ask(); b.Reason != "undecryptable" {
		t.Fatalf("%+v", b)
	}
	o.c.DecryptionKeys = []string{key}
	o.again(t)
	if b := ask(); b.Reason != "record_absent" {
		t.Errorf("%+v", b)
	}
	o.c.DecryptionKeys = nil
	o.again(t)
	if b := ask(); b.Reason != "undecryptable" {
		t.Errorf("%+v", b)
	}
}
