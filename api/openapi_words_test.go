package api

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cnfd/verifier"
)

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
	for _, word := range []string{"unauthorized", "unproven", "not-configured"} { // of authz, beside forbidden
		kinds = append(kinds, "urn:cnfd:problem:"+word)
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
