package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"cnfd/publish"
)

// azureVersion is the version of the API that has TLSA record sets and DNSSEC; the
// stable 2018-05-01 has neither.
const (
	azureBase    = "https://management.azure.com"
	azureLogin   = "https://login.microsoftonline.com"
	azureVersion = "2023-07-01-preview"
	azureAt      = "/providers/Microsoft.Network/dnsZones"
)

// azureZone is Azure DNS (Microsoft.Network/dnsZones, api-version 2023-07-01-preview).
// The credentials are JSON as `az ad sp create-for-rbac` prints it, with subscription and
// resourceGroup added. A set is one resource with an etag: PUT with If-Match, or with
// If-None-Match: * where there was none, and DELETE with If-Match are answered with 412
// when somebody else was quicker. The fields of a record are whole numbers without stated
// bounds, and so 255 is in order. TLSA is taken only in a zone that Azure signs (it has
// dnssecConfigs/default), and no more records in a set than the zone says
// (maxNumberOfRecordsPerRecordSet): both are looked at before anything is written. The
// set's metadata is written back as it was.
type azureZone struct {
	*api
	login *api
	key   azureKey
	zone  string // as configured
	scope string

	mu    sync.Mutex // guards what follows
	token string
	until time.Time // when another token is asked for
}

func newAzure(c Config) (publish.Target, error) {
	k, err := readAzureKey(c.Credentials)
	if err != nil {
		return publish.Target{}, err
	}
	a, err := c.api("azure", azureBase)
	if err != nil {
		return publish.Target{}, err
	}
	at := c
	at.Endpoint = k.Login
	login, err := at.api("azure login", azureLogin)
	if err != nil {
		return publish.Target{}, err
	}
	z := &azureZone{api: a, login: login, key: k, zone: c.Zone, scope: a.base + "/.default"}
	a.sign, a.explain = z.authorize, azureWords
	login.explain = loginWords
	return publish.Target{Name: "azure", Zone: z}, nil
}

// Read returns the set that the API holds.
func (z *azureZone) Read(ctx context.Context, name string) (publish.Set, error) {
	at, err := z.find(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	_, s, err := z.get(ctx, at, name)
	return s, err
}

// Write puts or deletes the whole set, if it is still what it was.
func (z *azureZone) Write(ctx context.Context, c publish.Change) error {
	at, err := z.find(ctx, c.Name)
	if err != nil {
		return err
	}
	set, now, err := z.get(ctx, at, c.Name)
	switch most := at.Properties.Most; {
	case err != nil:
		return err
	case moved(now, c.Before):
		return z.changed(c.Name)
	case c.None():
		return nil
	case most > 0 && int64(len(c.After.Records)) > most && len(c.Added()) > 0:
		return &publish.Error{Kind: publish.Unsupported, Where: z.name, What: fmt.Sprintf("the zone takes %d records in a set", most), Do: "remove one of those at " + c.Name}
	case len(now.Records) > 0 && set.ETag == "":
		return z.odd(errors.New("a set without an etag"))
	case len(c.Added()) > 0:
		if err := z.signed(ctx, at); err != nil {
			return err
		}
	}
	r := request{method: http.MethodPut, path: z.path(at, "TLSA", c.Name), header: http.Header{"If-Match": {set.ETag}}}
	if set.ETag == "" {
		r.header = http.Header{"If-None-Match": {"*"}}
	}
	if len(c.After.Records) == 0 {
		r.method = http.MethodDelete
	} else {
		set.Properties.TTL = seconds(c.After.TTL)
		set.Properties.TLSA = rewritten(set.records, c, azureRecord)
		if r.body, err = json.Marshal(map[string]any{"properties": set.Properties}); err != nil {
			return z.odd(err)
		}
	}
	return untaken(z.call(ctx, r))
}

// signed is an error unless the zone is signed. Who may not look is let through: the
// write itself is refused then.
func (z *azureZone) signed(ctx context.Context, at azureApex) error {
	p, err := z.json(ctx, http.MethodGet, z.group()+"/"+url.PathEscape(at.Name)+"/dnssecConfigs/default"+azureQuery, nil, nil)
	switch {
	case gone(p):
		return &publish.Error{Kind: publish.Unsupported, Where: z.name, What: "TLSA records are taken in signed zones alone, and " + at.Name + " is not", Do: "turn DNSSEC on for the zone"}
	case p.status == http.StatusForbidden:
		return nil
	}
	return err
}

// azureApex is a zone in a reply.
type azureApex struct {
	Name       string `json:"name"`
	Properties struct {
		Most int64  `json:"maxNumberOfRecordsPerRecordSet"`
		Kind string `json:"zoneType"` // "Private": nobody outside can see it
	} `json:"properties"`
}

// find returns the zone that holds name.
func (z *azureZone) find(ctx context.Context, name string) (azureApex, error) {
	if _, err := z.bearer(ctx); err != nil { // here, and not for each try of each call
		return azureApex{}, err
	}
	if z.zone != "" {
		var found azureApex
		for _, apex := range apexes(name, z.zone) {
			_, err := z.json(ctx, http.MethodGet, z.group()+"/"+url.PathEscape(apex)+azureQuery, nil, &found)
			err = z.same(apex, found.Name, err)
			found.Name = apex
			return found, err
		}
		return found, z.noZone(name)
	}
	var zones []azureApex
	var names []string
	path := z.group() + azureQuery
	for page := 0; path != ""; page++ {
		var list struct {
			Value    []azureApex `json:"value"`
			NextLink string      `json:"nextLink"`
		}
		if page == maxPages {
			return azureApex{}, z.odd(errors.New("a list without end"))
		}
		if _, err := z.json(ctx, http.MethodGet, path, nil, &list); err != nil {
			return azureApex{}, err
		}
		if list.Value == nil {
			return azureApex{}, z.empty()
		}
		for _, found := range list.Value {
			if found.Properties.Kind != "Private" {
				zones, names = append(zones, found), append(names, found.Name)
			}
		}
		var err error
		if path, err = z.onward(list.NextLink); err != nil {
			return azureApex{}, err
		}
	}
	apex, ok := longest(name, names)
	for _, found := range zones {
		if ok && found.Name == apex {
			return found, nil
		}
	}
	return azureApex{}, z.noZone(name)
}

const azureQuery = "?api-version=" + azureVersion

func (z *azureZone) group() string {
	return "/subscriptions/" + url.PathEscape(z.key.Subscription) + "/resourceGroups/" + url.PathEscape(z.key.ResourceGroup) + azureAt
}

func (z *azureZone) path(at azureApex, rrtype, name string) string {
	return z.group() + "/" + url.PathEscape(at.Name) + "/" + rrtype + "/" + url.PathEscape(relative(name, at.Name, "@")) + azureQuery
}

// onward is the path of a link to the next page, "" for none. The link must lead to
// the API itself: the token goes where it leads.
func (a *api) onward(link string) (path string, err error) {
	if link == "" {
		return "", nil
	}
	next, err := url.Parse(link)
	base, berr := url.Parse(a.base)
	if err != nil || berr != nil || next.Scheme != base.Scheme || !strings.EqualFold(next.Host, base.Host) || next.User != nil ||
		!strings.HasPrefix(next.EscapedPath(), base.EscapedPath()+"/") {
		return "", a.odd(errors.New("the next page is somewhere else"))
	}
	return strings.TrimPrefix(next.RequestURI(), base.EscapedPath()), nil
}

// azureWords finds the code and message of an error, which may stand in a member of their own.
func azureWords(body []byte) string {
	type words struct{ Code, Message string }
	var e struct {
		words
		Error words
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	if e.Error.Code != "" {
		e.words = e.Error
	}
	return strings.TrimSpace(e.Code + " " + e.Message)
}
