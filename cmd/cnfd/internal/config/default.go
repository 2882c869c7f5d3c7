package config

import (
	_ "embed"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/parser"
)

// User is who runs the process: an ordinary user's socket and state lie
// elsewhere than root's. The zero value is an ordinary user of whom nothing is known.
type User struct {
	Root       bool
	Home       string // $HOME
	RuntimeDir string // $XDG_RUNTIME_DIR
	StateHome  string // $XDG_STATE_HOME
}

// Default returns what holds where the file says nothing. An ordinary user
// without $XDG_RUNTIME_DIR has no directory that only they may write to, and
// so no unix socket; without $HOME and $XDG_STATE_HOME no state directory.
func Default(u User) Config {
	var c Config
	setDefaults(reflect.ValueOf(&c).Elem())
	if u.Root {
		return c
	}
	c.API.Unix, c.StateDir = "", ""
	// The XDG base directory specification: a relative path is to be ignored.
	if filepath.IsAbs(u.RuntimeDir) {
		c.API.Unix = filepath.Join(u.RuntimeDir, "cnfd.sock")
	}
	switch {
	case filepath.IsAbs(u.StateHome):
		c.StateDir = filepath.Join(u.StateHome, "cnfd")
	case filepath.IsAbs(u.Home):
		c.StateDir = filepath.Join(u.Home, ".local", "state", "cnfd")
	}
	return c
}

// setDefaults reads every default tag as the file itself would be read. What has
// none, in a list, must be written.
func setDefaults(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		text, ok := f.Tag.Lookup("default")
		if !ok {
			if f.Type.Kind() == reflect.Struct && !isText(v.Field(i)) {
				setDefaults(v.Field(i))
			}
			continue
		}
		file, err := parser.ParseBytes([]byte(text), 0)
		if err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", f.Name, err)) // a mistake in this package's source
		}
		r := reader{places: map[string]place{}}
		r.value(f.Name, file.Docs[0].Body, v.Field(i), nil)
		if len(r.problems) > 0 {
			panic("config: default: " + r.problems.Error())
		}
	}
}

// manual is Config's comments and default tags as a file; a test keeps it so.
//
//go:embed default.yaml
var manual string

// Manual returns the commented default file, with the paths that are u's.
func Manual(u User) string {
	root, own := Default(User{Root: true}), Default(u)
	return strings.NewReplacer(
		"\nstate_dir: "+root.StateDir+"\n", "\nstate_dir: "+quoted(own.StateDir)+"\n",
		"\n  unix: "+root.API.Unix+"\n", "\n  unix: "+quoted(own.API.Unix)+"\n",
	).Replace(manual)
}

// quoted writes a path so that YAML reads it back as it is.
func quoted(path string) string {
	for _, c := range path {
		if !strings.ContainsRune("/._-", c) && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return "'" + strings.ReplaceAll(path, "'", "''") + "'"
		}
	}
	if path == "" {
		return `""`
	}
	return path
}
