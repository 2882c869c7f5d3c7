package publish

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// StateFile keeps a Rotation in a file, and everybody else away from rotations of the
// same domain that are kept in the same directory.
type StateFile struct {
	path string
	lock *os.File
}

// OpenState takes the lock of a domain's rotations beside path, making the directory
// where there is none. The lock ends with Close, or with the process. domain is as
// record.Domain makes it.
func OpenState(path, domain string) (*StateFile, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, "rotate-"+domain+".lock"))
	if err != nil {
		return nil, fmt.Errorf("state of the rotation: %w", err)
	}
	return &StateFile{path, lock}, nil
}

// Close ends the lock. The file stays.
func (s *StateFile) Close() error { return s.lock.Close() }

// Path is where the file is.
func (s *StateFile) Path() string { return s.path }

// Load is ReadState of the file.
func (s *StateFile) Load() (r Rotation, found bool, err error) { return ReadState(s.path) }

// ReadState returns what is kept in a file; found says whether there is one. What is
// not, octet for octet, what Save writes is an error: it was cut off, damaged, edited, or
// is of another version.
func ReadState(path string) (r Rotation, found bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil {
		r, err = ParseRotation(text)
	}
	if err != nil {
		return Rotation{}, false, fmt.Errorf("%s: %w", path, err)
	}
	return r, true, nil
}

// Save replaces what is kept: after a crash at any moment the file holds the old or the
// new, whole.
func (s *StateFile) Save(r Rotation) error {
	next := s.path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(r.Text())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(next, s.path)
	}
	if err != nil {
		os.Remove(next)
		return err
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

const (
	stateVersion = 1
	maxState     = 1 << 20 // of octets, against files that are none of ours
)

// stateDoc is a Rotation as it is kept.
type stateDoc struct {
	Version int         `json:"version"`
	Subject string      `json:"subject"`
	From    string      `json:"from"`
	To      string      `json:"to"`
	Records []recordDoc `json:"records"`
	Step    string      `json:"step"`
	Began   string      `json:"began,omitempty"`
	TTL     int64       `json:"ttl"`               // seconds
	Absence int64       `json:"absence,omitempty"` // seconds
	Seen    string      `json:"seen,omitempty"`
	Since   string      `json:"since,omitempty"`
	Until   string      `json:"until,omitempty"`
	// SHA256 is of the document with this member empty: a wait that a damaged digit
	// cuts short would be an outage.
	SHA256 string `json:"sha256"`
}

type recordDoc struct {
	Name   string `json:"name"`
	Domain string `json:"domain"`
	Method string `json:"method"`
	Form   string `json:"form"`
	Old    string `json:"old"` // as in a zone file
	New    string `json:"new"`
}

// Text is the rotation as JSON, as it is kept in a file.
func (r *Rotation) Text() []byte {
	d := stateDoc{
		Version: stateVersion, Subject: r.Subject, From: r.From, To: r.To, Step: r.Stage.String(),
		Began: kept(r.Began), TTL: seconds(r.TTL), Absence: seconds(r.Absence), Seen: kept(r.Seen), Since: kept(r.Since), Until: kept(r.Until),
	}
	for _, s := range r.Swaps {
		d.Records = append(d.Records, recordDoc{s.Old.Name, s.Old.Domain, s.Old.Method, s.Old.Form, s.Old.Record.String(), s.New.Record.String()})
	}
	sum := sha256.Sum256(d.text())
	d.SHA256 = hex.EncodeToString(sum[:])
	return d.text()
}

func (d *stateDoc) text() []byte {
	text, _ := json.MarshalIndent(d, "", "  ") // strings and numbers alone
	return append(text, '\n')
}

// seconds are as many as last for d, and no fewer.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func kept(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// ParseRotation reads what Text writes, and nothing else.
func ParseRotation(text []byte) (Rotation, error) {
	var head struct {
		Version *int `json:"version"`
	}
	switch err := json.Unmarshal(text, &head); {
	case len(text) > maxState:
		return Rotation{}, errors.New("it is no state of a rotation: too long")
	case err != nil:
		return Rotation{}, fmt.Errorf("it is no state of a rotation, or cut off or damaged: %w: %s", err, restore)
	case head.Version == nil:
		return Rotation{}, errors.New("it is no state of a rotation: no version")
	case *head.Version != stateVersion:
		return Rotation{}, fmt.Errorf("it is of version %d, this cnfd knows %d: go on with the one that wrote it", *head.Version, stateVersion)
	}
	var d stateDoc
	reader := json.NewDecoder(bytes.NewReader(text))
	reader.DisallowUnknownFields()
	if err := reader.Decode(&d); err != nil {
		return Rotation{}, fmt.Errorf("it is damaged, or not of this version: %w: %s", err, restore)
	}
	r, err := d.rotation()
	if err != nil {
		return Rotation{}, fmt.Errorf("it is damaged: %w: %s", err, restore)
	}
	if !bytes.Equal(r.Text(), text) {
		return Rotation{}, errors.New("it is damaged, or was edited: its SHA-256 is not that of what it says: " + restore)
	}
	return r, nil
}

const restore = "put back a copy; or see what is published (cnfd publish list), put the file out of the way, and rotate anew, which waits for everything anew"

func (d *stateDoc) rotation() (r Rotation, err error) {
	var old, next []Entry
	for _, k := range d.Records {
		e := Entry{Name: k.Name, Domain: k.Domain, Method: k.Method, Form: k.Form}
		if e.Record, err = ParseRecord(k.Old); err != nil {
			return r, err
		}
		old = append(old, e)
		if e.Record, err = ParseRecord(k.New); err != nil {
			return r, err
		}
		next = append(next, e)
	}
	if r, err = NewRotation(d.Subject, d.From, d.To, old, next); err != nil {
		return r, err
	}
	stage, known := stageOf(d.Step)
	if !known {
		return r, fmt.Errorf("step %q: there is none", d.Step)
	}
	if d.TTL < 0 || d.TTL > maxKeptTTL || d.Absence < 0 || d.Absence > maxKeptTTL {
		return r, fmt.Errorf("ttl %d, absence %d: want 0 to %d", d.TTL, d.Absence, maxKeptTTL)
	}
	r.Stage, r.TTL, r.Absence = stage, time.Duration(d.TTL)*time.Second, time.Duration(d.Absence)*time.Second
	for _, at := range []struct {
		text string
		to   *time.Time
	}{{d.Began, &r.Began}, {d.Seen, &r.Seen}, {d.Since, &r.Since}, {d.Until, &r.Until}} {
		if at.text == "" {
			continue
		}
		if *at.to, err = time.Parse(time.RFC3339Nano, at.text); err != nil {
			return r, err
		}
	}
	return r, nil
}

// maxKeptTTL is the longest TTL that there is (RFC 2181 §8).
const maxKeptTTL = 1<<31 - 1

func stageOf(word string) (Stage, bool) {
	for s, w := range stageWords {
		if w == word {
			return Stage(s), true
		}
	}
	return 0, false
}
