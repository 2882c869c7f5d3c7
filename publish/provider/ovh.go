package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cnfd/publish"
)

// ovhZone is OVHcloud's DNS (https://eu.api.ovh.com/console/?section=%2Fdomain, /domain/zone).
// The credentials are an ovh.conf: endpoint, application_key, application_secret and
// consumer_key. Every record is a resource of its own with an id, a fieldType (TLSA is
// one), a subDomain, a target in presentation form and a ttl, 0 for the zone's; there is
// neither a set nor a precondition, but what others have is not touched either. Changes
// are served after POST /refresh. The filters of the list are SQL's LIKE, to which "_" is
// any character. A target is validated: with matching type 1 the data must be 32 octets;
// nothing is said of 255.
type ovhZone struct {
	*api
	clock *api // for the one call that is not signed
	key   ovhKey
	zone  string // as configured

	mu    sync.Mutex // guards what follows
	asked bool
	ahead time.Duration // of the API's clock before ours
}

const (
	ovhTTL     = 60 * time.Second // the least of a record
	finishTime = 30 * time.Second // of finishing what was begun, which goes on when the context has ended
	maxIDs     = 4096             // of a list, each of which is a call
)

func newOVH(c Config) (publish.Target, error) {
	k, err := readOVHKey(c.Credentials)
	if err != nil {
		return publish.Target{}, err
	}
	a, err := c.api("ovh", ovhBases[k.endpoint])
	if err != nil {
		return publish.Target{}, err
	}
	clock := *a
	z := &ovhZone{api: a, clock: &clock, key: k, zone: c.Zone}
	a.sign = z.authorize
	a.explain = func(body []byte) string { return ovhError(body).Message }
	return publish.Target{Name: "ovh", Zone: z, Limits: publish.Limits{MinTTL: ovhTTL, Unguarded: true}}, nil
}

// Read returns the set that the API holds.
func (z *ovhZone) Read(ctx context.Context, name string) (publish.Set, error) {
	zone, err := z.find(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	_, s, err := z.get(ctx, zone, name)
	return s, err
}

// Write adds what is new, takes away what is old, record by record, and has the zone
// served anew. Where it fails in the middle, what it has done stays, is served, and is
// what Read says; where it cannot be served it is taken back.
func (z *ovhZone) Write(ctx context.Context, c publish.Change) error {
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
	var back []func(context.Context) error
	for _, r := range c.Added() {
		record := ovhRecord{Type: "TLSA", Sub: relative(c.Name, zone, ""), Target: r.String(), TTL: seconds(c.After.TTL)}
		id, p, err := z.create(ctx, zone, record)
		if err != nil {
			return z.leave(ctx, zone, len(back) > 0 || unsure(p), untaken(p, err))
		}
		back = append(back, func(ctx context.Context) error { _, err := z.drop(ctx, zone, id); return err })
	}
	for _, h := range list {
		if !slices.Contains(c.Removed(), h.Record) {
			continue
		}
		if p, err := z.drop(ctx, zone, h.as.ID); err != nil {
			return z.leave(ctx, zone, len(back) > 0 || unsure(p), err)
		}
		back = append(back, func(ctx context.Context) error { _, _, err := z.create(ctx, zone, h.as); return err })
	}
	if p, err := z.refresh(ctx, zone); err != nil {
		return z.takeBack(ctx, zone, back, p, err)
	}
	return nil
}

// unsure reports whether a call that failed may have been carried out.
func unsure(p reply) bool { return p.status == 0 || p.status >= 500 }

// leave has served what was done before err, if anything was.
func (z *ovhZone) leave(ctx context.Context, zone string, done bool, err error) error {
	if !done {
		return err
	}
	var e *publish.Error
	if _, rerr := z.refresh(ctx, zone); rerr != nil && errors.As(err, &e) {
		e.What += "; and what was done before is not served: " + rerr.Error()
	}
	return err
}

// takeBack undoes what cannot be served because of err, which p says.
func (z *ovhZone) takeBack(ctx context.Context, zone string, back []func(context.Context) error, p reply, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	var e *publish.Error
	errors.As(err, &e)
	e.What += " (when the zone was to be served anew, POST /refresh)"
	for _, undo := range slices.Backward(back) {
		if uerr := undo(ctx); uerr != nil {
			e.What += "; what was changed is not served, and could not be taken back: " + uerr.Error()
			return e
		}
	}
	e.What += "; what was changed was taken back"
	if unsure(p) { // it may be served all the same
		if _, err := z.ask(ctx, http.MethodPost, ovhAt(zone)+"/refresh", nil, nil); err != nil {
			e.What += ", and whether the servers have it is not known"
		}
	}
	return e
}

// refresh has the zone served as it is now, also after ctx has ended; it may be asked
// for any number of times.
func (z *ovhZone) refresh(ctx context.Context, zone string) (p reply, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	pause := time.Second
	for try := 1; ; try++ {
		p, err = z.ask(ctx, http.MethodPost, ovhAt(zone)+"/refresh", nil, nil)
		if err == nil || try == maxTries || !unsure(p) {
			return p, err
		}
		if werr := z.wait(ctx, pause); werr != nil {
			return p, err
		}
		pause *= 2
	}
}

// ovhRecord is a record in a reply and in a request.
type ovhRecord struct {
	ID     int64  `json:"id,omitempty"`
	Type   string `json:"fieldType"`
	Sub    string `json:"subDomain"`
	Target string `json:"target"`
	TTL    int64  `json:"ttl"`
}

func ovhAt(zone string) string { return "/domain/zone/" + url.PathEscape(zone) }

func (z *ovhZone) create(ctx context.Context, zone string, r ovhRecord) (id int64, p reply, err error) {
	r.ID = 0
	var made ovhRecord
	if p, err = z.ask(ctx, http.MethodPost, ovhAt(zone)+"/record", r, &made); err != nil {
		return 0, p, err
	}
	if made.ID == 0 {
		return 0, reply{}, z.odd(errors.New("a record without an id"))
	}
	return made.ID, p, nil
}

// drop takes away a record; one that is gone is no error.
func (z *ovhZone) drop(ctx context.Context, zone string, id int64) (reply, error) {
	p, err := z.ask(ctx, http.MethodDelete, ovhAt(zone)+"/record/"+strconv.FormatInt(id, 10), nil, nil)
	if gone(p) {
		return p, nil
	}
	return p, err
}

// find returns the zone that holds name.
func (z *ovhZone) find(ctx context.Context, name string) (string, error) {
	if _, err := z.time(ctx); err != nil { // here, and not for each try of each call
		return "", err
	}
	if z.zone != "" {
		for _, apex := range apexes(name, z.zone) {
			return apex, nil // whether it is there the next call says
		}
		return "", z.noZone(name)
	}
	var zones []string
	p, err := z.ask(ctx, http.MethodGet, "/domain/zone", nil, &zones)
	if err != nil {
		var e *publish.Error
		if errors.As(err, &e) && p.status == http.StatusForbidden && e.Kind == publish.Refused {
			e.Do = "grant GET /domain/zone too, or name the zone in the configuration"
		}
		return "", err
	}
	if zones == nil {
		return "", z.empty()
	}
	zone, ok := longest(name, zones)
	if !ok {
		return "", z.noZone(name)
	}
	return zone, nil
}

// get reads the set and the alias at name.
func (z *ovhZone) get(ctx context.Context, zone, name string) (list []held[ovhRecord], s publish.Set, err error) {
	records, err := z.list(ctx, zone, "TLSA", relative(name, zone, ""))
	if err != nil {
		return nil, s, err
	}
	aliases, err := z.list(ctx, zone, "CNAME", relative(name, zone, ""))
	if err != nil {
		return nil, s, err
	}
	if list, err = hold(z.api, name, records, func(r ovhRecord) (publish.Record, error) { return publish.ParseRecord(r.Target) }); err != nil {
		return nil, s, err
	}
	ttl, err := z.ttl(ctx, zone, records)
	if err != nil {
		return nil, s, err
	}
	alias := ""
	if len(aliases) > 0 {
		alias = absolute(aliases[0].Target, zone)
	}
	s, err = setOf(z.api, name, ttl, list, alias)
	return list, s, err
}

// ttl is the longest that any of the records has: caches may hold the set for as long.
func (z *ovhZone) ttl(ctx context.Context, zone string, records []ovhRecord) (longest int64, err error) {
	for _, r := range records {
		if r.TTL == 0 {
			var soa struct {
				TTL int64 `json:"ttl"`
			}
			if _, err := z.ask(ctx, http.MethodGet, ovhAt(zone)+"/soa", nil, &soa); err != nil {
				return 0, err
			}
			longest = max(longest, soa.TTL)
			break
		}
	}
	for _, r := range records {
		longest = max(longest, r.TTL)
	}
	return longest, nil
}

// list reads the records of a type at a name: the filter gives more.
func (z *ovhZone) list(ctx context.Context, zone, rrtype, sub string) ([]ovhRecord, error) {
	var ids []int64
	query := url.Values{"fieldType": {rrtype}, "subDomain": {sub}}
	if _, err := z.ask(ctx, http.MethodGet, ovhAt(zone)+"/record?"+query.Encode(), nil, &ids); err != nil {
		return nil, err
	}
	if ids == nil {
		return nil, z.empty()
	}
	if len(ids) > maxIDs {
		return nil, z.odd(fmt.Errorf("%d records at one name", len(ids)))
	}
	var records []ovhRecord
	for _, id := range ids {
		var r ovhRecord
		p, err := z.ask(ctx, http.MethodGet, ovhAt(zone)+"/record/"+strconv.FormatInt(id, 10), nil, &r)
		switch {
		case gone(p): // since the list was made
		case err != nil:
			return nil, err
		case r.ID != id:
			return nil, z.odd(fmt.Errorf("record %d in place of %d", r.ID, id))
		case r.Type == rrtype && strings.EqualFold(r.Sub, sub):
			records = append(records, r)
		}
	}
	return records, nil
}
