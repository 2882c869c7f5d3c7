// Package validate carries out ACME challenges: it looks whether who has asked for
// a certificate of a domain or an address holds it (RFC 8555 §8, RFC 8737, RFC 8738).
//
// Whoever has an account says where it connects to. So it connects to the ports of
// HTTP and TLS alone, and never to an address of this machine or its networks unless
// the operator names it; an address is looked up once and then dialled as it is, so
// that a name cannot mean another place a moment later. A challenge proves who
// answers now, and not that the domain vouches for a key: the gate asks that, with
// proof, of the confirmation record.
package validate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"cnfd/acme"
	"cnfd/dnssec"
)

// Source answers questions of the DNS with proof. It is used by many callers at once.
type Source interface {
	// Lookup answers q from the cache or the network, and says which. The error
	// is only the caller's context ending; every trouble of the DNS is in the Answer.
	Lookup(ctx context.Context, q dnssec.Question) (a *dnssec.Answer, cached bool, err error)
}

// Dialer opens TCP connections, as a *net.Dialer does.
type Dialer interface {
	// DialContext connects to an address literal with its port; network is "tcp".
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Config is what a Validator needs. Source is required; every other zero value is the default.
type Config struct {
	Source Source
	// AllowNetworks are those that may be connected to although they are no public
	// ones (acme.allow_networks): private, loopback, link-local and the like.
	AllowNetworks []netip.Prefix
	// HTTPPort and TLSPort are connected to for http and for TLS; default 80 and 443, as
	// RFC 8555 §8.3 and RFC 8737 §3 demand. Others are for tests.
	HTTPPort, TLSPort uint16
	Timeout           time.Duration // of one challenge, from the first question to the last octet; default DefaultTimeout
	NoIPv4, NoIPv6    bool          // turn an address family off
	Dialer            Dialer        // default a net.Dialer
	UserAgent         string        // of http-01; default "cnfd"
}

// DefaultTimeout is how long one challenge may take: a server that says little and
// slowly holds a place no longer (slowloris; Boulder has 10 s for a connection).
const DefaultTimeout = 10 * time.Second

// Validator is an acme.Validator. It is made by New, never changes, and may be used
// by many at once.
type Validator struct{ cfg Config }

var _ acme.Validator = (*Validator)(nil)

// New makes a Validator; the error names the field that is missing or wrong.
func New(c Config) (*Validator, error) {
	switch {
	case c.Source == nil:
		return nil, errors.New("validate: Config.Source is missing")
	case c.NoIPv4 && c.NoIPv6:
		return nil, errors.New("validate: both IPv4 and IPv6 are off")
	case c.Timeout < 0:
		return nil, errors.New("validate: Config.Timeout is negative")
	case strings.ContainsFunc(c.UserAgent, unprintable):
		return nil, errors.New("validate: Config.UserAgent: want printable ASCII")
	}
	for _, p := range c.AllowNetworks {
		if !p.IsValid() {
			return nil, errors.New("validate: Config.AllowNetworks: one is no network")
		}
	}
	c.AllowNetworks = slices.Clone(c.AllowNetworks)
	if c.HTTPPort == 0 {
		c.HTTPPort = 80
	}
	if c.TLSPort == 0 {
		c.TLSPort = 443
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Dialer == nil {
		c.Dialer = &net.Dialer{}
	}
	if c.UserAgent == "" {
		c.UserAgent = "cnfd"
	}
	return &Validator{c}, nil
}

// challenge is one that has been read: what is to be proven and by what.
type challenge struct {
	host             host // the identifier's own
	token            string
	keyAuthorization string // RFC 8555 §8.1
}

// Validate returns nil where the identifier's holder answers the challenge of this
// type, and else why not (RFC 8555 §6.7): a Connection, DNS or TLS problem, and an
// IncorrectResponse or, of the DNS, Unauthorized one where there was an answer that
// does not prove it. It is Passing where nothing was heard that decides it: no
// server was reached, or what the DNS says is not proven. The end of ctx is a Connection problem.
func (v *Validator) Validate(ctx context.Context, method string, i acme.Identifier, token, keyAuthorization string) *acme.Problem {
	c, problem := parse(i, token, keyAuthorization)
	if problem != nil {
		return problem
	}
	carryOut := map[string]func(context.Context, *challenge) *acme.Problem{
		acme.MethodHTTP: v.http, acme.MethodDNS: v.dns, acme.MethodTLSALPN: v.tlsALPN,
	}[method]
	if carryOut == nil {
		return acme.Problemf(acme.ServerInternal, "challenge type %q: not one that is carried out here", excerpt(method, maxExcerpt))
	}
	within, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	problem = carryOut(within, c)
	if problem != nil && problem.Passing && ctx.Err() != nil {
		return passing(acme.Connection, "the validation of %s was broken off: ask again", c.host)
	}
	return problem
}

// parse reads what a challenge is of. An empty token or key authorization would be
// fulfilled by an empty file, so that it is never asked for.
func parse(i acme.Identifier, token, keyAuthorization string) (*challenge, *acme.Problem) {
	h, err := parseHost(i.Value)
	switch {
	case err == nil && h.String() == i.Value && i.Type == acme.TypeDNS && h.name != "":
	case err == nil && h.String() == i.Value && i.Type == acme.TypeIP && h.address.IsValid():
	default:
		return nil, acme.Problemf(acme.Malformed, "identifier %q: no %q that can be validated", excerpt(i.Value, maxExcerpt), excerpt(i.Type, maxExcerpt))
	}
	thumbprint, ok := strings.CutPrefix(keyAuthorization, token+".")
	if !ok || !base64URL(token) || !base64URL(thumbprint) {
		return nil, acme.Problemf(acme.ServerInternal, "challenge of %s: its token or its key authorization is none", h)
	}
	return &challenge{h, token, keyAuthorization}, nil
}

// base64URL reports whether text is one or more characters of RFC 4648 §5. In a token
// every other might mean something in a URL.
func base64URL(text string) bool {
	for _, c := range []byte(text) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return text != ""
}

// passing is a problem that says nothing for good.
func passing(kind acme.Kind, format string, args ...any) *acme.Problem {
	p := acme.Problemf(kind, "%s", fmt.Sprintf(format, args...))
	p.Passing = true
	return p
}
