package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// busyWait is how long SQLite waits for another process, each time.
const busyWait = 3 * time.Second

// views is how many of them can be open at once; one more waits.
const views = 4

// pageCache bounds what one connection keeps of the file in memory, in KiB; SQLite's default is 2,000.
const pageCache = 1000

// Open opens the store in a file, which is made where there is none, and brings its schema
// to the newest version. A file that others may read or write, that is not such a store,
// or that a newer release has made is an error. Beside it SQLite keeps path-wal and path-shm.
func Open(path string) (*Store, error) { return open(path, migrations()) }

func open(path string, all []migration) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("acme store: %w", err)
	}
	if err := ownFile(path); err != nil {
		return nil, fmt.Errorf("acme store: %w", err)
	}
	s := &Store{path: path, dialect: sqliteWords()}
	writer, err := connect(path, "")
	if err != nil {
		return nil, s.wrap(context.Background(), err)
	}
	readers, err := connect(path, "_query_only=1")
	if err != nil {
		writer.Close()
		return nil, s.wrap(context.Background(), err)
	}
	s.writer, s.readers = newPool(writer, 1), newPool(readers, views)
	if err := s.begin(all); err != nil {
		s.readers.close()
		s.writer.close()
		return nil, err
	}
	return s, nil
}

func sqliteWords() dialect {
	return dialect{schema: strings.NewReplacer(), read: "BEGIN", write: "BEGIN IMMEDIATE", again: inTheWay, explain: explain}
}

// begin makes the file a store of the newest version.
func (s *Store) begin(all []migration) error {
	ctx := context.Background()
	var tables, ours int
	err := s.writer.QueryRow(`SELECT count(*), count(CASE WHEN name = 'migrations' THEN 1 END) FROM sqlite_schema WHERE type = 'table'`).Scan(&tables, &ours)
	if err != nil {
		return s.wrap(ctx, err)
	}
	if tables > 0 && ours == 0 {
		return s.wrap(ctx, errors.New("it is a database of another program: name another file"))
	}
	// The change to a write-ahead log is made once in the life of a file. SQLite does not
	// wait for another process that makes it at the same time.
	mode := ""
	for n := 1; mode != "wal"; n++ {
		err := s.writer.QueryRow("PRAGMA journal_mode = WAL").Scan(&mode)
		if err != nil && (!inTheWay(err) || n == walAttempts) {
			return s.wrap(ctx, err)
		}
		if err == nil && mode != "wal" {
			return s.wrap(ctx, fmt.Errorf("its journal is %q, and cannot be a write-ahead log: is the file on a network's disk?", mode))
		}
		if err != nil {
			time.Sleep(walPause)
		}
	}
	return s.migrate(ctx, all)
}

// The change of the journal is tried for as long as busyWait.
const (
	walPause    = 20 * time.Millisecond
	walAttempts = int(busyWait / walPause)
)

// ownFile makes a file that only its owner may read and write, or checks that it is one:
// the keys of external accounts are in it.
func ownFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return errors.Join(f.Close(), syncDir(filepath.Dir(path)))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: make its directory first, for its owner only", err)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) && name != path {
			continue
		}
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s: it is no regular file", name)
		}
		if mode := info.Mode().Perm(); mode&0o077 != 0 {
			return fmt.Errorf("%s: others than its owner may use it (mode %04o), and it holds secrets: chmod 600 %s", name, mode, name)
		}
	}
	return nil
}

// connect returns connections to a file, which it does not make.
func connect(path, more string) (*sql.DB, error) {
	name := (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}).String()
	connector, err := sqlite.NewConnector(fmt.Sprintf("%s?mode=rw&_busy_timeout=%d&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)&_pragma=cache_size(-%d)&_defensive=1&_dqs=0&_error_rc=1&%s",
		name, busyWait.Milliseconds(), pageCache, more))
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// code returns SQLite's result code of an error, and the extended one (sqlite.org/rescode.html); 0 of others.
func code(err error) (primary, extended int) {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff, e.Code()
	}
	return 0, 0
}

func inTheWay(err error) bool {
	primary, _ := code(err)
	return primary == lib.SQLITE_BUSY || primary == lib.SQLITE_PROTOCOL
}

// Passing reports whether an error of a Store may pass without anybody changing who may do what with which file: the disk is
// full, read-only or failing, the file is damaged, or another process keeps it to itself.
func Passing(err error) bool {
	switch primary, _ := code(err); primary {
	case lib.SQLITE_FULL, lib.SQLITE_BUSY, lib.SQLITE_PROTOCOL, lib.SQLITE_IOERR, lib.SQLITE_CORRUPT, lib.SQLITE_READONLY:
		return true
	}
	return false
}

func explain(err error) string {
	switch primary, extended := code(err); {
	case primary == lib.SQLITE_FULL || extended == lib.SQLITE_IOERR_SHMSIZE:
		return "disk full: nothing of it was kept: make room"
	case primary == lib.SQLITE_BUSY || primary == lib.SQLITE_PROTOCOL:
		return "another process has been at work on it for too long: let that end, or end it"
	case primary == lib.SQLITE_READONLY:
		return "it cannot be written: it, its directory or its disk is read-only"
	case primary == lib.SQLITE_NOTADB:
		return "it is no SQLite database, or damaged: restore a backup, or name another file"
	case primary == lib.SQLITE_CORRUPT:
		return "it is damaged: restore a backup"
	case primary == lib.SQLITE_CANTOPEN:
		return "it or a file beside it cannot be opened: see who owns them and their directory"
	case primary == lib.SQLITE_IOERR:
		return "the disk has an error: nothing of it was kept"
	}
	return ""
}
