package main

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

// archiveDoc is the first file of a backup, and says what the others are.
type archiveDoc struct {
	Format string         `json:"format"`
	Made   time.Time      `json:"made"`
	Files  []archivedFile `json:"files"`
}

// archivedFile is one file of a backup.
type archivedFile struct {
	Name   string `json:"name"` // without any directory
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // lower-case hex

	path string // where it is while the backup is made
}

const (
	archiveFormat = "cnfd acme backup 1"
	archiveIndex  = "manifest.json"
	// Bounds of what is read before anything is known of it: a CA has two files for each
	// intermediate it ever had.
	maxArchiveIndex = 1 << 20
	maxArchiveFiles = 4096
)

// sumFile reads a file for the list of a backup.
func sumFile(name, path string) (archivedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return archivedFile{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return archivedFile{name, size, hex.EncodeToString(sum.Sum(nil)), path}, err
}

// writeArchive writes a tar with the list and then the files. Each must be as the list has it.
func writeArchive(w io.Writer, doc *archiveDoc) error {
	list, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	header := func(name string, size int64) error {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: doc.Made, Format: tar.FormatPAX})
	}
	if err := header(archiveIndex, int64(len(list))); err != nil {
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

func copySummed(w io.Writer, one archivedFile) error {
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

// readArchive has keep take each file of a backup, and returns its list once all of them
// were there and are as the list has them: until then nothing that was kept may be used.
// keep reads all of a file, whose name has no directory in it.
func readArchive(r io.Reader, keep func(name string, content io.Reader) error) (*archiveDoc, error) {
	t := tar.NewReader(r)
	doc, err := readArchiveIndex(t)
	if err != nil {
		return nil, err
	}
	awaited := map[string]archivedFile{}
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
			return nil, fmt.Errorf("%s: not in the backup's own list, or there twice", shown(h.Name))
		case h.Typeflag != tar.TypeReg || h.Size != one.Size:
			return nil, fmt.Errorf("%s: not the file that the backup's own list has", one.Name)
		}
		delete(awaited, h.Name)
		sum := sha256.New()
		if err := keep(one.Name, io.TeeReader(archiveContent{t}, sum)); err != nil {
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

// archiveContent is a file in a tar that may end too early.
type archiveContent struct{ t *tar.Reader }

// Read reads on.
func (c archiveContent) Read(p []byte) (int, error) {
	n, err := c.t.Read(p)
	if err != nil && err != io.EOF { // io.Copy knows no wrapped one
		err = fmt.Errorf("damaged or cut off: %w", err)
	}
	return n, err
}

func readArchiveIndex(t *tar.Reader) (*archiveDoc, error) {
	h, err := t.Next()
	if err != nil || h.Name != archiveIndex || h.Typeflag != tar.TypeReg || h.Size > maxArchiveIndex {
		return nil, errors.New("not a backup of cnfd acme: no list of files stands at its beginning")
	}
	text, err := io.ReadAll(archiveContent{t})
	if err != nil {
		return nil, err
	}
	var doc archiveDoc
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil || d.More() {
		return nil, errors.New("the backup's own list cannot be read: it is damaged, or not of cnfd acme")
	}
	if doc.Format != archiveFormat {
		return nil, fmt.Errorf("the backup is of the format %q, and %q is read here: restore it with the version of cnfd that made it", doc.Format, archiveFormat)
	}
	if len(doc.Files) > maxArchiveFiles {
		return nil, fmt.Errorf("the backup's own list names over %d files", maxArchiveFiles)
	}
	for i, one := range doc.Files {
		if !archivable(one.Name) {
			return nil, fmt.Errorf("the backup's own list has the name %s: that is no file of a CA's directory", shown(one.Name))
		}
		if slices.ContainsFunc(doc.Files[:i], func(other archivedFile) bool { return other.Name == one.Name }) {
			return nil, fmt.Errorf("the backup's own list has %s twice", one.Name)
		}
	}
	for _, name := range []string{storeFile, rootFile} {
		if !slices.ContainsFunc(doc.Files, func(one archivedFile) bool { return one.Name == name }) {
			return nil, fmt.Errorf("the backup's own list has no %s: it is not of a CA", name)
		}
	}
	return &doc, nil
}

// archivable reports whether a name is one that a file in a CA's directory can have: it
// leads nowhere else, on any system.
func archivable(name string) bool {
	return name != "" && len(name) <= 200 && name[0] != '.' && name != archiveIndex && filepath.Base(name) == name &&
		!strings.ContainsFunc(name, func(c rune) bool {
			return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._", c)
		})
}
