package provider

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cnfd/publish"
)

// azureSet is a TLSA set in a reply and in a request; what a record is made of is kept
// as it came, also what is not known here.
type azureSet struct {
	ETag       string          `json:"etag"`
	Properties azureProperties `json:"properties"`
	records    []held[json.RawMessage]
}

type azureProperties struct {
	Metadata json.RawMessage   `json:"metadata,omitempty"`
	TTL      int64             `json:"TTL"`
	TLSA     []json.RawMessage `json:"TLSARecords"`
}

// get reads the set and the alias at name; an absent set has no etag.
func (z *azureZone) get(ctx context.Context, at azureApex, name string) (set azureSet, s publish.Set, err error) {
	switch p, err := z.json(ctx, http.MethodGet, z.path(at, "TLSA", name), nil, &set); {
	case gone(p):
		set = azureSet{}
	case err != nil:
		return set, s, err
	case set.Properties.TLSA == nil:
		return set, s, z.empty()
	}
	var alias struct {
		Properties struct {
			CNAME struct {
				Target string `json:"cname"`
			} `json:"CNAMERecord"`
			Resource struct {
				ID string `json:"id"`
			} `json:"targetResource"`
		} `json:"properties"`
	}
	target := ""
	switch p, err := z.json(ctx, http.MethodGet, z.path(at, "CNAME", name), nil, &alias); {
	case gone(p):
	case err != nil:
		return set, s, err
	case alias.Properties.CNAME.Target == "": // one that follows a resource of Azure's, or is empty
		target = cmp.Or(alias.Properties.Resource.ID, "?")
	default: // a whole name, mostly without its dot
		target = strings.ToLower(strings.TrimSuffix(alias.Properties.CNAME.Target, ".")) + "."
	}
	if set.records, err = hold(z.api, name, set.Properties.TLSA, readAzureRecord); err != nil {
		return set, s, err
	}
	s, err = setOf(z.api, name, set.Properties.TTL, set.records, target)
	return set, s, err
}

func readAzureRecord(raw json.RawMessage) (publish.Record, error) {
	var f struct {
		Usage       *uint8  `json:"usage"`
		Selector    *uint8  `json:"selector"`
		Matching    *uint8  `json:"matchingType"`
		Association *string `json:"certAssociationData"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return publish.Record{}, err
	}
	if f.Usage == nil || f.Selector == nil || f.Matching == nil || f.Association == nil {
		return publish.Record{}, errors.New("a field is missing")
	}
	association, err := hex.DecodeString(strings.Join(strings.Fields(*f.Association), ""))
	if err != nil {
		return publish.Record{}, errors.New("certAssociationData: not hex")
	}
	return publish.RecordOf(append([]byte{*f.Usage, *f.Selector, *f.Matching}, association...))
}

func azureRecord(r publish.Record) json.RawMessage {
	usage, selector, matching, association := r.Fields()
	return fmt.Appendf(nil, `{"usage":%d,"selector":%d,"matchingType":%d,"certAssociationData":"%X"}`, usage, selector, matching, association)
}
