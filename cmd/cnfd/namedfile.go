package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"cnfd/cmd/cnfd/internal/config"
)

// namedFile is a file that the configuration names, as it was found: why it cannot be
// used, or what is doubtful about it. Neither repeats what it holds.
type namedFile struct {
	place    string // "decryption_keys[0]"
	err      error
	warnings []string
}

// wrong is the error with its place in the configuration.
func (f *namedFile) wrong() error {
	if f.err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", f.place, f.err)
}

// namedFiles are all the files with keys, certificates and credentials.
func namedFiles(c *config.Config) (all []namedFile) {
	for _, f := range decryptionKeys(c) {
		all = append(all, f.namedFile)
	}
	if _, err := callersIn(c); err != nil {
		all = append(all, namedFile{place: "api.tls.client_ca", err: errors.Unwrap(err)})
	}
	if path := c.Publish.Credentials; path != "" {
		// It is cnfd publish that needs them, and the daemon's user may have no right to.
		if _, err := readCredentials(path); err != nil {
			all = append(all, namedFile{place: "publish.credentials", warnings: []string{err.Error()}})
		}
	}
	if h := c.Publish.Hook; len(h) > 0 {
		if _, err := exec.LookPath(h[0]); err != nil { // it may be on another machine, or another user's
			all = append(all, namedFile{place: "publish.hook[0]", warnings: []string{"no program that may be executed: " + err.Error()}})
		}
	}
	return append(append(all, acmeNamedFiles(c)...), issuerFiles(c)...)
}

// readFile reads at most limit octets of a regular file, and one more where there are
// any. It never waits for one to write to a FIFO. Of a file that is not there the error
// does not repeat the path: a key that was pasted in its place can look like one.
func readFile(path string, limit int64) (text []byte, mode fs.FileMode, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		var known *fs.PathError
		if _, missing := os.Lstat(path); missing != nil && errors.As(err, &known) {
			return nil, 0, fmt.Errorf("%w; the path is not repeated here, it may be a key", known.Err)
		}
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, 0, err
	case info.IsDir():
		return nil, 0, fmt.Errorf("%s: a directory: name a file in it", path)
	case !info.Mode().IsRegular():
		return nil, 0, fmt.Errorf("%s: not a regular file", path)
	}
	text, err = io.ReadAll(io.LimitReader(file, limit+1))
	return text, info.Mode(), err
}

// others warns of a file that others than its owner may do something with: bits are
// those of group and world. Windows has permissions of another kind.
func others(path string, mode, bits fs.FileMode, may, remedy string) []string {
	if mode.Perm()&bits == 0 || runtime.GOOS == "windows" {
		return nil
	}
	return []string{fmt.Sprintf("%s: others than its owner may %s it (%04o): %s", path, may, mode.Perm(), remedy)}
}
