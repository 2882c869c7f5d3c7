package provider

import (
	"fmt"
	"net/http"
	"strings"
)

// gandiFake is LiveDNS v5 as its documentation has it.
type gandiFake struct {
	shelf
	// bare: a name without any record is 404 and no empty list, which the
	// documentation leaves open.
	bare bool
}

func newGandiFake() fake {
	f := &gandiFake{}
	f.stock(3)
	return f
}

const (
	gandiOwner = "e18a2cbf0a4d4c1f9b3e2d5a6c7b8d9e"
	gandiGuest = "0d9c8b7a6f5e4d3c2b1a09f8e7d6c5b4"
)

func (f *gandiFake) credentials(_ string, c caller) []byte {
	return []byte(map[caller]string{owner: gandiOwner, stranger: "77f1c2d3e4b5a6978877665544332211", guest: gandiGuest}[c] + "\n")
}

func (f *gandiFake) fault(w http.ResponseWriter, status int, object, message string) {
	say(w, status, map[string]any{"code": status, "object": object, "cause": http.StatusText(status), "message": message})
}

func (f *gandiFake) field(w http.ResponseWriter, name, description string) {
	say(w, http.StatusBadRequest, map[string]any{"status": "error", "errors": []map[string]string{{"location": "body", "name": name, "description": description}}})
}

func (f *gandiFake) busy(w http.ResponseWriter, _ string) {
	f.fault(w, http.StatusTooManyRequests, "HTTPTooManyRequests", "You have sent too many requests.")
}

func (f *gandiFake) failed(w http.ResponseWriter) {
	f.fault(w, http.StatusInternalServerError, "HTTPInternalServerError", "An internal error occurred.")
}

func (f *gandiFake) writes(r *http.Request) bool { return r.Method != http.MethodGet }

func (f *gandiFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case token != gandiOwner && token != gandiGuest:
		f.fault(w, http.StatusUnauthorized, "HTTPUnauthorized", "The server could not verify that you authorized to access the document you requested.")
		return
	case token == gandiGuest && f.writes(r):
		f.fault(w, http.StatusForbidden, "HTTPForbidden", "Access was denied to this resource.")
		return
	}
	parts := segments(r)
	z := (*shelfZone)(nil)
	if len(parts) > 1 && parts[0] == "domains" && !strings.HasSuffix(parts[1], ".") {
		z = f.zone(parts[1])
	}
	switch {
	case z == nil:
		f.fault(w, http.StatusNotFound, "domain", "The domain doesn't exist.")
	case len(parts) == 2 && r.Method == http.MethodGet:
		say(w, http.StatusOK, map[string]any{"fqdn": parts[1], "automatic_snapshots": true, "domain_href": f.base + "/domains/" + parts[1]})
	case len(parts) == 4 && parts[2] == "records" && r.Method == http.MethodGet:
		f.sets(w, z, parts[3])
	case len(parts) == 5 && parts[2] == "records":
		f.one(w, r, z, z.whole(parts[3], "@"), parts[4])
	default:
		f.fault(w, http.StatusMethodNotAllowed, "HTTPMethodNotAllowed", "The method is not allowed.")
	}
}

func (f *gandiFake) sets(w http.ResponseWriter, z *shelfZone, rel string) {
	list := []map[string]any{}
	for _, s := range z.at(z.whole(rel, "@")) {
		values := []string{}
		for _, v := range s.values {
			values = append(values, v.text)
		}
		list = append(list, map[string]any{
			"rrset_name": rel, "rrset_type": s.kind, "rrset_ttl": s.ttl, "rrset_values": values,
			"rrset_href": f.base + "/domains/" + strings.TrimSuffix(z.name, ".") + "/records/" + rel + "/" + s.kind,
		})
	}
	if f.bare && len(list) == 0 {
		f.fault(w, http.StatusNotFound, "dns-record", "Can't find the DNS record "+rel)
		return
	}
	say(w, http.StatusOK, list)
}

func (f *gandiFake) one(w http.ResponseWriter, r *http.Request, z *shelfZone, name, kind string) {
	s := z.find(name, kind)
	switch {
	case s == nil && r.Method == http.MethodDelete:
		f.fault(w, http.StatusNotFound, "dns-record", "Can't find the DNS record")
		return
	case r.Method == http.MethodDelete:
		z.drop(name, kind)
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method != http.MethodPut && r.Method != http.MethodPost:
		f.fault(w, http.StatusMethodNotAllowed, "HTTPMethodNotAllowed", "The method is not allowed.")
		return
	}
	body := struct {
		Values []string `json:"rrset_values"`
		TTL    int      `json:"rrset_ttl"`
	}{TTL: 10800}
	if err := strictly(r, &body, "rrset_values | rrset_ttl"); err != nil {
		f.field(w, "rrset_values", err.Error())
		return
	}
	switch {
	case body.TTL < 300:
		f.field(w, "rrset_ttl", fmt.Sprintf("%d is less than minimum value 300", body.TTL))
		return
	case body.TTL > 2592000:
		f.field(w, "rrset_ttl", fmt.Sprintf("%d is greater than maximum value 2592000", body.TTL))
		return
	case len(body.Values) == 0:
		f.field(w, "rrset_values", "Shorter than minimum length 1")
		return
	case s != nil && r.Method == http.MethodPost:
		f.fault(w, http.StatusConflict, "dns-record", "A DNS Record already exists with same name/type")
		return
	case kind != "CNAME" && z.find(name, "CNAME") != nil:
		f.field(w, "rrset_name", "A CNAME record already exists with this name")
		return
	}
	var texts []string
	for _, text := range body.Values {
		if kind == "TLSA" && !f.takes(text) {
			f.field(w, "rrset_values", "invalid TLSA record: "+text)
			return
		}
		// What others have there stays as they left it, whoever writes it back.
		if s == nil || !s.has(text) {
			text = f.mangled(text)
		}
		texts = append(texts, text)
	}
	f.put(z, name, kind, body.TTL, texts...)
	say(w, http.StatusCreated, map[string]string{"message": "DNS Record Created"})
}

func (s *shelfSet) has(text string) bool {
	for _, v := range s.values {
		if v.text == text {
			return true
		}
	}
	return false
}
