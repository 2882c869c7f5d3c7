package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCredentialsAreTheirOwnersAlone: a file that anybody else may read, or write his own into, is refused.
func TestCredentialsAreTheirOwnersAlone(t *testing.T) {
	const secret = "s3cret-t0ken-of-the-test"
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, taken := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true,
		0o640: false, 0o620: false, 0o604: false, 0o602: false, 0o660: false, 0o644: false, 0o666: false, 0o440: false,
	} {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			text, err := readCredentials(path)
			switch {
			case taken && (err != nil || string(text) != secret+"\n"):
				t.Errorf("%q, %v", text, err)
			case !taken && (err == nil || len(text) != 0 || !strings.Contains(err.Error(), fmt.Sprintf("(%04o): chmod 600 it", mode)) || strings.Contains(err.Error(), secret)):
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestCredentialsAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, c := range []struct {
		claim, text, words string
	}{
		{"as much as may be", strings.Repeat("x", maxCredentials), ""},
		{"more", strings.Repeat("x", maxCredentials+1), "over 64 KiB"},
		{"nothing", "", "empty"},
		{"nothing but white space", " \n", "empty"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			text, err := readCredentials(path)
			if (err == nil) != (c.words == "") || err != nil && (!strings.Contains(err.Error(), c.words) || len(text) != 0) || err == nil && string(text) != c.text {
				t.Errorf("%d octets, %v", len(text), err)
			}
		})
	}
}
