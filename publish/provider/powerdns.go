package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cnfd/publish"
)

// powerdns is the HTTP API of a PowerDNS authoritative server, 4.2 and up
// (https://doc.powerdns.com/authoritative/http-api/):
//
//	GET   /api/v1/servers/localhost/zones?zone=…      the zone, or none
//	GET   /api/v1/servers/localhost/zones/…           all its records
//	GET   /api/v1/servers/localhost/zones/…/metadata  whether somebody else signs it
//	PATCH /api/v1/servers/localhost/zones/…           REPLACE or DELETE of one RRset
//	PUT   /api/v1/servers/localhost/zones/…/rectify   its order for denials
//
// The credentials file is the API key alone, which goes as X-API-Key. The endpoint
// is that of the web server, by default http://127.0.0.1:8081.
//
// A PATCH takes whole sets and no precondition (EXTEND and PRUNE of 4.9.12 and 5.0.2
// are for one record, and what they do to a TTL and to disabled records is not
// written down: not used). The set is therefore read again just before, and the
// zone's serial after: one that went up by more than our own change is told of,
// after the fact. That needs SOA-EDIT-API to be DEFAULT or INCREASE, as zones made
// over the API have it.
//
// The whole zone is read, since what is asked for by rrset_name lacks the disabled
// records, which a REPLACE would then delete. Comments stay where none are sent, and
// go with a set's last record.
type powerdns struct {
	*api
	zone string
}

const (
	pdnsServer = "/api/v1/servers/localhost"
	pdnsZone   = 64 << 20 // octets of one zone as JSON, some 400 000 records
)

func newPowerDNS(c Config) (publish.Target, error) {
	a, err := c.api("powerdns", "http://127.0.0.1:8081")
	if err != nil {
		return publish.Target{}, err
	}
	key := strings.TrimSpace(string(c.Credentials))
	if key == "" || strings.ContainsAny(key, "\r\n") {
		return publish.Target{}, fmt.Errorf("powerdns: credentials: want the API key (api-key of pdns.conf) on one line")
	}
	a.base = strings.TrimSuffix(a.base, "/api/v1")
	a.largest = pdnsZone
	a.sign = func(r *http.Request, _ []byte) error {
		r.Header.Set("X-API-Key", key)
		return nil
	}
	a.explain = func(body []byte) string {
		var e struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(body, &e) // some errors are plain text that says no more than the status
		return e.Error
	}
	return publish.Target{Name: "powerdns at " + a.base, Zone: &powerdns{a, c.Zone}, Limits: publish.Limits{PlainNames: true, Unguarded: true}}, nil
}

// powerdnsZone is a Zone of the API.
type powerdnsZone struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Kind       string        `json:"kind"`
	DNSSEC     bool          `json:"dnssec"`
	Serial     uint32        `json:"serial"`
	SOAEditAPI string        `json:"soa_edit_api"`
	RRsets     []powerdnsSet `json:"rrsets"`
}

// powerdnsSet is an RRset of the API, without its comments.
type powerdnsSet struct {
	Name    string           `json:"name"`
	Type    string           `json:"type"`
	TTL     *int64           `json:"ttl,omitempty"` // not with DELETE
	Change  string           `json:"changetype,omitempty"`
	Records []powerdnsRecord `json:"records"`
}

type powerdnsRecord struct {
	Content  string `json:"content"`
	Disabled bool   `json:"disabled"`
}

// Read implements publish.Zone.
func (p *powerdns) Read(ctx context.Context, name string) (publish.Set, error) {
	z, err := p.whole(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	set, _, err := z.at(name)
	if err != nil {
		return publish.Set{}, p.odd(err)
	}
	return set, nil
}

// Write implements publish.Zone.
func (p *powerdns) Write(ctx context.Context, c publish.Change) error {
	z, err := p.whole(ctx, c.Name)
	if err != nil {
		return err
	}
	now, held, err := z.at(c.Name)
	if err != nil {
		return p.odd(err)
	}
	if moved(now, c.Before) {
		return p.changed(c.Name)
	}
	if err := p.writable(ctx, z); err != nil {
		return err
	}
	if err := p.patch(ctx, z, replacement(c, held)); err != nil {
		return err
	}
	if z.DNSSEC {
		// A name that is not in the order is denied by the NSEC around it; servers do
		// this by themselves only with api-rectify.
		if _, err := p.json(ctx, http.MethodPut, z.path()+"/rectify", nil, nil); err != nil {
			return err
		}
	}
	return p.undisturbed(ctx, z, c.Name)
}

// replacement is the RRset to be sent: what is held of others goes back as it came.
func replacement(c publish.Change, held powerdnsSet) powerdnsSet {
	ttl := seconds(c.After.TTL)
	s := powerdnsSet{Name: c.Name, Type: "TLSA", TTL: &ttl, Change: "REPLACE", Records: []powerdnsRecord{}}
	added := c.Added()
	for _, r := range held.Records {
		record, _ := publish.ParseRecord(r.Content) // at has read it before
		switch i := slices.Index(added, record); {
		case r.Disabled && i >= 0: // enabled instead: the same record twice is refused
		case r.Disabled || c.After.Has(record):
			s.Records = append(s.Records, r)
		}
	}
	for _, r := range added {
		s.Records = append(s.Records, powerdnsRecord{Content: strings.ToLower(r.String())})
	}
	switch {
	case len(s.Records) == 0:
		s.TTL, s.Change = nil, "DELETE"
	case len(c.After.Records) == 0: // disabled ones alone
		s.TTL = held.TTL
	}
	return s
}

// whole reads the zone that holds name.
func (p *powerdns) whole(ctx context.Context, name string) (powerdnsZone, error) {
	for _, apex := range apexes(name, p.zone) {
		var found []powerdnsZone
		if _, err := p.json(ctx, http.MethodGet, pdnsServer+"/zones?zone="+url.QueryEscape(apex+"."), nil, &found); err != nil {
			return powerdnsZone{}, err
		}
		i := slices.IndexFunc(found, func(z powerdnsZone) bool { return strings.EqualFold(z.Name, apex+".") })
		if i < 0 {
			continue
		}
		var z powerdnsZone
		if _, err := p.json(ctx, http.MethodGet, found[i].path(), nil, &z); err != nil {
			return powerdnsZone{}, err
		}
		if z.Name != found[i].Name || len(z.RRsets) == 0 { // a zone without its SOA is half a reply
			return powerdnsZone{}, p.odd(errors.New("not the zone that was asked for"))
		}
		z.ID = found[i].ID
		return z, nil
	}
	return powerdnsZone{}, p.noZone(name)
}

func (z powerdnsZone) path() string {
	return pdnsServer + "/zones/" + url.PathEscape(cmp.Or(z.ID, z.Name))
}

// at returns the set at name that is served, and the RRset with all that is held.
func (z powerdnsZone) at(name string) (set publish.Set, held powerdnsSet, err error) {
	set.Name = name
	for _, s := range z.RRsets {
		if !strings.EqualFold(s.Name, name) {
			continue
		}
		for _, r := range s.Records {
			switch s.Type {
			case "TLSA":
				record, err := publish.ParseRecord(r.Content)
				if err != nil {
					return publish.Set{}, powerdnsSet{}, err
				}
				if !r.Disabled && !set.Has(record) {
					set.Records = append(set.Records, record)
				}
			case "CNAME":
				if !r.Disabled {
					set.Alias = r.Content
				}
			}
		}
		if s.Type == "TLSA" {
			held = s
		}
	}
	switch {
	case held.TTL == nil && len(held.Records) > 0, held.TTL != nil && (*held.TTL < 0 || *held.TTL > maxSeconds):
		return publish.Set{}, powerdnsSet{}, fmt.Errorf("set at %s without a TTL that can be", name)
	case len(set.Records) > 0:
		set.TTL = time.Duration(*held.TTL) * time.Second
	}
	return set, held, nil
}

// writable refuses a zone that takes what is written and does not keep or serve it.
func (p *powerdns) writable(ctx context.Context, z powerdnsZone) error {
	no := func(what, do string) error {
		return &publish.Error{Kind: publish.Unsupported, Where: "powerdns: zone " + z.Name, What: what, Do: do}
	}
	switch strings.ToLower(z.Kind) {
	case "slave", "secondary", "consumer":
		return no("zone is a copy: the next transfer undoes what is written", "write to its primary")
	}
	var metadata []struct {
		Kind     string   `json:"kind"`
		Metadata []string `json:"metadata"`
	}
	if _, err := p.json(ctx, http.MethodGet, z.path()+"/metadata", nil, &metadata); err != nil {
		return err
	}
	for _, m := range metadata {
		if m.Kind == "PRESIGNED" && slices.Contains(m.Metadata, "1") {
			return no("zone is signed by somebody else (PRESIGNED): the record would have no signature", "write where it is signed")
		}
	}
	return nil
}

// patch sends one RRset. A 422 is said before anything is written.
func (p *powerdns) patch(ctx context.Context, z powerdnsZone, s powerdnsSet) error {
	reply, err := p.json(ctx, http.MethodPatch, z.path(), map[string]any{"rrsets": []powerdnsSet{s}}, nil)
	if e, ok := err.(*publish.Error); ok && reply.status == http.StatusUnprocessableEntity {
		e.Kind = publish.Unsupported
		if strings.Contains(e.What, "Conflicts with") { // a CNAME came in between
			e.Kind = publish.Conflict
		}
	}
	return err
}

// undisturbed finds out by the serial whether somebody else changed the zone since before.
func (p *powerdns) undisturbed(ctx context.Context, before powerdnsZone, name string) error {
	var after powerdnsZone
	if _, err := p.json(ctx, http.MethodGet, before.path()+"?rrsets=false", nil, &after); err != nil {
		return err
	}
	if oneStep(before.SOAEditAPI, before.Serial, after.Serial) {
		return nil
	}
	return &publish.Error{
		Where: "powerdns: zone " + before.Name,
		What:  fmt.Sprintf("somebody else changed the zone in the same moment (serial %d, then %d), and records of theirs at %s may be overwritten", before.Serial, after.Serial, name),
		Do:    "look whether all of theirs are there, and try again",
	}
}

// oneStep reports whether one change over the API can have taken a serial from
// before to after. DEFAULT counts up, and goes to the date and 01 where that is more.
func oneStep(edit string, before, after uint32) bool {
	switch strings.ToUpper(edit) {
	case "DEFAULT":
		return after == before+1 || after > before && after%100 == 1 && after/1e6 >= 2000 && after/1e6 < 2200
	case "INCREASE":
		return after == before+1
	}
	return true // by the clock, or not at all: it tells nothing
}
