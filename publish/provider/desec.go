package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// desecZone is deSEC (https://desec.readthedocs.io). The credentials are a token. Every
// domain has a least TTL (minimum_ttl), an hour unless deSEC set another for it; the
// domain that holds a name is found by owns_qname. Records are in presentation form,
// and are kept in canonical form: hex in lower case, no blanks. A set is made with
// POST, which fails where there is one; it is changed with PATCH, which leaves its TTL
// alone and takes no precondition, and taken away with DELETE. Names are of lower-case
// letters, digits, "-", "_" and "."; nothing is said of values that the fields of a TLSA
// record may not have. What goes over the limits (2 writes a second, 15 a minute, 300
// a day for a domain) is answered with 429 and Retry-After.
type desecZone struct {
	*api
	zone string // as configured
}

// desecTTL is the least TTL of a domain for which nothing else was agreed.
const desecTTL = time.Hour

func newDeSEC(c Config) (publish.Target, error) {
	token, err := c.soleToken("desec")
	if err != nil {
		return publish.Target{}, err
	}
	a, err := c.api("desec", "https://desec.io/api/v1")
	if err != nil {
		return publish.Target{}, err
	}
	a.sign = func(r *http.Request, _ []byte) error { r.Header.Set("Authorization", "Token "+token); return nil }
	a.explain = desecWords
	return publish.Target{Name: "desec", Zone: desecZone{a, c.Zone}, Limits: publish.Limits{MinTTL: desecTTL, PlainNames: true, Unguarded: true}}, nil
}

// Read returns the set that the API holds.
func (z desecZone) Read(ctx context.Context, name string) (publish.Set, error) {
	at, err := z.find(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	_, s, err := z.get(ctx, at, name)
	return s, err
}

// desecName is the part of a name before the domain that deSEC takes.
var desecName = regexp.MustCompile(`^[a-z0-9_.-]{0,178}$`)

// Write makes, changes or takes away the whole set, if it was still what it was
// just before.
func (z desecZone) Write(ctx context.Context, c publish.Change) error {
	at, err := z.find(ctx, c.Name)
	if err != nil {
		return err
	}
	sub := relative(c.Name, at.Name, "")
	list, now, err := z.get(ctx, at, c.Name)
	switch {
	case err != nil:
		return err
	case moved(now, c.Before):
		return z.changed(c.Name)
	case c.None():
		return nil
	case !desecName.MatchString(sub):
		return &publish.Error{Kind: publish.Unsupported, Where: z.name, What: "a name of other characters than a-z, 0-9, - and _", Do: "publish by another method, or elsewhere"}
	case len(now.Records) == 0 && seconds(c.After.TTL) < at.MinTTL:
		return &publish.Error{Kind: publish.Unsupported, Where: z.name, What: fmt.Sprintf("the domain takes no TTL under %d seconds", at.MinTTL), Do: "ask for as much (--ttl), or deSEC for less"}
	}
	records := rewritten(list, c, publish.Record.String)
	sets := "/domains/" + url.PathEscape(at.Name) + "/rrsets/"
	set := sets + url.PathEscape(orApex(sub)) + "/TLSA/"
	var p reply
	switch {
	case len(now.Records) == 0:
		p, err = z.json(ctx, http.MethodPost, sets, desecSet{Sub: &sub, Type: "TLSA", TTL: seconds(c.After.TTL), Records: records}, nil)
		return z.second(ctx, at, c, p, err)
	case len(records) == 0:
		_, err = z.json(ctx, http.MethodDelete, set, nil, nil)
		return err
	}
	if p, err = z.json(ctx, http.MethodPatch, set, desecSet{Records: records}, nil); gone(p) {
		return z.changed(c.Name)
	}
	return untaken(p, err)
}

// second tells what a refused POST means: 400 is also the answer to one that comes
// after somebody else's.
func (z desecZone) second(ctx context.Context, at desecDomain, c publish.Change, p reply, err error) error {
	if err != nil && p.status == http.StatusBadRequest {
		if _, now, rerr := z.get(ctx, at, c.Name); rerr == nil && moved(now, c.Before) {
			return z.changed(c.Name)
		}
	}
	return untaken(p, err)
}

// orApex is the word for a zone's own name in a path.
func orApex(sub string) string {
	if sub == "" {
		return "@"
	}
	return sub
}

// desecDomain is a domain in a reply.
type desecDomain struct {
	Name   string `json:"name"`
	MinTTL int64  `json:"minimum_ttl"`
}

// find returns the domain that holds name.
func (z desecZone) find(ctx context.Context, name string) (at desecDomain, err error) {
	if z.zone != "" {
		for _, apex := range apexes(name, z.zone) {
			_, err := z.json(ctx, http.MethodGet, "/domains/"+url.PathEscape(apex)+"/", nil, &at)
			err = z.same(apex, at.Name, err)
			at.Name = apex
			return at, err
		}
		return at, z.noZone(name)
	}
	var list []desecDomain
	query := url.Values{"owns_qname": {strings.TrimSuffix(name, ".")}}
	if _, err := z.json(ctx, http.MethodGet, "/domains/?"+query.Encode(), nil, &list); err != nil {
		return at, err
	}
	if list == nil {
		return at, z.empty()
	}
	for _, at := range list {
		if _, ok := longest(name, []string{at.Name}); ok {
			return at, nil
		}
	}
	return at, z.noZone(name)
}

// desecSet is a set in a reply and in a request.
type desecSet struct {
	Sub     *string  `json:"subname,omitempty"`
	Type    string   `json:"type,omitempty"`
	TTL     int64    `json:"ttl,omitempty"`
	Records []string `json:"records"`
}

// get reads what stands at name, of whatever type: fewer sets than a page has.
func (z desecZone) get(ctx context.Context, at desecDomain, name string) (list []held[string], s publish.Set, err error) {
	sub := relative(name, at.Name, "")
	var sets []desecSet
	query := url.Values{"subname": {sub}}
	if _, err = z.json(ctx, http.MethodGet, "/domains/"+url.PathEscape(at.Name)+"/rrsets/?"+query.Encode(), nil, &sets); err != nil {
		return nil, s, err
	}
	if sets == nil {
		return nil, s, z.empty()
	}
	var here []listed
	for _, set := range sets {
		if set.Sub != nil && *set.Sub == sub {
			here = append(here, listed{set.Type, set.TTL, set.Records})
		}
	}
	return z.pick(name, at.Name, here)
}

// desecWords finds the reasons in an error: "detail", or a list for each field.
func desecWords(body []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return ""
	}
	var words []string
	for field, raw := range fields {
		var one string
		var many []string
		switch {
		case json.Unmarshal(raw, &one) == nil:
			words = append(words, one)
		case json.Unmarshal(raw, &many) == nil:
			words = append(words, field+": "+strings.Join(many, " "))
		}
	}
	slices.Sort(words)
	return strings.Join(words, "; ")
}
