package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cnfd/cmd/cnfd/internal/backup"

	"github.com/spf13/cobra"
)

func newACMEBackup() *cobra.Command {
	var o acmeOptions
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the store and the CA's keys to one file",
		Long: `Write a copy of the store, and all the files in the CA's directory, its keys too, to one tar that only its owner
may read. It is whole also where a daemon issues certificates at the same moment. Whoever has it issues certificates:
keep it as you keep the keys.

What the configuration names elsewhere (acme.tls, acme.blocked_keys, acme.alternate_chains) is not in it.`,
		Example: "  cnfd acme backup /mnt/safe/ca-2026-11-22.tar",
		Args:    exactly(1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error {
			defer interruptible(cmd)()
			return o.withStore(func(d *desk) error {
				doc, err := d.backup(cmd, args[0])
				if err != nil {
					return err
				}
				return printArchive(cmd, o.json, "wrote "+shown(args[0]), archiveReport{File: args[0], Made: utc(doc.Made), Files: doc.Files})
			})
		},
	}
	o.addFlags(cmd, "print one JSON object")
	return cmd
}

// backup writes the store first: all that a copy of it names is in the directory by then.
func (d *desk) backup(cmd *cobra.Command, file string) (doc *backup.List, err error) {
	out, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already, and stays: name another file", shown(file))
	} else if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			os.Remove(file)
		}
	}()
	room, err := os.MkdirTemp(d.dir, ".backup-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(room)
	copied := filepath.Join(room, storeFile)
	if err := d.store.Backup(cmd.Context(), copied); err != nil {
		return nil, err
	}
	doc = &backup.List{Made: d.now().UTC().Truncate(time.Second)}
	one, err := backup.Sum(storeFile, copied)
	if err != nil {
		return nil, err
	}
	doc.Files = append(doc.Files, one)
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, storeFile) || name[0] == '.': // the store, its journals, what is being made
		case !e.Type().IsRegular() || !backup.IsName(name):
			fmt.Fprintf(cmd.ErrOrStderr(), "cnfd acme backup: left out: %s is no file of the CA\n", shown(filepath.Join(d.dir, name)))
		default:
			if one, err = backup.Sum(name, filepath.Join(d.dir, name)); err != nil {
				return nil, err
			}
			doc.Files = append(doc.Files, one)
		}
	}
	if err := backup.Write(out, doc); err != nil {
		return nil, fmt.Errorf("%s: %w", shown(file), err)
	}
	return doc, out.Sync()
}

// archiveReport is what backup and restore print as JSON.
type archiveReport struct {
	File      string        `json:"file"`
	Directory string        `json:"directory,omitempty"`
	Made      string        `json:"made"`
	Files     []backup.File `json:"files"`
}

func printArchive(cmd *cobra.Command, asJSON bool, what string, r archiveReport) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), r)
	}
	var octets int64
	for _, one := range r.Files {
		octets += one.Size
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s, %d octets, of %s\n", what, plural(len(r.Files), "file"), octets, r.Made)
	return err
}
