package provider

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"cnfd/publish"
)

// route53 is the API of Amazon Route 53, version 2013-04-01
// (https://docs.aws.amazon.com/Route53/latest/APIReference/):
//
//	GET  /2013-04-01/hostedzonesbyname?dnsname=…     ListHostedZonesByName, 100 a page
//	GET  /2013-04-01/hostedzone/{id}/rrset?name=…    ListResourceRecordSets, 300 a page
//	POST /2013-04-01/hostedzone/{id}/rrset/          ChangeResourceRecordSets
//
// The credentials file is one of AWS: an ini file with aws_access_key_id,
// aws_secret_access_key and, of temporary ones, aws_session_token, in the section
// [default] or the only one. They need route53:ListHostedZonesByName,
// ListResourceRecordSets and ChangeResourceRecordSets.
//
// A change batch is done as a whole or not at all, and a DELETE must give the TTL
// and every value that is there: DELETE of the old set and CREATE of the new one in
// one batch is a real precondition. A value goes back as it was listed, octet for
// octet. A batch is PENDING until all servers have it, which whoever watches the
// servers sees; GetChange is not asked. Private zones are skipped.
type route53 struct {
	*api
	zone  string
	found finder
}

// Limits of ChangeResourceRecordSets.
const (
	route53Values     = 1000  // ResourceRecord elements of a request
	route53Characters = 32000 // of all Values of a request
	route53MaxTTL     = maxSeconds
)

func newRoute53(c Config) (publish.Target, error) {
	a, err := c.api("route53", "https://route53.amazonaws.com")
	if err != nil {
		return publish.Target{}, err
	}
	file, err := iniSection(c.Credentials, "default")
	if err != nil {
		return publish.Target{}, fmt.Errorf("route53: credentials: %w", err)
	}
	// Route 53 is one for all regions, and signed for as if it stood in this one.
	signer := sigV4{id: file["aws_access_key_id"], secret: file["aws_secret_access_key"], token: file["aws_session_token"], region: "us-east-1", service: "route53"}
	switch {
	case signer.id == "" || signer.secret == "":
		return publish.Target{}, errors.New("route53: credentials: want aws_access_key_id and aws_secret_access_key")
	case c.Now == nil:
		return publish.Target{}, errors.New("route53: no clock to sign by")
	}
	a.sign = func(r *http.Request, body []byte) error {
		signer.sign(r, body, c.Now())
		return nil
	}
	a.explain = func(body []byte) string { return route53Error(body).String() }
	a.busy = func(p reply) bool {
		switch route53Error(p.body).Code {
		// PriorRequestNotComplete: a request for the same zone is under way, and this
		// one was turned away for it.
		case "Throttling", "ThrottlingException", "RequestLimitExceeded", "PriorRequestNotComplete":
			return true
		}
		return false
	}
	return publish.Target{Name: "route53", Zone: &route53{api: a, zone: c.Zone}}, nil
}

// route53Set is a ResourceRecordSet, without what only other types have.
type route53Set struct {
	Name       string
	Type       string
	Identifier string         `xml:"SetIdentifier,omitempty"` // of a routing policy
	TTL        int64          `xml:",omitempty"`
	Records    []route53Value `xml:"ResourceRecords>ResourceRecord,omitempty"`
	AliasOf    string         `xml:"AliasTarget>DNSName,omitempty"` // for reading alone
}

type route53Value struct {
	Value string
}

// Read implements publish.Zone.
func (z *route53) Read(ctx context.Context, name string) (publish.Set, error) {
	id, err := z.zoneID(ctx, name)
	if err != nil {
		return publish.Set{}, err
	}
	set, _, err := z.look(ctx, id, name)
	return set, err
}

// Write implements publish.Zone.
func (z *route53) Write(ctx context.Context, c publish.Change) error {
	id, err := z.zoneID(ctx, c.Name)
	if err != nil {
		return err
	}
	now, list, err := z.look(ctx, id, c.Name)
	if err != nil {
		return err
	}
	if moved(now, c.Before) {
		return z.changed(c.Name)
	}
	name := route53Name(c.Name)
	old := route53Set{Name: name, Type: "TLSA", TTL: seconds(now.TTL)}
	for _, h := range list {
		old.Records = append(old.Records, h.as)
	}
	next := route53Set{Name: name, Type: "TLSA", TTL: seconds(c.After.TTL), Records: rewritten(list, c, func(r publish.Record) route53Value { return route53Value{r.String()} })}
	batch := route53Batch{Namespace: "https://route53.amazonaws.com/doc/2013-04-01/"}
	batch.add("DELETE", old)
	batch.add("CREATE", next)
	if err := batch.carries(c.Name, next.TTL); err != nil {
		return err
	}
	body, err := xml.Marshal(batch)
	if err != nil {
		return &publish.Error{Where: z.name, What: "request could not be made", Err: err}
	}
	p, err := z.call(ctx, request{
		method: http.MethodPost, path: "/2013-04-01/hostedzone/" + url.PathEscape(id) + "/rrset/",
		body: append([]byte(xml.Header), body...), header: http.Header{"Content-Type": {"application/xml"}},
	})
	return z.judge(p, err)
}

// route53Batch is a ChangeResourceRecordSetsRequest.
type route53Batch struct {
	XMLName   xml.Name        `xml:"ChangeResourceRecordSetsRequest"`
	Namespace string          `xml:"xmlns,attr"`
	Changes   []route53Change `xml:"ChangeBatch>Changes>Change"`
}

type route53Change struct {
	Action string
	Set    route53Set `xml:"ResourceRecordSet"`
}

func (b *route53Batch) add(action string, s route53Set) {
	if len(s.Records) > 0 {
		b.Changes = append(b.Changes, route53Change{action, s})
	}
}

// carries refuses what the API would refuse for its size.
func (b *route53Batch) carries(name string, ttl int64) error {
	values, characters := 0, 0
	for _, c := range b.Changes {
		for _, r := range c.Set.Records {
			values, characters = values+1, characters+len(r.Value)
		}
	}
	e := &publish.Error{Kind: publish.Unsupported, Where: "route53: " + name, Do: "remove what is not used any more"}
	switch {
	case values > route53Values:
		e.What = fmt.Sprintf("change of %d values, of which %d are taken", values, route53Values)
	case characters > route53Characters:
		e.What = fmt.Sprintf("change of %d characters, of which %d are taken: the old set and the new one", characters, route53Characters)
	case ttl > route53MaxTTL:
		e.What, e.Do = fmt.Sprintf("TTL of %d s", ttl), ""
	default:
		return nil
	}
	return e
}
