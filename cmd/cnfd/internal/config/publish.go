package config

import (
	"path/filepath"
	"time"
)

// Printed are the words of publish.to that name no place: what is to be written is printed.
var Printed = []string{"zone", "nsupdate", "generic", "octodns"}

// checkPublish judges what holds of every place; what one place asks for, its own
// package says when it is used.
func (r *reader) checkPublish(p *Publish) {
	if p.Credentials != "" && !filepath.IsAbs(p.Credentials) {
		// Not repeated: it may be the secret itself.
		r.at("publish.credentials", "want the absolute path of a file; the credentials themselves do not stand here")
	}
	if p.Zone != "" {
		r.checkName("publish.zone", p.Zone)
	}
	switch {
	case p.To == "hook" && len(p.Hook) == 0:
		r.at("publish.to", "hook needs publish.hook: the program to call")
	case p.To != "hook" && p.To != "" && len(p.Hook) > 0: // without to, --to says it
		r.at("publish.hook", "only to: hook calls it")
	case len(p.Hook) > 0 && !filepath.IsAbs(p.Hook[0]):
		r.at("publish.hook[0]", "want the absolute path of a program")
	}
	switch {
	case p.GSS && p.To != "rfc2136" && p.To != "":
		r.at("publish.gss", "only to: rfc2136 signs by GSS-TSIG")
	case p.GSS && p.Credentials != "":
		r.at("publish.gss", "with GSS-TSIG it is the Kerberos ticket that signs: leave publish.credentials out")
	}
	if p.TTL < time.Second || p.TTL > 24*time.Hour || p.TTL%time.Second != 0 {
		r.at("publish.ttl", "want whole seconds, 1s to 24h")
	}
	if p.Wait > maxPublishWait {
		r.at("publish.wait", "want %s or less", maxPublishWait)
	}
}

// maxPublishWait is far over any zone transfer, and keeps a mistyped unit from hanging
// a pipeline for days.
const maxPublishWait = 24 * time.Hour
