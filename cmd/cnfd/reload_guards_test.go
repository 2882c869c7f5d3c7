package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cnfd/cmd/cnfd/internal/config"
)

// damaged is a token whose signature is not the issuer's any more.
func damaged(t *testing.T, token string) string {
	t.Helper()
	i := strings.LastIndexByte(token, '.') + 5
	other := byte('A')
	if token[i] == other {
		other = 'B'
	}
	return token[:i] + string(other) + token[i+1:]
}

// TestAnEmptyFileIsNotTakenUp: a file that has lost its settings is refused, and the checks go on; with them it is taken
// up. Who runs with the defaults may have an empty file.
func TestAnEmptyFileIsNotTakenUp(t *testing.T) {
	o, _ := reloadable(t, nil)
	token := damaged(t, o.token(t, "vendor.jwt"))
	file := filepath.Join(t.TempDir(), "cnfd.yaml")
	const refused = "reload: nothing is changed"
	for i, text := range []string{"", "# check: [signature]\n", "---\n", "api:\n"} {
		before := o.live.Load()
		put(t, file, []byte(text))
		o.reload(file)
		told := o.log.of(t, refused)
		if len(told) != i+1 || !strings.Contains(fmt.Sprint(told[i]["err"]), file+" has no settings") || o.live.Load() != before {
			t.Errorf("%q: %v", text, told)
		}
		if b, _ := o.ask(t, token, ""); b.Reason != "signature_invalid" {
			t.Errorf("%q: %+v", text, b)
		}
	}
	put(t, file, []byte("check: [signature]\n"))
	o.reload(file)
	if told := o.log.of(t, refused); len(told) != 4 {
		t.Errorf("one setting: %v", told[4:])
	}
	plain := config.Default(user())
	held := *o.live.Load()
	held.config = &plain
	o.live.Store(&held)
	put(t, file, nil)
	o.reload(file)
	if told := o.log.of(t, refused); len(told) != 4 {
		t.Errorf("the defaults: %v", told[4:])
	}
}

// TestAReloadNamesWhatChanged: the keys and never their values, at WARN where a guard has gone.
func TestAReloadNamesWhatChanged(t *testing.T) {
	o, _ := reloadable(t, func(c *config.Config) { c.API.AllowUIDs = []uint32{uint32(os.Geteuid()), 424242} })
	for i, tt := range []struct {
		claim           string
		edit            func(*config.Config)
		level           string
		changed, guards any
	}{
		{"nothing", func(*config.Config) {}, "INFO", nil, nil},
		{"a limit", func(c *config.Config) { c.Limits.Misses++ }, "INFO", "limits.misses", nil},
		{"who may call, and the checks", func(c *config.Config) { c.API.AllowUIDs, c.Check = nil, nil }, "WARN", "api.allow_uids check", "api.allow_uids check"},
		{"the checks again, and wildcards", func(c *config.Config) { c.Check, c.Record.AllowWildcard = []string{"signature"}, true }, "WARN", "record.allow_wildcard check", "record.allow_wildcard"},
	} {
		tt.edit(&o.c)
		o.again(t)
		told := o.log.of(t, "reload: done")
		if len(told) != i+1 {
			t.Fatalf("%s: %v", tt.claim, told)
		}
		if got := told[i]; got["level"] != tt.level || got["changed"] != tt.changed || got["guards_gone"] != tt.guards {
			t.Errorf("%s: %v", tt.claim, got)
		}
	}
	if strings.Contains(o.log.String(), "424242") {
		t.Error("the log has a value")
	}
}

// TestConfigCheckOfAnEmptyFile says that there is nothing in it.
func TestConfigCheckOfAnEmptyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cnfd.yaml")
	for text, want := range map[string]bool{"": true, "# none\n": true, "testing: false\n": false} {
		put(t, file, []byte(text))
		var out, errs bytes.Buffer
		if code := run([]string{"config", "check", file}, strings.NewReader(""), &out, &errs); code != 0 || strings.Contains(errs.String(), file+":1:1: warning: no settings") != want {
			t.Errorf("%q: %d: %s", text, code, errs.String())
		}
	}
}
