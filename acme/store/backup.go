package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a consistent copy of the store to a new file of mode 0600, while others go
// on writing to the store. It holds all that was there at one instant, and Open opens
// it. A file that is there already is not touched: that is an error. Until the copy is
// whole, and on the disk, there is nothing of that name.
func (s *Store) Backup(ctx context.Context, path string) error {
	if err := s.backup(ctx, path); err != nil {
		return fmt.Errorf("backup %s: %w", path, err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return errThere
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.part") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := s.copyTo(ctx, f.Name()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// A link, where a rename would put it over a file that has come to be meanwhile.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return errThere
	} else if err != nil {
		return err
	}
	return syncDir(dir)
}

var errThere = errors.New("it is there already: name a new file")

// copyTo needs a connection of its own: one that may write somewhere, and that keeps no Update waiting.
func (s *Store) copyTo(ctx context.Context, path string) error {
	db, err := connect(s.path, "")
	if err != nil {
		return s.wrap(ctx, err)
	}
	defer db.Close()
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", path); err != nil {
		return s.wrap(ctx, err)
	}
	return nil
}

// syncDir puts the names in a directory on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
