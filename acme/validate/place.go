package validate

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
)

// place is where one GET goes.
type place struct {
	host   host
	tls    bool
	target *url.URL // with the host in its one form, without a port, a user or a fragment
}

// doors are what a GET may knock on.
type doors struct {
	http, tls uint16     // the ports of the two schemes
	literal   netip.Addr // the only address that may stand in a URL; the zero one: none
}

func (d doors) of(p *place) uint16 {
	if p.tls {
		return d.tls
	}
	return d.http
}

// wellKnown is where a challenge's answer lies (RFC 8555 §8.3).
const wellKnown = "/.well-known/acme-challenge/"

// start is where http-01 begins.
func (c *challenge) start() *place {
	return &place{host: c.host, target: &url.URL{Scheme: "http", Host: c.host.inURL(), Path: wellKnown + c.token}}
}

// maxURL bounds a redirect's URL in octets (Boulder: 2000 of its path).
const maxURL = 2000

// redirected reads where a redirect leads to from p: the Location fields of an answer
// (RFC 9110 §10.2.2). It goes to the two ports alone and by names alone, since
// else who answers could have this machine speak to anything (server-side request forgery).
func (p *place) redirected(locations []string, d doors) (*place, error) {
	if len(locations) != 1 || locations[0] == "" || len(locations[0]) > maxURL {
		return nil, fmt.Errorf("want exactly one Location of at most %d octets", maxURL)
	}
	u, err := p.target.Parse(locations[0])
	if err != nil {
		return nil, errors.New("its Location is no URL")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Opaque != "":
		return nil, errors.New("want http:// or https://")
	case u.User != nil:
		return nil, errors.New("want a URL without a user")
	}
	to := &place{tls: u.Scheme == "https"}
	if port := u.Port(); port != "" && port != strconv.Itoa(int(d.of(to))) {
		return nil, fmt.Errorf("%s goes to port %d alone", u.Scheme, d.of(to))
	}
	to.host, err = parseHost(u.Hostname())
	switch {
	case err != nil:
		return nil, err
	case to.host.address.IsValid() && to.host.address != d.literal:
		return nil, errors.New("want a name, and no address that is not the identifier")
	}
	u.Host, u.Fragment, u.RawFragment = to.host.inURL(), "", ""
	to.target = u
	return to, nil
}
