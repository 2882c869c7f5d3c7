// Package ca is the CA that is built in: a root, intermediates, the certificates
// they issue and the lists of those that were revoked.
//
// Init makes a directory with a root, a first intermediate and the root's revocation list, Rotate
// adds the next intermediate, RenewRootList the next list, and Open gives what signs with the newest
// intermediate. The root's key is needed for those two alone, and is best kept elsewhere. Nothing that a relying party would
// believe is signed before it has been linted and its octets have been handed to who
// keeps them.
package ca

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cnfd/acme"
)

// Config is what a CA needs. Dir, URL and Now are required.
type Config struct {
	// Dir is what Init made, or holds the same files: root.pem, intermediate-N.pem and
	// intermediate-N.key, and the root's revocation lists, root-N.crl. The newest of each is
	// that of the highest N. Of lists there may be none.
	Dir string
	// URL is what relying parties fetch lists and certificates from, http or https, without
	// a query: <URL>/crl/<issuer>.crl and <URL>/ca/<issuer>.crt stand in every certificate.
	URL string
	Now func() time.Time // for what Open and Reload check; Issue goes by its Request
	// AlternateChains are PEM files, by their content: each is a chain whose first
	// certificate has the subject and the key of one of our intermediates, such as a
	// cross-signed one, and whose others each sign the one before. A leaf is offered with
	// it while none of its certificates has ended.
	AlternateChains [][]byte
	// Rand is what serials are made of; nil is crypto/rand. Keys and signatures are of
	// crypto/rand in any case.
	Rand io.Reader
}

// CA signs with the newest intermediate in a directory, and keeps up the revocation lists
// of the former ones. It is an acme.Issuer and an acme.Authority, made by Open, and safe
// for several goroutines.
type CA struct {
	config  Config
	base    string // Config.URL without a trailing slash
	linter  *linter
	reading sync.Mutex // one Reload at a time
	present atomic.Pointer[hierarchy]
	revoked atomic.Pointer[rootList] // the newest list of the root's that was seen; nil: there was none
}

var (
	_ acme.Issuer    = (*CA)(nil)
	_ acme.Authority = (*CA)(nil)
	_ acme.Root      = (*CA)(nil)
)

// Open reads the directory and holds what it finds against itself: each key matches its
// certificate, each chain verifies, and the newest intermediate is good at this moment.
// An error says which file is wrong, and what to do.
func Open(c Config) (*CA, error) {
	if c.Now == nil {
		return nil, errors.New("ca: no Now is given")
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	base, err := baseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("ca: url: %w", err)
	}
	l, err := newLinter()
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	ca := &CA{config: c, base: base, linter: l}
	if err := ca.Reload(); err != nil {
		return nil, err
	}
	return ca, nil
}

// Reload reads the directory anew, so that an intermediate made by Rotate is taken
// into use. Where anything is wrong, also where an intermediate has gone whose
// revocation list is kept up, or the newest list of the root's, the CA goes on with what it has.
func (c *CA) Reload() error {
	c.reading.Lock()
	defer c.reading.Unlock()
	next, err := readHierarchy(&c.config)
	if err != nil {
		return fmt.Errorf("ca: %w", err)
	}
	if before := c.present.Load(); before != nil {
		for _, i := range before.issuers {
			if next.issuer(i.id) == nil {
				return fmt.Errorf("ca: %s is no longer the certificate that was issued from: put it back; its revocation list must go on", i.path)
			}
		}
	}
	if before := c.revoked.Load(); before != nil && (next.revoked == nil || next.revoked.n < before.n) {
		return fmt.Errorf("ca: %s has gone: put it back; it says which intermediates are revoked", before.path)
	}
	c.present.Store(next)
	c.revoked.Store(next.revoked)
	return nil
}

// RootDER returns the certificate of the root.
func (c *CA) RootDER() []byte { return slices.Clone(c.present.Load().root.Raw) }

// RootList returns the newest revocation list of the root's, as it is in the directory at this
// moment; nil where there is none. It may have ended.
func (c *CA) RootList() (*acme.CRL, error) {
	newest, err := c.newestRootList()
	if err != nil || newest == nil {
		return nil, err
	}
	list := newest.CRL
	list.DER = slices.Clone(list.DER)
	return &list, nil
}

// newestRootList looks whether there is a newer list than the one that was seen: what is in a
// file never changes, so that its name is enough.
func (c *CA) newestRootList() (*rootList, error) {
	there, err := list(c.config.Dir)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	seen, n := c.revoked.Load(), there.newestList()
	if n == 0 || seen != nil && n <= seen.n {
		return seen, nil
	}
	newest, err := readRootList(c.config.Dir, n, c.present.Load().root)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	c.revoked.Store(newest)
	return newest, nil
}

// inUse returns what is signed with. An intermediate that the root's list has come to name signs nothing
// more: the next one is taken at once, where it is there.
func (c *CA) inUse() (*hierarchy, error) {
	newest, err := c.newestRootList()
	if err != nil {
		return nil, err
	}
	if newest.at(c.present.Load().newest().cert) != nil {
		if err := c.Reload(); err != nil {
			return nil, err
		}
	}
	return c.present.Load(), nil
}

// InUse returns the id of the intermediate that signs at this moment: where the root's list has come to name the one
// before, the next one is taken into use by asking too.
func (c *CA) InUse() (id string, err error) {
	h, err := c.inUse()
	if err != nil {
		return "", err
	}
	return h.newest().id, nil
}

// Issuers returns the ids of the intermediates, the one in use first, then the former
// ones, newest first. An id is 16 hex digits of the SHA-256 of the certificate.
func (c *CA) Issuers() []string {
	var ids []string
	for _, i := range c.present.Load().issuers {
		ids = append(ids, i.id)
	}
	return ids
}

// IssuerDER returns the certificate of an intermediate: what <URL>/ca/<id>.crt serves as
// application/pkix-cert.
func (c *CA) IssuerDER(id string) (der []byte, ok bool) {
	i := c.present.Load().issuer(id)
	if i == nil {
		return nil, false
	}
	return slices.Clone(i.cert.Raw), true
}

// listURL is where the list of an issuer is.
func (c *CA) listURL(id string) string { return listURL(c.base, id) }

func listURL(base, id string) string { return base + "/crl/" + id + ".crl" }

// issuerURL is where the certificate of an issuer is.
func (c *CA) issuerURL(id string) string { return c.base + "/ca/" + id + ".crt" }

// baseURL checks what every certificate will carry, and takes a trailing slash away.
func baseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return "", errors.New("none is given: https://ca.example, say")
	case err != nil:
		return "", errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("%q: not http or https and a host", text)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "", fmt.Errorf("%q: no user, query or fragment can be in it", u.Redacted())
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return "", fmt.Errorf("%q: not ASCII (IA5String, RFC 5280 §4.2.1.13)", text)
		}
	}
	return strings.TrimRight(text, "/"), nil
}
