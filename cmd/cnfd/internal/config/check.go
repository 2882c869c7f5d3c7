package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cnfd/dnssec"

	"github.com/miekg/dns"
)

// check judges the values that could be read: what cannot work, what is not
// safe, and what is not built yet. A value that is silently ignored would let
// an operator believe in a protection that is not there.
func (r *reader) check(c *Config) {
	r.checkTesting(c)
	r.checkAPI(&c.API)
	r.checkResolver(&c.Resolver)
	r.checkDNS(&c.DNS)
	r.checkCache(&c.Cache)
	r.checkRecord(&c.Record)
	r.checkWords("check", c.Check)
	r.checkIssuers(c.Issuers)
	r.checkAuthz(&c.Authz)
	r.checkKeyFiles(c.DecryptionKeys)
	r.checkPublish(&c.Publish)
	r.checkACME(c)
	r.checkOperation(c)
	if c.StateDir != "" && !filepath.IsAbs(c.StateDir) {
		r.at("state_dir", "want an absolute path")
	}
}

// at reports a problem with the value at path, or where its section begins if
// the file does not have it.
func (r *reader) at(path, format string, args ...any) {
	p, ok := r.places[path]
	for up := path; !ok; p, ok = r.places[up] {
		up = parent(up)
	}
	r.problem(p, "%s: %s", path, fmt.Sprintf(format, args...))
}

func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}

// checkTesting refuses what would make a real daemon believe the wrong time or
// the wrong servers.
func (r *reader) checkTesting(c *Config) {
	for path, set := range map[string]bool{
		"resolver.server_port":       c.Resolver.ServerPort != 53,
		"resolver.validation_time":   c.Resolver.ValidationTime != "",
		"resolver.clock_offset_file": c.Resolver.ClockOffsetFile != "",
	} {
		if set && !c.Testing {
			r.at(path, "for testing only: it needs testing: true, and must not stand in a real configuration")
		}
	}
}

func (r *reader) checkAPI(a *API) {
	tls := a.TLS.Cert != "" && a.TLS.Key != ""
	if (a.TLS.Cert == "") != (a.TLS.Key == "") {
		r.at("api.tls", "cert and key belong together: give both or neither")
	}
	if a.TLS.ClientCA != "" && !tls {
		r.at("api.tls.client_ca", "without a cert and a key there is no TLS, and nobody is asked for a certificate: give those too")
	}
	if a.Listen != "" {
		host, err := hostPort(a.Listen)
		switch {
		case err != nil:
			r.at("api.listen", "%v", err)
		case !loopback(host) && !tls && !a.AllowPlain:
			r.at("api.listen", "other machines reach %s: give api.tls a cert and a key, or say api.allow_plain: true", a.Listen)
		}
	}
	if a.Unix != "" && !filepath.IsAbs(a.Unix) {
		r.at("api.unix", "want an absolute path")
	}
	if len(a.Unix) > maxUnixPath {
		r.at("api.unix", "%d octets long: a socket's path may have %d", len(a.Unix), maxUnixPath)
	}
	if a.UnixMode&^0o660 != 0 {
		r.at("api.unix_mode", "%s is wider than 0660: let a group in, not everybody", a.UnixMode)
	}
	if a.UnixMode&0o600 != 0o600 {
		r.at("api.unix_mode", "%s: the owner must be able to read and write", a.UnixMode)
	}
}

// maxUnixPath is what fits sun_path with its final NUL (unix(7)).
const maxUnixPath = 107

func (r *reader) checkResolver(c *Resolver) {
	r.checkForwarders(c)
	for i, h := range c.RootHints {
		path := fmt.Sprintf("resolver.root_hints[%d]", i)
		r.checkName(path+".name", h.Name)
		if len(h.Addresses) == 0 {
			r.at(path+".addresses", "want at least one")
		}
	}
	r.checkAnchors("resolver.trust_anchors", c.TrustAnchors)
	for i, n := range c.NegativeTrustAnchors {
		r.checkName(fmt.Sprintf("resolver.negative_trust_anchors[%d].name", i), n.Name)
	}
	for i, s := range c.Stubs {
		path := fmt.Sprintf("resolver.stubs[%d]", i)
		r.checkName(path+".zone", s.Zone)
		if len(s.Addresses) == 0 {
			r.at(path+".addresses", "want at least one")
		}
		r.checkAnchors(path+".trust_anchors", s.TrustAnchors)
	}
	if !c.IPv4 && !c.IPv6 {
		r.at("resolver.ipv4", "with ipv6 off as well no server can be asked")
	}
	if c.ServerPort == 0 {
		r.at("resolver.server_port", "want a port from 1 to 65535")
	}
	if c.ValidationTime != "" {
		if _, err := time.Parse(time.RFC3339, c.ValidationTime); err != nil {
			r.at("resolver.validation_time", "want RFC 3339, such as 2026-11-22T06:40:00Z")
		}
		if c.ClockOffsetFile != "" {
			r.at("resolver.validation_time", "clock_offset_file says what time it is as well: keep one of them")
		}
	}
}

func (r *reader) checkName(path, name string) {
	_, ok := dns.IsDomainName(name)
	switch odd := strings.IndexFunc(name, func(c rune) bool { return c <= ' ' || c > '~' }); {
	case !ok || name == "":
		r.at(path, "%q is not a domain name", name)
	case odd >= 0:
		r.at(path, "%q: no name in the DNS is written so: an internationalised one as its A-labels (xn--…), other octets as \\DDD", name)
	case strings.HasPrefix(name, "*"):
		r.at(path, "%q: a wildcard covers nothing here: the name alone covers all below it", name)
	}
}

// checkAnchors wants zone-file lines of DS or DNSKEY records, or none alone.
func (r *reader) checkAnchors(path string, lines []string) {
	for i, l := range lines {
		at := fmt.Sprintf("%s[%d]", path, i)
		if l == NoAnchors {
			if len(lines) > 1 {
				r.at(at, "none stands alone: [none]")
			}
			continue
		}
		// A second line would be passed over by the parser of one.
		if strings.ContainsAny(strings.TrimSpace(l), "\r\n") {
			r.at(at, "more than one line: write an item for each record")
			continue
		}
		if _, err := dnssec.ParseAnchors([]string{l}); err != nil {
			r.at(at, `%s; want a line such as ". IN DS 20326 8 2 E06D44B8…"`, strings.TrimPrefix(err.Error(), "trust anchor 1: "))
		}
	}
}

// NoAnchors, alone in resolver.trust_anchors, stands for no trust anchor at all.
const NoAnchors = "none"

func (r *reader) checkDNS(d *DNS) {
	if d.Listen == "" {
		return
	}
	host, err := hostPort(d.Listen)
	if err == nil {
		if _, err = netip.ParseAddr(host); err != nil {
			err = fmt.Errorf("%q is not an IP address", host)
		}
	}
	if err != nil {
		r.at("dns.listen", "%v", err)
	}
	if len(d.Allow) == 0 {
		r.at("dns.allow", "nobody may ask: list who may, or turn dns.listen off")
	}
	for i, p := range d.Allow {
		if p.Addr().Is4In6() {
			r.at(fmt.Sprintf("dns.allow[%d]", i), "%s: clients with IPv4 addresses are known by those: write it as IPv4", p)
		}
	}
	r.follow("dns.max_per_client", &d.MaxPerClient, d.MaxInFlight)
	r.follow("dns.max_tcp_per_client", &d.MaxTCPPerClient, d.MaxTCP)
	for key, bounds := range map[string][2]uint16{"in_flight": {d.MaxInFlight, d.MaxPerClient}, "tcp": {d.MaxTCP, d.MaxTCPPerClient}} {
		each := map[string]string{"in_flight": "dns.max_per_client", "tcp": "dns.max_tcp_per_client"}[key]
		switch {
		case bounds[0] == 0:
			r.at("dns.max_"+key, "want 1 or more; dns.listen: \"\" turns the listener off")
		case bounds[1] == 0 || bounds[1] > bounds[0]:
			r.at(each, "want from 1 to dns.max_%s, which is %d", key, bounds[0])
		}
	}
}

// follow keeps a part that is not written within a whole that is.
func (r *reader) follow(path string, part *uint16, whole uint16) {
	if _, written := r.places[path]; !written && whole > 0 {
		*part = min(*part, whole)
	}
}

func (r *reader) checkCache(c *Cache) {
	if c.MaxBytes < minCache {
		r.at("cache.max_bytes", "%s: want %s or more", c.MaxBytes, minCache)
	}
	if c.MaxTTL < time.Second {
		r.at("cache.max_ttl", "want a second or more")
	}
	if c.MaxNegativeTTL < time.Second {
		r.at("cache.max_negative_ttl", "want a second or more")
	}
	if c.PrefetchConfirmations && !c.Prefetch {
		r.at("cache.prefetch_confirmations", "nothing is prefetched with cache.prefetch: false")
	}
}

// minCache holds the keys of one chain of trust and little else.
const minCache Size = 1 << 20

func (r *reader) checkRecord(c *Record) {
	if len(c.Forms) == 0 {
		r.at("record.forms", "want at least one of dotted, underscore")
	}
	r.checkWords("record.forms", c.Forms)
}

// checkWords wants no word twice.
func (r *reader) checkWords(path string, words []string) {
	for i, w := range words {
		if slices.Contains(words[:i], w) {
			r.at(fmt.Sprintf("%s[%d]", path, i), "%q is named twice", w)
		}
	}
}

// checkKeyFiles wants absolute paths, none of them twice. None is repeated: it may
// be a key, which in base64 can look like a path.
func (r *reader) checkKeyFiles(paths []string) {
	for i, p := range paths {
		at := fmt.Sprintf("decryption_keys[%d]", i)
		switch {
		case !filepath.IsAbs(p):
			r.at(at, "want the absolute path of a file with keys; the keys themselves do not stand here")
		case slices.Contains(paths[:i], p):
			r.at(at, "the same file a second time")
		}
	}
}

// hostPort splits an address and checks its port; the host may be empty (every address).
func hostPort(s string) (host string, err error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q: want an address and a port, such as 127.0.0.1:8255 or [::1]:8255", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q: want a port from 0 to 65535", s)
	}
	return host, nil
}

// loopback reports whether only this machine reaches the host. A name other
// than localhost is taken for one that others reach.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
