package config

import (
	"strings"
	"testing"
)

// TestOperation reads what is right of log, metrics and limits, and then changes one
// thing.
func TestOperation(t *testing.T) {
	const right = "log: {format: json, level: warn, decisions: false, subjects: hash, evidence: off}\n" +
		"metrics: {read: unix}\nlimits: {body: 1KiB, header: 4KiB, read_timeout: 1s, idle_timeout: 1s, connections: 1, misses: 1, peer_misses: 0}\n" +
		"api: {unix: /s, unix_owner: root, unix_group: \"0\"}\n"
	c, err := Parse("c", []byte(right), Default(User{Root: true}))
	if err != nil {
		t.Fatal(err)
	}
	if c.Log.Format != "json" || c.Log.Subjects != "hash" || c.Metrics.Read != "unix" || c.Limits.Body != 1024 || c.Limits.Connections != 1 || c.API.UnixGroup != "0" {
		t.Errorf("%+v %+v %+v", c.Log, c.Metrics, c.Limits)
	}
	for _, tt := range []struct{ from, to, says string }{
		{"format: json", "format: xml", `c:1:15: log.format: "xml" is not one of text, json`},
		{"level: warn", "level: loud", "log.level"},
		{"decisions: false", "decisions: true", "log.decisions: they are of level info, and log.level: warn leaves them out"},
		{"evidence: off", "evidence: all", "log.evidence: it is of level info"},
		{"evidence: off", "evidence: some", "log.evidence"},
		{"evidence: off", "evidence: true", `log.evidence: "true" is not one of off, refuted, all`},
		{"evidence: off", "evidence: 1", `log.evidence: "1" is not one of off, refuted, all`},
		{"subjects: hash", "subjects: md5", "log.subjects"},
		{"read: unix", "read: everyone", "metrics.read"},
		{"body: 1KiB", "body: 1023", "limits.body: 1023: want from 1KiB to 64KiB"},
		{"body: 1KiB", "body: 65KiB", "limits.body"},
		{"header: 4KiB", "header: 2MiB", "limits.header: 2MiB: want from 4KiB to 1MiB"},
		{"read_timeout: 1s", "read_timeout: 1ms", "limits.read_timeout"},
		{"idle_timeout: 1s", "idle_timeout: 0s", "limits.idle_timeout"},
		{"connections: 1", "connections: 0", "limits.connections"},
		{"misses: 1", "misses: 0", "limits.misses: want 1 or more"},
		{"peer_misses: 0", "peer_misses: -1", "limits.peer_misses"},
		{"unix: /s", "unix: \"\"", "api.unix_owner: there is no socket to own"},
		{"unix: /s, unix_owner: root", "unix: \"\"", "api.unix_group: there is no socket to own"},
	} {
		_, err := Parse("c", []byte(strings.Replace(right, tt.from, tt.to, 1)), Default(User{Root: true}))
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s", tt.to, err, tt.says)
		}
	}
}
