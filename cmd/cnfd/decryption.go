package main

import (
	"fmt"
	"log/slog"

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
			return nil, f.wrong()
		}
		f.tell(log)
		all = append(all, f.keys...)
	}
	return decryption.New(all)
}

// tell logs what is doubtful about a file.
func (f *namedFile) tell(log *slog.Logger) {
	for _, w := range f.warnings {
		log.Warn("configuration: " + f.place + ": " + w)
	}
}

// decryptionFile is a file of decryption_keys, with its keys.
type decryptionFile struct {
	namedFile
	keys []decryption.Key
}

func decryptionKeys(c *config.Config) []decryptionFile {
	var all []decryptionFile
	for i, path := range c.DecryptionKeys {
		f := decryptionFile{namedFile: namedFile{place: fmt.Sprintf("decryption_keys[%d]", i)}}
		f.keys, f.warnings, f.err = readDecryptionKeys(path)
		all = append(all, f)
	}
	return all
}

func readDecryptionKeys(path string) (keys []decryption.Key, warnings []string, err error) {
	text, mode, err := readFile(path, maxKeyFile) // one octet more, and Parse says that it is too long
	if err != nil {
		return nil, nil, err
	}
	if keys, err = decryption.Parse(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, others(path, mode, 0o066, "read or write", "chmod 600"), nil
}
