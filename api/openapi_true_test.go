package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// Every answer is as it is described, and everything that is described is in some answer.
func TestTheDescriptionIsTrue(t *testing.T) {
	for _, fault := range newDescription(t).faults() {
		t.Error(fault)
	}
}

// faults has all requests answered, and lists what is not as the description says.
func (d *description) faults() (list []string) {
	fault := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	given, types := map[string]bool{}, map[string]bool{}
	for _, q := range slices.Concat(requests(d.t), gatewayRequests(d.t)) {
		w := q.answer(d.t)
		method := strings.ToLower(q.method)
		if q.status == 405 { // of the method that there is
			for method = range d.doc["paths"].(map[string]any)[q.path].(map[string]any) {
			}
		}
		for _, part := range strings.Split(w.Body.String(), `"type":"urn:cnfd:problem:`)[1:] {
			kind, _, _ := strings.Cut(part, `"`)
			types["urn:cnfd:problem:"+kind] = true
		}
		if err := d.response(q.path, method, w.Result()); err != nil || w.Code != q.status {
			fault("%s %s %d: got %d: %v", q.method, q.path, q.status, w.Code, err)
		}
		given[fmt.Sprintf("%s %s %d", method, q.path, q.status)] = true
	}
	for place, what := range d.promised() {
		if !given[place] && !d.seen[place] {
			fault("%s is described, and no request here gets it", what)
		}
	}
	kinds, _ := d.at("components", "schemas", "Problem", "properties", "type", "enum")
	for _, kind := range kinds.([]any) {
		if !types[kind.(string)] {
			fault("%s is described, and no request here gets it", kind)
		}
	}
	return list
}

// answer has a handler of its own answer the request.
func (q *described) answer(t *testing.T) (w *httptest.ResponseRecorder) {
	h := newHandler(t, q.config)
	r := httptest.NewRequest(q.method, q.target, strings.NewReader(q.body))
	if q.body == "slow" {
		r = httptest.NewRequest(q.method, q.target, late{})
	}
	for _, line := range q.headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w = httptest.NewRecorder()
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { // how a batch ends that is cut short
			panic(v)
		}
	}()
	h.ServeHTTP(w, r)
	return w
}

// promised is what is said to be in some answer, by where it is said: the statuses of every operation ("get /path 200"),
// the headers of each, and the members of all documents that are answered.
func (d *description) promised() map[string]string {
	all := map[string]string{}
	var members func(path ...string)
	members = func(path ...string) {
		node, where := d.at(path...)
		schema, _ := node.(map[string]any)
		properties, _ := schema["properties"].(map[string]any)
		for name := range properties {
			all[where+"/properties/"+escaped.Replace(name)] = strings.Join(path, " ") + "." + name
			members(slices.Concat(path, []string{"properties", name})...)
		}
	}
	for _, document := range []string{"Verdict", "Problem", "Resolution", "Link", "EDE"} {
		members("components", "schemas", document)
	}
	for path, operations := range d.doc["paths"].(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			if method == "parameters" {
				continue
			}
			for status := range operation.(map[string]any)["responses"].(map[string]any) {
				name := method + " " + path + " " + status
				all[name] = name
				headers, where := d.at("paths", path, method, "responses", status, "headers")
				named, _ := headers.(map[string]any)
				for header := range named {
					all[where+"/"+escaped.Replace(header)] = name + ": " + header
				}
			}
		}
	}
	return all
}

// A description that says another thing of one answer is found out.
func TestTheDescriptionCanBeWrong(t *testing.T) {
	verdict := []string{"components", "schemas", "Verdict", "properties"}
	forbidden := []string{"components", "responses", "GatewayForbidden"}
	for _, flip := range []struct {
		claim  string
		change func(d *description)
	}{
		{"a member that is not described", func(d *description) { delete(d.member(verdict...), "domain") }},
		{"a member of a member that is not described", func(d *description) {
			delete(d.member("components", "schemas", "Link", "properties"), "servers")
		}},
		{"a member that is never given", func(d *description) {
			d.member("components", "schemas", "EDE", "properties")["more"] = map[string]any{"type": "string"}
		}},
		{"a member that is missing", func(d *description) {
			d.member("components", "schemas", "Verdict")["required"] = []any{"evidence"}
		}},
		{"another type", func(d *description) {
			d.member(slices.Concat(verdict, []string{"record", "properties", "usable"})...)["type"] = "string"
		}},
		{"another word", func(d *description) {
			d.member(slices.Concat(verdict, []string{"outcome"})...)["enum"] = []any{"granted"}
		}},
		{"another kind of body", func(d *description) {
			delete(d.member("paths", "/v1/verify", "post", "responses", "200", "content"), "application/json")
		}},
		{"a header that is not described", func(d *description) { delete(d.member(append(forbidden, "headers")...), "Cnf-Domain") }},
		{"a header that is missing", func(d *description) {
			d.member(append(forbidden, "headers")...)["Cnf"] = map[string]any{"required": true}
		}},
		{"a header that is never given", func(d *description) {
			d.member(append(forbidden, "headers")...)["Cnf-Observed"] = d.member("components", "headers", "CnfObserved")
		}},
		{"a status that is not described", func(d *description) {
			delete(d.member("paths", "/v1/authz", "put", "responses"), "401")
		}},
		{"a status that is never given", func(d *description) {
			d.member("paths", "/v1/precheck", "post", "responses")["404"] = d.member("components", "responses", "NotFound")
		}},
		{"a method that is never answered", func(d *description) {
			d.member("paths", "/healthz")["put"] = d.member("paths", "/healthz", "get")
		}},
		{"a problem that is never given", func(d *description) {
			kinds := d.member("components", "schemas", "Problem", "properties", "type")
			kinds["enum"] = append(kinds["enum"].([]any), "urn:cnfd:problem:weather")
		}},
		{"a problem that is not described", func(d *description) {
			kinds := d.member("components", "schemas", "Problem", "properties", "type")
			kinds["enum"] = kinds["enum"].([]any)[1:]
		}},
		{"another problem", func(d *description) {
			d.member(append(forbidden, "content", "application/problem+json", "schema", "allOf", "1", "properties", "type")...)["const"] = "urn:cnfd:problem:unauthorized"
		}},
	} {
		d := newDescription(t)
		flip.change(d)
		if len(d.faults()) == 0 {
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
