package provider

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"cnfd/publish"
)

// desecFake is deSEC's API as its documentation and the tests in its repository have it.
type desecFake struct {
	shelf
	minTTL int
}

func newDeSECFake() fake {
	f := &desecFake{minTTL: 3600}
	f.keep = func(kind, text string) string {
		if r, err := publish.ParseRecord(text); kind == "TLSA" && err == nil {
			return strings.ToLower(r.String()) // canonical form
		}
		return text
	}
	f.stock(3)
	return f
}

const (
	desecOwner = "i-T3b1h_OI-H9ab8tRS98stGtURe"
	desecGuest = "mu4W4MHuSc0Hy-GD1h_dnKuZBond"
)

func (f *desecFake) credentials(_ string, c caller) []byte {
	return []byte(map[caller]string{owner: desecOwner, stranger: "xoh1Uo7iezoh5Ohd9Eiqu3aek8fe", guest: desecGuest}[c] + "\n")
}

func (f *desecFake) busy(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	say(w, http.StatusTooManyRequests, map[string]string{"detail": "Request was throttled. Expected available in " + seconds + " seconds."})
}

func (f *desecFake) failed(w http.ResponseWriter) {
	http.Error(w, "<h1>Server Error (500)</h1>", http.StatusInternalServerError)
}

func (f *desecFake) writes(r *http.Request) bool { return r.Method != http.MethodGet }

func (f *desecFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
	switch {
	case !ok:
		say(w, http.StatusUnauthorized, map[string]string{"detail": "Authentication credentials were not provided."})
		return
	case token != desecOwner && token != desecGuest:
		say(w, http.StatusUnauthorized, map[string]string{"detail": "Invalid token."})
		return
	case token == desecGuest && f.writes(r):
		say(w, http.StatusForbidden, map[string]string{"detail": "Insufficient token permissions."})
		return
	}
	parts := segments(r)
	if parts[0] != "domains" || parts[len(parts)-1] != "" { // every path ends in "/"
		say(w, http.StatusNotFound, map[string]string{"detail": "Not found."})
		return
	}
	parts = parts[1 : len(parts)-1]
	if len(parts) == 0 {
		f.list(w, r)
		return
	}
	z := f.zone(parts[0])
	if z == nil || strings.HasSuffix(parts[0], ".") {
		say(w, http.StatusNotFound, map[string]string{"detail": "Not found."})
		return
	}
	switch {
	case len(parts) == 1 && r.Method == http.MethodGet:
		o := f.domain(z)
		o["keys"] = []map[string]any{{"dnskey": "257 3 13 WFRl60", "ds": []string{"6006 13 2 f34b75"}, "flags": 257, "keytype": "csk"}}
		say(w, http.StatusOK, o)
	case len(parts) == 2 && parts[1] == "rrsets" && r.Method == http.MethodGet:
		f.sets(w, r, z)
	case len(parts) == 2 && parts[1] == "rrsets" && r.Method == http.MethodPost:
		f.post(w, r, z)
	case len(parts) == 4 && parts[1] == "rrsets":
		f.one(w, r, z, z.whole(parts[2], "@"), parts[3])
	default:
		say(w, http.StatusMethodNotAllowed, map[string]string{"detail": "Method not allowed."})
	}
}

// list gives all domains, or the one that is responsible for a name.
func (f *desecFake) list(w http.ResponseWriter, r *http.Request) {
	list, best := []map[string]any{}, ""
	qname := r.URL.Query().Get("owns_qname")
	for _, z := range f.zones {
		apex := strings.TrimSuffix(z.name, ".")
		switch {
		case !r.URL.Query().Has("owns_qname"):
			list = append(list, f.domain(z))
		case (qname == apex || strings.HasSuffix(qname, "."+apex)) && len(apex) > len(best):
			list, best = []map[string]any{f.domain(z)}, apex
		}
	}
	say(w, http.StatusOK, list)
}

func (f *desecFake) domain(z *shelfZone) map[string]any {
	return map[string]any{
		"created": "2018-09-18T16:36:16.510368Z", "minimum_ttl": f.minTTL, "name": strings.TrimSuffix(z.name, "."),
		"published": "2026-11-22T11:21:38.348112Z", "touched": "2026-11-22T11:21:38.348112Z",
	}
}

func (f *desecFake) object(z *shelfZone, s *shelfSet) map[string]any {
	records := []string{}
	for _, v := range s.values {
		records = append(records, v.text)
	}
	return map[string]any{
		"created": "2019-09-18T16:32:16.510368Z", "touched": "2020-04-06T09:24:09.987436Z", "domain": strings.TrimSuffix(z.name, "."),
		"subname": z.rel(s.name, ""), "name": s.name, "type": s.kind, "records": records, "ttl": s.ttl,
	}
}

func (f *desecFake) sets(w http.ResponseWriter, r *http.Request, z *shelfZone) {
	list, query := []map[string]any{}, r.URL.Query()
	for _, s := range z.sets {
		// The SOA is not among them.
		if s.kind != "SOA" && (!query.Has("subname") || z.rel(s.name, "") == query.Get("subname")) && (!query.Has("type") || s.kind == query.Get("type")) {
			list = append(list, f.object(z, s))
		}
	}
	say(w, http.StatusOK, list)
}

var (
	desecSubname = regexp.MustCompile(`^([*]|(([*][.])?([a-z0-9_-]{1,63}[.])*[a-z0-9_-]{1,63}))?$`)
	desecText    = regexp.MustCompile(`^\s*\d+\s+\d+\s+\d+(\s+[0-9a-fA-F]+)+\s*$`)
)

// records checks what is to be written and puts it in canonical form.
func (f *desecFake) records(w http.ResponseWriter, kind string, texts []string) (canonical []string, ok bool) {
	for _, text := range texts {
		if kind == "TLSA" {
			r, err := publish.ParseRecord(text)
			if err != nil || !f.takes(text) || !desecText.MatchString(text) {
				say(w, http.StatusBadRequest, map[string][]string{"records": {"Record content malformed: " + text}})
				return nil, false
			}
			text = f.mangled(strings.ToLower(r.String()))
		}
		if slices.Contains(canonical, text) {
			say(w, http.StatusBadRequest, map[string][]string{"non_field_errors": {"Duplicate record contents: " + text}})
			return nil, false
		}
		canonical = append(canonical, text)
	}
	return canonical, true
}

func (f *desecFake) ttl(w http.ResponseWriter, ttl int) bool {
	switch {
	case ttl < f.minTTL:
		say(w, http.StatusBadRequest, map[string][]string{"ttl": {fmt.Sprintf("Ensure this value is greater than or equal to %d.", f.minTTL)}})
	case ttl > 604800:
		say(w, http.StatusBadRequest, map[string][]string{"ttl": {"Ensure this value is less than or equal to 604800."}})
	default:
		return true
	}
	return false
}

func (f *desecFake) post(w http.ResponseWriter, r *http.Request, z *shelfZone) {
	var body struct {
		Subname, Type string
		TTL           int
		Records       []string
	}
	if err := strictly(r, &body, "type ttl records | subname"); err != nil {
		say(w, http.StatusBadRequest, map[string][]string{"non_field_errors": {err.Error()}})
		return
	}
	name := z.whole(body.Subname, "")
	switch others := z.at(name); {
	case !desecSubname.MatchString(body.Subname):
		say(w, http.StatusBadRequest, map[string][]string{"subname": {"Subname can only use (lowercase) a-z, 0-9, ., -, and _, may start with a '*.', or just be '*'."}})
		return
	case body.Type != "TLSA" && body.Type != "CNAME" && body.Type != "A":
		say(w, http.StatusBadRequest, map[string][]string{"type": {"The " + body.Type + " RR set type is currently unsupported."}})
		return
	case len(body.Records) == 0:
		say(w, http.StatusBadRequest, map[string][]string{"records": {"This list may not be empty."}})
		return
	case !f.ttl(w, body.TTL):
		return
	case z.find(name, body.Type) != nil:
		say(w, http.StatusBadRequest, map[string][]string{"non_field_errors": {"Another RRset with the same subdomain and type exists for this domain. (Try modifying it.)"}})
		return
	case z.find(name, "CNAME") != nil || body.Type == "CNAME" && len(others) > 0:
		say(w, http.StatusBadRequest, map[string][]string{"non_field_errors": {"RRset with conflicting type present: database (CNAME). (No other RRsets are allowed alongside CNAME.)"}})
		return
	}
	texts, ok := f.records(w, body.Type, body.Records)
	if ok {
		say(w, http.StatusCreated, f.object(z, f.put(z, name, body.Type, body.TTL, texts...)))
	}
}

func (f *desecFake) one(w http.ResponseWriter, r *http.Request, z *shelfZone, name, kind string) {
	s := z.find(name, kind)
	if r.Method == http.MethodDelete { // also of what is not there
		z.drop(name, kind)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if s == nil {
		say(w, http.StatusNotFound, map[string]string{"detail": "Not found."})
		return
	}
	if r.Method == http.MethodGet {
		say(w, http.StatusOK, f.object(z, s))
		return
	}
	body := struct {
		Subname, Type string
		TTL           int
		Records       []string
	}{z.rel(name, ""), kind, s.ttl, nil}
	members := "| subname type ttl records"
	if r.Method == http.MethodPut {
		members = "subname type ttl records"
	}
	if err := strictly(r, &body, members); err != nil || body.Subname != z.rel(name, "") || body.Type != kind {
		say(w, http.StatusBadRequest, map[string][]string{"non_field_errors": {fmt.Sprint("bad request: ", err)}})
		return
	}
	if body.TTL != s.ttl && !f.ttl(w, body.TTL) {
		return
	}
	if body.Records != nil && len(body.Records) == 0 {
		z.drop(name, kind)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if texts, ok := f.records(w, kind, body.Records); ok {
		say(w, http.StatusOK, f.object(z, f.put(z, name, kind, body.TTL, texts...)))
	}
}
