package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
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
