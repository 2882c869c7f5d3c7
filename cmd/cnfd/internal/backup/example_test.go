package backup_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"cnfd/cmd/cnfd/internal/backup"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "root.pem")
	if err := os.WriteFile(path, []byte("a certificate"), 0o600); err != nil {
		panic(err)
	}
	one, err := backup.Sum("root.pem", path)
	if err != nil {
		panic(err)
	}
	var tar bytes.Buffer
	if err := backup.Write(&tar, &backup.List{Made: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Files: []backup.File{one}}); err != nil {
		panic(err)
	}
	list, err := backup.Read(&tar, []string{"root.pem"}, func(name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		fmt.Printf("%s: %s\n", name, text)
		return err
	})
	fmt.Println(len(list.Files), err)
	// Output:
	// root.pem: a certificate
	// 1 <nil>
}
