package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// KeptRotation is a rotation and the file that keeps it.
type KeptRotation struct {
	Path     string
	Rotation Rotation
}

// Unfinished returns the rotations of a domain that are kept beside path, in files that
// end with .json, and have not come to their end; that of path itself is not among them.
// A file that is named as one of the domain's and cannot be read is an error: nobody
// knows what it would say.
func Unfinished(path, domain string) (others []KeptRotation, err error) {
	dir := filepath.Dir(path)
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, f := range files {
		name := f.Name()
		if name == filepath.Base(path) || filepath.Ext(name) != ".json" || !f.Type().IsRegular() {
			continue
		}
		r, found, rerr := ReadState(filepath.Join(dir, name))
		switch {
		case rerr != nil && strings.HasPrefix(name, "rotate-"+domain+"-"):
			return nil, fmt.Errorf("another rotation of %s: %w", domain, rerr)
		case found && rerr == nil && r.Stage != Retired && r.Swaps[0].Old.Domain == domain:
			others = append(others, KeptRotation{filepath.Join(dir, name), r})
		}
	}
	return others, err
}

// Aside is the name beside path for what was kept there until a time.
func Aside(path string, at time.Time) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-" + at.UTC().Format("20060102T150405Z") + ext
}

// PutAside gives the file another name, which nothing may have yet: what is kept is over,
// and another rotation is to be kept in its place.
func (s *StateFile) PutAside(name string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: it is there already (%v)", name, err)
	}
	return os.Rename(s.path, name)
}
