package api

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cnfd/dnssec"
)

// TestWhatCanBeAskedIsDescribed holds the members of the bodies that are described to those that are read, as the code names them.
func TestWhatCanBeAskedIsDescribed(t *testing.T) {
	d := newDescription(t)
	purge := []string{"paths", "/v1/cache/purge", "post", "requestBody", "content", "application/json", "schema"}
	for _, c := range []struct {
		file, name string
		schema     []string
	}{
		{"read.go", "envelope", []string{"components", "schemas", "Credential"}},
		{"checks.go", "dpopMembers", []string{"components", "schemas", "Credential", "properties", "dpop"}},
		{"precheck.go", "subjectMembers", []string{"components", "schemas", "SubjectAndKey"}},
		{"purge.go", "purgeMembers", purge},
	} {
		read := namesIn(t, c.file, c.name)
		described := slices.Sorted(maps.Keys(d.member(append(c.schema, "properties")...)))
		if len(read) == 0 || !slices.Equal(read, described) {
			t.Errorf("%s: read %q, described %q", c.name, read, described)
		}
	}
}

// namesIn are the strings that a variable of the package is made of.
func namesIn(t *testing.T, file, name string) (all []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	must(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Names) != 1 || v.Names[0].Name != name {
			return true
		}
		for _, arg := range v.Values[0].(*ast.CallExpr).Args {
			text, err := strconv.Unquote(arg.(*ast.BasicLit).Value)
			must(t, err)
			all = append(all, text)
		}
		return false
	})
	slices.Sort(all)
	return all
}

// TestEveryOptionIsTaken: what is described of a query is taken, an option that is not is refused, and the refusal names all
// that there are.
func TestEveryOptionIsTaken(t *testing.T) {
	d := newDescription(t)
	h := newHandler(t, Config{Prechecker: &fakePrechecker{verdict: confirmed()}, Resolver: &fakeResolver{answer: &dnssec.Answer{Name: "a.example.", Type: dnssec.TypeTLSA}}})
	values := map[string]string{
		"max_age": "7", "time": "false", "check": "signature,dpop", "aud": "a", "nonce": "n", "dpop": "a.b.c", "htm": "GET",
		"htu": "https://a.example/", "client_cert": "x", "name": "a.example", "type": "TLSA",
	}
	for path, operations := range d.doc["paths"].(map[string]any) {
		for method, operation := range operations.(map[string]any) {
			if method == "parameters" || strings.HasPrefix(path, "/v1/authz") {
				continue
			}
			body, head := "", []string{}
			switch path {
			case "/v1/verify", "/v1/precheck":
				body, head = "a.b.c", []string{asJWT}
			case "/v1/verify/batch":
				body, head = goodItem, []string{asLines}
			}
			query := url.Values{}
			if path == "/v1/resolve" {
				query.Set("name", "a.example") // required
			}
			names := []string{}
			list, _ := operation.(map[string]any)["parameters"].([]any)
			for i := range list {
				p := d.member("paths", path, method, "parameters", strconv.Itoa(i))
				if p["in"] != "query" {
					continue
				}
				name := p["name"].(string)
				names = append(names, name)
				query.Set(name, values[name])
				if r := send(h, strings.ToUpper(method), path+"?"+query.Encode(), body, head...); r.StatusCode != 200 {
					t.Errorf("%s: %s: %d %s", path, name, r.StatusCode, text(t, r))
				}
			}
			if len(names) == 0 {
				continue
			}
			refused := text(t, send(h, strings.ToUpper(method), path+"?weather=fine&"+query.Encode(), body, head...))
			_, listed, ok := strings.Cut(refused, "is no option here: ")
			listed, _, _ = strings.Cut(listed, " are")
			said := strings.Split(strings.ReplaceAll(listed, " and ", ", "), ", ")
			slices.Sort(said)
			slices.Sort(names)
			if !ok || !slices.Equal(said, names) {
				t.Errorf("%s: described %q, refused with %s", path, names, refused)
			}
		}
	}
}
