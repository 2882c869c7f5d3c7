package provider

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cnfd/publish"
)

// googleFake answers as the REST reference of Cloud DNS v1 has it, and as Google's
// OAuth 2.0 server does for service accounts. It verifies the assertion by itself.
type googleFake struct {
	mu       sync.Mutex // guards what follows
	base     string
	zones    []googleFakeZone
	sets     []googleFakeSet
	tokens   map[string]string // whose each is
	mangling bool
}

type googleFakeZone struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	DNSName    string `json:"dnsName"`
	Visibility string `json:"visibility"`
}

type googleFakeSet struct {
	zone   string
	Kind   string          `json:"kind"`
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	TTL    int             `json:"ttl"`
	Data   []string        `json:"rrdatas"`
	Policy json.RawMessage `json:"routingPolicy,omitempty"`
}

// fakeGoogleKey is made once, since making one takes longest of all that these tests do.
var fakeGoogleKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newGoogleFake() fake {
	f := &googleFake{tokens: map[string]string{}, zones: []googleFakeZone{
		{"1", "parent", "example.", "public"}, {"2", "suffix", "dor.example.", "public"},
		{"3", "inside", "vendor.example.", "private"}, {"4", "vendor", "vendor.example.", "public"},
	}}
	for _, z := range f.zones {
		for _, s := range []googleFakeSet{
			{Name: z.DNSName, Type: "A", TTL: 300, Data: []string{"192.0.2.1"}},
			{Name: z.DNSName, Type: "NS", TTL: 21600, Data: []string{"ns-cloud-a1.googledomains.com."}},
			{Name: z.DNSName, Type: "SOA", TTL: 21600, Data: []string{"ns-cloud-a1.googledomains.com. cloud-dns-hostmaster.google.com. 1 21600 3600 259200 300"}},
			{Name: "jwk.cnf." + z.DNSName, Type: "SSHFP", TTL: 300, Data: []string{"1 1 00"}},
			{Name: "jwk.cnf." + z.DNSName, Type: "TXT", TTL: 300, Data: []string{`"beside"`}},
		} {
			s.zone, s.Kind = z.Name, "dns#resourceRecordSet"
			f.sets = append(f.sets, s)
		}
	}
	return f
}

func (f *googleFake) credentials(base string, c caller) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base = base
	der, err := x509.MarshalPKCS8PrivateKey(fakeGoogleKey())
	if err != nil {
		panic(err)
	}
	email := map[caller]string{owner: "owner", stranger: "nobody", guest: "guest"}[c] + "@vendor-project.iam.gserviceaccount.com"
	file, _ := json.MarshalIndent(map[string]string{
		"type": "service_account", "project_id": "vendor-project", "private_key_id": "0123456789abcdef0123456789abcdef01234567",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "client_email": email, "client_id": "100000000000000000001",
		"auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": base + "/token",
	}, "", "  ")
	return file
}

func (f *googleFake) set(name string, ttl int, records ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = slices.DeleteFunc(f.sets, func(s googleFakeSet) bool { return s.Name == name && s.Type == "TLSA" })
	if len(records) > 0 {
		f.sets = append(f.sets, googleFakeSet{zone: "vendor", Kind: "dns#resourceRecordSet", Name: name, Type: "TLSA", TTL: ttl, Data: records})
	}
}

func (f *googleFake) alias(name, target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sets = slices.DeleteFunc(f.sets, func(s googleFakeSet) bool { return s.Name == name })
	f.sets = append(f.sets, googleFakeSet{zone: "vendor", Kind: "dns#resourceRecordSet", Name: name, Type: "CNAME", TTL: 300, Data: []string{target}})
}

func (f *googleFake) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var lines []string
	for _, s := range f.sets {
		for _, d := range s.Data {
			lines = append(lines, fmt.Sprintf("%s %s %d %s %q %s", s.zone, s.Name, s.TTL, s.Type, d, s.Policy))
		}
	}
	slices.Sort(lines)
	return lines
}

func (f *googleFake) say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (f *googleFake) fail(w http.ResponseWriter, status int, reason, message string) {
	f.say(w, status, map[string]any{"error": map[string]any{
		"code": status, "message": message, "errors": []any{map[string]any{"message": message, "domain": "global", "reason": reason}},
	}})
}

// busy is a 403 with a reason, as the older Google APIs have it.
func (f *googleFake) busy(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	f.fail(w, http.StatusForbidden, "rateLimitExceeded", "Rate Limit Exceeded")
}

func (f *googleFake) failed(w http.ResponseWriter) {
	f.fail(w, http.StatusInternalServerError, "backendError", "Internal error encountered.")
}

func (f *googleFake) writes(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/changes")
}

func (f *googleFake) mangle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mangling = true
}

func (f *googleFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.Header().Set("Date", noon().Format(http.TimeFormat))
	if r.Method == http.MethodPost && r.URL.Path == "/token" {
		f.token(w, r)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, ok := f.tokens[token]
	switch {
	case !ok:
		f.fail(w, http.StatusUnauthorized, "authError", "Request had invalid authentication credentials.")
		return
	case who == "guest" && f.writes(r):
		f.fail(w, http.StatusForbidden, "forbidden", "Forbidden")
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/projects/vendor-project/managedZones")
	if !ok {
		f.fail(w, http.StatusForbidden, "forbidden", "Forbidden")
		return
	}
	if rest == "" && r.Method == http.MethodGet {
		dnsName := r.URL.Query().Get("dnsName")
		if dnsName != "" && !strings.HasSuffix(dnsName, ".") {
			f.fail(w, http.StatusBadRequest, "invalid", "Invalid value for 'parameters.dnsName': '"+dnsName+"'")
			return
		}
		zones := slices.DeleteFunc(slices.Clone(f.zones), func(z googleFakeZone) bool { return dnsName != "" && z.DNSName != dnsName })
		fakeGooglePage(f, w, r.URL.Query(), "managedZones", zones)
		return
	}
	zone, what, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	i := slices.IndexFunc(f.zones, func(z googleFakeZone) bool { return z.Name == zone || z.ID == zone })
	switch {
	case i < 0:
		f.fail(w, http.StatusNotFound, "notFound", "The 'parameters.managedZone' resource named '"+zone+"' does not exist.")
	case r.Method == http.MethodGet && what == "rrsets":
		name, kind := r.URL.Query().Get("name"), r.URL.Query().Get("type")
		if kind != "" && name == "" || name != "" && !strings.HasSuffix(name, ".") {
			f.fail(w, http.StatusBadRequest, "invalid", "Invalid value for 'parameters.name': '"+name+"'")
			return
		}
		sets := slices.DeleteFunc(slices.Clone(f.sets), func(s googleFakeSet) bool {
			return s.zone != zone || name != "" && s.Name != name || kind != "" && s.Type != kind
		})
		fakeGooglePage(f, w, r.URL.Query(), "rrsets", sets)
	case r.Method == http.MethodPost && what == "changes":
		f.change(w, r, f.zones[i])
	default:
		f.fail(w, http.StatusNotFound, "notFound", "Not Found")
	}
}

// fakeGooglePage answers with one element a page: the real one decides how many, too.
func fakeGooglePage[T any](f *googleFake, w http.ResponseWriter, q url.Values, key string, list []T) {
	at, _ := strconv.Atoi(strings.TrimPrefix(q.Get("pageToken"), "token-"))
	page := map[string]any{"kind": "dns#list"}
	if at < len(list) {
		page[key] = list[at : at+1]
	}
	if at+1 < len(list) {
		page["nextPageToken"] = fmt.Sprintf("token-%d", at+1)
	}
	f.say(w, http.StatusOK, page)
}

// token takes an assertion (RFC 7523 §2.1).
func (f *googleFake) token(w http.ResponseWriter, r *http.Request) {
	bad := func(code, description string) {
		f.say(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": description})
	}
	if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.FormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		bad("unsupported_grant_type", "Invalid grant_type: "+r.FormValue("grant_type"))
		return
	}
	parts := strings.Split(r.FormValue("assertion"), ".")
	if len(parts) != 3 {
		bad("invalid_grant", "Bad Request")
		return
	}
	var octets [3][]byte
	for i, part := range parts {
		octets[i], _ = base64.RawURLEncoding.DecodeString(part)
	}
	var header struct{ Alg, Kid, Typ string }
	var claims struct {
		Iss, Scope, Aud string
		Iat, Exp        int64
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	now := noon().Unix()
	switch {
	case json.Unmarshal(octets[0], &header) != nil || json.Unmarshal(octets[1], &claims) != nil || header.Alg != "RS256" || header.Typ != "JWT" || header.Kid != "0123456789abcdef0123456789abcdef01234567":
		bad("invalid_grant", "Invalid JWT: malformed.")
	case rsa.VerifyPKCS1v15(&fakeGoogleKey().PublicKey, crypto.SHA256, sum[:], octets[2]) != nil:
		bad("invalid_grant", "Invalid JWT Signature.")
	case claims.Aud != f.base+"/token":
		bad("invalid_grant", "Invalid JWT: Failed audience check.")
	case claims.Iat > now+300 || claims.Exp < now || claims.Exp-claims.Iat > 3600:
		bad("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case !strings.Contains(claims.Scope, "ndev.clouddns.readwrite"):
		bad("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
	default:
		who, _, _ := strings.Cut(claims.Iss, "@")
		if who != "owner" && who != "guest" {
			bad("invalid_grant", "Invalid grant: account not found")
			return
		}
		token := "ya29.c." + who + "-" + parts[2][:32]
		f.tokens[token] = who
		f.say(w, http.StatusOK, map[string]any{"access_token": token, "expires_in": 3599, "token_type": "Bearer"})
	}
}

func (f *googleFake) change(w http.ResponseWriter, r *http.Request, z googleFakeZone) {
	var change struct{ Additions, Deletions []googleFakeSet }
	if err := json.NewDecoder(r.Body).Decode(&change); err != nil || r.Header.Get("Content-Type") != "application/json" || len(change.Additions)+len(change.Deletions) == 0 {
		f.fail(w, http.StatusBadRequest, "required", "The 'entity.change' parameter is required but was missing.")
		return
	}
	find := func(sets []googleFakeSet, name, kind string) int {
		return slices.IndexFunc(sets, func(s googleFakeSet) bool { return s.zone == z.Name && s.Name == name && s.Type == kind })
	}
	sets := slices.Clone(f.sets)
	for i, d := range change.Deletions {
		at := fmt.Sprintf("'entity.change.deletions[%d]'", i)
		old := find(sets, d.Name, d.Type)
		if old < 0 {
			f.fail(w, http.StatusNotFound, "notFound", fmt.Sprintf("The %s resource named '%s (%s)' does not exist.", at, d.Name, d.Type))
			return
		}
		a, b := slices.Clone(sets[old].Data), slices.Clone(d.Data)
		slices.Sort(a)
		slices.Sort(b)
		if sets[old].TTL != d.TTL || !slices.Equal(a, b) {
			f.fail(w, http.StatusPreconditionFailed, "conditionNotMet", "Precondition not met for "+at)
			return
		}
		sets = slices.Delete(slices.Clone(sets), old, old+1)
	}
	for i, a := range change.Additions {
		at := fmt.Sprintf("'entity.change.additions[%d]", i)
		switch {
		case a.Name != z.DNSName && !strings.HasSuffix(a.Name, "."+z.DNSName) || a.TTL < 0 || len(a.Data) == 0:
			f.fail(w, http.StatusBadRequest, "invalid", "Invalid value for "+at+".name': '"+a.Name+"'")
			return
		case find(sets, a.Name, a.Type) >= 0:
			f.fail(w, http.StatusConflict, "alreadyExists", fmt.Sprintf("The resource %s' named '%s (%s)' already exists", at, a.Name, a.Type))
			return
		case find(sets, a.Name, "CNAME") >= 0:
			f.fail(w, http.StatusBadRequest, "cnameResourceRecordSetConflict", "The resource record set "+at+"' is invalid because the DNS name already has a CNAME")
			return
		case len(a.Data) > 300:
			f.fail(w, http.StatusForbidden, "quotaExceeded", "The change would exceed quota for records per record set.")
			return
		}
		for j, d := range a.Data {
			if _, err := publish.ParseRecord(d); err != nil || slices.Contains(a.Data[:j], d) {
				f.fail(w, http.StatusBadRequest, "invalid", fmt.Sprintf("Invalid value for %s.rrdata[%d]': '%s'", at, j, d))
				return
			}
		}
		if f.mangling {
			last := len(a.Data) - 1
			a.Data[last] = a.Data[last][:len(a.Data[last])-2] + "00"
		}
		a.zone, a.Kind = z.Name, "dns#resourceRecordSet"
		sets = append(sets, a)
	}
	f.sets = sets
	f.say(w, http.StatusOK, map[string]any{"kind": "dns#change", "id": "7", "startTime": "2026-11-22T12:00:00.000Z", "status": "pending"})
}
