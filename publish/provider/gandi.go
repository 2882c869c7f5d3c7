package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cnfd/publish"
)

// gandiZone is Gandi LiveDNS (https://api.gandi.net/docs/livedns/, v5). The
// credentials are a personal access token. Records are in presentation form and
// belong to a set with one TTL, 300 seconds to 30 days. POST makes a set where there is
// none (else 409); PUT writes the whole set over whatever is there, and DELETE takes
// it away, without any precondition. TLSA is among the types; nothing is said of values
// that its fields may not have.
type gandiZone struct {
	*api
	zone string // as configured
}

// gandiTTL is the least TTL of a set ("60 is less than minimum value 300").
const gandiTTL = 300 * time.Second

func newGandi(c Config) (publish.Target, error) {
	token, err := c.soleToken("gandi")
	if err != nil {
		return publish.Target{}, err
	}
	a, err := c.api("gandi", "https://api.gandi.net/v5/livedns")
	if err != nil {
		return publish.Target{}, err
	}
	a.sign = func(r *http.Request, _ []byte) error { r.Header.Set("Authorization", "Bearer "+token); return nil }
	a.explain = gandiWords
	return publish.Target{Name: "gandi", Zone: gandiZone{a, c.Zone}, Limits: publish.Limits{MinTTL: gandiTTL, Unguarded: true}}, nil
}

// Read returns the set that the API holds.
func (z gandiZone) Read(ctx context.Context, name string) (publish.Set, error) {
	zone, err := z.find(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	_, s, err := z.get(ctx, zone, name)
	return s, err
}

// Write makes, overwrites or takes away the whole set, if it was still what it was
// just before.
func (z gandiZone) Write(ctx context.Context, c publish.Change) error {
	zone, err := z.find(ctx, c.Name)
	if err != nil {
		return err
	}
	list, now, err := z.get(ctx, zone, c.Name)
	switch {
	case err != nil:
		return err
	case moved(now, c.Before):
		return z.changed(c.Name)
	case c.None():
		return nil
	}
	set := z.at(zone, c.Name) + "/TLSA"
	values := rewritten(list, c, publish.Record.String)
	method, body := http.MethodPut, any(gandiSet{TTL: seconds(c.After.TTL), Values: values})
	switch {
	case len(now.Records) == 0:
		method = http.MethodPost
	case len(values) == 0:
		method, body = http.MethodDelete, nil
	}
	return untaken(z.json(ctx, method, set, body, nil))
}

// find returns the domain at LiveDNS that holds name.
func (z gandiZone) find(ctx context.Context, name string) (string, error) {
	var refused error
	for _, apex := range apexes(name, z.zone) {
		p, err := z.json(ctx, http.MethodGet, "/domains/"+url.PathEscape(apex), nil, nil)
		switch {
		case err == nil:
			return apex, nil
		case gone(p):
		case p.status == http.StatusForbidden: // somebody else's, or above what the token is for
			refused = err
		default:
			return "", err
		}
	}
	if refused != nil {
		return "", refused
	}
	return "", z.noZone(name)
}

func (z gandiZone) at(zone, name string) string {
	return "/domains/" + url.PathEscape(zone) + "/records/" + url.PathEscape(relative(name, zone, "@"))
}

// gandiSet is a set in a reply and in a request.
type gandiSet struct {
	Type   string   `json:"rrset_type,omitempty"`
	Name   string   `json:"rrset_name,omitempty"`
	TTL    int64    `json:"rrset_ttl"`
	Values []string `json:"rrset_values"`
}

// get reads what stands at name, of whatever type.
func (z gandiZone) get(ctx context.Context, zone, name string) (list []held[string], s publish.Set, err error) {
	var sets []gandiSet
	switch p, err := z.json(ctx, http.MethodGet, z.at(zone, name), nil, &sets); {
	case gone(p):
	case err != nil:
		return nil, s, err
	case sets == nil:
		return nil, s, z.empty()
	}
	var here []listed
	for _, set := range sets {
		if set.Name == relative(name, zone, "@") {
			here = append(here, listed{set.Type, set.TTL, set.Values})
		}
	}
	return z.pick(name, zone, here)
}

// gandiWords finds the message of an error, or the reason for each field.
func gandiWords(body []byte) string {
	var e struct {
		Message string
		Errors  []struct{ Name, Description string }
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	for _, field := range e.Errors {
		e.Message += "; " + field.Name + ": " + field.Description
	}
	return strings.TrimPrefix(e.Message, "; ")
}
