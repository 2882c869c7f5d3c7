package provider

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"cnfd/publish"
)

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
	XMLName        xml.Name     `xml:"ListResourceRecordSetsResponse"`
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
	return z.found.zone(name, func() (string, error) { return z.find(ctx, name) })
}

func (z *route53) find(ctx context.Context, name string) (string, error) {
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
			XMLName xml.Name `xml:"ListHostedZonesByNameResponse"`
			Zones   []struct {
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
