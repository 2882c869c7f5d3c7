package ca

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cnfd/acme"
)

func TestInit(t *testing.T) {
	for _, kind := range append(allTypes, "") {
		t.Run("type "+string(kind), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state", "ca")
			if err := Init(dir, Setup{Type: kind, Now: someDay}); err != nil {
				t.Fatal(err)
			}
			s := &scene{t: t, dir: dir, now: someDay}
			root, intermediate := s.cert(rootCertFile), s.cert(certFile(1))
			made, err := keyType(intermediate.PublicKey)
			if kind == "" {
				kind = acme.P256
			}
			entries, _ := os.ReadDir(dir)
			for claim, ok := range map[string]bool{
				"there are five files":                            len(entries) == 5,
				"the type is the one asked for":                   err == nil && made == kind && (kind != acme.RSA || root.PublicKey.(*rsa.PublicKey).N.BitLen() == 3072),
				"the root has its name":                           root.Subject.String() == "CN=cnfd Root CA",
				"the intermediate has its name":                   intermediate.Subject.String() == "CN=cnfd Intermediate CA 1",
				"the root is good for 10 years":                   root.NotAfter.Equal(someDay.Add(rootLife - time.Second)),
				"the intermediate is good for 3 years":            intermediate.NotAfter.Equal(someDay.Add(intermediateLife - time.Second)),
				"below the root is one":                           root.IsCA && root.MaxPathLen == 1,
				"below the intermediate are leaves":               intermediate.IsCA && intermediate.MaxPathLen == 0 && intermediate.MaxPathLenZero,
				"both sign certificates and lists, and no others": root.KeyUsage == x509.KeyUsageCertSign|x509.KeyUsageCRLSign && intermediate.KeyUsage == root.KeyUsage,
				"key identifiers name the keys":                   len(root.SubjectKeyId) == 20 && bytes.Equal(root.SubjectKeyId, intermediate.AuthorityKeyId) && len(intermediate.SubjectKeyId) == 20,
				"serial numbers are long":                         root.SerialNumber.BitLen() > 120 && intermediate.SerialNumber.BitLen() > 120,
			} {
				if !ok {
					t.Errorf("not so: %s", claim)
				}
			}
			modes := map[string]os.FileMode{".": 0o700}
			for _, e := range entries {
				modes[e.Name()] = 0o644
				if strings.HasSuffix(e.Name(), ".key") {
					modes[e.Name()] = 0o600
				}
			}
			for name, want := range modes {
				if info, err := os.Stat(s.path(name)); err != nil || info.Mode().Perm() != want {
					t.Errorf("%s: %v %v", name, info.Mode(), err)
				}
			}
			if key := s.read(keyFile(1)); !bytes.HasPrefix(key, []byte("-----BEGIN PRIVATE KEY-----\n")) {
				t.Error("the key is not PKCS #8 in PEM")
			}
			s.open(Config{})
		})
	}
}

// TestInitRefuses: each row is a setup that is carried out, with one thing changed.
func TestInitRefuses(t *testing.T) {
	cases := []struct {
		claim  string
		change func(*Setup)
		want   string
	}{
		{"there is no time", func(s *Setup) { s.Now = time.Time{} }, "no Now"},
		{"the type is none", func(s *Setup) { s.Type = "p521" }, "key type \"p521\": want p256"},
		{"the name is too long", func(s *Setup) { s.Name = string(bytes.Repeat([]byte("a"), 41)) }, "longer than 40"},
		{"the name has a line's end", func(s *Setup) { s.Name = "a\nb" }, "can be printed"},
		{"the name ends in space", func(s *Setup) { s.Name = "a " }, "space at its ends"},
		{"the root ends before the intermediate", func(s *Setup) { s.RootLife = 24 * time.Hour }, "no less than the intermediate's"},
		{"the life is negative", func(s *Setup) { s.IntermediateLife = -1 }, "at least 24h"},
		{"no chance is to be had", func(s *Setup) { s.Rand = iotest.ErrReader(errors.New("no entropy")) }, "no random octets: no entropy"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			good := Setup{Name: "Example", Now: someDay}
			if err := Init(filepath.Join(t.TempDir(), "ca"), good); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "ca")
			c.change(&good)
			wants(t, Init(dir, good), c.want)
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("%v is left", entries)
			}
		})
	}
}

// contents are the files of a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

// TestInitChangesNothing: where anything of a CA is, whole or cut short, it stays as it is, and
// both Init and Open say what to do.
func TestInitChangesNothing(t *testing.T) {
	cases := []struct {
		claim  string
		gone   []string
		init   string
		opened string // "": it opens
	}{
		{"a whole CA", nil, "there is a CA already (root.pem, root.key, intermediate-1.pem, intermediate-1.key, root-1.crl)", ""},
		{"a whole CA whose root key is kept elsewhere", []string{"root.key"}, "there is a CA already", ""},
		{"killed after the first file", []string{"root.pem", "root-1.crl", "intermediate-1.key", "intermediate-1.pem"}, "holds root.key, and no intermediate", "remove them and run init again"},
		{"killed after the second file", []string{"root-1.crl", "intermediate-1.key", "intermediate-1.pem"}, "holds root.pem, root.key, and no intermediate", "remove them and run init again"},
		{"killed after the third file", []string{"intermediate-1.key", "intermediate-1.pem"}, "holds root.pem, root.key, root-1.crl, and no intermediate", "remove them and run init again"},
		{"killed after the fourth file", []string{"intermediate-1.pem"}, "was cut short", "remove them and run init again"},
		{"a CA of before there were lists of the root's", []string{"root-1.crl"}, "there is a CA already", ""},
		{"a root that was lost", []string{"root.pem"}, "root.pem is not there: put it back", "root.pem is not there: put it back"},
		{"a key that was lost", []string{"intermediate-1.key"}, "there is a CA already", "intermediate-1.key is not there: put it back"},
		{"killed within the first file", []string{"root.pem", "root.key", "root-1.crl", "intermediate-1.pem", "intermediate-1.key"}, "holds .new-1, and no intermediate", "remove them and run init again"},
		{"nothing", []string{"root.pem", "root.key", "root-1.crl", "intermediate-1.pem", "intermediate-1.key"}, "", "there is no CA: make one with init"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			s.remove(c.gone...)
			if strings.Contains(c.init, ".new-1") {
				s.write(".new-1", []byte("-----BEGIN PRI"))
			}
			before := contents(t, s.dir)
			_, err := Open(s.config(Config{}))
			if c.opened == "" && err != nil {
				t.Error(err)
			} else if c.opened != "" {
				wants(t, err, c.opened)
			}
			err = Init(s.dir, Setup{Now: s.now})
			if c.init == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wants(t, err, c.init, "nothing was changed")
			if !maps.Equal(before, contents(t, s.dir)) {
				t.Error("something was changed")
			}
			if c.opened != "" { // what it says to do helps
				s.remove(slices.Collect(maps.Keys(before))...)
				if err := Init(s.dir, Setup{Now: s.now}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestFilesBeingWritten: what cannot be written whole leaves nothing, and what somebody else
// has just made stays.
func TestFilesBeingWritten(t *testing.T) {
	s := newScene(t, acme.P256)
	files := func() []newFile {
		return []newFile{{name: keyFile(2), key: s.key(keyFile(1))}, {name: certFile(2), cert: s.cert(certFile(1))}}
	}
	if err := writeAll(s.dir, files()); err != nil {
		t.Fatal(err)
	}
	s.remove(keyFile(2))
	before := contents(t, s.dir)
	wants(t, writeAll(s.dir, files()), certFile(2), "made by another")
	if !maps.Equal(before, contents(t, s.dir)) {
		t.Error("something was left or replaced")
	}
	wants(t, writeAll(s.path("missing"), files()), "no such file")
}

func TestRotate(t *testing.T) {
	for _, kind := range allTypes {
		t.Run(string(kind), func(t *testing.T) {
			s := newScene(t, kind)
			first := s.ca.Issuers()[0]
			issued, old := s.issue(s.request("vendor.example"))
			s.now = s.now.Add(24 * time.Hour)
			second := s.rotate()
			if got := s.ca.Issuers(); !slices.Equal(got, []string{second, first}) {
				t.Fatalf("issuers %v, want %v", got, []string{second, first})
			}
			again, leaf := s.issue(s.request("vendor.example"))
			if again.Issuer != second || issued.Issuer != first {
				t.Errorf("issued by %s and %s", issued.Issuer, again.Issuer)
			}
			if name := leaf.Issuer.String(); name != "CN=Example Intermediate CA 2" {
				t.Errorf("issuer %s", name)
			}
			if made, err := keyType(s.cert(certFile(2)).PublicKey); made != kind || err != nil {
				t.Errorf("type %s, want the former one's", made)
			}
			for claim, err := range map[string]error{
				"by the former": s.chains(old, issued.Chains[0], s.now),
				"by the new":    s.chains(leaf, again.Chains[0], s.now),
			} {
				if err != nil {
					t.Errorf("%s: %v", claim, err)
				}
			}
			if s.chains(old, again.Chains[0], s.now) == nil {
				t.Error("the former's certificate verifies by the new intermediate")
			}
			for n, id := range s.ca.Issuers() {
				der, err := s.ca.RevocationList(id, 1, s.now, s.now.Add(time.Hour), nil)
				if err != nil {
					t.Fatal(err)
				}
				list, err := x509.ParseRevocationList(der)
				if err != nil {
					t.Fatal(err)
				}
				if err := list.CheckSignatureFrom(s.cert(certFile(2 - n))); err != nil {
					t.Error(err)
				}
				whole(t, list)
			}
		})
	}
}

// TestRotateRefuses: each row is a rotation that is carried out, with one thing changed.
func TestRotateRefuses(t *testing.T) {
	elsewhere := func(s *scene) string {
		path := filepath.Join(s.t.TempDir(), "kept.key")
		if err := os.Rename(s.path(rootKeyFile), path); err != nil {
			s.t.Fatal(err)
		}
		return path
	}
	cases := []struct {
		claim  string
		change func(*scene, *Setup) (rootKey string)
		want   string // "": it is carried out
	}{
		{"the root's key is elsewhere, and said where", func(s *scene, _ *Setup) string { return elsewhere(s) }, ""},
		{"the root's key is elsewhere, and not said where", func(s *scene, _ *Setup) string { elsewhere(s); return "" }, "root.key is not there: give the path"},
		{"the root's key is nowhere", func(*scene, *Setup) string { return "/nowhere/root.key" }, "/nowhere/root.key"},
		{"the key is another's", func(s *scene, _ *Setup) string { return s.path(keyFile(1)) }, "is not the key of"},
		{"others may read the root's key", func(s *scene, _ *Setup) string { _ = os.Chmod(s.path(rootKeyFile), 0o640); return "" }, "(0640): chmod 600 it"},
		{"others may write to the directory", func(s *scene, _ *Setup) string { _ = os.Chmod(s.dir, 0o770); return "" }, "chmod 700 it"},
		{"a rotation was cut short", func(s *scene, _ *Setup) string { s.write(keyFile(2), s.read(keyFile(1))); return "" }, "remove the key and rotate again"},
		{"the root is about to end", func(_ *scene, u *Setup) string { u.Now = someDay.Add(rootLife - 23*time.Hour); return "" }, "make a new CA in another directory"},
		{"the clock was set back", func(_ *scene, u *Setup) string { u.Now = someDay.Add(-2 * time.Hour); return "" }, "if the clock is right"},
		{"the root's certificate was lost", func(s *scene, _ *Setup) string { s.remove(rootCertFile); return "" }, "root.pem is not there: put it back"},
		{"there is no CA", func(s *scene, _ *Setup) string { s.dir = s.t.TempDir(); return "" }, "make one with init"},
	}
	for _, c := range cases {
		t.Run(c.claim, func(t *testing.T) {
			s := newScene(t, acme.P256)
			s.rotate()
			s = newScene(t, acme.P256)
			setup := Setup{Now: s.now}
			rootKey := c.change(s, &setup)
			id, err := Rotate(s.dir, setup, rootKey)
			if c.want != "" {
				wants(t, err, c.want)
				if _, err := os.Stat(s.path(certFile(2))); err == nil || id != "" {
					t.Error("it was made all the same")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := s.ca.Reload(); err != nil || s.ca.Issuers()[0] != id {
				t.Errorf("%v: %v is in use, not %s", err, s.ca.Issuers(), id)
			}
		})
	}
}

// TestRotatePastTheRoot: an intermediate ends with its root.
func TestRotatePastTheRoot(t *testing.T) {
	s := newScene(t, acme.P256)
	s.now = someDay.Add(rootLife - 48*time.Hour)
	if _, err := Rotate(s.dir, Setup{Now: s.now}, ""); err != nil {
		t.Fatal(err)
	}
	if got, want := s.cert(certFile(2)).NotAfter, s.cert(rootCertFile).NotAfter; !got.Equal(want) {
		t.Errorf("ends at %s, its root at %s", day(got), day(want))
	}
	// The first one has ended long since, and does no harm.
	s.ca = s.open(Config{})
	_, leaf := s.issue(s.request("vendor.example"))
	if !leaf.NotAfter.Equal(s.cert(rootCertFile).NotAfter) {
		t.Errorf("the leaf ends at %s", day(leaf.NotAfter))
	}
	s.remove(keyFile(1))
	s.ca = s.open(Config{})
	_, err := s.ca.RevocationList(s.ca.Issuers()[1], 1, s.now, s.now.Add(time.Hour), nil)
	wants(t, err, "has ended, and its key is not there")
}

// TestInitWithMore: what belongs to a CA is there before it can issue, and where it cannot be made nothing is left.
func TestInitWithMore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var there []string
	also := func() error {
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			there = append(there, e.Name())
		}
		return err
	}
	full := errors.New("disk full")
	err := Init(dir, Setup{Now: someDay, Also: func() error { return errors.Join(also(), full) }})
	if entries, _ := os.ReadDir(dir); !errors.Is(err, full) || len(there) != 4 || len(entries) != 0 {
		t.Fatalf("%v: %v was there, and %v is left", err, there, entries)
	}
	there = nil
	if err := Init(dir, Setup{Now: someDay, Also: also}); err != nil || slices.Contains(there, certFile(1)) {
		t.Errorf("%v: %v", err, there)
	}
	if _, err := Open(Config{Dir: dir, URL: "https://ca.example", Now: func() time.Time { return someDay }}); err != nil {
		t.Error(err)
	}
}
