package anchor

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cnfd/dnssec/rollover"
)

// store keeps a state file for each trust point in one directory. Several
// processes may share it: whoever changes a file holds the directory's lock from
// before it is read until it is written, so that no writer undoes another.
type store struct {
	dir      string // "" keeps nothing
	readOnly bool
}

// errNone: there is no state yet.
var errNone = errors.New("no state")

// maxFile bounds what is read of a state file: 64 keys of 4096 bits are a tenth of it.
const maxFile = 1 << 20

// load reads the state of a name. A file that is not whole is put aside, never
// deleted, and is an error that says so.
func (s store) load(name string, now time.Time) (rollover.Point, error) {
	if s.dir == "" {
		return rollover.Point{}, errNone
	}
	if !s.readOnly {
		// Where there is no lock to be had there is nothing to be put aside either.
		if unlock, err := lock(s.dir); err == nil {
			defer unlock()
		}
	}
	return s.read(name, now)
}

// change reads the state of a name, has f make the next one of it, and writes
// that, all under the lock. f gets errNone, or what is wrong with the file that
// is no more; it is called exactly once, also where nothing can be written.
func (s store) change(name string, now time.Time, f func(rollover.Point, error) rollover.Point) error {
	if s.dir == "" || s.readOnly {
		f(rollover.Point{}, errNone)
		return nil
	}
	err := os.MkdirAll(s.dir, 0o700)
	var unlock func()
	if err == nil {
		unlock, err = lock(s.dir)
	}
	if err != nil {
		f(rollover.Point{}, errNone)
		return err
	}
	defer unlock()
	return s.write(name, f(s.read(name, now)))
}

func (s store) read(name string, now time.Time) (rollover.Point, error) {
	path := s.path(name)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return rollover.Point{}, errNone
	}
	var p rollover.Point
	if err == nil {
		p, err = rollover.Parse(text)
	}
	if err == nil && p.Name != name {
		err = fmt.Errorf("it is the state of %s", p.Name)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		return rollover.Point{}, errors.Join(err, s.putAside(path, now))
	}
	return p, nil
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("over %d octets", maxFile)
	}
	return string(text), err
}

// putAside gives a file that cannot be used another name, under which nobody
// reads it and nothing overwrites it.
func (s store) putAside(path string, now time.Time) error {
	if s.readOnly {
		return nil
	}
	for n := 0; n < 100; n++ {
		aside := path + ".aside-" + now.UTC().Format("20060102T150405Z")
		if n > 0 {
			aside += fmt.Sprintf("-%d", n)
		}
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(path, aside)
		}
	}
	return fmt.Errorf("%s: too many files were put aside already", path)
}

// write replaces a file in one step: whatever ends the process, either the old
// state is there or the new one. The new one is on the disk before it takes the name.
func (s store) write(name string, p rollover.Point) (err error) {
	path := s.path(name)
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(p.Text())
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// path is a name's file: "root.state", "corp.example.state" with a final dot
// before it, so that no zone is called as the root's is.
func (s store) path(name string) string {
	if name == "." {
		return filepath.Join(s.dir, "root.state")
	}
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && b.Len() > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	file := b.String()
	if len(file) > 200 {
		file = fmt.Sprintf("%%sha256-%x.", sha256.Sum256([]byte(name)))
	}
	return filepath.Join(s.dir, file+".state")
}
