package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cnfd/publish"
)

// powerdnsFake answers as pdns_server 4.7.3 was seen to (TestPowerDNSOverHTTP of
// package integration holds the two together).
type powerdnsFake struct {
	mu       sync.Mutex // guards what follows
	zones    map[string]*fakePdnsZone
	mangling bool
}

type fakePdnsZone struct {
	kind, edit string
	dnssec     bool
	serial     uint32
	metadata   map[string]string
	sets       []*fakePdnsSet
	rectified  bool
}

type fakePdnsSet struct {
	Name     string           `json:"name"`
	Type     string           `json:"type"`
	TTL      int              `json:"ttl"`
	Records  []fakePdnsRecord `json:"records"`
	Comments []map[string]any `json:"comments"`
}

type fakePdnsRecord struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

func newPowerDNSFake() fake {
	f := &powerdnsFake{zones: map[string]*fakePdnsZone{}}
	for _, name := range []string{parentZone, suffixZone, vendorZone} {
		f.zones[name] = &fakePdnsZone{kind: "Native", edit: "DEFAULT", dnssec: true, serial: 2026112201, metadata: map[string]string{}, sets: []*fakePdnsSet{
			{Name: name, Type: "SOA", TTL: 3600, Records: []fakePdnsRecord{{Content: "ns1." + name + " hostmaster." + name + " 2026112201 10800 3600 604800 3600"}}},
			{Name: name, Type: "NS", TTL: 3600, Records: []fakePdnsRecord{{Content: "ns1." + name}}},
			{Name: name, Type: "A", TTL: 3600, Records: []fakePdnsRecord{{Content: "192.0.2.1"}, {Content: "192.0.2.2", Disabled: true}}},
		}}
	}
	return f
}

const (
	fakePdnsKey   = "Ahx3eiZ1ohS7"
	fakePdnsGuest = "guest-Eil4wae9" // a reverse proxy lets this one through for GET alone
)

func (f *powerdnsFake) credentials(_ string, c caller) []byte {
	return []byte(map[caller]string{owner: fakePdnsKey, stranger: "ieJ3Qu0oVah5", guest: fakePdnsGuest}[c] + "\n")
}

// set counts the serial up, as every way to change a zone over the API does.
func (f *powerdnsFake) set(name string, ttl int, records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	z := f.zones[vendorZone]
	s := &fakePdnsSet{Name: name, Type: "TLSA", TTL: ttl}
	for _, text := range records {
		r, err := publish.ParseRecord(text)
		if err != nil {
			panic(err)
		}
		s.Records = append(s.Records, fakePdnsRecord{Content: strings.ToLower(r.String())})
	}
	if old := z.find(name, "TLSA"); old != nil {
		s.Comments = old.Comments
	}
	z.put(s)
}

func (f *powerdnsFake) alias(name, target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.zones[vendorZone].put(&fakePdnsSet{Name: name, Type: "CNAME", TTL: 300, Records: []fakePdnsRecord{{Content: target}}})
}

// lines leaves the serial out: every change of the zone changes it.
func (f *powerdnsFake) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for name, z := range f.zones {
		for _, s := range z.sets {
			for _, r := range s.Records {
				lines = append(lines, fmt.Sprintf("%s: %s %d %s %s disabled=%v", name, s.Name, s.TTL, s.Type, r.Content, r.Disabled))
			}
			for _, c := range s.Comments {
				lines = append(lines, fmt.Sprintf("%s: %s %s comment %v", name, s.Name, s.Type, c))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func (f *powerdnsFake) busy(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	http.Error(w, "Too Many Requests", http.StatusTooManyRequests) // a proxy's: pdns_server itself has no such limit
}

func (f *powerdnsFake) failed(w http.ResponseWriter) {
	f.say(w, http.StatusInternalServerError, map[string]string{"error": "Internal Server Error"})
}

func (f *powerdnsFake) writes(r *http.Request) bool { return r.Method == http.MethodPatch }

func (f *powerdnsFake) mangle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mangling = true
}

func (f *powerdnsFake) say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (f *powerdnsFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch key := r.Header.Get("X-API-Key"); {
	case key == fakePdnsGuest && r.Method != http.MethodGet:
		http.Error(w, "Forbidden", http.StatusForbidden)
		return
	case key != fakePdnsKey && key != fakePdnsGuest:
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/v1/servers/localhost/zones")
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	if rest == "" {
		f.list(w, r.URL.Query())
		return
	}
	id, sub, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	z := f.zones[strings.TrimSuffix(id, ".")+"."]
	if z == nil {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	switch r.Method + " " + sub {
	case "GET ":
		f.say(w, http.StatusOK, z.object(id, r.URL.Query()))
	case "GET metadata":
		list := []map[string]any{}
		for _, kind := range slices.Sorted(maps.Keys(z.metadata)) {
			list = append(list, map[string]any{"kind": kind, "metadata": []string{z.metadata[kind]}, "type": "Metadata"})
		}
		f.say(w, http.StatusOK, list)
	case "PUT rectify":
		if !z.dnssec {
			f.say(w, http.StatusUnprocessableEntity, map[string]string{"error": "Zone is not secured"})
			return
		}
		z.rectified = true
		f.say(w, http.StatusOK, map[string]string{"result": "Rectified"})
	case "PATCH ":
		f.patch(w, r, z, id)
	default:
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	}
}

func (f *powerdnsFake) list(w http.ResponseWriter, q url.Values) {
	name := q.Get("zone")
	if name == "" || !strings.HasSuffix(name, ".") {
		f.say(w, http.StatusUnprocessableEntity, map[string]string{"error": "DNS Name '" + name + "' is not canonical"})
		return
	}
	found := []map[string]any{}
	if z := f.zones[name]; z != nil {
		found = append(found, z.object(name, url.Values{"rrsets": {"false"}}))
	}
	f.say(w, http.StatusOK, found)
}

func (z *fakePdnsZone) object(id string, q url.Values) map[string]any {
	o := map[string]any{"id": id, "name": id, "kind": z.kind, "dnssec": z.dnssec, "serial": z.serial, "edited_serial": z.serial, "soa_edit_api": z.edit, "api_rectify": false}
	if q.Get("rrsets") == "false" {
		return o
	}
	sets := []fakePdnsSet{}
	for _, s := range z.sets {
		shown := fakePdnsSet{s.Name, s.Type, s.TTL, []fakePdnsRecord{}, s.Comments}
		for _, r := range s.Records {
			// Asked for by name, it looks up as a resolver would: what is disabled is not there.
			if filter := q.Get("rrset_name"); filter == "" || filter == s.Name && !r.Disabled {
				shown.Records = append(shown.Records, r)
			}
		}
		sets = append(sets, shown)
	}
	o["rrsets"] = sets
	return o
}

func (z *fakePdnsZone) find(name, kind string) *fakePdnsSet {
	for _, s := range z.sets {
		if s.Name == name && s.Type == kind {
			return s
		}
	}
	return nil
}

func (z *fakePdnsZone) put(s *fakePdnsSet) {
	z.serial++
	z.sets = slices.DeleteFunc(z.sets, func(o *fakePdnsSet) bool { return o.Name == s.Name && o.Type == s.Type })
	if len(s.Records) > 0 {
		z.sets = append(z.sets, s)
	}
}

var fakePdnsContent = regexp.MustCompile(`^(\d{1,3}) (\d{1,3}) (\d{1,3}) ([0-9a-fA-F]{2})+$`)

// patch checks all before it changes anything.
func (f *powerdnsFake) patch(w http.ResponseWriter, r *http.Request, z *fakePdnsZone, zone string) {
	var body struct {
		RRsets []struct {
			Name, Type, Changetype string
			TTL                    *int
			Records                []fakePdnsRecord
			Comments               []map[string]any
		}
	}
	bad := func(format string, args ...any) {
		f.say(w, http.StatusUnprocessableEntity, map[string]string{"error": fmt.Sprintf(format, args...)})
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	var puts []*fakePdnsSet
	for _, s := range body.RRsets {
		switch {
		case !strings.HasSuffix(s.Name, "."):
			bad("DNS Name '%s' is not canonical", s.Name)
			return
		case strings.ContainsFunc(s.Name, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/*", r)
		}):
			bad("RRset %s IN %s: Contains unsupported characters", s.Name, s.Type)
			return
		case s.Name != zone && !strings.HasSuffix(s.Name, "."+zone):
			bad("RRset %s IN %s: Name is out of zone", s.Name, s.Type)
			return
		case s.Changetype == "DELETE":
			puts = append(puts, &fakePdnsSet{Name: s.Name, Type: s.Type})
			continue
		case s.Changetype != "REPLACE":
			bad("Changetype not understood")
			return
		case s.TTL == nil:
			bad("Key 'ttl' not an Integer or not present")
			return
		case s.Type != "CNAME" && z.find(s.Name, "CNAME") != nil:
			bad("RRset %s IN %s: Conflicts with pre-existing RRset", s.Name, s.Type)
			return
		}
		put := &fakePdnsSet{Name: s.Name, Type: s.Type, TTL: *s.TTL, Comments: s.Comments}
		if old := z.find(s.Name, s.Type); old != nil && s.Comments == nil {
			put.Comments = old.Comments
		}
		for _, r := range s.Records {
			m := fakePdnsContent.FindStringSubmatch(r.Content)
			if s.Type == "TLSA" && (m == nil || len(m[1]) == 3 && m[1] > "255" || len(m[2]) == 3 && m[2] > "255" || len(m[3]) == 3 && m[3] > "255") {
				bad("Record %s/%s '%s': Not in expected format", s.Name, s.Type, r.Content)
				return
			}
			if slices.ContainsFunc(put.Records, func(o fakePdnsRecord) bool { return strings.EqualFold(o.Content, r.Content) }) {
				bad("Duplicate record in RRset %s IN %s with content %q", s.Name, s.Type, r.Content)
				return
			}
			r.Content = strings.ToLower(r.Content)
			if f.mangling {
				r.Content = r.Content[:len(r.Content)-2]
			}
			put.Records = append(put.Records, r)
		}
		puts = append(puts, put)
	}
	serial := z.serial
	for _, s := range puts {
		z.put(s)
	}
	z.serial, z.rectified = serial+1, false // one step for one PATCH
	w.WriteHeader(http.StatusNoContent)
}
