package provider

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hetznerFake is the zones of Hetzner's Cloud API as its documentation has them.
type hetznerFake struct {
	shelf
	mode      string
	protected bool
	outcome   string // of actions: "success", "error", "running" for ever
	actions   int64
}

func newHetznerFake() fake {
	f := &hetznerFake{mode: "primary", outcome: "success"}
	f.stock(60) // more than a page
	f.note = "for the mail server"
	return f
}

const (
	hetznerOwner = "jEheVytlAoFl7F8MqUQ7jAo2hOXASztX"
	hetznerGuest = "Ahb0aeThu1ahRoh7Neec9Eib2shee8Ie"
)

func (f *hetznerFake) credentials(_ string, c caller) []byte {
	return []byte(map[caller]string{owner: hetznerOwner, stranger: "ohJ4pohph8eiv6Aht7quaeF6Ieghah5o", guest: hetznerGuest}[c] + "\n")
}

// lines leaves out the ids, which records do not have here.
func (f *hetznerFake) lines() []string {
	lines := f.shelf.lines()
	for i := range lines {
		lines[i] = lines[i][:strings.LastIndex(lines[i], " id=")]
	}
	return lines
}

func hetznerFault(w http.ResponseWriter, status int, code, message string) {
	say(w, status, map[string]any{"error": map[string]any{"code": code, "message": message, "details": nil}})
}

// busy tells when by RateLimit-Reset, and sends no Retry-After.
func (f *hetznerFake) busy(w http.ResponseWriter, _ string) {
	w.Header().Set("RateLimit-Limit", "3600")
	w.Header().Set("RateLimit-Remaining", "0")
	w.Header().Set("RateLimit-Reset", strconv.FormatInt(noon().Unix()+1, 10))
	hetznerFault(w, http.StatusTooManyRequests, "rate_limit_exceeded", "limit of 3600 requests per hour reached")
}

func (f *hetznerFake) failed(w http.ResponseWriter) {
	hetznerFault(w, http.StatusInternalServerError, "server_error", "internal server error")
}

func (f *hetznerFake) writes(r *http.Request) bool { return r.Method != http.MethodGet }

func (f *hetznerFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case token != hetznerOwner && token != hetznerGuest:
		hetznerFault(w, http.StatusUnauthorized, "unauthorized", "unable to authenticate")
		return
	case token == hetznerGuest && f.writes(r):
		hetznerFault(w, http.StatusForbidden, "token_readonly", "token is only allowed to perform GET requests")
		return
	}
	parts := segments(r)
	switch {
	case len(parts) == 2 && parts[0] == "actions" && r.Method == http.MethodGet:
		f.action(w, parts[1])
		return
	case parts[0] != "zones":
		hetznerFault(w, http.StatusNotFound, "not_found", "not found")
		return
	case len(parts) == 1 && r.Method == http.MethodGet:
		f.list(w, r)
		return
	}
	z := f.idOrName(parts[1:])
	switch {
	case z == nil:
		hetznerFault(w, http.StatusNotFound, "not_found", "zone not found")
	case len(parts) == 2 && r.Method == http.MethodGet:
		say(w, http.StatusOK, map[string]any{"zone": f.object(z)})
	case len(parts) == 3 && parts[2] == "rrsets" && r.Method == http.MethodGet:
		f.sets(w, r, z)
	case f.mode != "primary" && f.writes(r):
		hetznerFault(w, http.StatusUnprocessableEntity, "incorrect_zone_mode", "this operation is not supported for this zone's mode")
	case len(parts) == 3 && parts[2] == "rrsets" && r.Method == http.MethodPost:
		f.create(w, r, z)
	case len(parts) == 7 && parts[2] == "rrsets" && parts[5] == "actions" && r.Method == http.MethodPost:
		f.change(w, r, z, z.whole(parts[3], "@"), parts[4], parts[6])
	default:
		hetznerFault(w, http.StatusNotFound, "not_found", "not found")
	}
}

func (f *hetznerFake) idOrName(parts []string) *shelfZone {
	for _, z := range f.zones {
		if len(parts) > 0 && (parts[0] == strconv.FormatInt(z.id, 10) || parts[0]+"." == z.name) {
			return z
		}
	}
	return nil
}

func (f *hetznerFake) object(z *shelfZone) map[string]any {
	return map[string]any{
		"id": z.id, "name": strings.TrimSuffix(z.name, "."), "ttl": 10800, "mode": f.mode, "status": "ok", "record_count": len(z.sets),
		"protection": map[string]bool{"delete": false}, "labels": map[string]string{}, "created": "2026-01-30T23:55:00+00:00",
	}
}

// page cuts a list as page and per_page ask for.
func (f *hetznerFake) page(w http.ResponseWriter, r *http.Request, member string, list []map[string]any, most int) {
	page, per := 1, 25
	for name, n := range map[string]*int{"page": &page, "per_page": &per} {
		if text := r.URL.Query().Get(name); text != "" {
			var err error
			if *n, err = strconv.Atoi(text); err != nil || *n < 1 {
				hetznerFault(w, http.StatusBadRequest, "invalid_input", "invalid input in field '"+name+"'")
				return
			}
		}
	}
	if per > most {
		hetznerFault(w, http.StatusBadRequest, "invalid_input", "invalid input in field 'per_page'")
		return
	}
	from, to := min((page-1)*per, len(list)), min(page*per, len(list))
	p := map[string]any{"page": page, "per_page": per, "previous_page": nil, "next_page": nil, "last_page": (len(list) + per - 1) / per, "total_entries": len(list)}
	if to < len(list) {
		p["next_page"] = page + 1
	}
	say(w, http.StatusOK, map[string]any{member: list[from:to], "meta": map[string]any{"pagination": p}})
}

func (f *hetznerFake) list(w http.ResponseWriter, r *http.Request) {
	list := []map[string]any{}
	for _, z := range f.zones {
		if name := r.URL.Query().Get("name"); name == "" || name+"." == z.name {
			list = append(list, f.object(z))
		}
	}
	f.page(w, r, "zones", list, 50)
}

func (f *hetznerFake) shown(z *shelfZone, s *shelfSet) map[string]any {
	records := []map[string]any{}
	for _, v := range s.values {
		one := map[string]any{"value": v.text}
		if v.note != "" {
			one["comment"] = v.note
		}
		records = append(records, one)
	}
	slices.Reverse(records) // their order is not guaranteed
	o := map[string]any{
		"id": z.rel(s.name, "@") + "/" + s.kind, "name": z.rel(s.name, "@"), "type": s.kind, "ttl": nil, "labels": map[string]string{},
		"protection": map[string]bool{"change": f.protected}, "records": records, "zone": z.id,
	}
	if s.ttl >= 0 {
		o["ttl"] = s.ttl
	}
	return o
}

func (f *hetznerFake) sets(w http.ResponseWriter, r *http.Request, z *shelfZone) {
	list := []map[string]any{}
	for _, s := range z.sets {
		if name := r.URL.Query().Get("name"); name == "" || z.whole(name, "@") == s.name {
			list = append(list, f.shown(z, s))
		}
	}
	f.page(w, r, "rrsets", list, 100)
}

type hetznerBody struct {
	Name, Type string
	TTL        *int
	Records    []struct {
		Value   string
		Comment *string
	}
}

var hetznerTLSA = regexp.MustCompile(`^\d+\s+\d+\s+\d+\s+[0-9a-fA-F ]+$`)

// refuses tells what is wrong with the records or the TTL of a request.
func (b *hetznerBody) refuses(f *hetznerFake, w http.ResponseWriter, kind string) bool {
	wrong := ""
	var seen []string
	for _, r := range b.Records {
		if kind == "TLSA" && (!f.takes(r.Value) || !hetznerTLSA.MatchString(r.Value)) {
			wrong = "records"
		}
		if slices.Contains(seen, r.Value) {
			wrong = "records"
		}
		seen = append(seen, r.Value)
	}
	if len(b.Records) == 0 {
		wrong = "records"
	}
	if b.TTL != nil && (*b.TTL < 60 || *b.TTL > maxSeconds) {
		wrong = "ttl"
	}
	if wrong != "" {
		hetznerFault(w, http.StatusUnprocessableEntity, "invalid_input", "invalid input in field '"+wrong+"'")
	}
	return wrong != ""
}

func (f *hetznerFake) create(w http.ResponseWriter, r *http.Request, z *shelfZone) {
	var body hetznerBody
	if err := strictly(r, &body, "name type records | ttl labels"); err != nil {
		hetznerFault(w, http.StatusUnprocessableEntity, "invalid_input", err.Error())
		return
	}
	name := z.whole(body.Name, "@")
	switch {
	case body.Name != strings.ToLower(body.Name) || strings.HasSuffix(body.Name, ".") || strings.HasSuffix(body.Name+".", z.name):
		hetznerFault(w, http.StatusUnprocessableEntity, "invalid_input", "invalid input in field 'name'")
	case body.refuses(f, w, body.Type):
	case z.find(name, body.Type) != nil:
		hetznerFault(w, http.StatusConflict, "uniqueness_error", "rrset already exists")
	case z.find(name, "CNAME") != nil:
		hetznerFault(w, http.StatusUnprocessableEntity, "invalid_input", "CNAME conflict")
	default:
		s := f.store(z, name, body, nil)
		say(w, http.StatusCreated, map[string]any{"rrset": f.shown(z, s), "action": f.begin()})
	}
}

// store puts what stays and what is new.
func (f *hetznerFake) store(z *shelfZone, name string, body hetznerBody, stay []shelfValue) *shelfSet {
	s := &shelfSet{name: name, kind: "TLSA", ttl: -1, values: stay, etag: f.next()}
	if body.TTL != nil {
		s.ttl = *body.TTL
	}
	for _, r := range body.Records {
		v := shelfValue{text: f.mangled(r.Value)}
		if r.Comment != nil {
			v.note = *r.Comment
		}
		s.values = append(s.values, v)
	}
	z.drop(name, "TLSA")
	z.sets = append(z.sets, s)
	return s
}

func (f *hetznerFake) begin() map[string]any {
	f.actions++
	return map[string]any{"id": f.actions, "command": "change_rrset", "status": "running", "progress": 0, "started": "2026-11-22T12:00:00Z", "finished": nil, "error": nil}
}

func (f *hetznerFake) action(w http.ResponseWriter, id string) {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n < 1 || n > f.actions {
		hetznerFault(w, http.StatusNotFound, "not_found", "action not found")
		return
	}
	a := map[string]any{"id": n, "command": "change_rrset", "status": f.outcome, "progress": 100, "started": "2026-11-22T12:00:00Z", "error": nil}
	if f.outcome == "error" {
		a["error"] = map[string]string{"code": "action_failed", "message": "Action failed"}
	}
	say(w, http.StatusOK, map[string]any{"action": a})
}

func (f *hetznerFake) change(w http.ResponseWriter, r *http.Request, z *shelfZone, name, kind, verb string) {
	var body hetznerBody
	members := "records"
	if verb == "add_records" {
		members = "records | ttl"
	}
	if err := strictly(r, &body, members); err != nil {
		hetznerFault(w, http.StatusUnprocessableEntity, "invalid_input", err.Error())
		return
	}
	s := z.find(name, kind)
	switch {
	case kind != "TLSA" || body.refuses(f, w, kind):
		return
	case f.protected:
		hetznerFault(w, http.StatusLocked, "protected", "rrset is protected")
		return
	case s == nil && verb == "add_records":
		f.store(z, name, body, nil)
	case s == nil:
		hetznerFault(w, http.StatusNotFound, "not_found", "rrset not found")
		return
	case verb == "add_records":
		if body.TTL != nil && *body.TTL != s.ttl {
			hetznerFault(w, http.StatusUnprocessableEntity, "invalid_input", "invalid input in field 'ttl'")
			return
		}
		body.TTL = &s.ttl
		for _, r := range body.Records {
			if s.has(r.Value) {
				hetznerFault(w, http.StatusConflict, "uniqueness_error", "record already exists")
				return
			}
		}
		f.store(z, name, body, s.values)
	case verb == "set_records":
		body.TTL = &s.ttl
		f.store(z, name, body, nil)
	case verb == "remove_records":
		for _, r := range body.Records {
			if !s.has(r.Value) {
				hetznerFault(w, http.StatusNotFound, "not_found", "record not found")
				return
			}
			s.values = slices.DeleteFunc(s.values, func(v shelfValue) bool { return v.text == r.Value })
		}
		if len(s.values) == 0 {
			z.drop(name, kind)
		}
	default:
		hetznerFault(w, http.StatusNotFound, "not_found", "not found")
		return
	}
	say(w, http.StatusCreated, map[string]any{"action": f.begin()})
}
