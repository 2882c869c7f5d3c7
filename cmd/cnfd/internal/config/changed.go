package config

import (
	"reflect"
	"slices"
)

// Changed are the keys whose values differ between old and now, in the file's order, and
// those of them that took a guard away: by now's configuration somebody is let in, or some
// credential passes, whom that key of old's kept out. Lists are one key. A limit is no guard.
func Changed(old, now Config) (keys, guards []string) {
	differing("", reflect.ValueOf(old), reflect.ValueOf(now), &keys)
	for _, key := range keys {
		if loosened := guarding[key]; loosened != nil && loosened(&old, &now) {
			guards = append(guards, key)
		}
	}
	return keys, guards
}

func differing(path string, old, now reflect.Value, keys *[]string) {
	for i := range old.NumField() {
		f := old.Type().Field(i)
		below := join(path, f.Tag.Get("yaml"))
		switch _, leaf := f.Tag.Lookup("default"); {
		case !leaf && f.Type.Kind() == reflect.Struct:
			differing(below, old.Field(i), now.Field(i), keys)
		case old.Field(i).Kind() == reflect.Slice && old.Field(i).Len() == 0 && now.Field(i).Len() == 0: // nil, and []
		case !reflect.DeepEqual(old.Field(i).Interface(), now.Field(i).Interface()):
			*keys = append(*keys, below)
		}
	}
}

// guarding are the keys that keep somebody out, or something from passing, and can be changed
// while the daemon runs: each with whether it keeps out less.
var guarding = map[string]func(old, now *Config) bool{
	"check":                  func(old, now *Config) bool { return lost(old.Check, now.Check) },
	"issuers":                func(old, now *Config) bool { return issuersLoosened(old.Issuers, now.Issuers) },
	"api.allow_uids":         func(old, now *Config) bool { return emptied(old.API.AllowUIDs, now.API.AllowUIDs) },
	"api.tls.client_ca":      func(old, now *Config) bool { return blanked(old.API.TLS.ClientCA, now.API.TLS.ClientCA) },
	"authz.subjects":         func(old, now *Config) bool { return subjectsLoosened(old.Authz.Subjects, now.Authz.Subjects) },
	"authz.audience":         func(old, now *Config) bool { return blanked(old.Authz.Audience, now.Authz.Audience) },
	"authz.dpop_nonce":       func(_, now *Config) bool { return !now.Authz.DPoPNonce },
	"authz.observe":          func(_, now *Config) bool { return now.Authz.Observe },
	"record.allow_insecure":  func(_, now *Config) bool { return now.Record.AllowInsecure },
	"record.allow_wildcard":  func(_, now *Config) bool { return now.Record.AllowWildcard },
	"record.allow_delegated": func(_, now *Config) bool { return now.Record.AllowDelegated },
}

// lost reports whether something of old is not in now.
func lost(old, now []string) bool {
	return slices.ContainsFunc(old, func(one string) bool { return !slices.Contains(now, one) })
}

// widened reports whether a list of what is allowed, where empty allows all, allows more.
func widened(old, now []string) bool { return len(old) > 0 && (len(now) == 0 || lost(now, old)) }

func emptied[T any](old, now []T) bool { return len(old) > 0 && len(now) == 0 }

func blanked(old, now string) bool { return old != "" && now == "" }

// subjectsLoosened is true also where the list is gone: who may pass is said nowhere then.
func subjectsLoosened(old, now []string) bool {
	return emptied(old, now) || slices.Contains(now, "any") && !slices.Contains(old, "any")
}

// issuersLoosened is true also where an issuer is gone: the checks that were made of its
// credentials are gone with it.
func issuersLoosened(old, now []Issuer) bool {
	for _, was := range old {
		i := slices.IndexFunc(now, func(is Issuer) bool { return is.Issuer == was.Issuer })
		if i < 0 {
			return true
		}
		is := now[i]
		if lost(was.Check, is.Check) || widened(was.Algorithms, is.Algorithms) || widened(was.Types, is.Types) ||
			blanked(was.Audience, is.Audience) || blanked(was.CA, is.CA) {
			return true
		}
	}
	return false
}
