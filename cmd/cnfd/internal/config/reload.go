package config

import (
	"reflect"
	"slices"
	"strings"
)

// Reloaded returns what holds once a daemon that runs with old has read c, and the
// keys that differ and that only a restart changes, in the file's order: of those old
// holds on.
func Reloaded(old, c Config) (now Config, kept []string) {
	now = c
	if (old.API.TLS.Cert == "") != (c.API.TLS.Cert == "") { // a socket does not change its protocol
		kept, now.API.TLS = append(kept, "api.tls"), old.API.TLS
	}
	keepOld("", reflect.ValueOf(&old).Elem(), reflect.ValueOf(&now).Elem(), &kept)
	return now, kept
}

// live are the keys, and the sections, that can be changed while the daemon runs.
var live = []string{
	"api.tls.cert", "api.tls.key", "api.tls.client_ca", "api.purge", "api.allow_uids",
	"resolver.trust_anchors", "resolver.trust_anchor_updates",
	"subjects", "record", "check", "issuers", "authz", "decryption_keys",
	"publish", // which the daemon does not read
	"log.level", "log.decisions", "log.subjects", "log.evidence", "metrics",
	"limits.body", "limits.misses", "limits.peer_misses",
}

func keepOld(path string, old, now reflect.Value, kept *[]string) {
	for i := range old.NumField() {
		f := old.Type().Field(i)
		below := join(path, f.Tag.Get("yaml"))
		switch _, leaf := f.Tag.Lookup("default"); {
		case isLive(below):
		case !leaf && f.Type.Kind() == reflect.Struct:
			keepOld(below, old.Field(i), now.Field(i), kept)
		case !reflect.DeepEqual(old.Field(i).Interface(), now.Field(i).Interface()):
			*kept = append(*kept, below)
			now.Field(i).Set(old.Field(i))
		}
	}
}

func isLive(path string) bool {
	return slices.ContainsFunc(live, func(key string) bool { return path == key || strings.HasPrefix(path, key+".") })
}
