package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/internal/sandbox"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// described is what a daemon says of itself at /openapi.json.
type described struct {
	o       *operated
	doc     any
	schemas *jsonschema.Compiler
	mu      sync.Mutex // guards schemas
}

func (o *operated) described(t *testing.T) *described {
	t.Helper()
	r, err := onUnix(o.c.API.Unix).Get("http://localhost/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	doc, err := jsonschema.UnmarshalJSON(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return &described{o: o, doc: doc, schemas: c}
}

// at is the object at a path of members, and its JSON pointer, references followed.
func (d *described) at(path ...string) (node map[string]any, where string) {
	node, _ = d.doc.(map[string]any)
	where = "#"
	for _, name := range path {
		node, _ = node[name].(map[string]any)
		where += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if ref, ok := node["$ref"].(string); ok {
			node, where = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node, where
}

// ask sends a request and holds the answer to what is said of it: path is as the description has it, "" the target's. It
// returns the status and the body.
func (d *described) ask(t *testing.T, method, target, path, body string, headers ...string) (int, string) {
	t.Helper()
	q, err := http.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		q.Header.Add(name, value)
	}
	r, err := onUnix(d.o.c.API.Unix).Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	octets, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if path == "" {
		path, _, _ = strings.Cut(target, "?")
	}
	if err := d.holds(path, strings.ToLower(method), r, string(octets)); err != nil {
		t.Errorf("%s %s: %s: %v: %s", method, target, r.Status, err, octets)
	}
	return r.StatusCode, string(octets)
}

// holds is what is wrong with an answer by the description.
func (d *described) holds(path, method string, r *http.Response, body string) error {
	if r.StatusCode == http.StatusMethodNotAllowed { // of the method that there is
		operations, _ := d.at("paths", path)
		for method = range operations {
		}
	}
	at := []string{"paths", path, method, "responses", fmt.Sprint(r.StatusCode)}
	response, _ := d.at(at...)
	if response == nil {
		return fmt.Errorf("the status is not described")
	}
	headers, _ := response["headers"].(map[string]any)
	for name := range r.Header {
		there := name == "Content-Type" || name == "Content-Length" || name == "Date" || name == "Connection" // they frame it
		for said := range headers {
			there = there || http.CanonicalHeaderKey(said) == name
		}
		if !there {
			return fmt.Errorf("%s is not described", name)
		}
	}
	for said := range headers {
		h, _ := d.at(append(append([]string{}, at...), "headers", said)...)
		if required, _ := h["required"].(bool); required && r.Header.Get(said) == "" {
			return fmt.Errorf("no %s", said)
		}
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if body == "" {
		return nil
	}
	schema, where := d.at(append(append([]string{}, at...), "content", kind, "schema")...)
	switch {
	case schema == nil:
		return fmt.Errorf("%s is not described", kind)
	case kind == "text/plain":
		return nil
	}
	d.mu.Lock()
	compiled, err := d.schemas.Compile("openapi.json" + where)
	d.mu.Unlock()
	for line := range strings.Lines(body) {
		var v any
		if err == nil {
			v, err = jsonschema.UnmarshalJSON(strings.NewReader(line))
		}
		if kind != "application/x-ndjson" && err != nil {
			v, err = jsonschema.UnmarshalJSON(strings.NewReader(body))
		}
		if err == nil {
			err = compiled.Validate(v)
		}
		if err != nil || kind != "application/x-ndjson" {
			return err
		}
	}
	return nil
}

// TestTheDaemonIsAsItIsDescribed: each path of a daemon that runs answers as its own description says.
func TestTheDaemonIsAsItIsDescribed(t *testing.T) {
	o := operate(t, func(c *config.Config) {
		c.Authz.Gateway, c.Authz.Subjects, c.Authz.Audience, c.Authz.Deadline = "nginx", []string{config.AnySubject}, sandbox.Audience, 10*time.Second
	})
	d := o.described(t)
	const jwt, inJSON = "Content-Type: application/jwt", "Content-Type: application/json"
	token, key := o.token(t, "vendor.jwt"), holderKey(t, []byte(o.token(t, "vendor.jwt")))
	prechecked := fmt.Sprintf(`{"subject":"https://vendor.example","cnf":{"jwk":%s}}`, key)
	const orders = "https://api.vendor.example/orders/7"
	access := string(o.wallet.AccessToken)
	gateway := func(more ...string) []string {
		return append(more, "X-Original-Method: GET", "X-Original-URL: "+orders)
	}
	proven := func() []string {
		proof, err := o.wallet.Prove("GET", orders, o.wallet.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		return gateway("Authorization: DPoP "+access, "DPoP: "+string(proof))
	}
	wants := func(want int, method, target, path, body string, headers ...string) {
		t.Helper()
		if got, said := d.ask(t, method, target, path, body, headers...); got != want {
			t.Errorf("%s %s: %d, want %d: %s", method, target, got, want, said)
		}
	}
	wants(200, "POST", "/v1/verify?check=signature", "", token, jwt)
	wants(200, "POST", "/v1/verify", "", token, jwt) // cached
	wants(400, "POST", "/v1/verify", "", "{", inJSON)
	wants(405, "PUT", "/v1/verify", "", "")
	wants(413, "POST", "/v1/verify", "", strings.Repeat("a", 64<<10+1), jwt)
	wants(415, "POST", "/v1/verify", "", token)
	wants(422, "POST", "/v1/verify", "", `{"claims":{"sub":"urn:a:b","cnf":{"jkt":"gNVUILmGM8X02lmcIVmHKnjrJlfhXYf0Zi8dWhyXGWs"}}}`, inJSON)
	wants(200, "POST", "/v1/verify/batch", "", fmt.Sprintf("{\"token\":%q}\n{\n", token), "Content-Type: application/x-ndjson")
	wants(200, "POST", "/v1/precheck", "", prechecked, inJSON)
	wants(200, "POST", "/v1/precheck", "", token, jwt)
	wants(422, "POST", "/v1/precheck", "", strings.Replace(prechecked, "https:", "urn:", 1), inJSON)
	wants(200, "GET", "/v1/resolve?name=jwk.cnf.vendor.example", "", "")
	wants(200, "GET", "/v1/resolve?name=nothing.bogus.example", "", "")
	wants(400, "GET", "/v1/resolve", "", "")
	wants(204, "POST", "/v1/cache/purge", "", `{"name":"vendor.example"}`, inJSON)
	wants(400, "POST", "/v1/cache/purge", "", `{}`, inJSON)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
		wants(200, "GET", path, "", "")
		wants(405, "POST", path, "", "")
	}

	wants(200, "GET", "/v1/authz", "", "", proven()...)
	wants(200, "POST", "/v1/authz/a/b", "/v1/authz/{path}", "", proven()...)
	wants(401, "GET", "/v1/authz", "", "", gateway()...)
	wants(401, "GET", "/v1/authz", "", "", gateway("Authorization: Bearer "+access)...)
	wants(403, "GET", "/v1/authz", "", "", "Authorization: DPoP "+access)
	o.c.Authz.DPoPNonce = true
	o.again(t)
	if status, said := d.ask(t, "GET", "/v1/authz", "", "", proven()...); status != 401 || !strings.Contains(said, "DPoP-Nonce") {
		t.Errorf("a proof without a nonce: %d %s", status, said)
	}
	o.c.Authz.DPoPNonce = false
	o.c.Authz.Subjects = []string{"other.example"}
	o.again(t)
	wants(403, "GET", "/v1/authz", "", "", proven()...)
	o.c.Authz.Observe = true
	o.again(t)
	wants(200, "GET", "/v1/authz", "", "", proven()...)
	o.c.Authz.Gateway, o.c.Authz.Observe = "", false
	o.again(t)
	wants(503, "GET", "/v1/authz", "", "", proven()...)

	o.c.Metrics.Read, o.c.API.Purge = "off", "off"
	o.again(t)
	wants(404, "GET", "/metrics", "", "")
	wants(403, "POST", "/v1/cache/purge", "", `{"name":"vendor.example"}`, inJSON)

	d.limits(t, token, prechecked)
}

// limits holds what is said of who is turned away; what is cached is answered to him, too.
func (d *described) limits(t *testing.T, token, prechecked string) {
	const jwt, inJSON = "Content-Type: application/jwt", "Content-Type: application/json"
	uncached := [][]string{
		{"POST", "/v1/verify?max_age=0", "", token, jwt},
		{"POST", "/v1/precheck", "", prechecked, inJSON},
		{"GET", "/v1/resolve?name=jwk.cnf.vendor.example&max_age=0", "", ""},
	}
	cached := [][]string{{"POST", "/v1/verify", "", token, jwt}, {"GET", "/v1/resolve?name=jwk.cnf.vendor.example", "", ""}}
	asks := func(q []string) (int, string) { return d.ask(t, q[0], q[1], q[2], q[3], q[4:]...) }
	all := func(when string, questions [][]string, want int) {
		t.Helper()
		for _, q := range questions {
			if got, said := asks(q); got != want {
				t.Errorf("%s: %s: %d, want %d: %s", when, q[1], got, want, said)
			}
		}
	}
	all("within the limits", uncached, 200)
	d.o.engine.source.most.Store(0)
	all("without room", uncached, 503)
	all("without room", cached, 200)
	d.o.again(t)
	all("with room again", uncached, 200)

	d.o.engine.source.rate.Store(1)
	for _, q := range uncached {
		var asking sync.WaitGroup
		var mu sync.Mutex
		turned := 0
		for range 8 { // at once: a second passes far too slowly for so many
			asking.Go(func() {
				status, said := asks(q)
				var p struct{ Type string }
				if status == 429 && json.Unmarshal([]byte(said), &p) == nil && p.Type == "urn:cnfd:problem:too-many-requests" {
					mu.Lock()
					defer mu.Unlock()
					turned++
				}
			})
		}
		if asking.Wait(); turned == 0 {
			t.Errorf("%s: 8 at once, and nobody is turned away", q[1])
		}
	}
	all("too often", cached, 200)
}
