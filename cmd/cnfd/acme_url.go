package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cnfd/acme"
)

// urlFile keeps, in the CA's directory, the URL that accounts and certificates name: the first that the server had. An
// operator who has all clients make new accounts removes it.
const urlFile = "url"

// maxURL is longer than any.
const maxURL = 4 << 10

// formerURL returns the URL that accounts and certificates name where it is another than url; "" where it is not, or is not known.
func formerURL(dir, url string) (string, error) {
	text, _, err := readFile(filepath.Join(dir, urlFile), maxURL)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if former := strings.TrimSpace(string(text)); former != url {
		return former, nil
	}
	return "", nil
}

// renamed is what is said of a URL that has changed.
func renamed(dir, former string) string {
	return "accounts and certificates were made while it was " + former + ", and name that: their clients get no further until they make new accounts, and who looks up a revocation looks there; " +
		"set it back, or, once no client is left that knows the former, remove " + filepath.Join(dir, urlFile)
}

// tellURL keeps the URL at the first start, and warns where it has changed since accounts were made.
func tellURL(ctx context.Context, log *slog.Logger, s acme.Store, dir, url string) {
	path := filepath.Join(dir, urlFile)
	former, err := formerURL(dir, url)
	if err == nil && former != "" {
		var made []*acme.Account
		if err = s.View(ctx, func(tx acme.Tx) (err error) { made, err = tx.Accounts("", 1); return err }); err == nil && len(made) > 0 {
			log.Warn("configuration: acme.url has changed: " + renamed(dir, former))
			return
		}
	}
	if known, _, missing := readFile(path, maxURL); err == nil && (missing != nil || strings.TrimSpace(string(known)) != url) {
		err = replaceOwn(path, []byte(url+"\n"))
	}
	if err != nil {
		log.Warn("acme: the URL that accounts will name could not be kept: a change of it will not be noticed", "err", err)
	}
}

// warnURL warns on a command's standard error of a URL that has changed.
func (d *desk) warnURL(cmd *cobra.Command) {
	if url := d.config.ACME.URL; url != "" {
		if former, err := formerURL(d.dir, url); err == nil && former != "" {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: warning: acme.url has changed: %s\n", cmd.CommandPath(), shown(renamed(d.dir, former)))
		}
	}
}
