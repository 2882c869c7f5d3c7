package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"cnfd/publish"
)

// overwriting are the providers whose API takes whole sets and nothing that would tell
// of somebody else's change in the same moment, neither before nor after: all that can be
// done is done, which is to look just before, and to say so (Limits.Unguarded).
var overwriting = map[string]bool{"desec": true, "gandi": true}

// shelf is the zones that a fake keeps: azureFake, desecFake, gandiFake, hetznerFake and
// ovhFake are APIs before one. Its lock is held by whoever serves a request.
type shelf struct {
	mu       sync.Mutex // guards what follows
	base     string     // URL that the fake is served at
	zones    []*shelfZone
	mangling bool
	narrow   bool  // takes the usages that have a name (RFC 7218) alone, as web forms do
	last     int64 // id or etag given out
	// keep is how the place keeps a text that it was given; nil: as it is.
	keep func(kind, text string) string
	// note is what the place keeps beside each record of others.
	note string
}

type shelfZone struct {
	name string // with the trailing dot
	id   int64
	sets []*shelfSet
}

type shelfSet struct {
	name, kind string // the whole name, with the trailing dot
	ttl        int    // -1: none of its own
	etag       int64
	notes      json.RawMessage // of the set
	values     []shelfValue
}

type shelfValue struct {
	text, note string
	id         int64
	ttl        int // of its own; zero: the set's
}

// seconds is a record's TTL.
func (s *shelfSet) seconds(v shelfValue) int {
	if v.ttl != 0 {
		return v.ttl
	}
	return s.ttl
}

// stock fills the shelf: the three zones of these tests come last in its lists, after
// some others of the account.
func (f *shelf) stock(others int) {
	names := []string{}
	for i := range others {
		names = append(names, fmt.Sprintf("z%03d.test.", i))
	}
	for i, name := range append(names, parentZone, suffixZone, vendorZone) {
		z := &shelfZone{name: name, id: int64(4711 + i)}
		f.zones = append(f.zones, z)
		f.put(z, name, "SOA", 3600, "ns1."+name+" hostmaster."+name+" 2026112201 10800 3600 604800 3600")
		f.put(z, name, "NS", 3600, "ns1."+name)
		f.put(z, name, "A", 3600, "192.0.2.1")
	}
}

func (f *shelf) next() int64 { f.last++; return f.last }

// zone finds a zone by its name, with or without the dot.
func (f *shelf) zone(name string) *shelfZone {
	for _, z := range f.zones {
		if name != "" && strings.TrimSuffix(z.name, ".") == strings.TrimSuffix(name, ".") {
			return z
		}
	}
	return nil
}

func (z *shelfZone) find(name, kind string) *shelfSet {
	for _, s := range z.sets {
		if s.name == name && s.kind == kind {
			return s
		}
	}
	return nil
}

// at are the sets of every type at a name.
func (z *shelfZone) at(name string) (sets []*shelfSet) {
	for _, s := range z.sets {
		if s.name == name {
			sets = append(sets, s)
		}
	}
	return sets
}

// whole is the whole name of a relative one, where apex is the zone's own.
func (z *shelfZone) whole(rel, apex string) string {
	if rel == apex {
		return z.name
	}
	return rel + "." + z.name
}

// rel is the inverse of whole.
func (z *shelfZone) rel(name, apex string) string {
	if name == z.name {
		return apex
	}
	return strings.TrimSuffix(name, "."+z.name)
}

// put makes the set these texts; those that were there before keep what is beside them.
func (f *shelf) put(z *shelfZone, name, kind string, ttl int, texts ...string) *shelfSet {
	s := &shelfSet{name: name, kind: kind, ttl: ttl, etag: f.next()}
	var before []shelfValue
	if old := z.find(name, kind); old != nil {
		before, s.notes = old.values, old.notes
	}
	for _, text := range texts {
		if f.keep != nil {
			text = f.keep(kind, text)
		}
		v := shelfValue{text: text, note: f.note}
		if i := slices.IndexFunc(before, func(b shelfValue) bool { return b.text == text }); i >= 0 {
			v = before[i]
			v.ttl = 0
		}
		if v.id == 0 {
			v.id = f.next()
		}
		s.values = append(s.values, v)
	}
	z.drop(name, kind)
	if len(texts) > 0 {
		z.sets = append(z.sets, s)
	}
	return s
}

func (z *shelfZone) drop(name, kind string) {
	z.sets = slices.DeleteFunc(z.sets, func(s *shelfSet) bool { return s.name == name && s.kind == kind })
}

func (f *shelf) set(name string, ttl int, records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(f.zone(vendorZone), name, "TLSA", ttl, records...)
}

func (f *shelf) alias(name, target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(f.zone(vendorZone), name, "CNAME", 300, target)
}

func (f *shelf) mangle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mangling = true
}

// takes reports whether a text is a TLSA record, and one that the place takes.
func (f *shelf) takes(text string) bool {
	r, err := publish.ParseRecord(text)
	usage, _, _, _ := r.Fields()
	return err == nil && (!f.narrow || usage <= 3)
}

// mangled is what is kept of a text that was written.
func (f *shelf) mangled(text string) string {
	if f.mangling {
		return text[:len(text)-2]
	}
	return text
}

func (f *shelf) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, z := range f.zones {
		for _, s := range z.sets {
			for _, v := range s.values {
				lines = append(lines, fmt.Sprintf("%s: %s %d %s %s %s note=%q id=%d", z.name, s.name, s.seconds(v), s.kind, v.text, s.notes, v.note, v.id))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// segments are the parts of a path, unescaped.
func segments(r *http.Request) (parts []string) {
	for _, part := range strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/") {
		part, _ = url.PathUnescape(part)
		parts = append(parts, part)
	}
	return parts
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if v != nil {
		_ = json.NewEncoder(w).Encode(v)
	}
}

// strictly reads the JSON object of a request, which must have the members that are
// required and may have the optional ones, which come after "|".
func strictly(r *http.Request, into any, members string) error {
	if r.Header.Get("Content-Type") != "application/json" {
		return errors.New("Content-Type: want application/json")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(body, &got); err != nil {
		return err
	}
	required, optional, _ := strings.Cut(members, "|")
	for _, name := range strings.Fields(required) {
		if _, ok := got[name]; !ok {
			return fmt.Errorf("%s: required", name)
		}
	}
	for name := range got {
		if !slices.Contains(strings.Fields(required+" "+optional), name) {
			return fmt.Errorf("%s: unknown", name)
		}
	}
	return json.Unmarshal(body, into)
}
