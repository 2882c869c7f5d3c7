package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cnfd/acme"
	"cnfd/acme/ca"
	"cnfd/acme/store"
	"cnfd/cmd/cnfd/internal/backup"

	"github.com/spf13/cobra"
)

func newACMERestore() *cobra.Command {
	var o acmeOptions
	var dir string
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring back a CA and its store from a backup",
		Long: `Bring back what cnfd acme backup has written, to a directory in which there is nothing yet: where anything is wrong
with the backup, nothing is there afterwards either. Nothing that is there is ever overwritten.

What happened after the backup was made is not known any more: certificates of then cannot be revoked by their
serial, and revocations of certificates and intermediates, deactivations and grants that were taken back have to be
made again before the daemon is started.`,
		Example: `  cnfd acme restore /mnt/safe/ca-2026-11-22.tar
  cnfd acme restore ca.tar --dir /var/lib/cnfd/acme`,
		Args: exactly(1, "a file that cnfd acme backup has written"),
		RunE: func(cmd *cobra.Command, args []string) error {
			defer interruptible(cmd)()
			return o.at(func(d *desk) error {
				if cmd.Flags().Changed("dir") {
					if d.dir = filepath.Clean(dir); dir == "" {
						return errors.New("--dir: empty: say where the CA is to be, or leave it out")
					}
				}
				if err := mayMake(d.dir); err != nil {
					return err
				}
				doc, err := d.restore(cmd, args[0])
				if err != nil {
					return err
				}
				report := archiveReport{File: args[0], Directory: d.dir, Made: utc(doc.Made), Files: doc.Files}
				if err := printArchive(cmd, o.json, "restored to "+shown(d.dir), report); err != nil || o.json {
					return err
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), forgotten, report.Made, report.Made)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "the `DIRECTORY` to restore to (default: acme.directory of the configuration)")
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

// forgotten says what a CA does not know that was restored, with the time of the backup twice.
const forgotten = `This CA is as of %s. What came after is unknown to it; before it is started make again:
  revocations                  cnfd acme revoke SERIAL
  deactivated accounts         cnfd acme accounts deactivate ID
  removed grants               cnfd acme grant remove
  removed external accounts    cnfd acme external remove
  revoked intermediates        cnfd acme rotate --revoke-former; one alone: cnfd acme revoke --issuer
Certificates that were issued after %s cannot be revoked by their serial, only with their intermediate.
`

// restore reads a backup into a directory beside the one that is wanted, which gets its
// name once all is known to be right.
func (d *desk) restore(cmd *cobra.Command, file string) (*backup.List, error) {
	if err := vacant(d.dir); err != nil {
		return nil, err
	}
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(d.dir), 0o700); err != nil {
		return nil, err
	}
	room, err := os.MkdirTemp(filepath.Dir(d.dir), ".restoring-*") // 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(room)
	doc, err := backup.Read(in, []string{storeFile, rootFile}, func(name string, content io.Reader) error {
		return writeOwn(filepath.Join(room, name), content, modeOf(name))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown(file), err)
	}
	if err := forgetNonces(cmd.Context(), filepath.Join(room, storeFile)); err != nil {
		return nil, fmt.Errorf("%s: %w", shown(file), err)
	}
	if _, err := ca.Open(ca.Config{Dir: room, URL: anyURL, Now: d.now}); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "cnfd acme restore: warning: the CA cannot issue as it is: %v\n", err)
	}
	if err := cmd.Context().Err(); err != nil {
		return nil, errors.New("interrupted: nothing is restored")
	}
	if err := os.Remove(d.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.Rename(room, d.dir); err != nil {
		return nil, err
	}
	return doc, syncPath(filepath.Dir(d.dir))
}

// anyURL is for a CA that is opened to look at it and issues nothing.
const anyURL = "https://localhost"

// vacant wants a directory that is empty, or is not there.
func vacant(dir string) error {
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty, and stays as it is: move it away, or name another with --dir", shown(dir))
	}
	return nil
}

// modeOf is the mode of a file of a CA: what it gives to everybody is readable by whomever the directory lets in.
func modeOf(name string) fs.FileMode {
	if name == rootFile || strings.HasSuffix(name, ".crl") || strings.HasPrefix(name, "intermediate-") && strings.HasSuffix(name, ".pem") {
		return 0o644
	}
	return 0o600
}

// writeOwn writes a new file that only its owner may write to, to the disk.
func writeOwn(path string, content io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if mode != 0o600 {
		err = errors.Join(err, f.Chmod(mode))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// forgetNonces opens the store, which says whether it can be used, and takes out its nonces: requests that
// were made with them may have been answered since.
func forgetNonces(ctx context.Context, path string) error {
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx acme.Tx) error {
		_, err := tx.Nonces()
		return err
	})
	return errors.Join(err, s.Close())
}

// syncPath puts the names in a directory on the disk.
func syncPath(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
