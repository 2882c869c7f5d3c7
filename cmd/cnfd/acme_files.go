package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cnfd/acme/ca"
	"cnfd/acme/weakkey"
	"cnfd/cmd/cnfd/internal/config"
)

// acmeFiles is what the files hold that acme of the configuration names.
type acmeFiles struct {
	pair    *tls.Certificate // nil: acme.tls names none
	blocked *weakkey.Blocklist
	chains  [][]byte
}

// Bounds of files: half a million blocked keys, and any chain.
const (
	maxBlocklist = 40 << 20
	maxChainFile = 128 << 10
)

// acmeFilesOf reads them all, or says which is wrong.
func acmeFilesOf(c *config.Config) (f acmeFiles, err error) {
	a := &c.ACME
	if a.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(a.TLS.Cert, a.TLS.Key)
		if err != nil {
			return f, fmt.Errorf("acme.tls: %w", err)
		}
		f.pair = &pair
	}
	if a.BlockedKeys != "" {
		text, err := readWhole(a.BlockedKeys, maxBlocklist)
		if err == nil {
			f.blocked, err = weakkey.ParseBlocklist(text)
		}
		if err != nil {
			return f, fmt.Errorf("acme.blocked_keys: %w", err)
		}
	}
	for i, path := range a.AlternateChains {
		text, err := readWhole(path, maxChainFile)
		if err != nil {
			return f, fmt.Errorf("acme.alternate_chains[%d]: %w", i, err)
		}
		f.chains = append(f.chains, text)
	}
	return f, nil
}

// readWhole reads a file that is no longer than limit.
func readWhole(path string, limit int64) ([]byte, error) {
	text, _, err := readFile(path, limit)
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: over %d KiB", path, limit>>10)
	}
	return text, err
}

// show has the next handshake, and the next request, go by files that were read.
func (a *acmeService) show(f acmeFiles) {
	if f.pair != nil {
		a.pair.Store(f.pair)
	}
	a.blocked.Store(f.blocked)
}

// rereadACME reads the files of a running server anew, and takes a new intermediate into
// use; on an error all is as it was. What it returns takes the rest into use.
func (d *daemon) rereadACME(c *config.Config) (show func(), err error) {
	a := d.acme
	if a == nil {
		return func() {}, nil
	}
	keeper, err := d.acmeGate(c)
	if err != nil {
		return nil, err
	}
	files, err := acmeFilesOf(c)
	if err != nil {
		return nil, err
	}
	if !a.isOpen() {
		return func() {
			a.gate.Store(keeper)
			a.show(files)
			select {
			case a.again <- struct{}{}:
			default: // it is told already
			}
		}, nil
	}
	if err := d.rereadCA(c, files); err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	return func() { a.gate.Store(keeper); a.show(files); a.tellEnd(d.log.Logger, d.clock.Now()) }, nil
}

// rereadCA takes a new intermediate into use, where none is missing of which certificates live on.
func (d *daemon) rereadCA(c *config.Config, files acmeFiles) error {
	dir, err := acmeDir(c)
	if err != nil {
		return err
	}
	there, err := ca.Open(ca.Config{Dir: dir, URL: publicURL(&c.ACME), Now: d.clock.Now, AlternateChains: files.chains})
	if err != nil {
		return err
	}
	if err := orphaned(d.running, dir, there, d.clock.Now()); err != nil {
		return err
	}
	return d.acme.ca.Reload()
}

// endSoon is when it is told that the intermediate ends: no certificate outlives it.
const endSoon = 60 * 24 * time.Hour

// watchEnd warns of it at the start, and once a day, until ctx ends.
func (a *acmeService) watchEnd(ctx context.Context, log *slog.Logger, now func() time.Time) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		a.tellEnd(log, now())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellEnd warns of an intermediate, and of a list of the root's, that end soon.
func (a *acmeService) tellEnd(log *slog.Logger, now time.Time) {
	der, _ := a.ca.IssuerDER(a.ca.Issuers()[0])
	c, err := x509.ParseCertificate(der)
	if err == nil && c.NotAfter.Sub(now) < endSoon {
		log.Warn("acme: the intermediate ends soon, and no certificate outlives it: cnfd acme rotate makes the next one", "subject", c.Subject.String(), "end", utc(c.NotAfter))
	}
	a.tellRootList(log, now)
}

// acmeNamedFiles are the files of the ACME server as they were found: nothing where it is off.
func acmeNamedFiles(c *config.Config) (all []namedFile) {
	a := &c.ACME
	if a.Listen == "" {
		return nil
	}
	found := func(place string, err error, warnings ...string) {
		if err != nil || len(warnings) > 0 {
			all = append(all, namedFile{place: place, err: err, warnings: warnings})
		}
	}
	if a.TLS.Cert != "" {
		pair, err := tls.LoadX509KeyPair(a.TLS.Cert, a.TLS.Key)
		if found("acme.tls", err); err == nil {
			found("acme.tls.cert", nil, ofAnother(pair.Leaf, hostOf(a.URL))...)
		}
		if info, err := os.Stat(a.TLS.Key); err == nil {
			found("acme.tls.key", nil, others(a.TLS.Key, info.Mode(), 0o066, "read or write", "chmod 600")...)
		}
	}
	if a.BlockedKeys != "" {
		text, err := readWhole(a.BlockedKeys, maxBlocklist)
		if err == nil {
			_, err = weakkey.ParseBlocklist(text)
		}
		found("acme.blocked_keys", err)
	}
	var chains [][]byte
	for i, path := range a.AlternateChains {
		text, err := readWhole(path, maxChainFile)
		found(fmt.Sprintf("acme.alternate_chains[%d]", i), err)
		chains = append(chains, text)
	}
	if slices.ContainsFunc(all, func(f namedFile) bool { return f.err != nil }) {
		return all
	}
	dir, err := acmeDir(c)
	if err == nil {
		err = lookAtCA(dir, ca.Config{Dir: dir, URL: publicURL(a), Now: time.Now, AlternateChains: chains})
	}
	if errors.Is(err, fs.ErrPermission) { // it is the daemon's user who has to be able to
		found("acme.directory", nil, err.Error())
		return all
	}
	if found("acme.directory", err, warnedRootList(dir, time.Now())...); err == nil {
		if former, err := formerURL(dir, a.URL); err == nil && former != "" {
			found("acme.url", nil, renamed(dir, former))
		}
	}
	return all
}

// ofAnother warns of a certificate that clients of a host will refuse.
func ofAnother(cert *x509.Certificate, host string) []string {
	if err := cert.VerifyHostname(host); err != nil {
		return []string{fmt.Sprintf("it is not for %s, which acme.url names, and clients will refuse it: %v", host, err)}
	}
	return nil
}

// lookAtCA says what is wrong with a CA's directory, and changes no store.
func lookAtCA(dir string, c ca.Config) error {
	info, err := os.Lstat(filepath.Join(dir, storeFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noStore(dir)
	case err != nil:
		return err
	}
	if w := others(filepath.Join(dir, storeFile), info.Mode(), 0o066, "read or write", "chmod 600"); len(w) > 0 {
		return errors.New(w[0])
	}
	authority, err := ca.Open(c)
	if err != nil {
		return err
	}
	return orphaned(context.Background(), dir, authority, c.Now())
}
