package provider

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

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
	zone string
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
	return publish.Target{Name: "route53", Zone: &route53{a, c.Zone}}, nil
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
	if !now.Same(c.Before) {
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

// look reads what a zone holds at name.
func (z *route53) look(ctx context.Context, id, name string) (publish.Set, []held[route53Value], error) {
	var sets []route53Set
	q := url.Values{"name": {route53Name(name)}}
	for range maxPages {
		var list route53List
		if err := z.xml(ctx, "/2013-04-01/hostedzone/"+url.PathEscape(id)+"/rrset?"+sigV4Query(&url.URL{RawQuery: q.Encode()}), &list); err != nil {
			return publish.Set{}, nil, err
		}
		for _, s := range list.Sets {
			if strings.EqualFold(plainName(s.Name), name) {
				sets = append(sets, s)
			}
		}
		// The list is in the order of the names from the asked one on.
		if !list.IsTruncated || !strings.EqualFold(plainName(list.NextName), name) {
			return z.at(name, sets)
		}
		q = url.Values{"name": {list.NextName}, "type": {list.NextType}}
		if list.NextIdentifier != "" {
			q.Set("identifier", list.NextIdentifier)
		}
	}
	return publish.Set{}, nil, z.odd(fmt.Errorf("a list of over %d pages", maxPages))
}

// route53List is a ListResourceRecordSetsResponse.
type route53List struct {
	Sets           []route53Set `xml:"ResourceRecordSets>ResourceRecordSet"`
	IsTruncated    bool
	NextName       string `xml:"NextRecordName"`
	NextType       string `xml:"NextRecordType"`
	NextIdentifier string `xml:"NextRecordIdentifier"`
}

// at makes of the sets at name the one that is looked for.
func (z *route53) at(name string, sets []route53Set) (publish.Set, []held[route53Value], error) {
	var alias string
	var tlsa route53Set
	for _, s := range sets {
		switch s.Type {
		case "CNAME":
			alias = s.AliasOf
			if len(s.Records) > 0 {
				alias = s.Records[0].Value
			}
			alias = strings.TrimSuffix(plainName(alias), ".") + "."
		case "TLSA":
			if s.Identifier != "" {
				return publish.Set{}, nil, &publish.Error{Kind: publish.Unsupported, Where: z.name, What: "set at " + name + " has a routing policy: who asks does not get all of it", Do: "make it a simple record first"}
			}
			tlsa = s
		}
	}
	list, err := hold(z.api, name, tlsa.Records, func(v route53Value) (publish.Record, error) { return publish.ParseRecord(v.Value) })
	if err != nil {
		return publish.Set{}, nil, err
	}
	set, err := setOf(z.api, name, tlsa.TTL, list, alias)
	return set, list, err
}

// route53Name writes a name as the API takes it ("DNS domain name format").
func route53Name(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}

// plainName takes back the \ooo that Route 53 writes for every octet but letters,
// digits, hyphen and underscore.
func plainName(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// zoneID finds the public zone that holds name.
func (z *route53) zoneID(ctx context.Context, name string) (string, error) {
	for _, apex := range apexes(name, z.zone) {
		ids, err := z.zonesCalled(ctx, apex+".")
		switch {
		case err != nil:
			return "", err
		case len(ids) == 1:
			return ids[0], nil
		case len(ids) > 1:
			// Only one of them is what the registry's NS name; which, the API does not say.
			return "", &publish.Error{Kind: publish.WrongZone, Where: z.name, What: fmt.Sprintf("%d public zones are called %s", len(ids), apex), Do: "delete those that are not delegated to"}
		}
	}
	return "", z.noZone(name)
}

func (z *route53) zonesCalled(ctx context.Context, apex string) (ids []string, err error) {
	q := url.Values{"dnsname": {apex}, "maxitems": {"100"}}
	for range maxPages {
		var list struct {
			Zones []struct {
				ID      string `xml:"Id"`
				Name    string
				Private bool `xml:"Config>PrivateZone"`
			} `xml:"HostedZones>HostedZone"`
			IsTruncated bool
			NextName    string `xml:"NextDNSName"`
			NextID      string `xml:"NextHostedZoneId"`
		}
		if err := z.xml(ctx, "/2013-04-01/hostedzonesbyname?"+sigV4Query(&url.URL{RawQuery: q.Encode()}), &list); err != nil {
			return nil, err
		}
		for _, zone := range list.Zones {
			id := strings.TrimPrefix(zone.ID, "/hostedzone/")
			if strings.EqualFold(plainName(zone.Name), apex) && !zone.Private && id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if !list.IsTruncated || !strings.EqualFold(plainName(list.NextName), apex) {
			return ids, nil
		}
		q = url.Values{"dnsname": {list.NextName}, "hostedzoneid": {list.NextID}, "maxitems": {"100"}}
	}
	return nil, z.odd(fmt.Errorf("a list of over %d pages", maxPages))
}

// xml makes a GET and reads the reply into out.
func (z *route53) xml(ctx context.Context, path string, out any) error {
	p, err := z.call(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return z.judge(p, err)
	}
	if err := xml.Unmarshal(p.body, out); err != nil {
		return z.odd(err)
	}
	return nil
}

// route53Fault is an error of the API, in either of its two shapes.
type route53Fault struct {
	XMLName  xml.Name
	Code     string   `xml:"Error>Code"`
	Message  string   `xml:"Error>Message"`
	Messages []string `xml:"Messages>Message"` // of an InvalidChangeBatch that is the whole reply
}

func route53Error(body []byte) route53Fault {
	var f route53Fault
	_ = xml.Unmarshal(body, &f) // what stands in the way may answer in HTML
	if f.Code == "" && f.XMLName.Local != "ErrorResponse" && len(f.Messages) > 0 {
		f.Code = f.XMLName.Local
	}
	return f
}

// String returns the code and the words.
func (f route53Fault) String() string {
	words := strings.Join(append([]string{f.Message}, f.Messages...), " ")
	return strings.Trim(f.Code+": "+strings.TrimSpace(words), ": ")
}

// judge tells by the code what the status does not.
func (z *route53) judge(p reply, err error) error {
	e, ok := err.(*publish.Error)
	if !ok || p.status < 400 || p.status >= 500 || e.Kind == publish.RateLimited {
		return err
	}
	switch f := route53Error(p.body); f.Code {
	case "InvalidChangeBatch":
		e.Kind, e.Do = publish.Conflict, "somebody else writes the same records: try again"
		if strings.Contains(f.String(), "FATAL problem") || strings.Contains(f.String(), "Invalid Resource Record") {
			e.Kind, e.Do = publish.Unsupported, "nothing was changed"
		}
	case "InvalidInput", "MalformedInput":
		e.Kind, e.Do = publish.Unsupported, "nothing was changed"
	case "InvalidClientTokenId", "UnrecognizedClientException", "MissingAuthenticationToken", "IncompleteSignature", "ExpiredToken":
		e.Kind, e.Do = publish.BadKey, "check the credentials"
	case "SignatureDoesNotMatch", "RequestExpired":
		e.Kind, e.Do = publish.BadKey, "check the secret access key"
		if f.Code == "RequestExpired" || strings.Contains(f.Message, "Signature expired") || strings.Contains(f.Message, "Signature not yet current") {
			e.Kind, e.Do = publish.BadTime, "set this machine's clock"
			e.Theirs, _ = http.ParseTime(p.header.Get("Date"))
		}
	}
	return err
}
