package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"cnfd/acme"
	"cnfd/acme/ca"
	acmegate "cnfd/acme/gate"
	"cnfd/acme/store"
	"cnfd/acme/validate"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/record"
	"cnfd/verifier"
)

// newACME makes the server between the gate, the validator, the store and the CA.
func (d *daemon) newACME(c *config.Config, a *acmeService, s *store.Store, authority *ca.CA) (*acme.Server, error) {
	validator, err := validate.New(d.validatorConfig(c))
	if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	forms, err := recordForms(c)
	if err != nil {
		return nil, err
	}
	wired := acmeServerConfig(c)
	if len(forms) > 0 {
		wired.Form = forms[0]
	}
	wired.Store, wired.Gate, wired.Validator, wired.Issuer, wired.Authority = s, &a.gate, validator, authority, authority
	wired.Root = authority
	if d.figures != nil {
		wired.Counter = d.figures
	}
	wired.Now, wired.Log, wired.Blocked = d.clock.Now, d.log.Logger, a.blocked.Load
	return acme.New(wired)
}

// acmeServerConfig is what the configuration has the server do; what it works with is put in beside.
func acmeServerConfig(c *config.Config) acme.Config {
	s := &c.ACME
	return acme.Config{
		URL: s.URL, Profiles: profilesOf(s), Terms: s.Terms, TermsRequired: s.TermsRequired, Website: s.Website, CAAIdentities: s.CAAIdentities, LogDetails: c.Log.Subjects == "full",
		ExternalAccounts: s.ExternalAccounts, AwaitRecord: s.AwaitRecord,
		MaxNames: int(s.MaxNames), OrderLife: s.OrderLife, NewAccounts: hourly(s.NewAccounts), NewOrders: hourly(s.NewOrders),
	}
}

// validatorConfig is what it has the validator do.
func (d *daemon) validatorConfig(c *config.Config) validate.Config {
	return validate.Config{
		Source: d.engine.resolver, AllowNetworks: c.ACME.AllowNetworks, HTTPPort: c.ACME.HTTPPort, TLSPort: c.ACME.TLSPort,
		NoIPv4: !c.Resolver.IPv4, NoIPv6: !c.Resolver.IPv6,
	}
}

// hourly is a limit whose 0 is any number as package acme takes it, whose 0 is the default.
func hourly(n uint32) int {
	if n == 0 {
		return -1
	}
	return int(n)
}

// acmeVerifier is the gate's: of what record allows it has nothing but the forms.
func (d *daemon) acmeVerifier(c *config.Config, forms []record.Form) verifier.Config {
	return verifier.Config{
		Source: d.engine.resolver, Now: d.clock.Now, Subjects: record.Subjects{Local: subjects(c).Local}, Forms: forms, Testing: c.Testing,
	}
}

// acmeGate judges by a verifier of its own: whatever record of the configuration lets
// confirm, a certificate rests on secure data alone, at the exact name.
func (d *daemon) acmeGate(c *config.Config) (*acmegate.Gate, error) {
	forms, err := recordForms(c)
	if err != nil {
		return nil, err
	}
	v, err := verifier.New(d.acmeVerifier(c, forms))
	if err != nil {
		return nil, err
	}
	return acmegate.New(d.gateConfig(c, v, forms))
}

// recordForms are those in which a record's name is looked up; a record to add has the first.
func recordForms(c *config.Config) (forms []record.Form, err error) {
	for _, word := range c.Record.Forms {
		f, err := record.ParseForm(word)
		if err != nil {
			return nil, fmt.Errorf("record.forms: %w", err)
		}
		forms = append(forms, f)
	}
	return forms, nil
}

func (d *daemon) gateConfig(c *config.Config, v acmegate.Confirmer, forms []record.Form) acmegate.Config {
	return acmegate.Config{
		Confirmer: v, Source: d.engine.resolver, Identities: c.ACME.CAAIdentities, Forms: forms, Testing: c.Testing,
		TTL: uint32(c.Publish.TTL / time.Second),
	}
}

// publicURL is what certificates name as the place of lists and issuers: the plain
// listener at the same host, where there is one.
func publicURL(a *config.ACME) string {
	_, port, err := net.SplitHostPort(a.ListenPlain)
	if a.ListenPlain == "" || err != nil {
		return a.URL
	}
	host := hostOf(a.URL)
	switch {
	case port != "80":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return "http://" + host
}

// hostOf is the name or the address in a URL that the configuration was let have.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// identifierOfHost is what the server's own certificate is for.
func identifierOfHost(host string) acme.Identifier {
	if a, err := netip.ParseAddr(host); err == nil {
		return acme.Identifier{Type: acme.TypeIP, Value: a.Unmap().String()}
	}
	return acme.Identifier{Type: acme.TypeDNS, Value: host}
}
