package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cnfd/dnssec"
	"cnfd/verifier"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/dns"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// description is openapi.json, to be asked what it says.
type description struct {
	t       *testing.T
	doc     map[string]any
	schemas *jsonschema.Compiler
}

func newDescription(t *testing.T) *description {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(openAPI)))
	must(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	must(t, c.AddResource("openapi.json", doc))
	return &description{t, doc.(map[string]any), c}
}

// at is what stands at a path of members, references followed; nil: nothing. where is
// its JSON pointer.
func (d *description) at(path ...string) (node any, where string) {
	node, where = d.doc, "#"
	for _, name := range path {
		m, _ := node.(map[string]any)
		if node = m[name]; node == nil {
			return nil, where
		}
		where += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		m, _ = node.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			node, where = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node, where
}

// fits holds a value to the schema at that place.
func (d *description) fits(value any, path ...string) error {
	node, where := d.at(path...)
	if node == nil {
		return fmt.Errorf("no schema at %v", path)
	}
	schema, err := d.schemas.Compile("openapi.json" + where)
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// response holds a response to what is said of it.
func (d *description) response(path, method string, r *http.Response) error {
	status := strconv.Itoa(r.StatusCode)
	body := text(d.t, r)
	at := []string{"paths", path, method, "responses", status}
	node, _ := d.at(at...)
	if node == nil {
		return errors.New("no such response")
	}
	headers, _ := d.at(append(at, "headers")...)
	if named, _ := headers.(map[string]any); named != nil {
		for name := range named {
			value := r.Header.Get(name)
			if value == "" {
				if name != "Age" { // of what is not to be kept there is none
					return fmt.Errorf("no header %s", name)
				}
				continue
			}
			var typed any = value
			if n, err := strconv.Atoi(value); err == nil {
				typed = n
			}
			if err := d.fits(typed, append(at, "headers", name, "schema")...); err != nil {
				return err
			}
		}
	}
	if kinds, _ := d.at(append(at, "content")...); kinds == nil {
		if body != "" {
			return fmt.Errorf("a body: %s", body)
		}
		return nil
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	at = append(at, "content", kind, "schema")
	values, err := valuesIn(kind, body)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		return errors.New("no answers")
	}
	for _, v := range values {
		if err := d.fits(v, at...); err != nil {
			return fmt.Errorf("%s: %w", body, err)
		}
	}
	return nil
}

// valuesIn reads the values in a body as JSON has them.
func valuesIn(kind, body string) (values []any, err error) {
	switch kind {
	case "text/plain":
		return []any{body}, nil
	case "application/cbor", "application/cbor-seq":
		mode, err := cbor.DecOptions{DefaultMapType: nil}.DecMode()
		if err != nil {
			return nil, err
		}
		for rest := []byte(body); len(rest) > 0; {
			var v map[string]any
			if rest, err = mode.UnmarshalFirst(rest, &v); err != nil {
				return nil, err
			}
			values = append(values, stringKeys(v))
		}
		return values, nil
	}
	for line := range strings.Lines(body) {
		if kind != "application/x-ndjson" {
			line = body
		}
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			return nil, err
		}
		values = append(values, v)
		if kind != "application/x-ndjson" {
			break
		}
	}
	return values, nil
}

func stringKeys(v any) any {
	switch x := v.(type) {
	case map[any]any:
		m := map[string]any{}
		for name, member := range x {
			m[name.(string)] = stringKeys(member)
		}
		return m
	case map[string]any:
		for name, member := range x {
			x[name] = stringKeys(member)
		}
	case []any:
		for i := range x {
			x[i] = stringKeys(x[i])
		}
	}
	return v
}

// described is a request whose answer is held to the description.
type described struct {
	method, target, path string // path: as the description has it
	status               int
	config               Config
	body                 string
	headers              []string
}

// requests are those, at least one for each answer that is described.
func requests(t *testing.T) []described {
	real := Config{Verifier: newReal(t, nil).Verifier}
	refuting := confirmed()
	refuting.Reason, refuting.Detail, refuting.Testing = verifier.Bogus, "d", true
	refuting.DNS.Security, refuting.DNS.Trouble = dnssec.Bogus, dnssec.Trouble{Code: 6, Text: "t"}
	with := func(v verifier.Verdict) Config { return Config{Verifier: &fakeVerifier{verdict: v}} }
	fails := func(err error) Config {
		return Config{Verifier: &fakeVerifier{err: err}, Prechecker: &fakePrechecker{err: err}, Resolver: &fakeResolver{err: err, ready: err}}
	}
	gone := fails(&Busy{What: "too much"})
	mine := fails(&Busy{What: "too much of you", Caller: true})
	broken := fails(errors.New("no memory"))
	open := Config{Purge: PurgeAll}
	prechecks := Config{Prechecker: &fakePrechecker{verdict: confirmed()}}
	rr, err := dns.NewRR("a.example. 300 IN TLSA 255 255 255 00")
	must(t, err)
	answer := &dnssec.Answer{Name: "a.example.", Type: dns.TypeTLSA, Security: dnssec.Secure, Kind: dnssec.Positive, Zone: "example.", Fetched: at, Until: at, AnswerSection: dnssec.PackRecords([]dns.RR{rr})}
	resolves := Config{Testing: true, Resolver: &fakeResolver{answer: answer, chain: []dnssec.Link{{Zone: ".", Security: "secure", How: "trust anchor", Keys: []string{"257 13 1"}, Until: "2026-11-22T06:40:00Z"}}}}
	counts := Config{Metrics: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { plain(w, "x 1\n") })}
	slow := "slow"
	big := `{"token":"` + strings.Repeat("x", MaxBody) + `"}`
	urn := strings.Replace(goodItem, "https://", "urn:x:", 1)
	inCBOR := "Accept: application/cbor"
	const verify, batch, precheck, resolve, purge = "/v1/verify", "/v1/verify/batch", "/v1/precheck", "/v1/resolve", "/v1/cache/purge"
	list := []described{
		{"POST", verify, verify, 200, real, goodItem, []string{asJSON}},
		{"POST", verify, verify, 200, real, goodItem, []string{asJSON, inCBOR}},
		{"POST", verify + "?max_age=1&time=false&aud=a", verify, 200, with(refuting), goodItem, []string{asJSON}},
		{"POST", batch, batch, 200, real, goodItem + "\n{\n" + urn + "\n" + big, []string{asLines}},
		{"POST", batch, batch, 200, real, goodItem + "\n{\n", []string{asLines, "Accept: application/cbor-seq"}},
		{"POST", batch, batch, 200, gone, goodItem, []string{asLines}},
		{"POST", batch + "?x=1", batch, 400, real, goodItem, []string{asLines}},
		{"POST", batch, batch, 415, real, goodItem, []string{asJSON}},
		{"POST", precheck, precheck, 200, prechecks, `{"subject":"https://vendor.example","cnf":{}}`, []string{asJSON}},
		{"POST", precheck, precheck, 404, real, goodItem, []string{asJSON}},
		{"GET", resolve + "?name=a.example", resolve, 200, resolves, "", nil},
		{"GET", resolve + "?name=a.example", resolve, 200, resolves, "", []string{inCBOR}},
		{"GET", resolve, resolve, 400, resolves, "", nil},
		{"GET", resolve + "?name=a", resolve, 500, broken, "", nil},
		{"GET", resolve + "?name=a", resolve, 503, gone, "", nil},
		{"GET", resolve + "?name=a", resolve, 429, mine, "", nil},
		{"POST", purge, purge, 204, open, `{"name":"a."}`, []string{asJSON}},
		{"POST", purge, purge, 403, real, `{"name":"a."}`, []string{asJSON}},
		{"POST", purge, purge, 400, open, `{}`, []string{asJSON}},
		{"POST", purge, purge, 415, open, `{}`, nil},
		{"POST", purge, purge, 413, open, big, []string{asJSON}},
		{"POST", purge, purge, 408, open, slow, []string{asJSON}},
		{"POST", purge, purge, 422, open, `{"subject":"urn:x:y"}`, []string{asJSON}},
		{"POST", purge, purge, 500, Config{Purge: PurgeAll, Resolver: panicking{}}, `{"name":"a."}`, []string{asJSON}},
		{"GET", "/healthz", "/healthz", 200, real, "", nil},
		{"GET", "/readyz", "/readyz", 200, real, "", nil},
		{"GET", "/readyz", "/readyz", 503, broken, "", nil},
		{"GET", "/metrics", "/metrics", 200, counts, "", nil},
		{"GET", "/metrics", "/metrics", 403, Config{Metrics: counts.Metrics, MetricsOnUnix: true}, "", nil},
		{"GET", "/metrics", "/metrics", 404, real, "", nil},
		{"GET", "/openapi.json", "/openapi.json", 200, real, "", nil},
	}
	for _, path := range []string{verify, precheck} {
		p := func(c Config) Config {
			if c.Prechecker == nil {
				c.Prechecker = &fakePrechecker{verdict: confirmed()}
			}
			return c
		}
		malformed := p(fails(&verifier.Error{Problem: verifier.Malformed}))
		list = append(list,
			described{"POST", path, path, 200, p(real), "a.b.c", []string{asJWT}},
			described{"POST", path, path, 400, p(real), "{", []string{asJSON}},
			described{"POST", path, path, 400, malformed, "a.b.c", []string{asJWT}},
			described{"POST", path, path, 408, p(real), slow, []string{asJSON}},
			described{"POST", path, path, 413, p(real), big, []string{asJSON}},
			described{"POST", path, path, 415, p(real), "", nil},
			described{"POST", path, path, 422, p(fails(&verifier.Error{Problem: verifier.NotDerivable})), "a.b.c", []string{asJWT}},
			described{"POST", path, path, 422, p(fails(&verifier.Error{Problem: verifier.NotReducible})), "a.b.c", []string{asJWT}},
			described{"POST", path, path, 429, mine, goodItem, []string{asJSON}},
			described{"POST", path, path, 500, broken, goodItem, []string{asJSON}},
			described{"POST", path, path, 503, gone, goodItem, []string{asJSON}},
		)
	}
	list[len(list)-11].config.Verifier = &fakeVerifier{verdict: confirmed()} // a.b.c is no token
	list[len(list)-22].config.Verifier = &fakeVerifier{verdict: confirmed()}
	for _, path := range []string{verify, batch, precheck, purge} {
		list = append(list, described{"PUT", path, path, 405, real, "", nil})
	}
	for _, path := range []string{resolve, "/healthz", "/readyz", "/openapi.json"} {
		list = append(list, described{"POST", path, path, 405, real, "", nil})
	}
	return append(list, described{"POST", "/metrics", "/metrics", 405, counts, "", nil})
}

type panicking struct{ fakeResolver }

func (panicking) Explain(context.Context, dnssec.Question) (*dnssec.Answer, []dnssec.Link, error) {
	panic("p")
}
func (panicking) Drop(string) int             { panic("p") }
func (panicking) Ready(context.Context) error { return nil }

// late is a body that does not arrive in time.
type late struct{}

func (late) Read([]byte) (int, error) { return 0, context.DeadlineExceeded }

// Every answer is as it is described, and every answer that is described is given.
func TestTheDescriptionIsTrue(t *testing.T) {
	d := newDescription(t)
	given := map[string]bool{}
	for _, q := range requests(t) {
		name := fmt.Sprintf("%s %s %d", q.method, q.path, q.status)
		h := newHandler(t, q.config)
		r := httptest.NewRequest(q.method, q.target, strings.NewReader(q.body))
		if q.body == "slow" {
			r = httptest.NewRequest(q.method, q.target, late{})
		}
		for _, line := range q.headers {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Add(name, value)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		method := strings.ToLower(q.method)
		if q.status == 405 { // of the method that there is
			for method = range d.doc["paths"].(map[string]any)[q.path].(map[string]any) {
			}
		}
		if err := d.response(q.path, method, w.Result()); err != nil || w.Code != q.status {
			t.Errorf("%s: got %d: %v", name, w.Code, err)
		}
		given[fmt.Sprintf("%s %s %d", method, q.path, q.status)] = true
	}
	paths := d.doc["paths"].(map[string]any)
	for path := range paths {
		if strings.HasPrefix(path, "/v1/authz") {
			continue // its own room's
		}
		for method, operation := range paths[path].(map[string]any) {
			for status := range operation.(map[string]any)["responses"].(map[string]any) {
				if name := method + " " + path + " " + status; !given[name] {
					t.Errorf("%s is described, and no request here gets it", name)
				}
			}
		}
	}
}

// A description that says another thing of one answer is found out.
func TestTheDescriptionCanBeWrong(t *testing.T) {
	r := func() *http.Response { return send(newReal(t, nil), "POST", "/v1/verify", goodItem, asJSON) }
	d := newDescription(t)
	if err := d.response("/v1/verify", "post", r()); err != nil {
		t.Fatal(err)
	}
	verdict := []string{"components", "schemas", "Verdict", "properties"}
	for _, flip := range []struct {
		claim  string
		change func(d *description)
	}{
		{claim: "a member that is not described", change: func(d *description) { delete(d.member(verdict...), "domain") }},
		{claim: "another type", change: func(d *description) {
			d.member(append(verdict, "record", "properties", "usable")...)["type"] = "string"
		}},
		{claim: "another word", change: func(d *description) { d.member(append(verdict, "outcome")...)["enum"] = []any{"granted"} }},
		{claim: "a member that is missing", change: func(d *description) {
			d.member("components", "schemas", "Verdict")["required"] = []any{"evidence"}
		}},
		{claim: "another kind of body", change: func(d *description) {
			delete(d.member("paths", "/v1/verify", "post", "responses", "200", "content"), "application/json")
		}},
		{claim: "another header", change: func(d *description) {
			d.member("paths", "/v1/verify", "post", "responses", "200", "headers")["Cnf"] = map[string]any{}
		}},
	} {
		d := newDescription(t)
		flip.change(d)
		if err := d.response("/v1/verify", "post", r()); err == nil {
			t.Errorf("%s: not found out", flip.claim)
		}
	}
}

// member is an object of the description, to be changed.
func (d *description) member(path ...string) map[string]any {
	d.t.Helper()
	node, _ := d.at(path...)
	m, ok := node.(map[string]any)
	if !ok {
		d.t.Fatalf("no object at %v", path)
	}
	return m
}

// The paths of the description are those of ServeHTTP.
func TestEveryPathIsDescribed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "api.go", nil, 0)
	must(t, err)
	var served []string
	ast.Inspect(file, func(n ast.Node) bool {
		c, ok := n.(*ast.CaseClause)
		if !ok {
			return true
		}
		for _, e := range c.List {
			if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
				path, _ := strconv.Unquote(l.Value)
				served = append(served, path)
			}
		}
		return true
	})
	served = append(served, "/v1/authz", "/v1/authz/{path}") // of the default's
	var described []string
	d := newDescription(t)
	for path := range d.doc["paths"].(map[string]any) {
		described = append(described, path)
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served    %v\ndescribed %v", served, described)
	}
}

// The document holds together: references, names, words.
func TestTheDescriptionIsSound(t *testing.T) {
	d := newDescription(t)
	if d.doc["openapi"] != "3.1.0" {
		t.Errorf("openapi %v", d.doc["openapi"])
	}
	ids := map[string]string{}
	var walk func(node any, where string)
	walk = func(node any, where string) {
		switch x := node.(type) {
		case []any:
			for i, v := range x {
				walk(v, fmt.Sprint(where, "/", i))
			}
		case map[string]any:
			if ref, ok := x["$ref"].(string); ok {
				if to, _ := d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...); to == nil || len(x) != 1 {
					t.Errorf("%s: %v leads nowhere", where, x)
				}
			}
			if id, ok := x["operationId"].(string); ok {
				if ids[id] != "" {
					t.Errorf("%s: %s is also %s", where, id, ids[id])
				}
				ids[id] = where
				if x["responses"] == nil || x["summary"] == nil {
					t.Errorf("%s: not described", where)
				}
			}
			for name, v := range x {
				walk(v, where+"/"+name)
			}
		}
	}
	walk(d.doc, "#")
	for name := range d.doc["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := d.schemas.Compile("openapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	words := func(path ...string) (list []string) {
		node, _ := d.at(append(path, "enum")...)
		all, _ := node.([]any)
		for _, w := range all {
			list = append(list, w.(string))
		}
		slices.Sort(list)
		return list
	}
	var reasons, kinds []string
	for _, r := range verifier.Reasons() {
		reasons = append(reasons, r.String())
	}
	for _, p := range problems {
		kinds = append(kinds, "urn:cnfd:problem:"+p.name)
	}
	slices.Sort(reasons)
	slices.Sort(kinds)
	if got := words("components", "schemas", "Verdict", "properties", "reason"); !slices.Equal(got, reasons) {
		t.Errorf("reasons %v\nwant %v", got, reasons)
	}
	if got := words("components", "schemas", "Problem", "properties", "type"); !slices.Equal(got, kinds) {
		t.Errorf("problems %v\nwant %v", got, kinds)
	}
	var served any
	must(t, json.Unmarshal([]byte(text(t, send(newHandler(t, Config{}), "GET", "/openapi.json", ""))), &served))
}
