// Package backup is the one file that cnfd acme backup writes: a tar that begins with a
// list of what follows, each with its length and its SHA-256. Nothing of one is to be
// used before all of it was read.
package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// List is the first file of a backup, and says what the others are.
type List struct {
	Format string    `json:"format"` // Write fills it in
	Made   time.Time `json:"made"`
	Files  []File    `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`   // for which IsName holds
	Size   int64  `json:"size"`   // octets
	SHA256 string `json:"sha256"` // lower-case hex

	path string // where it is while the backup is made
}

const (
	format   = "cnfd acme backup 1"
	listName = "manifest.json"
	// Bounds of what is read before anything is known of it: a CA has two files for each
	// intermediate it ever had.
	maxList  = 1 << 20
	maxFiles = 4096
)

// Sum reads the file at path, which is to be in a backup by a name. The error is that of reading it.
func Sum(name, path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return File{name, size, hex.EncodeToString(sum.Sum(nil)), path}, err
}

// Write writes a backup of the files that Sum has read. One that has changed since is an error.
func Write(w io.Writer, doc *List) error {
	doc.Format = format
	list, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	header := func(name string, size int64) error {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: doc.Made, Format: tar.FormatPAX})
	}
	if err := header(listName, int64(len(list))); err != nil {
		return err
	}
	if _, err := t.Write(list); err != nil {
		return err
	}
	for _, one := range doc.Files {
		if err := header(one.Name, one.Size); err != nil {
			return err
		}
		if err := copySummed(t, one); err != nil {
			return err
		}
	}
	return t.Close()
}

func copySummed(w io.Writer, one File) error {
	f, err := os.Open(one.path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, sum), f); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != one.SHA256 {
		return fmt.Errorf("%s has changed meanwhile: call again", one.Name)
	}
	return nil
}

// Read has keep take each file of a backup, and returns its list once all of them
// were there and are as the list has them: until then nothing that was kept may be used.
// keep reads all of a file, and IsName holds for its name. A backup without one of those
// that are required is an error, as is all that is not as the list has it.
func Read(r io.Reader, required []string, keep func(name string, content io.Reader) error) (*List, error) {
	t := tar.NewReader(r)
	doc, err := readList(t, required)
	if err != nil {
		return nil, err
	}
	awaited := map[string]File{}
	for _, one := range doc.Files {
		awaited[one.Name] = one
	}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("damaged or cut off: %w", err)
		}
		one, ok := awaited[h.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%q: not in the backup's own list, or there twice", h.Name)
		case h.Typeflag != tar.TypeReg || h.Size != one.Size:
			return nil, fmt.Errorf("%s: not the file that the backup's own list has", one.Name)
		}
		delete(awaited, h.Name)
		sum := sha256.New()
		if err := keep(one.Name, io.TeeReader(content{t}, sum)); err != nil {
			return nil, err
		}
		if hex.EncodeToString(sum.Sum(nil)) != one.SHA256 {
			return nil, fmt.Errorf("%s: damaged: its SHA-256 is not that of the backup's own list", one.Name)
		}
	}
	for _, one := range doc.Files {
		if _, missing := awaited[one.Name]; missing {
			return nil, fmt.Errorf("%s is missing: the backup is cut off, or was changed", one.Name)
		}
	}
	return doc, nil
}

// content is a file in a tar that may end too early.
type content struct{ t *tar.Reader }

// Read reads on.
func (c content) Read(p []byte) (int, error) {
	n, err := c.t.Read(p)
	if err != nil && err != io.EOF { // io.Copy knows no wrapped one
		err = fmt.Errorf("damaged or cut off: %w", err)
	}
	return n, err
}

func readList(t *tar.Reader, required []string) (*List, error) {
	h, err := t.Next()
	if err != nil || h.Name != listName || h.Typeflag != tar.TypeReg || h.Size > maxList {
		return nil, errors.New("not a backup of cnfd acme: no list of files stands at its beginning")
	}
	text, err := io.ReadAll(content{t})
	if err != nil {
		return nil, err
	}
	var doc List
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil || d.More() {
		return nil, errors.New("the backup's own list cannot be read: it is damaged, or not of cnfd acme")
	}
	if doc.Format != format {
		return nil, fmt.Errorf("the backup is of the format %q, and %q is read here: restore it with the version of cnfd that made it", doc.Format, format)
	}
	if len(doc.Files) > maxFiles {
		return nil, fmt.Errorf("the backup's own list names over %d files", maxFiles)
	}
	for i, one := range doc.Files {
		if !IsName(one.Name) {
			return nil, fmt.Errorf("the backup's own list has the name %q: that is no file of a CA's directory", one.Name)
		}
		if slices.ContainsFunc(doc.Files[:i], func(other File) bool { return other.Name == one.Name }) {
			return nil, fmt.Errorf("the backup's own list has %s twice", one.Name)
		}
	}
	for _, name := range required {
		if !slices.ContainsFunc(doc.Files, func(one File) bool { return one.Name == name }) {
			return nil, fmt.Errorf("the backup's own list has no %s: it is not of a CA", name)
		}
	}
	return &doc, nil
}

// IsName reports whether a name is one that a file in a CA's directory can have: it
// leads nowhere else, on any system.
func IsName(name string) bool {
	return name != "" && len(name) <= 200 && name[0] != '.' && name != listName && filepath.Base(name) == name &&
		!strings.ContainsFunc(name, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._", c)
		})
}
