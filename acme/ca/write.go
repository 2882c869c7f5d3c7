package ca

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// writeAll writes files one after the other. Where one cannot be written, those before
// it are taken away again.
func writeAll(dir string, files []newFile) error {
	for n, f := range files {
		text, err := f.text()
		if err == nil && f.before != nil {
			err = f.before()
		}
		if err == nil {
			err = writeNew(dir, f.name, text, f.mode())
		}
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%s: %s has just been made by another: nothing was changed", dir, f.name)
		}
		for _, written := range files[:n] {
			err = errors.Join(err, os.Remove(filepath.Join(dir, written.name)))
		}
		return err
	}
	return nil
}

// newFile is a file that holds a key, a certificate or a revocation list.
type newFile struct {
	name   string
	key    crypto.Signer
	cert   *x509.Certificate
	list   []byte       // DER
	before func() error // is done before it is written; nil: nothing is
}

func (f *newFile) text() ([]byte, error) {
	switch {
	case f.key != nil:
		return keyPEM(f.key)
	case f.list != nil:
		return listPEM(f.list), nil
	}
	return certPEM(f.cert.Raw), nil
}

// mode: a key is for its owner alone, everything else is for all whom the directory lets in.
func (f *newFile) mode() fs.FileMode {
	if f.key != nil {
		return 0o600
	}
	return 0o644
}

// writeNew writes a file that only its owner may write to: after a crash at any moment it
// is there whole or not at all. What is there is never replaced: then the error is
// fs.ErrExist.
func writeNew(dir, name string, text []byte, mode fs.FileMode) error {
	path := filepath.Join(dir, name)
	f, err := os.CreateTemp(dir, newPrefix+"*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if hasModes {
		err = errors.Join(err, f.Chmod(mode))
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	// A rename would replace what another process has put there since.
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	if err := syncDir(dir); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// makeDir makes a directory that only its owner may touch, and refuses one that is
// there and that others may write to.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(filepath.Clean(dir)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func listPEM(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: pemList, Bytes: der}) }

func keyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, errors.New("key: it has no PKCS #8 form")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
