package authz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestHeadersIsComplete holds Headers to every name that this package's code spells.
func TestHeadersIsComplete(t *testing.T) {
	spelt := map[string]bool{}
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		read, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		must(t, err)
		ast.Inspect(read, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "Headers" {
				return false
			}
			if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
				if name, _ := strconv.Unquote(text.Value); strings.HasPrefix(strings.ToLower(name), "cnf-") {
					spelt[name] = true
				}
			}
			return true
		})
	}
	got := slices.Sorted(slices.Values(Headers()))
	if want := slices.Sorted(maps.Keys(spelt)); !slices.Equal(got, want) {
		t.Errorf("Headers names %q, and the code %q", got, want)
	}
}

// TestExamplesClearHeaders: in the examples, whatever an answer may say is taken from the client, so that a header that is
// added to Headers is forgotten in none of them.
func TestExamplesClearHeaders(t *testing.T) {
	read := func(file string) string {
		t.Helper()
		text, err := os.ReadFile("../examples/" + file)
		must(t, err)
		return string(text)
	}
	nginx := read("nginx/nginx.conf")
	// A block that sets one header inherits none (ngx_http_proxy_module), so they must stand where the resource is asked.
	_, resource, _ := strings.Cut(nginx, "location / {")
	resource, _, _ = strings.Cut(resource, "\n\t}")
	for _, name := range Headers() {
		if !regexp.MustCompile(`(?m)^\s*proxy_set_header ` + name + ` ("";|\$cnf_)`).MatchString(resource) {
			t.Errorf("nginx.conf: a client's %s reaches the resource", name)
		}
	}
	caddy := read("caddy/Caddyfile")
	if all := strings.Index(caddy, "\t\trequest_header -Cnf*\n"); all < 0 || all > strings.Index(caddy, "\t\tforward_auth ") {
		t.Error("Caddyfile: a client's Cnf-… reach the resource")
	}

	var doc any
	must(t, yaml.Unmarshal([]byte(read("traefik/traefik.yaml")), &doc))
	away, _ := below(doc, "http", "middlewares", "strangers", "headers", "customRequestHeaders").(map[string]any)
	instead, _ := below(doc, "http", "middlewares", "cnfd", "forwardAuth", "authResponseHeaders").([]any)
	for _, name := range Headers() {
		if v, there := away[name]; !slices.Contains(instead, any(name)) && (!there || v != "") {
			t.Errorf("traefik.yaml: a client's %s reaches the resource", name)
		}
		disguised := strings.Replace(name[:4]+strings.ToLower(name[4:]), "-", "_", 1)
		if v, there := away[disguised]; !there || v != "" {
			t.Errorf("traefik.yaml: a client's %s reaches the resource", disguised)
		}
	}

	doc = nil
	must(t, yaml.Unmarshal([]byte(read("envoy/envoy.yaml")), &doc))
	manager := below(doc, "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
	patterns, _ := below(manager, "http_filters", 0, "typed_config", "http_service", "authorization_response", "allowed_upstream_headers", "patterns").([]any)
	removed, _ := below(manager, "route_config", "request_headers_to_remove").([]any)
	for _, name := range Headers() {
		name = strings.ToLower(name)
		replaced := slices.ContainsFunc(patterns, func(p any) bool { return below(p, "exact") == name })
		// The router removes what cnfd has said, too.
		if gone := slices.Contains(removed, any(name)); gone == replaced {
			t.Errorf("envoy.yaml: %s: replaced %v, removed %v: want one of them", name, replaced, gone)
		}
	}
	if below(manager, "common_http_protocol_options", "headers_with_underscores_action") != "REJECT_REQUEST" {
		t.Error("envoy.yaml: a client's Cnf_… reach the resource")
	}
}

// below goes down a document by keys and places; nil where it ends.
func below(doc any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[step]
		case int:
			list, _ := doc.([]any)
			if step >= len(list) {
				return nil
			}
			doc = list[step]
		}
	}
	return doc
}
