package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cnfd/signature"
)

// KeysURL reports whether the keys of an issuer are fetched, not read from a file.
func (i *Issuer) KeysURL() bool { return !filepath.IsAbs(i.Keys) }

// Bounds of issuers[].refresh and issuers[].timeout: what is fetched more often is a
// burden on others, and what takes longer keeps callers waiting.
const (
	minRefresh = 10 * time.Second
	minTimeout = 100 * time.Millisecond
	maxTimeout = 30 * time.Second
)

func (r *reader) checkIssuers(list []Issuer) {
	for n := range list {
		i, path := &list[n], fmt.Sprintf("issuers[%d]", n)
		switch {
		case i.Issuer == "":
			r.at(path+".issuer", "want the iss of its credentials")
		case slices.ContainsFunc(list[:n], func(other Issuer) bool { return other.Issuer == i.Issuer }):
			r.at(path+".issuer", "%q is there already: write all of it in one place", i.Issuer)
		}
		r.checkKeysOf(path, i)
		if i.Refresh < minRefresh {
			r.at(path+".refresh", "want %s or more", minRefresh)
		}
		for n, word := range i.Algorithms {
			if signature.OfJOSE(word) == 0 {
				r.at(fmt.Sprintf("%s.algorithms[%d]", path, n), "%q is not one of %s", word, algorithms())
			}
		}
		r.checkWords(path+".algorithms", i.Algorithms)
		r.checkWords(path+".types", i.Types)
		r.checkWords(path+".check", i.Check)
	}
}

// checkKeysOf judges where the keys come from, and what is said of the way there.
func (r *reader) checkKeysOf(path string, i *Issuer) {
	if !filepath.IsAbs(i.Keys) {
		if err := keysURL(i.Keys); err != nil {
			r.at(path+".keys", "%v", err)
			return
		}
		if i.CA != "" && !filepath.IsAbs(i.CA) {
			r.at(path+".ca", "want the absolute path of a file with certificates")
		}
		for n, a := range i.Addresses {
			if a.Zone() != "" {
				r.at(fmt.Sprintf("%s.addresses[%d]", path, n), "an address with a zone is that of one link alone: give another")
			}
		}
		if i.Timeout < minTimeout || i.Timeout > maxTimeout {
			r.at(path+".timeout", "want from %s to %s", minTimeout, maxTimeout)
		}
		return
	}
	for _, key := range []string{"ca", "addresses", "timeout"} {
		if _, written := r.places[path+"."+key]; written {
			r.at(path+"."+key, "only of a URL: a file is read as it is")
		}
	}
}

const wantKeys = "want the absolute path of a file with public keys, or an https URL; the keys themselves do not stand here"

// keysURL judges what is no path. No error repeats any of it: it may be a key, or
// hold a password.
func keysURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return errors.New(wantKeys)
	case u.Scheme == "http":
		return errors.New("want https: what comes over http may be anybody's keys")
	case u.Hostname() == "":
		return errors.New("want a host after https://")
	case u.User != nil:
		return errors.New("no name or password may stand before the host")
	case strings.Contains(text, "#"):
		return errors.New("nothing may follow a #")
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return errors.New("want a port from 1 to 65535")
		}
	}
	return nil
}

// algorithms lists those that are known, by their JOSE names.
func algorithms() string {
	var names []string
	for a := signature.Algorithm(1); a.String() != ""; a++ {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// warnChecks tells of checks that a token escapes by naming another issuer, and of
// signatures that no key here can verify.
func (r *reader) warnChecks(c *Config) {
	for n, i := range c.Issuers {
		var escaped []string
		for _, word := range i.Check {
			if !slices.Contains(c.Check, word) {
				escaped = append(escaped, word)
			}
		}
		if len(escaped) > 0 {
			what := "a token that names another issuer, or none, is not held to it"
			if len(escaped) > 1 {
				what = "a token that names another issuer, or none, is not held to them"
			}
			r.at(fmt.Sprintf("issuers[%d].check", n), "%s: %s; what is wanted of all stands in check, at the top", strings.Join(escaped, ", "), what)
		}
	}
	if slices.Contains(c.Check, "signature") && len(c.Issuers) == 0 {
		r.at("check", "signature: no issuers are listed, so that every credential is refuted (signature_invalid)")
	}
}
