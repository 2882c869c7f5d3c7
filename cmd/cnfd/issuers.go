package main

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/issuers"
	"cnfd/issuers/source"
	"cnfd/signature"
	"cnfd/verifier"
)

// keeperOf makes what keeps the keys of the issuers. Files are read; URLs are fetched
// once their keys are asked for, or by Run; those that before has are taken over.
func keeperOf(c *config.Config, now func() time.Time, log *slog.Logger, before *source.Keeper) (*source.Keeper, error) {
	// Before the keeper reads them: its errors are for who knows that a path is one.
	for _, f := range issuerFiles(c) {
		if f.err != nil {
			return nil, f.wrong()
		}
		f.tell(log)
	}
	sc := source.Config{Now: now, Log: log, Before: before}
	for i := range c.Issuers {
		one := &c.Issuers[i]
		s := source.Source{Issuer: one.Issuer, Refresh: one.Refresh}
		if !one.KeysURL() {
			s.File = one.Keys
		} else {
			s.URL, s.Addresses, s.Timeout = one.Keys, one.Addresses, one.Timeout
			var err error
			if s.Roots, err = authoritiesIn(one.CA); err != nil {
				return nil, fmt.Errorf("issuers[%d].ca: %w", i, err)
			}
		}
		sc.Sources = append(sc.Sources, s)
	}
	return source.New(sc)
}

// issuerFiles are the files of issuers, in their order: of keys, or of the authorities
// for a URL.
func issuerFiles(c *config.Config) (all []namedFile) {
	for i := range c.Issuers {
		one := &c.Issuers[i]
		switch {
		case !one.KeysURL():
			f := namedFile{place: fmt.Sprintf("issuers[%d].keys", i)}
			f.warnings, f.err = readIssuerKeys(one.Keys)
			all = append(all, f)
		case one.CA != "":
			_, err := authoritiesIn(one.CA)
			all = append(all, namedFile{place: fmt.Sprintf("issuers[%d].ca", i), err: err})
		}
	}
	return all
}

// readIssuerKeys judges a file of public keys: who can write it signs for the issuer.
func readIssuerKeys(path string) (warnings []string, err error) {
	text, mode, err := readFile(path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	_, unused, err := issuers.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	warnings = others(path, mode, 0o022, "write", "chmod 644")
	for _, why := range unused {
		warnings = append(warnings, fmt.Sprintf("%s: a key that is not used: %v", path, why))
	}
	return warnings, nil
}

// authoritiesIn reads the certificates of a PEM file; nil, the machine's own, where none is named.
func authoritiesIn(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, _, err := readFile(path, maxAuthorities)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s has no certificate in PEM", path)
	}
	return pool, nil
}

// maxAuthorities is some forty times what a machine trusts, in octets.
const maxAuthorities = 8 << 20

// issuersOf is what the verifier holds each issuer to.
func issuersOf(c *config.Config) (all []verifier.Issuer, err error) {
	for i := range c.Issuers {
		one := &c.Issuers[i]
		v := verifier.Issuer{Name: one.Issuer, Audience: one.Audience, Terms: issuers.Terms{Types: one.Types}}
		for _, name := range one.Algorithms {
			a := signature.OfJOSE(name)
			if a == 0 {
				return nil, fmt.Errorf("issuers[%d].algorithms: %q is not known", i, name)
			}
			v.Terms.Algorithms = append(v.Terms.Algorithms, a)
		}
		if v.Checks, err = checksOf(one.Check); err != nil {
			return nil, fmt.Errorf("issuers[%d].check: %w", i, err)
		}
		all = append(all, v)
	}
	return all, nil
}

func checksOf(words []string) (all verifier.Checks, err error) {
	for _, word := range words {
		one, err := verifier.ParseCheck(word)
		if err != nil {
			return 0, err
		}
		all |= one
	}
	return all, nil
}
