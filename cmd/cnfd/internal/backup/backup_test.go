package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const storeFile, rootFile = "acme.db", "root.pem"

var required = []string{storeFile, rootFile}

// entry is a file of a tar that a test makes.
type entry struct {
	name, text string
	kind       byte // 0: a regular file
	link       string
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.text)), Mode: 0o600, Linkname: e.link}
		if e.kind != 0 {
			h.Typeflag = e.kind
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// listOf is the list of a backup that has these files.
func listOf(t testing.TB, entries ...entry) entry {
	t.Helper()
	doc := List{Format: format, Made: time.Unix(1795390000, 0).UTC()}
	for _, e := range entries {
		sum := sha256.Sum256([]byte(e.text))
		doc.Files = append(doc.Files, File{Name: e.name, Size: int64(len(e.text)), SHA256: hex.EncodeToString(sum[:])})
	}
	text, err := json.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	return entry{name: listName, text: string(text)}
}

// TestABackupComesBack writes a backup and reads it.
func TestABackupComesBack(t *testing.T) {
	dir := t.TempDir()
	doc := &List{Made: time.Unix(1795390000, 0).UTC()}
	want := map[string]string{storeFile: strings.Repeat("store", 5000), rootFile: "root", "intermediate-1.key": ""}
	for _, name := range []string{storeFile, rootFile, "intermediate-1.key"} {
		path := filepath.Join(dir, "as "+name)
		if err := os.WriteFile(path, []byte(want[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		one, err := Sum(name, path)
		if err != nil {
			t.Fatal(err)
		}
		doc.Files = append(doc.Files, one)
	}
	var b bytes.Buffer
	if err := Write(&b, doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	read, err := Read(&b, required, func(name string, content io.Reader) error {
		text, err := io.ReadAll(content)
		got[name] = string(text)
		return err
	})
	if err != nil || !read.Made.Equal(doc.Made) || len(got) != len(want) {
		t.Fatalf("%v: %+v", err, read)
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s came back as %.20q", name, got[name])
		}
	}
	// What changes between the list and the copy is an error: the list would not be true.
	if err := os.WriteFile(doc.Files[0].path, bytes.Repeat([]byte("x"), int(doc.Files[0].Size)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(io.Discard, doc); err == nil || !strings.Contains(err.Error(), "acme.db has changed meanwhile") {
		t.Errorf("a file that changes is copied: %v", err)
	}
}

// TestABackupIsHeldToItsList changes one thing of a backup that is read.
func TestABackupIsHeldToItsList(t *testing.T) {
	db, root, key := entry{name: storeFile, text: "store"}, entry{name: rootFile, text: "root"}, entry{name: "intermediate-1.key", text: "key"}
	good := tarOf(t, listOf(t, db, root, key), db, root, key)
	read := func(b []byte) (map[string]string, error) {
		got := map[string]string{}
		_, err := Read(bytes.NewReader(b), required, func(name string, content io.Reader) error {
			text, err := io.ReadAll(content)
			got[name] = string(text)
			return err
		})
		return got, err
	}
	if got, err := read(good); err != nil || len(got) != 3 {
		t.Fatalf("%v: %v", got, err)
	}
	other := entry{name: key.name, text: "kez"}
	climbing := entry{name: "../evil", text: "x"}
	for _, tt := range []struct {
		claim string
		text  []byte
		says  string
	}{
		{"no list", tarOf(t, db, root, key), "no list of files stands at its beginning"},
		{"the list is not first", tarOf(t, db, listOf(t, db, root, key), root, key), "no list of files stands at its beginning"},
		{"nothing", nil, "no list of files stands at its beginning"},
		{"no tar", []byte(strings.Repeat("x", 2048)), "no list of files stands at its beginning"},
		{"a list that is a link", tarOf(t, entry{name: listName, kind: tar.TypeSymlink, link: "/etc/passwd"}, db), "no list of files stands at its beginning"},
		{"a list that is no JSON", tarOf(t, entry{name: listName, text: "{"}, db), "cannot be read"},
		{"a list with more behind it", tarOf(t, entry{name: listName, text: listOf(t, db, root).text + "{}"}, db, root), "cannot be read"},
		{"a list with a member that is not known", tarOf(t, entry{name: listName, text: strings.Replace(listOf(t, db, root).text, "{", `{"more":1,`, 1)}, db, root), "cannot be read"},
		{"another format", tarOf(t, entry{name: listName, text: strings.Replace(listOf(t, db, root).text, "backup 1", "backup 2", 1)}, db, root), `"cnfd acme backup 2"`},
		{"another content", tarOf(t, listOf(t, db, root, key), db, root, other), "intermediate-1.key: damaged"},
		{"another length", tarOf(t, listOf(t, db, root, key), db, root, entry{name: key.name, text: "keys"}), "intermediate-1.key: not the file that"},
		{"one is missing", tarOf(t, listOf(t, db, root, key), db, root), "intermediate-1.key is missing"},
		{"one is there twice", tarOf(t, listOf(t, db, root, key), db, root, key, key), `"intermediate-1.key": not in the backup's own list, or there twice`},
		{"one is not in the list", tarOf(t, listOf(t, db, root), db, root, key), `"intermediate-1.key": not in the backup's own list`},
		{"one is listed twice", tarOf(t, listOf(t, db, root, root), db, root), "root.pem twice"},
		{"one climbs", tarOf(t, listOf(t, db, root, climbing), db, root, climbing), `the name "../evil"`},
		{"one climbs that is not listed", tarOf(t, listOf(t, db, root), db, root, climbing), `"../evil": not in the backup's own list`},
		{"one is absolute", tarOf(t, listOf(t, db, root, entry{name: "/tmp/x"}), db, root), `the name "/tmp/x"`},
		{"one is hidden", tarOf(t, listOf(t, db, root, entry{name: ".ssh"}), db, root), `the name ".ssh"`},
		{"one is of Windows", tarOf(t, listOf(t, db, root, entry{name: `..\x`}), db, root), `the name "..\\x"`},
		{"one is the list", tarOf(t, listOf(t, db, root, entry{name: listName}), db, root), `the name "manifest.json"`},
		{"one is a link", tarOf(t, listOf(t, db, root, entry{name: key.name}), db, root, entry{name: key.name, kind: tar.TypeSymlink, link: "/etc/shadow"}), "intermediate-1.key: not the file that"},
		{"one is a directory", tarOf(t, listOf(t, db, root, entry{name: key.name}), db, root, entry{name: key.name, kind: tar.TypeDir}), "intermediate-1.key: not the file that"},
		{"no store", tarOf(t, listOf(t, root, key), root, key), "has no acme.db"},
		{"no root", tarOf(t, listOf(t, db, key), db, key), "has no root.pem"},
		{"cut off in a file", good[:len(good)-3*512-512-200], "cut off"},
	} {
		if _, err := read(tt.text); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.claim, err, tt.says)
		}
	}
}

// FuzzRead: whatever is read, nothing is kept under a name that leads elsewhere or is there
// already, and what is accepted is what the list says. The tar is made of its parts, since
// octets at random have no header that holds; raw is read as it is.
func FuzzRead(f *testing.F) {
	db, root := entry{name: storeFile, text: "store"}, entry{name: rootFile, text: "root"}
	f.Add(listOf(f, db, root).text, "store", "root.pem", "root", byte(0), uint16(0), []byte{})
	f.Add(listOf(f, db, root, entry{name: "../x"}).text, "store", "../x", "root", byte(0), uint16(0), []byte{})
	f.Add(listOf(f, db, root, root).text, "store", "root.pem", "root", byte(tar.TypeSymlink), uint16(700), []byte{})
	f.Add("", "", "", "", byte(0), uint16(0), tarOf(f, listOf(f, db, root), db, root))
	f.Fuzz(func(t *testing.T, list, store, name, text string, kind byte, cut uint16, raw []byte) {
		if len(raw) == 0 {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, e := range []entry{{name: listName, text: list}, {name: storeFile, text: store}, {name: name, text: text, kind: kind}} {
				h := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Size: int64(len(e.text))}
				if e.kind != 0 {
					h.Typeflag = e.kind
				}
				if w.WriteHeader(h) == nil {
					io.WriteString(w, e.text)
				}
			}
			w.Close()
			raw = b.Bytes()[:max(0, b.Len()-int(cut))]
		}
		got := map[string]string{}
		doc, err := Read(bytes.NewReader(raw), required, func(name string, content io.Reader) error {
			if !IsName(name) || filepath.Base(name) != name || strings.ContainsAny(name, `/\`) {
				t.Errorf("kept as %q", name)
			}
			if _, twice := got[name]; twice {
				t.Errorf("%q kept twice", name)
			}
			text, err := io.ReadAll(content)
			got[name] = string(text)
			return err
		})
		if err != nil {
			return
		}
		if len(got) != len(doc.Files) {
			t.Fatalf("%d files, and the list has %d", len(got), len(doc.Files))
		}
		for _, one := range doc.Files {
			sum := sha256.Sum256([]byte(got[one.Name]))
			if hex.EncodeToString(sum[:]) != one.SHA256 || int64(len(got[one.Name])) != one.Size {
				t.Errorf("%s is not as the list has it", one.Name)
			}
		}
	})
}
