package ca

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
)

const (
	rootCertFile = "root.pem"
	rootKeyFile  = "root.key"
	newPrefix    = ".new-" // of what is not whole yet
	// maxFile is against files that are none of ours: a chain of ten RSA certificates is 20 KiB.
	maxFile = 128 << 10
	// maxChain is how many certificates a file may hold: no path is as long.
	maxChain = 16
)

// certFile and keyFile are the names of the n-th intermediate's files, listFile that of
// the root's n-th revocation list.
func certFile(n int) string { return fmt.Sprintf("intermediate-%d.pem", n) }
func keyFile(n int) string  { return fmt.Sprintf("intermediate-%d.key", n) }
func listFile(n int) string { return fmt.Sprintf("root-%d.crl", n) }

// checkDir refuses a directory in which others may put certificates of their own.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no CA: make one with init", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s: not a directory", dir)
	case info.Mode().Perm()&0o022 != 0 && hasModes:
		return fmt.Errorf("%s: others than its owner may write to it (%04o): chmod 700 it, and see that the certificates in it are yours", dir, info.Mode().Perm())
	}
	return nil
}

// hasModes: on Windows what Go gives as the mode says nothing about who may read.
const hasModes = runtime.GOOS != "windows"

// readCerts reads a PEM file of certificates.
func readCerts(path string) ([]*x509.Certificate, error) {
	text, _, err := readFile(path)
	if err != nil {
		return nil, err
	}
	certs, err := parseCerts(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return certs, nil
}

// readKey reads a private key's file, and refuses one that others may have read.
func readKey(path string) (crypto.Signer, error) {
	text, mode, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if err := ownersAlone(path, mode); err != nil {
		return nil, err
	}
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// checkKeyMode refuses a key's file that others may have read, without reading it.
func checkKeyMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return ownersAlone(path, info.Mode().Perm())
}

func ownersAlone(path string, mode fs.FileMode) error {
	if mode&0o077 == 0 || !hasModes {
		return nil
	}
	return fmt.Errorf("%s: others than its owner may read or write it (%04o): chmod 600 it, and have it replaced if others have read it", path, mode)
}

func readFile(path string) (text []byte, mode fs.FileMode, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a regular file", path)
	}
	if text, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, 0, err
	}
	if len(text) > maxFile {
		return nil, 0, fmt.Errorf("%s: longer than %d KiB", path, maxFile>>10)
	}
	return text, info.Mode().Perm(), nil
}

// parseCerts reads PEM certificates (RFC 7468 §5), at least one, and nothing of another kind. Text
// between them is an explanation (RFC 7468 §5.2).
func parseCerts(text []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a PEM block %q: only certificates belong here", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certs)+1, err)
		}
		if certs = append(certs, cert); len(certs) > maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
		if damaged(text, rest) {
			return nil, fmt.Errorf("what is before certificate %d is damaged or cut off", len(certs))
		}
		text = rest
	}
	switch {
	case len(certs) == 0:
		return nil, errors.New("no PEM certificate is in it")
	case damaged(text, nil):
		return nil, fmt.Errorf("what follows certificate %d is damaged or cut off", len(certs))
	}
	return certs, nil
}

// damaged reports whether something that began as a block was passed over between
// text and the rest of it: pem.Decode goes on to the next in silence.
func damaged(text, rest []byte) bool {
	begun := bytes.Count(text[:len(text)-len(rest)], []byte("-----BEGIN"))
	return begun > 1 || begun == 1 && rest == nil
}

// parseKey reads one private key in PKCS #8 PEM (RFC 7468 §10), of a type that a CA here can
// have. No error repeats any of it.
func parseKey(text []byte) (crypto.Signer, error) {
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("no PEM key is in it, or it is damaged or cut off")
	case block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the key is encrypted, and nobody is there to ask: openssl pkcs8 -in KEY -out PLAIN, and chmod 600 it")
	case block.Type == "EC PRIVATE KEY" || block.Type == "RSA PRIVATE KEY":
		return nil, errors.New("the key is not in PKCS #8: openssl pkcs8 -topk8 -nocrypt -in KEY -out PKCS8, and chmod 600 it")
	case block.Type != "PRIVATE KEY":
		return nil, errors.New("no PEM block \"PRIVATE KEY\" is first in it")
	case len(bytes.TrimSpace(rest)) > 0 || bytes.Count(text, []byte("-----BEGIN")) > 1:
		return nil, errors.New("more than a key is in it")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the key is damaged, or of a type that is not known")
	}
	key, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	if _, err := keyType(key.Public()); err != nil {
		return nil, err
	}
	return key, nil
}
