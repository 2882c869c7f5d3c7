package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"

	"cnfd/cmd/cnfd/internal/config"
	"cnfd/decryption"
)

// openerOf makes the opener of encrypted confirmation keys from the files of
// decryption_keys. Without any it opens nothing, and refuses all the same what
// may not be opened with any key.
func openerOf(c *config.Config, log *slog.Logger) (*decryption.Keys, error) {
	var all []decryption.Key
	for _, f := range decryptionKeys(c) {
		if f.err != nil {
			return nil, f.err
		}
		if f.warning != "" {
			log.Warn("configuration: " + f.warning)
		}
		all = append(all, f.keys...)
	}
	return decryption.New(all)
}

// keysFound is a file of decryption_keys as it was found: its keys or why there
// are none, and what is doubtful about it. Neither repeats what it holds.
type keysFound struct {
	keys    []decryption.Key
	warning string
	err     error
}

func decryptionKeys(c *config.Config) []keysFound {
	var all []keysFound
	for i, path := range c.DecryptionKeys {
		place := fmt.Sprintf("decryption_keys[%d]: ", i)
		f := readKeys(path)
		if f.err != nil {
			f.err = fmt.Errorf("%s%w", place, f.err)
		}
		if f.warning != "" {
			f.warning = place + f.warning
		}
		all = append(all, f)
	}
	return all
}

func readKeys(path string) (f keysFound) {
	file, err := os.Open(path)
	if err != nil {
		return keysFound{err: err}
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return keysFound{err: err}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1)) // one octet more, and Parse says that it is too long
	if err != nil {
		return keysFound{err: err}
	}
	if f.keys, err = decryption.Parse(text); err != nil {
		return keysFound{err: fmt.Errorf("%s: %w", path, err)}
	}
	// Windows has permissions of another kind.
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o066 != 0 && runtime.GOOS != "windows" {
		f.warning = fmt.Sprintf("%s: others than its owner may read or write it (%04o): chmod 600", path, mode.Perm())
	}
	return f
}
