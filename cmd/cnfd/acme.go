package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cnfd/acme"
	"cnfd/acme/store"
	"cnfd/cmd/cnfd/internal/config"

	"github.com/spf13/cobra"
)

func newACME() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acme",
		Short: "Make a CA, and look after what the ACME server issues",
		Long: `Make the CA of the ACME server, list and revoke its certificates, look after accounts and what they are granted,
and back it all up. The server itself runs in cnfd serve, where acme.listen of the configuration is set.

All of them work beside a daemon that runs, on its own store. init, rotate and restore make files: call them as the
user that the daemon runs as.`,
		Example: `  cnfd acme init
  cnfd acme list --domain vendor.example
  cnfd acme revoke 3a5f90c2d1e47b6880fe --reason keyCompromise`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newACMEInit(), newACMEList(), newACMEShow(), newACMERevoke(), newACMEAccounts(), newACMEExternal(),
		newACMEGrant(), newACMERotate(), newACMEBackup(), newACMERestore())
	return cmd
}

// acmeOptions are the flags of every command of the CA.
type acmeOptions struct {
	config string
	json   bool
}

func (o *acmeOptions) addFlags(cmd *cobra.Command, json string) {
	cmd.Flags().BoolVar(&o.json, "json", false, json)
	configFlag(cmd, &o.config)
}

// desk is what a command works at: the CA's directory, the store in it and the clock.
type desk struct {
	config *config.Config
	dir    string
	store  *store.Store
	now    func() time.Time
	with   string // what commands that are told need beside: " --config FILE", or ""
}

// at runs f with the CA's directory, which there need not be yet, and without a store.
func (o *acmeOptions) at(f func(*desk) error) error {
	c, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	dir, err := acmeDir(&c)
	if err != nil {
		return err
	}
	clock, err := newClock(&c.Resolver, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer clock.Close()
	return forConfig(asOwner(dir, f(&desk{config: &c, dir: dir, now: clock.Now, with: withConfig(o.config)})), o.config)
}

// withStore is at with the store that is there.
func (o *acmeOptions) withStore(f func(*desk) error) error {
	return o.at(func(d *desk) (err error) {
		if d.store, err = openStore(d.dir); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.store.Close()) }()
		return f(d)
	})
}

// storeFile is the store's name in the CA's directory.
const storeFile = "acme.db"

// openStore opens the store of a CA that is there: one that is missing is not made, since
// it would know of no certificate.
func openStore(dir string) (*store.Store, error) {
	path := filepath.Join(dir, storeFile)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, noStore(dir)
	} else if err != nil {
		return nil, fmt.Errorf("acme: %w", err)
	}
	s, err := store.Open(path)
	if err != nil && readOnly(dir) {
		return nil, &readOnlyError{fmt.Errorf("%s is on a disk that is read-only: see why (a system mounts it so after an error of the disk): %w", dir, err)}
	}
	return s, err
}

// readOnlyError is of a store on a disk that is read-only: SQLite says of one no more than that it cannot be opened.
type readOnlyError struct{ error }

func (r *readOnlyError) Unwrap() error { return r.error }

// readOnly reports whether a directory is on a disk to which nobody writes, whoever owns what.
func readOnly(dir string) bool {
	f, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return errors.Is(err, syscall.EROFS)
	}
	f.Close()
	os.Remove(f.Name())
	return false
}

// testingDir is the CA's directory in state_dir under testing: true.
const testingDir = "acme-testing"

// acmeDir is where the CA is. What is issued while testing must not be believed
// elsewhere: it has a directory of its own.
func acmeDir(c *config.Config) (string, error) {
	name := "acme"
	if c.Testing {
		name = testingDir
	}
	switch {
	case c.ACME.Directory != "":
		return filepath.Clean(c.ACME.Directory), nil
	case c.StateDir == "":
		return "", errors.New("acme: there is no state_dir: say in the configuration where the CA is, as acme.directory")
	}
	return filepath.Join(c.StateDir, name), nil
}

// serialOf reads a certificate's serial as people write it: hex, colons may stand in it. with is what withConfig says.
func serialOf(arg, with string) (string, error) {
	text := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(arg), "0x"), ":", ""))
	text = strings.TrimLeft(text, "0")
	if len(text)%2 == 1 {
		text = "0" + text
	}
	if text == "" || len(text) > 40 || strings.Trim(text, "0123456789abcdef") != "" {
		if secret(arg) {
			return "", fmt.Errorf("the argument is no serial: want hexadecimal digits, as cnfd acme list%s prints them", with)
		}
		return "", fmt.Errorf("%s: no serial: want hexadecimal digits, as cnfd acme list%s prints them", shown(arg), with)
	}
	return text, nil
}

// accountID reads an account's id, or its URL, as clients show it. with is what withConfig says.
func accountID(arg, with string) (string, error) {
	id := arg
	if strings.Contains(arg, "://") {
		id = arg[strings.LastIndex(arg, "/")+1:]
	}
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	}) {
		return "", fmt.Errorf("no account's id: want what cnfd acme accounts list%s prints, or the account's URL", with)
	}
	return id, nil
}

// ofStore says of what the store has not what it was, and of a refusal no more than why.
func ofStore(err error, what, id string) error {
	var p *acme.Problem
	switch {
	case errors.Is(err, acme.ErrNotFound):
		return fmt.Errorf("%s %s: there is none", what, shown(id))
	case errors.As(err, &p):
		return errors.New(p.Detail)
	}
	return err
}

// each calls f for everything in pages of the store, until one is not full; page returns
// those after the one with the id that is given, and id says what one's is.
func each[T any](ctx context.Context, s acme.Store, page func(tx acme.Tx, after string, most int) ([]T, error), id func(T) string, f func(T) error) error {
	const most = 200
	for after := ""; ; {
		var all []T
		if err := s.View(ctx, func(tx acme.Tx) (err error) {
			all, err = page(tx, after, most)
			return err
		}); err != nil {
			return err
		}
		for _, one := range all {
			if err := f(one); err != nil {
				return err
			}
		}
		if len(all) < most {
			return nil
		}
		after = id(all[len(all)-1])
	}
}

// utc is a time as all of these commands print it; "" for none.
func utc(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
