package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"cnfd/publish"
)

// hetznerZone is Hetzner's DNS in the Cloud API (https://docs.hetzner.cloud, zones and
// RRSets; generally available since 10 November 2025). The DNS Console's own API
// (dns.hetzner.com) was announced to end in May 2026 and is not spoken here. The
// credentials are a token of the Cloud project. Records are values in presentation
// form, each with a comment, in a set with one TTL (60 seconds to 2^31-1; null: the
// zone's). add_records and remove_records touch only what they name, set_records
// overwrites all, POST makes a set where there is none (else 409 uniqueness_error); no
// other precondition is taken. What changes something begins an action, which is done
// when it says so. TLSA is among the types; nothing is said of values that its fields
// may not have. Hetzner does not sign zones: it "supports DS records but no DNSKEY records"
// (https://docs.hetzner.com/networking/dns/record-types/ds-record).
type hetznerZone struct {
	*api
	zone string // as configured
}

const (
	hetznerTTL   = 60 * time.Second // the least of a set
	hetznerPages = "per_page=50"    // the most for zones
)

func newHetzner(c Config) (publish.Target, error) {
	token, err := c.soleToken("hetzner")
	if err != nil {
		return publish.Target{}, err
	}
	a, err := c.api("hetzner", "https://api.hetzner.cloud/v1")
	if err != nil {
		return publish.Target{}, err
	}
	a.sign = func(r *http.Request, _ []byte) error { r.Header.Set("Authorization", "Bearer "+token); return nil }
	a.explain = func(body []byte) string { return hetznerError(body).String() }
	return publish.Target{
		Name: "hetzner", Zone: hetznerZone{a, c.Zone},
		Limits: publish.Limits{MinTTL: hetznerTTL, CannotSign: true, Unguarded: true},
	}, nil
}

// Read returns the set that the API holds.
func (z hetznerZone) Read(ctx context.Context, name string) (publish.Set, error) {
	at, err := z.find(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	_, s, err := z.get(ctx, at, name)
	return s, err
}

// Write adds or removes just the records that change, or makes or overwrites the set
// where both is to be done or none is there, if it was still what it was just before.
func (z hetznerZone) Write(ctx context.Context, c publish.Change) error {
	at, err := z.find(ctx, c.Name)
	if err != nil {
		return err
	}
	set, now, err := z.get(ctx, at, c.Name)
	switch {
	case err != nil:
		return err
	case moved(now, c.Before):
		return z.changed(c.Name)
	case c.None():
		return nil
	case at.Mode != "primary":
		return &publish.Error{Kind: publish.Unsupported, Where: z.name, What: "the zone is no primary one there, but " + z.quote(at.Mode), Do: "publish at its primary"}
	case set.Protection.Change:
		return &publish.Error{Kind: publish.Refused, Where: z.name, What: "the set is protected from changes", Do: "take away the protection of the set"}
	}
	sets := "/zones/" + strconv.FormatInt(at.ID, 10) + "/rrsets"
	rel := relative(c.Name, at.Name, "@")
	ask, path := map[string]any{}, sets+"/"+url.PathEscape(rel)+"/TLSA/actions/"
	switch {
	case len(now.Records) == 0:
		path = sets
		ask["name"], ask["type"], ask["ttl"], ask["records"] = rel, "TLSA", seconds(c.After.TTL), rewritten(nil, c, hetznerForm)
	case len(c.Removed()) == 0:
		path += "add_records"
		ask["records"] = rewritten(nil, c, hetznerForm)
		if set.TTL != nil {
			ask["ttl"] = *set.TTL // must be the same
		}
	case len(c.Added()) == 0:
		path += "remove_records"
		var old []hetznerRecord
		for _, h := range set.records {
			if slices.Contains(c.Removed(), h.Record) {
				old = append(old, hetznerRecord{Value: h.as.Value})
			}
		}
		ask["records"] = old
	default:
		path += "set_records"
		ask["records"] = rewritten(set.records, c, hetznerForm)
	}
	var begun hetznerAction
	if p, err := z.json(ctx, http.MethodPost, path, ask, &begun); err != nil {
		return untaken(p, err)
	}
	return z.done(ctx, begun)
}

func hetznerForm(r publish.Record) hetznerRecord { return hetznerRecord{Value: r.String()} }

// hetznerApex is a zone in a reply.
type hetznerApex struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	TTL  int64  `json:"ttl"` // of sets without one
	Mode string `json:"mode"`
}

// hetznerMeta tells what page comes next, 0 for none.
type hetznerMeta struct {
	Pagination struct {
		Page int `json:"page"`
		Next int `json:"next_page"`
	} `json:"pagination"`
}

// find returns the zone that holds name.
func (z hetznerZone) find(ctx context.Context, name string) (at hetznerApex, err error) {
	if z.zone != "" {
		for _, apex := range apexes(name, z.zone) {
			var one struct{ Zone hetznerApex }
			_, err := z.json(ctx, http.MethodGet, "/zones/"+url.PathEscape(apex), nil, &one)
			return one.Zone, z.same(apex, one.Zone.Name, err)
		}
		return at, z.noZone(name)
	}
	var zones []hetznerApex
	var names []string
	for page := 1; page != 0; {
		var list struct {
			Zones []hetznerApex
			Meta  hetznerMeta
		}
		if _, err := z.json(ctx, http.MethodGet, fmt.Sprintf("/zones?page=%d&%s", page, hetznerPages), nil, &list); err != nil {
			return at, err
		}
		if list.Zones == nil {
			return at, z.empty()
		}
		for _, one := range list.Zones {
			zones, names = append(zones, one), append(names, one.Name)
		}
		if page, err = z.next(page, list.Meta); err != nil {
			return at, err
		}
	}
	apex, ok := longest(name, names)
	for _, one := range zones {
		if ok && one.Name == apex {
			return one, nil
		}
	}
	return at, z.noZone(name)
}

// next is the page after page, 0 for none.
func (z hetznerZone) next(page int, meta hetznerMeta) (int, error) {
	if n := meta.Pagination.Next; meta.Pagination.Page == page && (n == 0 || n == page+1 && n <= maxPages) {
		return n, nil
	}
	return 0, z.odd(errors.New("pages that do not come one after the other"))
}

// hetznerSet is a set in a reply.
type hetznerSet struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	TTL        *int64          `json:"ttl"`
	Records    []hetznerRecord `json:"records"`
	Protection struct {
		Change bool `json:"change"`
	} `json:"protection"`
	records []held[hetznerRecord]
}

type hetznerRecord struct {
	Value   string  `json:"value"`
	Comment *string `json:"comment,omitempty"`
}

// get reads what stands at name, of whatever type.
func (z hetznerZone) get(ctx context.Context, at hetznerApex, name string) (set hetznerSet, s publish.Set, err error) {
	rel := relative(name, at.Name, "@")
	alias, found := "", false
	for page := 1; page != 0; {
		var list struct {
			RRSets []hetznerSet `json:"rrsets"`
			Meta   hetznerMeta
		}
		query := url.Values{"name": {rel}, "page": {strconv.Itoa(page)}}
		if _, err = z.json(ctx, http.MethodGet, fmt.Sprintf("/zones/%d/rrsets?%s&%s", at.ID, query.Encode(), hetznerPages), nil, &list); err != nil {
			return set, s, err
		}
		if list.RRSets == nil {
			return set, s, z.empty()
		}
		for _, one := range list.RRSets {
			switch {
			case one.Name != rel:
			case len(one.Records) == 0:
				return set, s, z.empty()
			case one.Type == "CNAME":
				alias = absolute(one.Records[0].Value, at.Name)
			case one.Type == "TLSA" && found:
				return set, s, z.odd(errors.New("the same set twice"))
			case one.Type == "TLSA":
				set, found = one, true
			}
		}
		if page, err = z.next(page, list.Meta); err != nil {
			return set, s, err
		}
	}
	parse := func(r hetznerRecord) (publish.Record, error) { return publish.ParseRecord(r.Value) }
	if set.records, err = hold(z.api, name, set.Records, parse); err != nil {
		return set, s, err
	}
	ttl := at.TTL
	if set.TTL != nil {
		ttl = *set.TTL
	}
	s, err = setOf(z.api, name, ttl, set.records, alias)
	return set, s, err
}

type hetznerWords struct{ Code, Message string }

func (w hetznerWords) String() string {
	if w.Code == "" {
		return w.Message
	}
	return w.Code + ": " + w.Message
}

func hetznerError(body []byte) hetznerWords {
	var e struct{ Error hetznerWords }
	if json.Unmarshal(body, &e) != nil {
		return hetznerWords{}
	}
	return e.Error
}
