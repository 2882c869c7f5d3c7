package provider

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"cnfd/publish"
)

// cloudflare is version 4 of Cloudflare's API (https://developers.cloudflare.com/api/):
//
//	GET  /zones?name=…                         List Zones: pages of 50 at the most
//	GET  /zones/{id}/dns_records?name.exact=…  List DNS Records: pages
//	POST /zones/{id}/dns_records/batch         Batch DNS Records: deletes, then posts, in one transaction
//
// The credentials file is an API token alone, with Zone Read and DNS Edit.
//
// A TLSA record is written by its data fields; its content is for reading, and is
// refused where it is sent. Each record stands for itself, with its own id, comment
// and TTL: others' are never sent, so that none can be overwritten. What is added or
// removed by others meanwhile is not noticed by the API, but by reading again; the
// deletion of what is gone already fails the whole batch.
//
// A TTL of 1 is "automatic", which is 300 seconds for what is not proxied. Whether a
// zone is signed (GET /zones/{id}/dnssec) is not asked: it does not tell whether the
// DS stands at the parent, and whoever looks at the world sees both.
type cloudflare struct {
	*api
	zone  string
	found finder
}

// Limits of the documentation ("DNS record types", "TTL").
const (
	cloudflareMinTTL    = 60 // seconds; 30 for Enterprise, which is kept where a set has it
	cloudflareMaxTTL    = 86400
	cloudflareAutomatic = 300  // seconds, of a TTL of 1
	cloudflareSetSize   = 8192 // characters of content of all records of one name and type
	cloudflareWireSize  = 4096 // octets of one record
	cloudflarePage      = 100  // records a page
)

func newCloudflare(c Config) (publish.Target, error) {
	a, err := c.api("cloudflare", "https://api.cloudflare.com/client/v4")
	if err != nil {
		return publish.Target{}, err
	}
	token, err := c.soleToken("cloudflare")
	if err != nil {
		return publish.Target{}, err
	}
	a.sign = func(r *http.Request, _ []byte) error {
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	a.explain = func(body []byte) string { return cloudflareErrors(body).String() }
	return publish.Target{
		Name: "cloudflare", Zone: &cloudflare{api: a, zone: c.Zone},
		Limits: publish.Limits{MinTTL: cloudflareMinTTL * time.Second, Unguarded: true},
	}, nil
}

// cloudflareRecord is a DNS record of the API.
type cloudflareRecord struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Name    string          `json:"name"` // without the trailing dot
	Content string          `json:"content,omitempty"`
	TTL     int64           `json:"ttl"`
	Data    *cloudflareTLSA `json:"data,omitempty"`
}

// cloudflareTLSA are the data fields of a TLSA record; a pointer tells what is missing from 0.
type cloudflareTLSA struct {
	Usage       *uint8 `json:"usage"`
	Selector    *uint8 `json:"selector"`
	Matching    *uint8 `json:"matching_type"`
	Certificate string `json:"certificate"` // hex
}

// Read implements publish.Zone.
func (f *cloudflare) Read(ctx context.Context, name string) (publish.Set, error) {
	set, _, _, err := f.look(ctx, name)
	return set, err
}

// Write implements publish.Zone.
func (f *cloudflare) Write(ctx context.Context, c publish.Change) error {
	now, ids, zone, err := f.look(ctx, c.Name)
	if err != nil {
		return err
	}
	if moved(now, c.Before) {
		return f.changed(c.Name)
	}
	if err := f.carries(c); err != nil {
		return err
	}
	type id struct {
		ID string `json:"id"`
	}
	batch := struct {
		Deletes []id               `json:"deletes,omitempty"`
		Posts   []cloudflareRecord `json:"posts,omitempty"`
	}{}
	for _, r := range c.Removed() {
		for _, one := range ids[r] {
			batch.Deletes = append(batch.Deletes, id{one})
		}
	}
	for _, r := range c.Added() {
		usage, selector, matching, association := r.Fields()
		batch.Posts = append(batch.Posts, cloudflareRecord{
			Type: "TLSA", Name: strings.TrimSuffix(c.Name, "."), TTL: seconds(c.After.TTL),
			Data: &cloudflareTLSA{&usage, &selector, &matching, hex.EncodeToString(association)},
		})
	}
	if len(batch.Deletes)+len(batch.Posts) == 0 {
		return nil
	}
	var done struct {
		Success bool `json:"success"`
	}
	reply, err := f.json(ctx, http.MethodPost, "/zones/"+url.PathEscape(zone)+"/dns_records/batch", batch, &done)
	if err == nil && !done.Success {
		err = f.odd(errors.New("neither a success nor an error"))
	}
	return f.judge(reply, err)
}

// carries refuses what the API would refuse, and a TTL that would split the set.
func (f *cloudflare) carries(c publish.Change) error {
	no := func(what, do string) error {
		return &publish.Error{Kind: publish.Unsupported, Where: "cloudflare: " + c.Name, What: what, Do: do}
	}
	ttl, size := seconds(c.After.TTL), 0
	for _, r := range c.After.Records {
		size += len(r.String())
	}
	if size > cloudflareSetSize && len(c.Added()) > 0 {
		return no(fmt.Sprintf("records of the set are %d characters, of which %d are taken", size, cloudflareSetSize), "remove what is not used any more")
	}
	for _, r := range c.Added() {
		switch {
		case len(r.RDATA()) > cloudflareWireSize:
			return no(fmt.Sprintf("record of %d octets, of which %d are taken", len(r.RDATA()), cloudflareWireSize), "")
		case len(c.Before.Records) == 0 && (ttl < cloudflareMinTTL || ttl > cloudflareMaxTTL):
			return no(fmt.Sprintf("TTL of %d s: want %d to %d", ttl, cloudflareMinTTL, cloudflareMaxTTL), "give another TTL")
		}
	}
	if len(c.Kept()) > 0 && c.Before.TTL != c.After.TTL {
		return no("TTL of records that are there is not changed here", "change it at the provider, or give none")
	}
	return nil
}

// look finds the zone, and what it holds at name with the ids of each record.
func (f *cloudflare) look(ctx context.Context, name string) (set publish.Set, ids map[publish.Record][]string, zone string, err error) {
	if zone, err = f.found.zone(name, func() (string, error) { return f.zoneID(ctx, name) }); err != nil {
		return set, nil, "", err
	}
	set, ids = publish.Set{Name: name}, map[publish.Record][]string{}
	path := "/zones/" + url.PathEscape(zone) + "/dns_records?name.exact=" + url.QueryEscape(strings.TrimSuffix(name, "."))
	err = pagesOf(ctx, f, path, cloudflarePage, func(r cloudflareRecord) error { return r.into(&set, ids) })
	return set, ids, zone, err
}

// into puts a record where it belongs; one of another name or type is skipped.
func (r cloudflareRecord) into(set *publish.Set, ids map[publish.Record][]string) error {
	if !strings.EqualFold(r.Name, strings.TrimSuffix(set.Name, ".")) {
		return nil
	}
	switch r.Type {
	case "CNAME":
		set.Alias = strings.TrimSuffix(r.Content, ".") + "."
		return nil
	case "TLSA":
	default:
		return nil
	}
	if r.ID == "" || r.TTL <= 0 || r.TTL > maxSeconds || r.Data == nil || r.Data.Usage == nil || r.Data.Selector == nil || r.Data.Matching == nil {
		return fmt.Errorf("tlsa record of %s without its id, TTL or data", r.Name)
	}
	association, err := hex.DecodeString(strings.Join(strings.Fields(r.Data.Certificate), ""))
	if err != nil {
		return fmt.Errorf("tlsa record of %s: certificate: not hex", r.Name)
	}
	record, err := publish.RecordOf(append([]byte{*r.Data.Usage, *r.Data.Selector, *r.Data.Matching}, association...))
	if err != nil {
		return err
	}
	ttl := time.Duration(r.TTL) * time.Second
	if r.TTL == 1 {
		ttl = cloudflareAutomatic * time.Second
	}
	// Records of one set can have several TTLs here; what is served is told by the
	// longest, which is what caches are waited for by.
	set.TTL = max(set.TTL, ttl)
	if !set.Has(record) {
		set.Records = append(set.Records, record)
	}
	ids[record] = append(ids[record], r.ID)
	return nil
}

// zoneID finds the zone that holds name: of several of one name (in several accounts,
// or on their way in or out) the active one.
func (f *cloudflare) zoneID(ctx context.Context, name string) (string, error) {
	type zone struct {
		ID, Name, Status string
	}
	for _, apex := range apexes(name, f.zone) {
		var active, other []string
		err := pagesOf(ctx, f, "/zones?name="+url.QueryEscape(apex), 50, func(z zone) error {
			switch {
			case !strings.EqualFold(z.Name, apex) || z.ID == "":
			case z.Status == "active":
				active = append(active, z.ID)
			default:
				other = append(other, z.ID)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
		if len(active) == 0 {
			active = other
		}
		switch len(active) {
		case 0:
			continue
		case 1:
			return active[0], nil
		}
		return "", &publish.Error{Kind: publish.WrongZone, Where: f.name, What: fmt.Sprintf("%d zones are called %s", len(active), apex), Do: "use a token of one account alone"}
	}
	return "", f.noZone(name)
}

// pagesOf hands each element of a list to take. path ends in a query.
func pagesOf[T any](ctx context.Context, f *cloudflare, path string, size int, take func(T) error) error {
	for page := 1; page <= maxPages; page++ {
		var list struct {
			Success bool `json:"success"`
			Result  []T  `json:"result"`
			Info    struct {
				Pages int `json:"total_pages"`
			} `json:"result_info"`
		}
		reply, err := f.json(ctx, http.MethodGet, fmt.Sprintf("%s&page=%d&per_page=%d", path, page, size), nil, &list)
		if err := f.judge(reply, err); err != nil {
			return err
		}
		if !list.Success || list.Result == nil {
			return f.odd(errors.New("neither a success nor an error"))
		}
		for _, one := range list.Result {
			if err := take(one); err != nil {
				return f.odd(err)
			}
		}
		if page >= list.Info.Pages {
			return nil
		}
	}
	return f.odd(fmt.Errorf("a list of over %d pages", maxPages))
}
