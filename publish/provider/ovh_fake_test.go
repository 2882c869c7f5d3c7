package provider

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cnfd/publish"
)

// ovhFake is OVH's API (/auth/time, /domain/zone) as its schema and its own clients have
// it. Its clock is not ours.
type ovhFake struct {
	shelf
	ahead  time.Duration
	served []string // the lines at the last refresh
	broken bool     // POST /refresh fails
	mute   bool     // POST /refresh does its work and fails
	denied bool     // the consumer key has no right to POST /refresh
}

func newOVHFake() fake {
	f := &ovhFake{ahead: 37 * time.Minute}
	f.stock(3)
	f.served = f.shelf.lines()
	return f
}

const (
	ovhApplication = "7kbG7Bk7S9Nt7ZSV"
	ovhSecret      = "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
	ovhConsumer    = "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1"
	ovhGuest       = "Oof3Aiphai7iGh5Eephoo6uizaexu8oo" // a consumer key with the right to GET alone
)

func ovhConf(application, secret, consumer string) []byte {
	return fmt.Appendf(nil, "; as OVH's own clients read it\n[default]\nendpoint=ovh-eu\n\n[ovh-eu]\napplication_key = %s\napplication_secret=%s\nconsumer_key=%s\n", application, secret, consumer)
}

func (f *ovhFake) credentials(base string, c caller) []byte {
	f.base = base
	switch c {
	case guest:
		return ovhConf(ovhApplication, ovhSecret, ovhGuest)
	case stranger:
		return ovhConf(ovhApplication, "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHG", ovhConsumer)
	}
	return ovhConf(ovhApplication, ovhSecret, ovhConsumer)
}

// set is served at once: whoever left the records there has refreshed the zone.
func (f *ovhFake) set(name string, ttl int, records ...string) {
	f.shelf.set(name, ttl, records...)
	f.refreshed()
}

func (f *ovhFake) refreshed() {
	lines := f.shelf.lines()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served = lines
}

func ovhFault(w http.ResponseWriter, status int, code, message string) {
	say(w, status, map[string]string{"class": "Client::" + http.StatusText(status), "errorCode": code, "httpCode": fmt.Sprint(status, " ", http.StatusText(status)), "message": message})
}

func (f *ovhFake) busy(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	ovhFault(w, http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "Too many requests")
}

func (f *ovhFake) failed(w http.ResponseWriter) {
	say(w, http.StatusInternalServerError, map[string]string{"message": "Internal server error"})
}

func (f *ovhFake) writes(r *http.Request) bool { return r.Method != http.MethodGet }

func (f *ovhFake) now() time.Time { return noon().Add(f.ahead) }

// signed reports whether a request is signed by one of the keys, and says what is wrong.
func (f *ovhFake) signed(w http.ResponseWriter, r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	consumer, stamp := r.Header.Get("X-Ovh-Consumer"), r.Header.Get("X-Ovh-Timestamp")
	at, err := strconv.ParseInt(stamp, 10, 64)
	h := sha1.New()
	fmt.Fprintf(h, "%s+%s+%s+%s+%s+%s", ovhSecret, consumer, r.Method, f.base+r.RequestURI, body, stamp)
	switch {
	case r.Header.Get("X-Ovh-Application") != ovhApplication:
		ovhFault(w, http.StatusForbidden, "INVALID_KEY", "Invalid application key "+r.Header.Get("X-Ovh-Application"))
	case err != nil || max(at-f.now().Unix(), f.now().Unix()-at) > 60:
		ovhFault(w, http.StatusBadRequest, "QUERY_TIME_OUT", "Query out of time")
	case r.Header.Get("X-Ovh-Signature") != fmt.Sprintf("$1$%x", h.Sum(nil)):
		ovhFault(w, http.StatusBadRequest, "INVALID_SIGNATURE", "Invalid signature")
	case consumer != ovhConsumer && consumer != ovhGuest:
		ovhFault(w, http.StatusForbidden, "INVALID_CREDENTIAL", "This credential is not valid")
	case consumer == ovhGuest && f.writes(r):
		ovhFault(w, http.StatusForbidden, "NOT_GRANTED_CALL", "This call has not been granted")
	default:
		return true
	}
	return false
}

func (f *ovhFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/auth/time" {
		say(w, http.StatusOK, f.now().Unix())
		return
	}
	if !f.signed(w, r) {
		return
	}
	parts := segments(r)
	if len(parts) < 2 || parts[0] != "domain" || parts[1] != "zone" {
		ovhFault(w, http.StatusNotFound, "NOT_FOUND", "Got an invalid (or empty) URL")
		return
	}
	if len(parts) == 2 {
		list := []string{}
		for _, z := range f.zones {
			list = append(list, strings.TrimSuffix(z.name, "."))
		}
		say(w, http.StatusOK, list)
		return
	}
	z := f.zone(parts[2])
	if z == nil || strings.HasSuffix(parts[2], ".") {
		ovhFault(w, http.StatusNotFound, "NOT_FOUND", "This service does not exist")
		return
	}
	switch at := r.Method + " " + strings.Join(parts[3:], "/"); {
	case at == "GET soa":
		say(w, http.StatusOK, map[string]any{"ttl": 3600, "serial": 2026112201, "server": "dns10.ovh.net.", "email": "tech.ovh.net.", "refresh": 3600, "expire": 3600000, "nxDomainTtl": 60})
	case at == "POST refresh" && f.denied:
		ovhFault(w, http.StatusForbidden, "NOT_GRANTED_CALL", "This call has not been granted")
	case at == "POST refresh" && f.broken:
		f.failed(w)
	case at == "POST refresh":
		f.mu.Unlock()
		f.refreshed()
		f.mu.Lock()
		if f.mute {
			f.failed(w)
			return
		}
		say(w, http.StatusOK, nil)
	case at == "GET record":
		f.list(w, r, z)
	case at == "POST record":
		f.create(w, r, z)
	case len(parts) == 5 && parts[3] == "record":
		f.one(w, r, z, parts[4])
	default:
		ovhFault(w, http.StatusNotFound, "NOT_FOUND", "Got an invalid (or empty) URL")
	}
}

// like is SQL's LIKE, which is what the filters are.
func like(pattern, text string) bool {
	expression := regexp.QuoteMeta(pattern)
	expression = strings.NewReplacer("_", ".", "%", ".*").Replace(expression)
	return regexp.MustCompile("(?i)^" + expression + "$").MatchString(text)
}

func (f *ovhFake) list(w http.ResponseWriter, r *http.Request, z *shelfZone) {
	ids, query := []int64{}, r.URL.Query()
	for _, s := range z.sets {
		if query.Has("fieldType") && !like(query.Get("fieldType"), s.kind) || query.Has("subDomain") && !like(query.Get("subDomain"), z.rel(s.name, "")) {
			continue
		}
		for _, v := range s.values {
			ids = append(ids, v.id)
		}
	}
	say(w, http.StatusOK, ids)
}

func (f *ovhFake) one(w http.ResponseWriter, r *http.Request, z *shelfZone, id string) {
	for _, s := range z.sets {
		for _, v := range s.values {
			if strconv.FormatInt(v.id, 10) != id {
				continue
			}
			switch r.Method {
			case http.MethodGet:
				say(w, http.StatusOK, map[string]any{"id": v.id, "zone": strings.TrimSuffix(z.name, "."), "fieldType": s.kind, "subDomain": z.rel(s.name, ""), "target": v.text, "ttl": s.seconds(v)})
			case http.MethodDelete:
				if s.values = slices.DeleteFunc(s.values, func(o shelfValue) bool { return o.id == v.id }); len(s.values) == 0 {
					z.drop(s.name, s.kind)
				}
				say(w, http.StatusOK, nil)
			default:
				ovhFault(w, http.StatusMethodNotAllowed, "INVALID_METHOD", "Method not allowed")
			}
			return
		}
	}
	ovhFault(w, http.StatusNotFound, "NOT_FOUND", "The requested object (id = "+id+") does not exist")
}

func (f *ovhFake) create(w http.ResponseWriter, r *http.Request, z *shelfZone) {
	var body struct {
		FieldType, SubDomain, Target string
		TTL                          int
	}
	if err := strictly(r, &body, "fieldType target | subDomain ttl"); err != nil {
		ovhFault(w, http.StatusBadRequest, "BAD_REQUEST", err.Error())
		return
	}
	name := z.whole(body.SubDomain, "")
	record, err := publish.ParseRecord(body.Target)
	_, _, matching, association := record.Fields()
	s := z.find(name, body.FieldType)
	switch {
	case body.FieldType != "TLSA" || err != nil || !f.takes(body.Target) || matching == 1 && len(association) != 32 || matching == 2 && len(association) != 64:
		ovhFault(w, http.StatusBadRequest, "BAD_REQUEST", "Invalid target for field type "+body.FieldType)
		return
	case strings.HasSuffix(body.SubDomain, ".") || strings.HasSuffix(body.SubDomain+".", z.name):
		ovhFault(w, http.StatusBadRequest, "BAD_REQUEST", "Invalid subDomain")
		return
	case body.TTL != 0 && body.TTL < 60:
		ovhFault(w, http.StatusBadRequest, "BAD_REQUEST", "Invalid ttl: must be 0 or at least 60")
		return
	case s != nil && s.has(body.Target):
		ovhFault(w, http.StatusConflict, "CONFLICT", "This record already exists")
		return
	case z.find(name, "CNAME") != nil:
		ovhFault(w, http.StatusBadRequest, "BAD_REQUEST", "A CNAME record already exists for this subdomain")
		return
	}
	v := shelfValue{text: f.mangled(body.Target), id: f.next(), ttl: body.TTL}
	if s == nil {
		s = &shelfSet{name: name, kind: body.FieldType, ttl: body.TTL}
		z.sets = append(z.sets, s)
	}
	s.values = append(s.values, v)
	say(w, http.StatusOK, map[string]any{"id": v.id, "zone": strings.TrimSuffix(z.name, "."), "fieldType": s.kind, "subDomain": body.SubDomain, "target": v.text, "ttl": body.TTL})
}
