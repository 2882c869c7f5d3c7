package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cnfd/publish"
)

const version = 1 // of the protocol

// request is what the program gets. Members that an operation has not are left out.
type request struct {
	Version int       `json:"version"`
	Do      string    `json:"do"`
	Name    string    `json:"name"`
	Before  *set      `json:"before,omitempty"`
	After   *set      `json:"after,omitempty"`
	Add     *[]string `json:"add,omitempty"`
	Remove  *[]string `json:"remove,omitempty"`
}

// set is a publish.Set in requests; what the program prints is read by readSet.
type set struct {
	TTL     int64    `json:"ttl"` // seconds
	Records []string `json:"records"`
	Alias   string   `json:"alias"`
}

func readRequest(name string) []byte {
	return encoded(request{Version: version, Do: "read", Name: name})
}

func writeRequest(c publish.Change) []byte {
	add, remove := texts(c.Added()), texts(c.Removed())
	return encoded(request{
		Version: version, Do: "write", Name: c.Name, Before: setOf(c.Before), After: setOf(c.After), Add: &add, Remove: &remove,
	})
}

func setOf(s publish.Set) *set {
	return &set{int64(s.TTL / time.Second), texts(s.Records), s.Alias}
}

// texts is never nil: programs get [] and not null.
func texts(records []publish.Record) []string {
	all := make([]string, 0, len(records))
	for _, r := range records {
		all = append(all, r.String())
	}
	return all
}

func encoded(r request) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(r); err != nil {
		panic(err) // strings and numbers can always be said
	}
	return b.Bytes()
}

// readSet reads what a program prints, strictly: package encoding/json by itself takes
// a member that is there twice, one in other letters, and null.
func readSet(name string, out []byte) (publish.Set, error) {
	switch {
	case len(bytes.TrimSpace(out)) == 0:
		return publish.Set{}, errors.New("nothing was printed")
	case !utf8.Valid(out) || !json.Valid(out):
		return publish.Set{}, errors.New("not one JSON object and nothing else")
	}
	s, seen := publish.Set{Name: name}, []string{}
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber()
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return publish.Set{}, errors.New("not an object")
	}
	for d.More() {
		key, err := token[string](d, "a member")
		if err == nil && slices.Contains(seen, key) {
			err = errors.New("there twice")
		}
		if err == nil {
			err = readMember(d, key, &s)
		}
		if err != nil {
			return publish.Set{}, fmt.Errorf("%.40q: %w", key, err)
		}
		seen = append(seen, key)
	}
	switch {
	case !slices.Contains(seen, "records"):
		return publish.Set{}, errors.New(`no "records": an empty list says that there are none`)
	case len(s.Records) == 0:
		s.TTL = 0
	case !slices.Contains(seen, "ttl"):
		return publish.Set{}, errors.New(`no "ttl" beside records`)
	}
	return s, nil
}

func readMember(d *json.Decoder, key string, s *publish.Set) (err error) {
	switch key {
	case "ttl":
		number, err := token[json.Number](d, "whole seconds")
		if err != nil {
			return err
		}
		seconds, err := strconv.ParseUint(number.String(), 10, 31) // RFC 2181 §8
		if err != nil {
			return errors.New("want whole seconds, 0 to 2147483647")
		}
		s.TTL = time.Duration(seconds) * time.Second
		return nil
	case "records":
		s.Records, err = readRecords(d)
		return err
	case "alias":
		if s.Alias, err = token[string](d, "a name"); err != nil {
			return err
		}
		if strings.ContainsFunc(s.Alias, func(c rune) bool { return c <= ' ' || c > '~' }) || len(s.Alias) > maxNameText {
			return errors.New("not a domain name")
		}
		return nil
	}
	return errors.New("not known")
}

// maxNameText is the longest name there is, all of it in escapes (RFC 1035 §5.1).
const maxNameText = 4 * 255

func readRecords(d *json.Decoder) (records []publish.Record, err error) {
	if begin, err := token[json.Delim](d, "a list"); err != nil || begin != '[' {
		return nil, errors.New("want a list")
	}
	seen := map[publish.Record]bool{}
	for d.More() {
		text, err := token[string](d, "a record in presentation form")
		if err != nil {
			return nil, err
		}
		r, err := publish.ParseRecord(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("[%d]: want TLSA data in presentation form, 255 255 255 80D5…", len(records))
		case seen[r]:
			return nil, fmt.Errorf("[%d]: a record that is there already", len(records))
		}
		seen[r] = true
		records = append(records, r)
	}
	_, err = d.Token()
	return records, err
}

// token is the next token, which is to be of one kind.
func token[T any](d *json.Decoder, want string) (T, error) {
	t, err := d.Token()
	v, ok := t.(T)
	if err != nil && !errors.Is(err, io.EOF) || !ok {
		return v, errors.New("want " + want)
	}
	return v, nil
}
