package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/internal/testneeds"
)

// TestTheDescriptionIsOpenAPI: the API's description is one by the specification's own schema, as another project's
// validator reads it; with one thing changed it is not. What it says of the server is held to its answers in api.
func TestTheDescriptionIsOpenAPI(t *testing.T) {
	t.Parallel()
	testneeds.Binary(t, "node", "nodejs")
	if _, err := os.Stat(filepath.Join("openapi", "node_modules", "@seriousme")); err != nil {
		testneeds.Lacking(t, "the npm packages of integration/openapi are missing: make test installs them")
	}
	text, err := os.ReadFile(filepath.Join("..", "api", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	at := func(d object, path ...string) object {
		for _, name := range path {
			d = d[name].(object)
		}
		return d
	}
	verify := []string{"paths", "/v1/verify", "post"}
	flips := []struct {
		claim  string
		change func(d object)
		wrong  string // part of what is said
	}{
		{"nothing", func(object) {}, ""},
		{"no title", func(d object) { delete(at(d, "info"), "title") }, "title"},
		{"no description of a response", func(d object) { delete(at(d, "components", "responses", "Malformed"), "description") }, "Malformed"},
		{"a status that is none", func(d object) {
			at(d, append(verify, "responses")...)["2000"] = object{"description": "x"}
		}, "/responses"},
		{"a member that no operation has", func(d object) { at(d, verify...)["answers"] = object{} }, "unevaluated"},
		{"a parameter that is nowhere", func(d object) { delete(at(d, "components", "parameters", "aud"), "in") }, "'in'"},
		{"a header with a place", func(d object) { at(d, "components", "headers", "Age")["in"] = "header" }, "Age"},
		{"a path without its slash", func(d object) { at(d, "paths")["v1"] = object{} }, "/paths"},
		{"a schema that is a number", func(d object) { at(d, "components", "schemas")["ID"] = 26 }, "/ID"},
		{"an older specification", func(d object) { d["openapi"] = "3.0.3" }, "additional"},
	}
	var documents bytes.Buffer
	for _, f := range flips {
		var d object
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatal(err)
		}
		f.change(d)
		if err := json.NewEncoder(&documents).Encode(d); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("node", filepath.Join("openapi", "check.mjs"))
	cmd.Stdin, cmd.Stderr = &documents, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	said := json.NewDecoder(bytes.NewReader(out))
	for _, f := range flips {
		var got struct {
			Valid   bool
			Version string
			Wrong   []string
		}
		if err := said.Decode(&got); err != nil {
			t.Fatalf("%s: %v", f.claim, err)
		}
		if got.Valid != (f.wrong == "") || !strings.Contains(strings.Join(got.Wrong, "\n"), f.wrong) || got.Valid && got.Version != "3.1" {
			t.Errorf("%s: %+v", f.claim, got)
		}
	}
}
