package ca

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// files are those of a CA in a directory.
type files struct {
	dir         string
	rootCert    bool
	rootKey     bool
	certs, keys []int    // of intermediates, by number, ascending
	lists       []int    // the root's, likewise
	others      []string // begun by a call that was cut short
}

var numberedFile = regexp.MustCompile(`^(intermediate|root)-([1-9][0-9]{0,5})\.(pem|key|crl)$`)

func list(dir string) (*files, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	f := &files{dir: dir}
	for _, e := range entries {
		name := e.Name()
		what, n := numbered(name)
		switch {
		case name == rootCertFile:
			f.rootCert = true
		case name == rootKeyFile:
			f.rootKey = true
		case what == "intermediate.pem":
			f.certs = append(f.certs, n)
		case what == "intermediate.key":
			f.keys = append(f.keys, n)
		case what == "root.crl":
			f.lists = append(f.lists, n)
		case strings.HasPrefix(name, newPrefix):
			f.others = append(f.others, name)
		}
	}
	slices.Sort(f.certs)
	slices.Sort(f.keys)
	slices.Sort(f.lists)
	return f, nil
}

// numbered takes the number out of a name: root-3.crl is the third root.crl.
func numbered(name string) (what string, n int) {
	m := numberedFile.FindStringSubmatch(name)
	if m == nil {
		return "", 0
	}
	n, _ = strconv.Atoi(m[2]) // six digits
	return m[1] + "." + m[3], n
}

// newestList is the number of the root's newest list, 0 where there is none.
func (f *files) newestList() int {
	if len(f.lists) == 0 {
		return 0
	}
	return f.lists[len(f.lists)-1]
}

// empty reports whether there is nothing of a CA.
func (f *files) empty() bool { return len(f.names()) == 0 }

// whole says what is missing of a CA that can issue, and what to do.
func (f *files) whole() error {
	switch {
	case f.empty():
		return fmt.Errorf("%s: there is no CA: make one with init", f.dir)
	case len(f.certs) == 0:
		return fmt.Errorf("%s: holds %s, and no intermediate: the init that made them was cut short, and nothing was ever issued: remove them and run init again. If something was issued, put intermediate-1.pem and its key back from a backup",
			f.dir, strings.Join(f.names(), ", "))
	case !f.rootCert:
		return fmt.Errorf("%s: %s is not there: put it back; it is what relying parties trust", f.dir, rootCertFile)
	}
	last := f.certs[len(f.certs)-1]
	for _, n := range f.keys {
		// Of the next one the key comes first: a rotation may be under way.
		if !slices.Contains(f.certs, n) && n != last+1 {
			return fmt.Errorf("%s: %s is there without %s: put that back from a backup", f.dir, keyFile(n), certFile(n))
		}
	}
	return nil
}

// next is the number of the next intermediate.
func (f *files) next() (int, error) {
	n := f.certs[len(f.certs)-1] + 1
	if slices.Contains(f.keys, n) {
		return 0, fmt.Errorf("%s: %s is there without %s: a rotation is under way, or was cut short before anything was issued: remove the key and rotate again; or put the certificate back, if there was one",
			f.dir, keyFile(n), certFile(n))
	}
	return n, nil
}

// names are the files that are there, for people.
func (f *files) names() (names []string) {
	if f.rootCert {
		names = append(names, rootCertFile)
	}
	if f.rootKey {
		names = append(names, rootKeyFile)
	}
	for _, n := range f.certs {
		names = append(names, certFile(n))
	}
	for _, n := range f.keys {
		names = append(names, keyFile(n))
	}
	for _, n := range f.lists {
		names = append(names, listFile(n))
	}
	return append(names, f.others...)
}
