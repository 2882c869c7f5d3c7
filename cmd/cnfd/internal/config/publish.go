package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
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
	if p.HookGuarded && len(p.Hook) == 0 {
		r.at("publish.hook_guarded", "it is publish.hook that guards, which is not there")
	}
	if p.Server != "" && p.To == "rfc2136" {
		if err := updateServer(p.Server); err != nil {
			r.at("publish.server", "%v", err)
		}
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

// updateServer wants what a primary can be reached at.
func updateServer(server string) error {
	if _, err := netip.ParseAddr(server); err == nil {
		return nil
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		host, port = server, "53"
	}
	if _, ok := dns.IsDomainName(host); !ok || host == "" || strings.ContainsAny(server, "/ ") || err != nil && strings.Contains(host, ":") {
		return fmt.Errorf("%q: want an address or a host name, and :port where that is not 53", server)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q: want a port from 1 to 65535", server)
	}
	return nil
}

// maxPublishWait is far over any zone transfer, and keeps a mistyped unit from hanging
// a pipeline for days.
const maxPublishWait = 24 * time.Hour
