package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Forwarder is one of resolver.forwarders, written as a URL:
//
//	udp://192.0.2.1  tcp://[2001:db8::1]:5353  tls://dns.example@192.0.2.1  https://dns.example@192.0.2.1/dns-query
//
// What is before the @ is the name that the certificate must have. The address is always
// written out: to look it up, a resolver would be needed first.
type Forwarder struct {
	Network string // udp, tcp, tls or https
	Name    string // "" where the certificate must have the address
	Address netip.AddrPort
	Path    string // https: "/dns-query" unless written
}

// forwarderPorts are the ports where none is written (RFC 1035, 7858, 8484).
var forwarderPorts = map[string]uint16{"udp": 53, "tcp": 53, "tls": 853, "https": 443}

const wantForwarder = "want udp://address, tcp://address, tls://name@address or https://name@address/path"

// UnmarshalText reads the URL. Errors do not repeat what follows the host: it may be a secret.
func (f *Forwarder) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("not a URL: %v; %s", err, wantForwarder)
	}
	port, ok := forwarderPorts[u.Scheme]
	if !ok || u.Opaque != "" {
		return errors.New(wantForwarder)
	}
	out := Forwarder{Network: u.Scheme}
	if out.Address, err = forwarderAddress(u, port); err != nil {
		return err
	}
	if u.User != nil {
		if out.Name, err = forwarderName(u); err != nil {
			return err
		}
	}
	switch {
	case u.Fragment != "":
		return errors.New("nothing may follow a #")
	case u.Scheme == "https":
		u.Path = cmp.Or(u.Path, "/dns-query")
		out.Path = u.RequestURI()
	case u.Path != "" || u.RawQuery != "" || u.ForceQuery:
		return errors.New("nothing may follow the address: only https has a path")
	}
	*f = out
	return nil
}

func forwarderAddress(u *url.URL, port uint16) (netip.AddrPort, error) {
	host := u.Hostname()
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if u.User == nil && host != "" && (u.Scheme == "tls" || u.Scheme == "https") {
			return netip.AddrPort{}, fmt.Errorf("the address of %s is needed too: %s://%s@192.0.2.1, with its own address", host, u.Scheme, host)
		}
		return netip.AddrPort{}, fmt.Errorf("%q is not an IP address; %s", host, wantForwarder)
	}
	if addr.Zone() != "" {
		return netip.AddrPort{}, errors.New("an address with a zone is that of one link alone: give another")
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return netip.AddrPort{}, errors.New("want a port from 1 to 65535")
		}
		port = uint16(n)
	}
	return netip.AddrPortFrom(addr.Unmap(), port), nil
}

func forwarderName(u *url.URL) (string, error) {
	name := strings.ToLower(strings.TrimSuffix(u.User.Username(), "."))
	_, password := u.User.Password()
	switch _, ok := dns.IsDomainName(name); {
	case u.Scheme != "tls" && u.Scheme != "https":
		return "", fmt.Errorf("%s has no certificate, so a name before the @ checks nothing: leave it out", u.Scheme)
	case password:
		return "", errors.New("want the name of the certificate alone before the @, no password")
	case !ok || name == "" || strings.HasSuffix(name, ".") || strings.ContainsFunc(name, notHost):
		return "", fmt.Errorf("%q is not a host name", name)
	}
	return name, nil
}

// String names the forwarder in messages, its path apart.
func (f Forwarder) String() string {
	if f.Name != "" {
		return f.Network + "://" + f.Name + "@" + f.Address.String()
	}
	return f.Network + "://" + f.Address.String()
}

// checkForwarders holds the mode and the list against each other: forwarders that nobody
// asks, or a mode with nobody to ask, would be something else than what was meant.
func (r *reader) checkForwarders(c *Resolver) {
	switch {
	case c.Mode == "forward" && len(c.Forwarders) == 0:
		r.at("resolver.mode", "forward needs resolver.forwarders: list those to ask")
	case c.Mode != "forward" && len(c.Forwarders) > 0:
		r.at("resolver.forwarders", "only mode: forward asks forwarders: say so, or leave them out")
	}
	if c.ForwarderCA != "" && !slices.ContainsFunc(c.Forwarders, func(f Forwarder) bool { return f.Network == "tls" || f.Network == "https" }) {
		r.at("resolver.forwarder_ca", "no forwarder shows a certificate: only tls:// and https:// do")
	}
	if len(c.Forwarders) > maxForwarders {
		r.at("resolver.forwarders", "%d are too many: %d at most", len(c.Forwarders), maxForwarders)
	}
	seen := map[netip.AddrPort]bool{}
	for i, f := range c.Forwarders {
		at := fmt.Sprintf("resolver.forwarders[%d]", i)
		if seen[f.Address] {
			r.at(at, "%s is named twice", f.Address)
		}
		seen[f.Address] = true
		switch v4 := f.Address.Addr().Is4(); {
		case v4 && !c.IPv4:
			r.at(at, "ipv4: false keeps %s from being asked", f)
		case !v4 && !c.IPv6:
			r.at(at, "ipv6: false keeps %s from being asked", f)
		}
	}
}

// maxForwarders keeps a question's budget of messages from going into the search for one that answers.
const maxForwarders = 8

// notHost reports whether no host name has the character (RFC 1123 §2.1, lower case).
func notHost(c rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-.", c)
}
