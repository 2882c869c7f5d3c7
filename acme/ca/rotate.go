package ca

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Rotate adds the next intermediate to a directory, signed with the root's key, which is
// in the file rootKey, or for "" in the directory. A daemon takes it into use by
// (*CA).Reload. The former ones stay: their revocation lists go on. It writes the root's next
// revocation list too, as RenewRootList does, after the intermediate: where that fails, or a crash comes
// between, the error says so, or the list before is the newest still. It returns the new one's id.
func Rotate(dir string, s Setup, rootKey string) (id string, err error) {
	cert, err := rotate(dir, s, rootKey)
	if err != nil {
		return "", fmt.Errorf("ca: %w", err)
	}
	return issuerID(cert), nil
}

func rotate(dir string, s Setup, rootKey string) (*x509.Certificate, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	there, err := list(dir)
	if err != nil {
		return nil, err
	}
	if err := there.whole(); err != nil {
		return nil, err
	}
	n, err := there.next()
	if err != nil {
		return nil, err
	}
	next, err := there.relist()
	if err != nil {
		return nil, err
	}
	root := next.root
	t, err := keyType(next.certs[len(next.certs)-1].PublicKey)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(root.Subject.CommonName, rootSuffix)
	if checkName(name) != nil { // a root that was not made here
		name = defaultName
	}
	if err := s.fill(name, t); err != nil {
		return nil, err
	}
	signer, err := readRootKey(dir, rootKey, root)
	if err != nil {
		return nil, err
	}
	cert, key, err := s.intermediate(root, signer, n)
	if err != nil {
		return nil, err
	}
	if s.RevokeFormer {
		err = next.revokeAll(s.Reason, s.Now)
	}
	if err != nil {
		return nil, err
	}
	revoked, err := next.sign(signer, s.Now)
	if err != nil {
		return nil, err
	}
	if err := writeAll(dir, []newFile{{name: keyFile(n), key: key}, {name: certFile(n), cert: cert}}); err != nil {
		return nil, err
	}
	// The intermediate may be in use by now: it stays, whatever comes of the list.
	if err := writeAll(dir, []newFile{revoked}); err != nil {
		return nil, fmt.Errorf("%s is made, and the root's revocation list is not, so that no intermediate was revoked: make that with rotate --list-only, and revoke with revoke --issuer: %w", certFile(n), err)
	}
	return cert, nil
}

func readRootKey(dir, path string, root *x509.Certificate) (crypto.Signer, error) {
	given := path != ""
	if !given {
		path = filepath.Join(dir, rootKeyFile)
	}
	key, err := readKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !given:
		return nil, fmt.Errorf("%s is not there: give the path of where the root's key is kept, or put it back for as long as this takes", path)
	case err != nil:
		return nil, err
	case !samePublic(key.Public(), root.PublicKey):
		return nil, fmt.Errorf("%s is not the key of %s: give the path of the one that is", path, filepath.Join(dir, rootCertFile))
	}
	return key, nil
}
