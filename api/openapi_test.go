package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	seen    map[string]bool // the places of headers and members that were in an answer
}

func newDescription(t *testing.T) *description {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(openAPI)))
	must(t, err)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	must(t, c.AddResource("openapi.json", doc))
	return &description{t, doc.(map[string]any), c, map[string]bool{}}
}

// at is what stands at a path of members, references followed; nil: nothing. where is
// its JSON pointer.
func (d *description) at(path ...string) (node any, where string) {
	node, where = d.doc, "#"
	for _, name := range path {
		if list, ok := node.([]any); ok {
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(list) {
				return nil, where
			}
			node = list[i]
		} else {
			m, _ := node.(map[string]any)
			if node = m[name]; node == nil {
				return nil, where
			}
		}
		where += "/" + escaped.Replace(name)
		m, _ := node.(map[string]any)
		if ref, ok := m["$ref"].(string); ok {
			node, where = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node, where
}

// escaped is a name as a JSON pointer has it (RFC 6901 §3).
var escaped = strings.NewReplacer("~", "~0", "/", "~1")

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
	if err := d.headers(r.Header, at); err != nil {
		return err
	}
	if kinds, _ := d.at(append(at, "content")...); kinds == nil {
		if body != "" {
			return fmt.Errorf("a body: %s", body)
		}
		return nil
	}
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	at = slices.Concat(at, []string{"content", kind, "schema"})
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
		d.mark(v, at...)
	}
	return nil
}

// headers holds the headers of a response to what is said of those of the one at that
// place. A response has no others but those that frame it.
func (d *description) headers(head http.Header, at []string) error {
	node, where := d.at(slices.Concat(at, []string{"headers"})...)
	named, _ := node.(map[string]any)
	rest := head.Clone()
	for _, name := range []string{"Content-Type", "Content-Length", "Date"} {
		rest.Del(name)
	}
	for name := range named {
		here := slices.Concat(at, []string{"headers", name})
		values := rest[http.CanonicalHeaderKey(name)]
		rest.Del(name)
		said, _ := d.at(here...)
		switch required, _ := said.(map[string]any)["required"].(bool); {
		case len(values) == 0 && required:
			return fmt.Errorf("no header %s", name)
		case len(values) == 0:
			continue
		case len(values) > 1:
			return fmt.Errorf("%d headers %s", len(values), name)
		}
		d.seen[where+"/"+escaped.Replace(name)] = true
		var typed any = values[0]
		if n, err := strconv.Atoi(values[0]); err == nil {
			typed = n
		}
		if err := d.fits(typed, append(here, "schema")...); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for name := range rest {
		return fmt.Errorf("a header that is not described: %s", name)
	}
	return nil
}

// mark notes which members of the schema at that place a value has.
func (d *description) mark(value any, path ...string) {
	node, where := d.at(path...)
	schema, _ := node.(map[string]any)
	below := func(more ...string) []string { return slices.Concat(path, more) }
	for _, several := range []string{"allOf", "oneOf"} {
		list, _ := schema[several].([]any)
		for i := range list {
			if here := below(several, strconv.Itoa(i)); d.fits(value, here...) == nil {
				d.mark(value, here...)
			}
		}
	}
	switch x := value.(type) {
	case []any:
		for _, one := range x {
			d.mark(one, below("items")...)
		}
	case map[string]any:
		members, _ := schema["properties"].(map[string]any)
		for name, one := range x {
			if members[name] != nil {
				d.seen[where+"/properties/"+escaped.Replace(name)] = true
				d.mark(one, below("properties", name)...)
			}
		}
	}
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
