package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"cnfd/acme"
	"cnfd/acme/store"
	"cnfd/internal/testneeds"
)

// storeDisk names the small disk of TestStoreOnAFullDisk, and tells the inner process that it is the inner one.
const storeDisk = "CNFD_STORE_DISK"

// TestStoreOnAFullDisk has a store on a disk of 8 MiB, in a mount namespace, and leaves it more and more room in turn, up
// to what its log needs: an Update that does not fit says so and leaves nothing, and the store goes on once there is room.
func TestStoreOnAFullDisk(t *testing.T) {
	disk := os.Getenv(storeDisk)
	if disk != "" {
		fullDisk(t, disk)
		return
	}
	t.Parallel()
	lab(t)
	testneeds.Binary(t, "unshare", "util-linux")
	if _, err := try("", "", "unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=64k none /mnt"); err != nil {
		testneeds.Lacking(t, "a mount namespace: "+err.Error())
	}
	inner := exec.Command("unshare", "-m", "sh", "-c", `mount -t tmpfs -o size=8m,mode=700 none "$0" && exec "$@"`, t.TempDir(),
		os.Args[0], "-test.run", "^TestStoreOnAFullDisk$", "-test.v")
	inner.Env = append(os.Environ(), storeDisk+"="+inner.Args[5])
	out, err := inner.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestStoreOnAFullDisk") {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if _, figure, ok := strings.Cut(line, "figure: "); ok {
			t.Logf("figure: %s", strings.TrimSpace(figure))
		}
	}
}

// fill leaves this many octets of a disk free, and empty makes room.
func fill(t *testing.T, disk string, free int64) (empty func()) {
	t.Helper()
	path := filepath.Join(disk, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		err = f.Truncate(max(info.Size()-free, 0))
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func fullDisk(t *testing.T, disk string) {
	path := filepath.Join(disk, "acme.db")
	n, refused, fitted := 0, 0, 0
	for free := int64(0); free < 5<<20; free += 5 << 20 / 24 {
		s, err := store.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		add := func() error {
			err := addBig(t.Context(), s, n+1)
			if err == nil {
				n++
			}
			return err
		}
		if err := add(); err != nil {
			t.Fatalf("with room: %v", err)
		}
		wholeBig(t, s, n)
		empty := fill(t, disk, free)
		for tries := 0; err == nil && tries < 60; tries++ {
			err = add()
		}
		if err == nil {
			fitted++ // the log has begun anew before the disk was full
		}
		for range 3 {
			if err == nil {
				break
			}
			refused++
			if !strings.HasPrefix(err.Error(), "acme store: "+path+": disk full: nothing of it was kept: make room: ") {
				t.Fatal(err)
			}
			wholeBig(t, s, n)
			err = add()
		}
		if free == 0 {
			fullForOthers(t, s, disk)
		}
		empty()
		wholeBig(t, s, n)
		if err := add(); err != nil {
			t.Fatalf("with room again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = store.Open(path); err != nil { // as another process finds it
			t.Fatal(err)
		}
		wholeBig(t, s, n)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 30 || fitted == 0 {
		t.Errorf("%d Updates were refused; %d times all fitted", refused, fitted)
	}
	t.Logf("figure: %d Updates kept, %d refused on a full disk", n, refused)
}

// addBig is an Update that says n in two places, and needs some 50 pages.
func addBig(ctx context.Context, s *store.Store, n int) error {
	return s.Update(ctx, func(tx acme.Tx) error {
		return errors.Join(tx.PutOrder(&acme.Order{ID: "o", Tries: n, CSR: make([]byte, 100_000+n%7*10_000)}),
			tx.PutAccount(&acme.Account{ID: "a", Key: make([]byte, 30_000), Thumbprint: strconv.Itoa(n)}))
	})
}

// wholeBig finds what the n-th of these Updates has put, and no part of another.
func wholeBig(t *testing.T, s *store.Store, n int) {
	t.Helper()
	err := s.View(t.Context(), func(tx acme.Tx) error {
		o, err := tx.Order("o")
		if err != nil {
			return err
		}
		a, err := tx.Account("a")
		if err == nil && (o.Tries != n || a.Thumbprint != strconv.Itoa(n)) {
			t.Fatalf("%d were kept, and there are %d and %s", n, o.Tries, a.Thumbprint)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fullForOthers makes a new store and a backup, neither of which finds room.
func fullForOthers(t *testing.T, s *store.Store, disk string) {
	t.Helper()
	path := filepath.Join(disk, "other.db")
	if other, err := store.Open(path); err == nil {
		other.Close()
		t.Fatal("there was room for another store")
	} else if !strings.HasPrefix(err.Error(), "acme store: "+path+": disk full: ") {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		os.Remove(name)
	}
	backup := filepath.Join(disk, "backup.db")
	if err := s.Backup(context.Background(), backup); err == nil || !strings.Contains(err.Error(), "disk full: ") {
		t.Fatalf("a backup: %v", err)
	}
	if _, err := os.Stat(backup); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a backup without room left a file: %v", err)
	}
}
