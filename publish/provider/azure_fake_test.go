package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"cnfd/publish"
)

// azureFake is Azure's login and its Microsoft.Network/dnsZones, as the specification
// of version 2023-07-01-preview has them. A text of its shelf is a record's JSON.
type azureFake struct {
	shelf
	most   int    // records in a set; 0: it does not say
	plain  bool   // the zones are not signed
	blind  bool   // who calls may not look whether they are
	onward string // where the second page is said to be; "": where it is
	grants int    // tokens that were given out
	valid  map[string]caller
}

func newAzureFake() fake {
	f := &azureFake{most: 20, valid: map[string]caller{}}
	f.keep = func(kind, text string) string {
		if r, err := publish.ParseRecord(text); kind == "TLSA" && err == nil && text[0] != '{' {
			usage, selector, matching, _ := r.Fields()
			_, data, _ := strings.Cut(text, strconv.Itoa(int(matching))+" ")
			data = data[strings.LastIndex(data, " ")+1:] // in the case that it was left in
			return fmt.Sprintf(`{"usage":%d,"selector":%d,"matchingType":%d,"certAssociationData":%q}`, usage, selector, matching, data)
		}
		return text
	}
	f.stock(3)
	f.zones = append([]*shelfZone{{name: azurePrivate, id: 1}}, f.zones...)
	return f
}

// azurePrivate is a zone of the account that nobody outside sees.
const azurePrivate = "cnf.vendor.example."

const (
	azureTenant       = "6f1d5a2c-3b4e-4f7a-9c8d-1e2f3a4b5c6d"
	azureSubscription = "0b1c2d3e-4f5a-4b6c-8d7e-9f0a1b2c3d4e"
	azureGroup        = "dns-group-7"
	azureOwnerApp     = "11aa22bb-33cc-44dd-55ee-66ff77aa88bb"
	azureGuestApp     = "99ff88ee-77dd-66cc-55bb-44aa33ff22ee"
	azureSecret       = "Hq8~Q9w.e8r7T6y5U4i3O2p1A0s9D8f7G6h5J4k3"
)

func (f *azureFake) credentials(base string, c caller) []byte {
	f.base = base
	app, secret := azureOwnerApp, azureSecret
	switch c {
	case guest:
		app = azureGuestApp
	case stranger:
		secret = "Zz9~wrong.wrong8.wrong7wrong6wrong5wrong4"
	}
	text, _ := json.Marshal(map[string]string{
		"tenant": azureTenant, "appId": app, "password": secret, "displayName": "cnfd", "subscription": azureSubscription,
		"resourceGroup": azureGroup, "activeDirectoryEndpointUrl": base + "/login",
	})
	return text
}

// set has notes with the set: its metadata.
func (f *azureFake) set(name string, ttl int, records ...string) {
	f.shelf.set(name, ttl, records...)
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.zone(vendorZone).find(name, "TLSA"); s != nil && s.notes == nil {
		s.notes, _ = json.Marshal(map[string]string{"owner": "mail & more", "cost <centre>": "7"})
	}
}

// lines leaves out the ids, which Azure does not have.
func (f *azureFake) lines() []string {
	lines := f.shelf.lines()
	for i := range lines {
		lines[i] = lines[i][:strings.LastIndex(lines[i], " id=")]
	}
	return lines
}

func azureFault(w http.ResponseWriter, status int, code, message string) {
	say(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func (f *azureFake) busy(w http.ResponseWriter, seconds string) {
	w.Header().Set("Retry-After", seconds)
	azureFault(w, http.StatusTooManyRequests, "TooManyRequests", "The request was throttled.")
}

func (f *azureFake) failed(w http.ResponseWriter) {
	azureFault(w, http.StatusInternalServerError, "InternalServerError", "An unexpected error occurred.")
}

func (f *azureFake) writes(r *http.Request) bool {
	return r.Method == http.MethodPut || r.Method == http.MethodDelete
}

func (f *azureFake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.URL.Path == "/login/"+azureTenant+"/oauth2/v2.0/token" {
		f.grant(w, r)
		return
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, ok := f.valid[token]
	parts := segments(r)
	at := []string{"subscriptions", azureSubscription, "resourceGroups", azureGroup, "providers", "Microsoft.Network", "dnsZones"}
	switch {
	case !ok:
		azureFault(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "The access token is invalid.")
	case r.URL.Query().Get("api-version") != "2023-07-01-preview":
		azureFault(w, http.StatusBadRequest, "NoRegisteredProviderFound", "No registered resource provider found for this API version.")
	case len(parts) < 4 || parts[1] != azureSubscription:
		azureFault(w, http.StatusNotFound, "SubscriptionNotFound", "The subscription could not be found.")
	case parts[3] != azureGroup:
		azureFault(w, http.StatusNotFound, "ResourceGroupNotFound", "Resource group could not be found.")
	case len(parts) < len(at) || !slices.Equal(parts[:len(at)], at):
		azureFault(w, http.StatusNotFound, "InvalidResourceType", "The resource type could not be found.")
	case who == guest && f.writes(r):
		azureFault(w, http.StatusForbidden, "AuthorizationFailed", "The client '"+azureGuestApp+"' with object id '4321' does not have authorization to perform action over scope '/subscriptions/"+azureSubscription+"'.")
	default:
		f.zonesAt(w, r, parts[len(at):])
	}
}

// grant gives out a token for client credentials.
func (f *azureFake) grant(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	app := r.PostForm.Get("client_id")
	who := map[string]caller{azureOwnerApp: owner, azureGuestApp: guest}[app]
	switch {
	case r.Method != http.MethodPost || r.PostForm.Get("grant_type") != "client_credentials" || r.PostForm.Get("scope") != f.base+"/.default":
		say(w, http.StatusBadRequest, map[string]any{"error": "invalid_request", "error_codes": []int{900144}, "error_description": "AADSTS900144: The request body is not in order."})
	case app != azureOwnerApp && app != azureGuestApp:
		say(w, http.StatusBadRequest, map[string]any{"error": "unauthorized_client", "error_codes": []int{700016}, "error_description": "AADSTS700016: Application '" + app + "' was not found."})
	case r.PostForm.Get("client_secret") != azureSecret:
		say(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_codes": []int{7000215}, "error_description": "AADSTS7000215: Invalid client secret provided for app '" + app + "'."})
	default:
		f.grants++
		token := fmt.Sprintf("eyJ0eXAiOiJKV1Qi.%d.c2ln-natur_e", f.grants)
		f.valid[token] = who
		say(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})
	}
}

// zonesAt serves what is below dnsZones. It pages by two.
func (f *azureFake) zonesAt(w http.ResponseWriter, r *http.Request, parts []string) {
	if len(parts) == 0 {
		from, _ := strconv.Atoi(r.URL.Query().Get("$skipToken"))
		list := map[string]any{}
		page := []map[string]any{}
		for i := from; i < min(from+2, len(f.zones)); i++ {
			page = append(page, f.object(f.zones[i]))
		}
		if list["value"] = page; from+2 < len(f.zones) {
			next := fmt.Sprintf("%s%s?api-version=2023-07-01-preview&$skipToken=%d", f.base, r.URL.EscapedPath(), from+2)
			if f.onward != "" {
				next = f.onward
			}
			list["nextLink"] = next
		}
		say(w, http.StatusOK, list)
		return
	}
	z := f.zone(parts[0])
	switch {
	case z == nil || strings.HasSuffix(parts[0], "."):
		azureFault(w, http.StatusNotFound, "ResourceNotFound", "The Resource 'Microsoft.Network/dnszones/"+parts[0]+"' under resource group '"+azureGroup+"' was not found.")
	case len(parts) == 1 && r.Method == http.MethodGet:
		say(w, http.StatusOK, f.object(z))
	case len(parts) == 3 && parts[1] == "dnssecConfigs" && parts[2] == "default" && r.Method == http.MethodGet:
		switch {
		case f.blind:
			azureFault(w, http.StatusForbidden, "AuthorizationFailed", "The client does not have authorization to perform action 'Microsoft.Network/dnszones/dnssecConfigs/read'.")
		case f.plain:
			azureFault(w, http.StatusNotFound, "NotFound", "The DNSSEC configuration was not found.")
		default:
			say(w, http.StatusOK, map[string]any{"name": "default", "etag": "d", "properties": map[string]any{"provisioningState": "Succeeded", "signingKeys": []string{}}})
		}
	case len(parts) == 3:
		f.one(w, r, z, parts[1], z.whole(parts[2], "@"))
	default:
		azureFault(w, http.StatusNotFound, "NotFound", "No such resource.")
	}
}

func (f *azureFake) object(z *shelfZone) map[string]any {
	properties := map[string]any{"maxNumberOfRecordSets": 10000, "maxNumberOfRecordsPerRecordSet": nil, "zoneType": "Public"}
	if f.most > 0 {
		properties["maxNumberOfRecordsPerRecordSet"] = f.most
	}
	if z.name == azurePrivate {
		properties["zoneType"] = "Private"
	}
	return map[string]any{
		"id": "/subscriptions/" + azureSubscription, "name": strings.TrimSuffix(z.name, "."), "type": "Microsoft.Network/dnszones", "location": "global", "etag": "e",
		"properties": properties,
	}
}

func (f *azureFake) show(w http.ResponseWriter, status int, z *shelfZone, s *shelfSet) {
	properties := map[string]any{"TTL": s.ttl, "fqdn": s.name, "provisioningState": "Succeeded", "targetResource": map[string]any{}}
	if s.notes != nil {
		properties["metadata"] = s.notes
	}
	switch {
	case s.kind == "TLSA":
		records := []json.RawMessage{}
		for _, v := range s.values {
			records = append(records, json.RawMessage(v.text))
		}
		properties["TLSARecords"] = records
	case s.kind == "CNAME" && strings.HasPrefix(s.values[0].text, "/"):
		properties["targetResource"] = map[string]string{"id": s.values[0].text}
	case s.kind == "CNAME":
		properties["CNAMERecord"] = map[string]string{"cname": strings.TrimSuffix(s.values[0].text, ".")}
	}
	say(w, status, map[string]any{"id": "x", "name": z.rel(s.name, "@"), "type": "Microsoft.Network/dnszones/" + s.kind, "etag": strconv.FormatInt(s.etag, 10), "properties": properties})
}

// one serves a set, with the preconditions that HTTP knows.
func (f *azureFake) one(w http.ResponseWriter, r *http.Request, z *shelfZone, kind, name string) {
	s := z.find(name, kind)
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	switch {
	case r.Method == http.MethodGet && s == nil:
		say(w, http.StatusNotFound, map[string]string{"code": "NotFound", "message": "The resource record '" + z.rel(name, "@") + "' does not exist in resource group '" + azureGroup + "'."})
		return
	case r.Method == http.MethodGet:
		f.show(w, http.StatusOK, z, s)
		return
	case match != "" && match != "*" && (s == nil || match != strconv.FormatInt(s.etag, 10)), none == "*" && s != nil:
		say(w, http.StatusPreconditionFailed, map[string]string{"code": "PreconditionFailed", "message": "The condition '" + match + none + "' in the If-Match or If-None-Match header was not satisfied."})
		return
	case r.Method == http.MethodDelete && s == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodDelete:
		z.drop(name, kind)
		w.WriteHeader(http.StatusOK)
		return
	case r.Method != http.MethodPut:
		azureFault(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "The method is not allowed.")
		return
	}
	f.put1(w, r, z, kind, name)
}

func (f *azureFake) put1(w http.ResponseWriter, r *http.Request, z *shelfZone, kind, name string) {
	var body struct {
		Properties struct {
			TTL      *int              `json:"TTL"`
			Metadata map[string]string `json:"metadata"`
			TLSA     []struct {
				Usage       *int    `json:"usage"`
				Selector    *int    `json:"selector"`
				Matching    *int    `json:"matchingType"`
				Association *string `json:"certAssociationData"`
			} `json:"TLSARecords"`
		} `json:"properties"`
	}
	bad := func(message string) {
		say(w, http.StatusBadRequest, map[string]string{"code": "BadRequest", "message": message})
	}
	if err := strictly(r, &body, "properties | etag"); err != nil {
		bad(err.Error())
		return
	}
	p := body.Properties
	switch {
	case kind != "TLSA":
		bad("The type is not served here.")
		return
	case f.plain:
		bad("TLSA record sets are supported in DNSSEC signed zones only.")
		return
	case p.TTL == nil || *p.TTL < 1 || *p.TTL > maxSeconds:
		bad("The TTL must be between 1 and 2147483647.")
		return
	case f.most > 0 && len(p.TLSA) > f.most:
		bad("The number of records in the set exceeds the limit.")
		return
	case z.find(name, "CNAME") != nil:
		azureFault(w, http.StatusBadRequest, "BadRequest", "The record could not be created because a CNAME record with the same name already exists in this zone.")
		return
	}
	var texts []string
	for _, one := range p.TLSA {
		if one.Usage == nil || one.Selector == nil || one.Matching == nil || one.Association == nil {
			bad("A TLSA record lacks a field.")
			return
		}
		text := fmt.Sprintf("%d %d %d %s", *one.Usage, *one.Selector, *one.Matching, *one.Association)
		if !f.takes(text) {
			bad("The TLSA record is not valid.")
			return
		}
		data := f.mangled(*one.Association)
		texts = append(texts, fmt.Sprintf(`{"usage":%d,"selector":%d,"matchingType":%d,"certAssociationData":%q}`, *one.Usage, *one.Selector, *one.Matching, data))
	}
	status := http.StatusOK
	if z.find(name, kind) == nil {
		status = http.StatusCreated
	}
	s := f.put(z, name, kind, *p.TTL, texts...)
	s.notes = nil // what is not sent is gone
	if p.Metadata != nil {
		s.notes, _ = json.Marshal(p.Metadata)
	}
	f.show(w, status, z, s)
}
