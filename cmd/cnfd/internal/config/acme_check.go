package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of acme. The longest life is what browsers once took of a public CA.
const (
	minOrderLife = time.Hour
	maxOrderLife = 24 * time.Hour
	minLife      = 5 * time.Minute
	maxLife      = 825 * 24 * time.Hour
	maxBackdate  = 24 * time.Hour
	leastGood    = time.Minute // what backdate must leave of a life
	maxNames     = 100         // Boulder's
	maxProfiles  = 32
	maxProfile   = 64 // octets of a profile's name
)

// DefaultProfile is the one that there is where acme.profiles lists none.
func DefaultProfile() Profile {
	p := Profile{Name: "default"}
	setDefaults(reflect.ValueOf(&p).Elem())
	return p
}

func (r *reader) checkACME(c *Config) {
	a := &c.ACME
	for path, set := range map[string]bool{"acme.http_port": a.HTTPPort != 80, "acme.tls_port": a.TLSPort != 443} {
		if set && !c.Testing {
			r.at(path, "for testing only: it needs testing: true, and must not stand in a real configuration")
		}
	}
	if a.HTTPPort == 0 {
		r.at("acme.http_port", "want a port from 1 to 65535")
	}
	if a.TLSPort == 0 {
		r.at("acme.tls_port", "want a port from 1 to 65535")
	}
	r.checkACMEServer(a, c.Testing)
	r.checkACMEFiles(a)
	r.checkTerms(a)
	for i, name := range a.CAAIdentities {
		at := fmt.Sprintf("acme.caa_identities[%d]", i)
		if !isHostName(name) {
			r.at(at, "%q: want a domain of letters, digits and hyphens, in lower case and without a dot at its end (RFC 8659 §4.2)", name)
		}
	}
	r.checkWords("acme.caa_identities", a.CAAIdentities)
	if a.OrderLife < minOrderLife || a.OrderLife > maxOrderLife {
		r.at("acme.order_life", "want from %s to %s", brief(minOrderLife), brief(maxOrderLife))
	}
	if a.MaxNames == 0 || a.MaxNames > maxNames {
		r.at("acme.max_names", "want from 1 to %d", maxNames)
	}
	for i, p := range a.AllowNetworks {
		at := fmt.Sprintf("acme.allow_networks[%d]", i)
		switch {
		case p.Addr().Is4In6():
			r.at(at, "%s: addresses are compared as IPv4: write it so", p)
		case p != p.Masked():
			r.at(at, "%s has bits beyond its prefix: %s is meant", p, p.Masked())
		}
	}
	if len(a.Profiles) > maxProfiles {
		r.at("acme.profiles", "%d: want %d at the most", len(a.Profiles), maxProfiles)
	}
	for i := range a.Profiles {
		r.checkProfile(a.Profiles, i)
	}
}

// checkACMEServer judges where the server is, and by what it is known.
func (r *reader) checkACMEServer(a *ACME, testing bool) {
	for _, o := range [...]struct{ path, is string }{{"acme.listen", a.Listen}, {"acme.listen_plain", a.ListenPlain}} {
		if o.is == "" {
			continue
		}
		if _, err := hostPort(o.is); err != nil {
			r.at(o.path, "%v", err)
		}
	}
	switch {
	case a.Listen == "" && a.ListenPlain != "":
		r.at("acme.listen_plain", "there is nothing to give out: acme.listen is \"\"")
	case a.Listen != "" && a.ListenPlain == a.Listen && !strings.HasSuffix(a.Listen, ":0"):
		r.at("acme.listen_plain", "acme.listen is there already: take another port")
	}
	if a.URL == "" && a.Listen != "" {
		r.at("acme.url", "acme.listen needs it: what clients reach the server by, such as https://ca.example:8256")
	}
	plain := false
	if a.URL != "" {
		if err := ServerURL(a.URL, testing); err != nil {
			r.at("acme.url", "%v", err)
		}
		plain = strings.HasPrefix(a.URL, "http://")
	}
	if (a.TLS.Cert == "") != (a.TLS.Key == "") {
		r.at("acme.tls", "cert and key belong together: give both or neither")
	} else if plain && a.TLS.Cert != "" {
		r.at("acme.tls", "acme.url is http: nobody would be shown the certificate")
	}
	for _, o := range [...]struct{ path, is string }{{"acme.terms", a.Terms}, {"acme.website", a.Website}} {
		if u, err := url.Parse(o.is); o.is != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
			r.at(o.path, "%q: want an https URL", o.is)
		}
	}
}

// checkTerms wants something to agree to.
func (r *reader) checkTerms(a *ACME) {
	if a.TermsRequired && a.Terms == "" {
		r.at("acme.terms_required", "there is nothing to agree to: acme.terms is \"\"")
	}
}

// ServerURL says what is wrong with the URL of an ACME server, as acme.url has it: it wants what goes before a path, in the one form
// that clients send back.
func ServerURL(text string, testing bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "" || u.Hostname() == "":
		return fmt.Errorf("%q: want https://, a host, and :port where it is not 443", text)
	case u.Scheme == "http" && !testing:
		return errors.New("want https (RFC 8555 §6.1); http needs testing: true")
	case u.User != nil:
		return errors.New("no name or password may stand before the host")
	case u.Path != "" || strings.ContainsAny(text, "?#"):
		return errors.New("want no path, and no slash at the end: the server's own paths follow")
	case text != strings.ToLower(text):
		return errors.New("want it in lower case: clients send it back, and it is compared octet for octet")
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return errors.New("want a port from 1 to 65535")
		}
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		if a, _ := netip.ParseAddr(host); a.Zone() != "" {
			return errors.New("an address with a zone is that of one link alone: give another")
		}
		return nil
	}
	if !isHostName(host) {
		return fmt.Errorf("%q is no host name: want letters, digits and hyphens, an internationalised one as its A-labels (xn--…)", host)
	}
	return nil
}

// isHostName reports whether a name is of letters, digits and inner hyphens, in lower case and without a dot at its end.
func isHostName(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return len(name) <= 253
}

// checkACMEFiles wants absolute paths. None is repeated: it may be a key.
func (r *reader) checkACMEFiles(a *ACME) {
	paths := []struct{ at, is string }{
		{"acme.tls.cert", a.TLS.Cert}, {"acme.tls.key", a.TLS.Key}, {"acme.directory", a.Directory}, {"acme.blocked_keys", a.BlockedKeys},
	}
	for i, p := range a.AlternateChains {
		at := fmt.Sprintf("acme.alternate_chains[%d]", i)
		if paths = append(paths, struct{ at, is string }{at, p}); p == "" {
			r.at(at, "empty")
		}
	}
	r.checkWords("acme.alternate_chains", a.AlternateChains)
	for _, p := range paths {
		if p.is != "" && !filepath.IsAbs(p.is) {
			r.at(p.at, "want an absolute path")
		}
	}
}

func (r *reader) checkProfile(all []Profile, i int) {
	p, path := &all[i], fmt.Sprintf("acme.profiles[%d]", i)
	switch {
	case !isProfileName(p.Name):
		r.at(path+".name", "want a name of 1 to %d letters, digits, hyphens, dots and underscores", maxProfile)
	case slices.ContainsFunc(all[:i], func(other Profile) bool { return other.Name == p.Name }):
		r.at(path+".name", "%q is there already", p.Name)
	}
	for _, l := range [...]struct {
		key   string
		words []string
	}{{"methods", p.Methods}, {"identifiers", p.Identifiers}, {"key_types", p.KeyTypes}, {"usages", p.Usages}} {
		if r.checkWords(path+"."+l.key, l.words); len(l.words) == 0 {
			r.at(path+"."+l.key, "want at least one")
		}
	}
	_, methods := r.places[path+".methods"]
	switch {
	case p.Bind == "csr" && p.Grant == "record":
		r.at(path+".grant", "record: with bind: csr the key is known only when all is granted: bind account or both")
	case p.Grant == "record" && methods:
		r.at(path+".methods", "only of grant: challenge: with grant: record none is offered but cnf-01")
	case p.Grant == "challenge" && slices.Equal(p.Methods, []string{"dns-01"}) && slices.Contains(p.Identifiers, "ip"):
		r.at(path+".methods", "dns-01 proves no address (RFC 8738 §7): list http-01 or tls-alpn-01 too, or identifiers: [dns]")
	}
	if p.Life < minLife || p.Life > maxLife {
		r.at(path+".life", "want from %s to %s", brief(minLife), brief(maxLife))
	}
	at := path + ".backdate"
	_, written := r.places[at]
	if !written {
		p.Backdate = min(p.Backdate, (p.Life / 10).Truncate(time.Second))
	}
	switch {
	case p.Backdate > maxBackdate:
		r.at(at, "want %s or less", brief(maxBackdate))
	case written && p.Life >= minLife && p.Life-p.Backdate < leastGood:
		r.at(at, "%s of a life of %s leaves nothing: it is taken out of that: want %s or less", brief(p.Backdate), brief(p.Life), brief(p.Life-leastGood))
	}
}

func isProfileName(s string) bool {
	return s != "" && len(s) <= maxProfile && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._", c)
	})
}

// brief writes a duration without the units of which there are none: 24h and not 24h0m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// warnACME tells of what nobody can make use of, and of what lets in more than was meant.
func (r *reader) warnACME(a *ACME, mode string) {
	for i, p := range a.Profiles {
		path := fmt.Sprintf("acme.profiles[%d]", i)
		if p.Grant == "record" && len(a.CAAIdentities) == 0 {
			r.at(path+".grant", "record: acme.caa_identities is empty, so that no domain can opt in by its CAA set: only what cnfd acme grant and cnfd acme external say is granted")
		}
		if _, written := r.places[path+".wildcards"]; written && p.Wildcards && p.Grant == "challenge" && !slices.Contains(p.Methods, "dns-01") {
			r.at(path+".wildcards", "none can be had: a wildcard is proven by dns-01, which methods does not list")
		}
	}
	for i, p := range a.AllowNetworks {
		if p.Bits() == 0 {
			r.at(fmt.Sprintf("acme.allow_networks[%d]", i), "%s: whoever orders a certificate has this machine connect to any address, its own too", p)
		}
	}
	if a.Listen == "" && a.URL != "" {
		r.at("acme.url", "acme.listen is not set: there is no ACME server")
	}
	if a.Listen != "" && mode == "forward" {
		r.at("resolver.mode", "forward: certificates are issued by what the forwarders have cached, a record that was deleted among it for as long as its TTL runs; iterative asks the domain's own servers")
	}
}
