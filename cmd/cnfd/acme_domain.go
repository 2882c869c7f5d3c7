package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/config"
)

// identifierOf reads a domain, a wildcard of one, or an address, as people write it.
func identifierOf(text string) (acme.Identifier, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		if a.Zone() != "" {
			return acme.Identifier{}, errors.New("an address with a zone is that of one link alone")
		}
		return acme.Identifier{Type: acme.TypeIP, Value: a.Unmap().String()}, nil
	}
	base, wildcard := strings.CutPrefix(text, "*.")
	domain, err := config.SubjectDomain(base)
	if err != nil || strings.Contains(domain, "*") {
		if secret(text) {
			return acme.Identifier{}, errors.New("want a domain such as vendor.example, *.vendor.example for the wildcard, or an IP address")
		}
		return acme.Identifier{}, fmt.Errorf("%s: want a domain such as vendor.example, *.vendor.example for the wildcard, or an IP address", shown(text))
	}
	if wildcard {
		domain = "*." + domain
	}
	return acme.Identifier{Type: acme.TypeDNS, Value: domain}, nil
}

// grantee reads what is granted, and returns it as the server compares it: an address by
// the domain whose record is consulted for it.
func grantee(text string) (string, error) {
	i, err := identifierOf(text)
	if err != nil || i.Type == acme.TypeDNS {
		return i.Value, err
	}
	return i.Domain(), nil
}
