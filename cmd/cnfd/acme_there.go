package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cnfd/acme/ca"
	"cnfd/acme/store"
)

// advised is an error that names commands of cnfd: each of them with the configuration that was given, once
// forConfig has said which.
type advised struct {
	say  func(with string) string // with: " --config FILE", or ""
	with string
}

// Error says what is wrong, and what to do.
func (a *advised) Error() string { return a.say(a.with) }

// forConfig has an error that names commands name the configuration too.
func forConfig(err error, file string) error {
	if a, ok := errors.AsType[*advised](err); ok {
		a.with = withConfig(file)
	}
	return err
}

// withConfig is what a command that is told needs to mean the same configuration.
func withConfig(file string) string {
	switch {
	case file == "":
		return ""
	case strings.ContainsAny(file, " '\"$\\&;*?()<>|`"):
		return " --config '" + strings.ReplaceAll(shown(file), "'", `'\''`) + "'"
	}
	return " --config " + shown(file)
}

// noStore says why there is no store in a directory: there is no CA either, one was cut short, or it is lost.
func noStore(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, rootFile)); err == nil {
		return lostStore(dir)
	} else if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("acme: %w", err)
	}
	why := "acme.directory of the configuration says where"
	if filepath.Base(dir) == testingDir {
		why += ", and where it says nothing testing: true has a directory of its own, this one"
	}
	return &advised{say: func(with string) string {
		return fmt.Sprintf("%s: no CA is there: is its disk mounted? cnfd acme restore FILE%s brings one back from a backup, cnfd acme init%s makes a new one; %s", dir, with, with, why)
	}}
}

// lostStore is of a CA whose store has gone: an empty one would know of no certificate, and no revocation.
func lostStore(dir string) error {
	return &advised{say: func(with string) string {
		return fmt.Sprintf("%s: the store (%s) is missing beside %s: put it back, or restore a backup into another directory (cnfd acme restore FILE --dir DIRECTORY%s) and name that as acme.directory; without a backup make a new CA in another directory, since nobody knows what this one has issued",
			dir, storeFile, rootFile, with)
	}}
}

// orphaned says that certificates live on of an intermediate that is not there: nothing could revoke them.
func orphaned(ctx context.Context, dir string, authority *ca.CA, now time.Time) error {
	ids, err := store.Orphans(ctx, filepath.Join(dir, storeFile), authority.Issuers(), now)
	if err != nil || len(ids) == 0 {
		return err
	}
	return fmt.Errorf("%s: the store has certificates of %s, whose intermediate is not there%s: put its .pem and .key back from a backup; until then no revocation list names these certificates",
		dir, strings.Join(ids, ", "), withoutCertificate(dir))
}

// withoutCertificate names keys of intermediates that stand alone.
func withoutCertificate(dir string) string {
	keys, _ := filepath.Glob(filepath.Join(dir, "intermediate-*.key"))
	alone := slices.DeleteFunc(keys, func(key string) bool {
		_, err := os.Lstat(strings.TrimSuffix(key, ".key") + ".pem")
		return err == nil
	})
	if len(alone) == 0 {
		return ""
	}
	for i := range alone {
		alone[i] = filepath.Base(alone[i])
	}
	return " (" + strings.Join(alone, ", ") + " is there without its certificate)"
}
