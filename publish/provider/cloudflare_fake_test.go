package provider

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cnfd/publish"
)

// cloudflareFake answers as the documentation of version 4 has it; error codes and
// upper-case hex are as those have met them who wrote to the real one.
type cloudflareFake struct {
	mu       sync.Mutex // guards what follows
	zones    []cloudflareFakeZone
	records  []cloudflareFakeRecord
	next     int
	mangling bool
}

type cloudflareFakeZone struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

type cloudflareFakeRecord struct {
	zone    string
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Name    string         `json:"name"`
	Content string         `json:"content"`
	TTL     int            `json:"ttl"`
	Comment string         `json:"comment"`
	Data    map[string]any `json:"data,omitempty"`
}

const (
	fakeCloudflareToken = "v1.0-Kah4quoochahG7ohQu5eeHie3aingaeFee0"
	fakeCloudflareGuest = "v1.0-guest5eeHie3aingaeFee0Kah4quoochahG"
)

func newCloudflareFake() fake {
	f := &cloudflareFake{zones: []cloudflareFakeZone{
		{"00000000000000000000000000000001", "example", "active"},
		{"00000000000000000000000000000002", "dor.example", "active"},
		{"00000000000000000000000000000003", "vendor.example", "moved"}, // left behind in another account
		{"00000000000000000000000000000004", "vendor.example", "active"},
	}}
	for _, z := range f.zones {
		f.put(z.ID, cloudflareFakeRecord{Type: "A", Name: z.Name, Content: "192.0.2.1", TTL: 1})
		f.put(z.ID, cloudflareFakeRecord{Type: "TXT", Name: "jwk.cnf." + z.Name, Content: "\"beside\"", TTL: 300})
	}
	return f
}

func (f *cloudflareFake) put(zone string, r cloudflareFakeRecord) {
	f.next++
	r.zone, r.ID = zone, fmt.Sprintf("%032x", 0xf00000+f.next)
	f.records = append(f.records, r)
}

func (f *cloudflareFake) credentials(_ string, c caller) []byte {
	return []byte(map[caller]string{owner: fakeCloudflareToken, stranger: "v1.0-stranger3aingaeFee0Kah4quoochahG", guest: fakeCloudflareGuest}[c] + "\n")
}

// set keeps the records that stay, ids and all, as somebody who writes over the API does.
func (f *cloudflareFake) set(name string, ttl int, records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	bare := strings.TrimSuffix(name, ".")
	var want []cloudflareFakeRecord
	for i, text := range records {
		r, err := publish.ParseRecord(text)
		if err != nil {
			panic(err)
		}
		usage, selector, matching, association := r.Fields()
		certificate := strings.ToUpper(hex.EncodeToString(association))
		want = append(want, cloudflareFakeRecord{
			Type: "TLSA", Name: bare, TTL: ttl, Comment: fmt.Sprintf("theirs, number %d", i),
			Content: fmt.Sprintf("%d %d %d %s", usage, selector, matching, certificate),
			Data:    map[string]any{"usage": usage, "selector": selector, "matching_type": matching, "certificate": certificate},
		})
	}
	f.records = slices.DeleteFunc(f.records, func(r cloudflareFakeRecord) bool {
		return r.Name == bare && r.Type == "TLSA" && !slices.ContainsFunc(want, func(w cloudflareFakeRecord) bool { return w.Content == r.Content })
	})
	for _, w := range want {
		if i := slices.IndexFunc(f.records, func(r cloudflareFakeRecord) bool {
			return r.Name == bare && r.Type == "TLSA" && r.Content == w.Content
		}); i >= 0 {
			f.records[i].TTL = ttl
		} else {
			f.put(f.zones[3].ID, w)
		}
	}
}

func (f *cloudflareFake) alias(name, target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(f.zones[3].ID, cloudflareFakeRecord{Type: "CNAME", Name: strings.TrimSuffix(name, "."), Content: strings.TrimSuffix(target, "."), TTL: 1})
}

func (f *cloudflareFake) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, r := range f.records {
		lines = append(lines, fmt.Sprintf("%s %s %s %d %s %s %v %q", r.zone, r.ID, r.Name, r.TTL, r.Type, r.Content, r.Data, r.Comment))
	}
	slices.Sort(lines)
	return lines
}

func (f *cloudflareFake) fail(w http.ResponseWriter, status, code int, message string, chain ...map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := map[string]any{"code": code, "message": message}
	if chain != nil {
		e["error_chain"] = chain
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"success": false, "errors": []any{e}, "messages": []any{}, "result": nil})
}

func (f *cloudflareFake) busy(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	f.fail(w, http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed")
}

func (f *cloudflareFake) failed(w http.ResponseWriter) {
	f.fail(w, http.StatusInternalServerError, 1000, "Internal server error")
}

func (f *cloudflareFake) writes(r *http.Request) bool { return r.Method == http.MethodPost }

func (f *cloudflareFake) mangle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mangling = true
}

func (f *cloudflareFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case !ok || strings.ContainsAny(token, " \n"):
		f.fail(w, http.StatusBadRequest, 6003, "Invalid request headers", map[string]any{"code": 6111, "message": "Invalid format for Authorization header"})
		return
	case token != fakeCloudflareToken && token != fakeCloudflareGuest:
		f.fail(w, http.StatusForbidden, 9109, "Invalid access token")
		return
	case r.Method != http.MethodGet && token == fakeCloudflareGuest:
		f.fail(w, http.StatusForbidden, 10000, "Authentication error")
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == "/zones" {
		name := r.URL.Query().Get("name")
		f.page(w, r.URL.Query(), 50, slices.DeleteFunc(slices.Clone(f.zones), func(z cloudflareFakeZone) bool { return name != "" && z.Name != name }))
		return
	}
	path, found := strings.CutPrefix(r.URL.Path, "/zones/")
	zone, rest, _ := strings.Cut(path, "/")
	i := slices.IndexFunc(f.zones, func(z cloudflareFakeZone) bool { return z.ID == zone })
	switch {
	case !found || i < 0:
		f.fail(w, http.StatusNotFound, 7003, "Could not route to "+r.URL.Path+", perhaps your object identifier is invalid?")
	case r.Method == http.MethodGet && rest == "dns_records":
		name := r.URL.Query().Get("name.exact")
		f.page(w, r.URL.Query(), 5_000_000, slices.DeleteFunc(slices.Clone(f.records), func(r cloudflareFakeRecord) bool {
			return r.zone != zone || name != "" && !strings.EqualFold(r.Name, name)
		}))
	case r.Method == http.MethodPost && rest == "dns_records/batch":
		f.batch(w, r, f.zones[i])
	default:
		f.fail(w, http.StatusMethodNotAllowed, 7001, "Method not allowed for this endpoint")
	}
}

// page answers one page of a list of anything.
func (f *cloudflareFake) page(w http.ResponseWriter, q url.Values, most int, list any) {
	var all []json.RawMessage
	text, _ := json.Marshal(list)
	_ = json.Unmarshal(text, &all)
	page, size := 1, min(100, most)
	for key, n := range map[string]*int{"page": &page, "per_page": &size} {
		if q.Get(key) != "" {
			if *n, _ = strconv.Atoi(q.Get(key)); *n < 1 || key == "per_page" && *n > most {
				f.fail(w, http.StatusBadRequest, 1004, "Invalid "+key)
				return
			}
		}
	}
	pages := (len(all) + size - 1) / size
	shown := []json.RawMessage{}
	if from := (page - 1) * size; from < len(all) {
		shown = all[from:min(from+size, len(all))]
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"success": true, "errors": []any{}, "messages": []any{}, "result": shown,
		"result_info": map[string]any{"page": page, "per_page": size, "count": len(shown), "total_count": len(all), "total_pages": pages},
	})
}

// batch deletes, then posts; it does all or nothing.
func (f *cloudflareFake) batch(w http.ResponseWriter, r *http.Request, z cloudflareFakeZone) {
	if r.Header.Get("Content-Type") != "application/json" {
		f.fail(w, http.StatusBadRequest, 6003, "Invalid request headers")
		return
	}
	var body struct {
		Deletes []struct{ ID string }
		Posts   []map[string]any
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		f.fail(w, http.StatusBadRequest, 9207, "Request body is invalid")
		return
	}
	before, next := slices.Clone(f.records), f.next
	refuse := func(status, code int, message string, chain ...map[string]any) {
		f.records, f.next = before, next
		f.fail(w, status, code, message, chain...)
	}
	for _, d := range body.Deletes {
		i := slices.IndexFunc(f.records, func(r cloudflareFakeRecord) bool { return r.ID == d.ID && r.zone == z.ID })
		if i < 0 {
			refuse(http.StatusNotFound, 81044, "Record does not exist.")
			return
		}
		f.records = slices.Delete(slices.Clone(f.records), i, i+1)
	}
	for _, p := range body.Posts {
		if code, message, chain := f.post(z, p); code != 0 {
			refuse(http.StatusBadRequest, code, message, chain...)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"success": true, "errors": []any{}, "messages": []any{}, "result": map[string]any{}})
}

func (f *cloudflareFake) post(z cloudflareFakeZone, p map[string]any) (code int, message string, chain []map[string]any) {
	invalid := func(code int, message string) (int, string, []map[string]any) {
		return 1004, "DNS Validation Error", []map[string]any{{"code": code, "message": message}}
	}
	name, _ := p["name"].(string)
	ttl, _ := p["ttl"].(float64)
	data, _ := p["data"].(map[string]any)
	if name != z.Name && !strings.HasSuffix(name, "."+z.Name) || strings.HasSuffix(name, ".") {
		return invalid(9000, "DNS name is invalid.")
	}
	if ttl != 1 && (ttl < 60 || ttl > 86400) {
		return invalid(9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic.")
	}
	if p["type"] != "TLSA" || p["content"] != nil {
		return invalid(9005, "usage is a required data field.")
	}
	var fields [3]int
	for i, key := range []string{"usage", "selector", "matching_type"} {
		n, ok := data[key].(float64)
		if !ok || n < 0 || n > 255 || n != float64(int(n)) {
			return invalid(9101, key+" is a required data field.")
		}
		fields[i] = int(n)
	}
	certificate, _ := data["certificate"].(string)
	association, err := hex.DecodeString(certificate)
	if err != nil || len(association) == 0 || 3+len(association) > 4096 {
		return invalid(9101, "certificate is a required data field.")
	}
	if f.mangling {
		association = association[:31]
	}
	certificate = strings.ToUpper(hex.EncodeToString(association))
	content, size := fmt.Sprintf("%d %d %d %s", fields[0], fields[1], fields[2], certificate), 0
	for _, r := range f.records {
		if r.zone != z.ID || r.Name != name {
			continue
		}
		switch r.Type {
		case "CNAME":
			return 81053, "An A, AAAA, or CNAME record with that host already exists.", nil
		case "TLSA":
			if r.Content == content {
				return 81058, "An identical record already exists.", nil
			}
			size += len(r.Content)
		}
	}
	if size+len(content) > 8192 {
		return invalid(9220, "The combined content of the records is too long.")
	}
	f.put(z.ID, cloudflareFakeRecord{Type: "TLSA", Name: name, Content: content, TTL: int(ttl), Data: map[string]any{
		"usage": fields[0], "selector": fields[1], "matching_type": fields[2], "certificate": certificate,
	}})
	return 0, "", nil
}
