package main

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"cnfd/acme"
	"cnfd/cmd/cnfd/internal/config"
)

// profilesOf are the profiles of the configuration, as the server knows them.
func profilesOf(a *config.ACME) (all []acme.Profile) {
	list := a.Profiles
	if len(list) == 0 {
		list = []config.Profile{config.DefaultProfile()}
	}
	for _, p := range list {
		q := acme.Profile{
			Name: p.Name, Description: p.Description, Methods: p.Methods, Identifiers: p.Identifiers, Wildcards: p.Wildcards,
			Usage: keyUsage(p.Usages), Life: p.Life, Backdate: p.Backdate,
			Bind:  map[string]acme.Bind{"account": acme.BindAccount, "csr": acme.BindCSR, "both": acme.BindBoth}[p.Bind],
			Grant: map[string]acme.Grant{"challenge": acme.GrantChallenge, "record": acme.GrantRecord}[p.Grant],
		}
		if q.Grant == acme.GrantRecord {
			q.Methods = nil
		}
		if q.Description == "" {
			q.Description = description(&p)
		}
		for _, t := range p.KeyTypes {
			q.KeyTypes = append(q.KeyTypes, acme.KeyType(t))
		}
		for _, u := range p.Usages {
			q.ExtUsage = append(q.ExtUsage, map[string]x509.ExtKeyUsage{"server": x509.ExtKeyUsageServerAuth, "client": x509.ExtKeyUsageClientAuth}[u])
		}
		all = append(all, q)
	}
	return all
}

// keyUsage is what is consistent with the extended usages: enciphering keys is what TLS servers alone do (RFC 5280 §4.2.1.12).
func keyUsage(usages []string) x509.KeyUsage {
	if slices.Contains(usages, "server") {
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
	return x509.KeyUsageDigitalSignature
}

// description is what clients are told of a profile that has none of its own.
func description(p *config.Profile) string {
	var uses []string
	for _, u := range p.Usages {
		uses = append(uses, u+"s")
	}
	text := fmt.Sprintf("for TLS %s, up to %s: by the confirmation record of %s", strings.Join(uses, " and "), lifeOf(p.Life),
		map[string]string{"account": "the account's key", "csr": "the certificate's key", "both": "the account's key and the certificate's"}[p.Bind])
	if p.Grant == "record" {
		return text + " alone"
	}
	return text + ", and a challenge besides"
}

// lifeOf is a life for people: in days where it is of whole ones.
func lifeOf(d time.Duration) string {
	if days := int(d / (24 * time.Hour)); days > 0 && d%(24*time.Hour) == 0 {
		return plural(days, "day")
	}
	return d.String()
}
