package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"cnfd/publish"
)

// google is version 1 of the API of Google Cloud DNS
// (https://cloud.google.com/dns/docs/reference/rest/v1):
//
//	GET  /projects/{project}/managedZones?dnsName=…             managedZones.list, pages
//	GET  /projects/{project}/managedZones/{zone}/rrsets?name=…  resourceRecordSets.list, pages
//	POST /projects/{project}/managedZones/{zone}/changes        changes.create
//
// The credentials file is the JSON key of a service account that has the role
// roles/dns.admin, or its permissions dns.managedZones.list,
// dns.resourceRecordSets.*, dns.changes.create. Its project is the one that is looked in.
//
// A change is done as a whole or not at all, and a deletion must be of the set as it
// is, with its TTL and all its data: deletion of the old set and addition of the new
// one in one change is a real precondition. Data goes back as it was listed, octet for
// octet. A change is pending until all servers have it, which whoever watches the
// servers sees. Private zones are skipped.
type google struct {
	*api
	zone, project string
	found         finder
}

func newGoogle(c Config) (publish.Target, error) {
	a, err := c.api("google", "https://dns.googleapis.com/dns/v1")
	if err != nil {
		return publish.Target{}, err
	}
	account, err := googleAccount(c)
	if err != nil {
		return publish.Target{}, fmt.Errorf("google: credentials: %w", err)
	}
	a.sign = func(r *http.Request, _ []byte) error {
		token, err := account.bearer(r.Context())
		if err == nil {
			a.hidden.hide(token)
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return err
	}
	a.explain = func(body []byte) string { return googleErrorOf(body).Message }
	a.busy = func(p reply) bool {
		return p.status == http.StatusForbidden && googleErrorOf(p.body).is("rateLimitExceeded", "userRateLimitExceeded")
	}
	return publish.Target{Name: "google", Zone: &google{api: a, zone: c.Zone, project: account.project}}, nil
}

// googleSet is a ResourceRecordSet.
type googleSet struct {
	Name   string          `json:"name"`
	Type   string          `json:"type"`
	TTL    int64           `json:"ttl"`
	Data   []string        `json:"rrdatas"`
	Policy json.RawMessage `json:"routingPolicy,omitempty"`
}

// Read implements publish.Zone.
func (g *google) Read(ctx context.Context, name string) (publish.Set, error) {
	zone, err := g.zonePath(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	set, _, err := g.look(ctx, zone, name)
	return set, err
}

// Write implements publish.Zone.
func (g *google) Write(ctx context.Context, c publish.Change) error {
	zone, err := g.zonePath(ctx, c.Name)
	if err != nil {
		return err
	}
	now, list, err := g.look(ctx, zone, c.Name)
	if err != nil {
		return err
	}
	if moved(now, c.Before) {
		return g.changed(c.Name)
	}
	change := struct {
		Additions []googleSet `json:"additions,omitempty"`
		Deletions []googleSet `json:"deletions,omitempty"`
	}{}
	if len(list) > 0 {
		old := googleSet{Name: c.Name, Type: "TLSA", TTL: seconds(now.TTL)}
		for _, h := range list {
			old.Data = append(old.Data, h.as)
		}
		change.Deletions = []googleSet{old}
	}
	if data := rewritten(list, c, publish.Record.String); len(data) > 0 {
		change.Additions = []googleSet{{Name: c.Name, Type: "TLSA", TTL: seconds(c.After.TTL), Data: data}}
	}
	p, err := g.json(ctx, http.MethodPost, zone+"/changes", change, nil)
	return g.judge(p, err)
}

// judge tells what an error of changes.create means.
func (g *google) judge(p reply, err error) error {
	var e *publish.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case p.status == http.StatusNotFound, // the zone was there a moment ago: it is the set that is gone
		googleErrorOf(p.body).is("cnameResourceRecordSetConflict"):
		e.Kind, e.Do = publish.Conflict, "somebody else writes the same records: try again"
	case p.status == http.StatusForbidden && googleErrorOf(p.body).is("quotaExceeded"):
		e.Kind, e.Do = publish.Unsupported, "have the project's quota raised, or remove what is not used any more; nothing was changed"
	}
	return untaken(p, err)
}

// look reads what a zone holds at name.
func (g *google) look(ctx context.Context, zone, name string) (publish.Set, []held[string], error) {
	var sets []googleSet
	err := g.pages(ctx, zone+"/rrsets", url.Values{"name": {name}}, func(page googlePage) {
		for _, s := range page.Sets {
			if strings.EqualFold(s.Name, name) {
				sets = append(sets, s)
			}
		}
	})
	if err != nil {
		return publish.Set{}, nil, err
	}
	return g.at(name, sets)
}

// at makes of the sets at name the one that is looked for.
func (g *google) at(name string, sets []googleSet) (publish.Set, []held[string], error) {
	var alias string
	var tlsa googleSet
	for _, s := range sets {
		switch s.Type {
		case "CNAME":
			alias = "." // with a routing policy it has several targets and no data
			if len(s.Data) > 0 {
				alias = strings.TrimSuffix(s.Data[0], ".") + "."
			}
		case "TLSA":
			if len(s.Policy) > 0 && string(s.Policy) != "null" {
				return publish.Set{}, nil, &publish.Error{Kind: publish.Unsupported, Where: g.name, What: "set at " + name + " has a routing policy: who asks does not get all of it", Do: "make it a plain set first"}
			}
			tlsa = s
		}
	}
	list, err := hold(g.api, name, tlsa.Data, publish.ParseRecord)
	if err != nil {
		return publish.Set{}, nil, err
	}
	set, err := setOf(g.api, name, tlsa.TTL, list, alias)
	return set, list, err
}

// zonePath finds the public zone that holds name.
func (g *google) zonePath(ctx context.Context, name string) (string, error) {
	return g.found.zone(name, func() (string, error) { return g.find(ctx, name) })
}

func (g *google) find(ctx context.Context, name string) (string, error) {
	path := "/projects/" + url.PathEscape(g.project) + "/managedZones"
	for _, apex := range apexes(name, g.zone) {
		var found []string
		err := g.pages(ctx, path, url.Values{"dnsName": {apex + "."}}, func(page googlePage) {
			for _, z := range page.Zones {
				if strings.EqualFold(z.DNSName, apex+".") && z.Visibility != "private" && z.Name != "" && !slices.Contains(found, z.Name) {
					found = append(found, z.Name)
				}
			}
		})
		switch {
		case err != nil:
			return "", err
		case len(found) == 1:
			return path + "/" + url.PathEscape(found[0]), nil
		case len(found) > 1:
			// Only one of them is what the registry's NS name; which, the API does not say.
			return "", &publish.Error{Kind: publish.WrongZone, Where: g.name, What: fmt.Sprintf("%d public zones of the project are called %s", len(found), apex), Do: "delete those that are not delegated to"}
		}
	}
	return "", g.noZone(name)
}

// googlePage is a page of either list.
type googlePage struct {
	Zones []struct {
		Name       string `json:"name"`
		DNSName    string `json:"dnsName"`
		Visibility string `json:"visibility"`
	} `json:"managedZones"`
	Sets []googleSet `json:"rrsets"`
	Next string      `json:"nextPageToken"`
}

func (g *google) pages(ctx context.Context, path string, q url.Values, take func(googlePage)) error {
	for range maxPages {
		var page googlePage
		if _, err := g.json(ctx, http.MethodGet, path+"?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		take(page)
		if page.Next == "" {
			return nil
		}
		q.Set("pageToken", page.Next)
	}
	return g.odd(fmt.Errorf("a list of over %d pages", maxPages))
}

// googleError is the error of a reply of the DNS API.
type googleError struct {
	Message string `json:"message"`
	Errors  []struct {
		Reason string `json:"reason"`
	} `json:"errors"`
}

func googleErrorOf(body []byte) googleError {
	var r struct {
		Error googleError `json:"error"`
	}
	_ = json.Unmarshal(body, &r) // what stands in the way may answer in HTML
	return r.Error
}

func (e googleError) is(reasons ...string) bool {
	for _, one := range e.Errors {
		if slices.Contains(reasons, one.Reason) {
			return true
		}
	}
	return false
}
