package api

import (
	"mime"
	"net/http"
	"strings"

	"cnfd/verifier"
)

// merge puts what the query asks into an item's question, as readQuery does for
// one alone. An item may ask for more, and for nothing else.
func (b *batch) merge(q *verifier.Request, saidTime bool) *problem {
	d := &b.defaults
	if d.Bounded && (!q.Bounded || d.MaxAge < q.MaxAge) {
		q.Bounded, q.MaxAge = true, d.MaxAge
	}
	if b.saidTime {
		if saidTime && q.SkipTime != d.SkipTime {
			return twoThings("time")
		}
		q.SkipTime = d.SkipTime
	}
	q.Checks |= d.Checks
	if d.DPoP.Proof != nil {
		if q.DPoP.Proof != nil && string(q.DPoP.Proof) != string(d.DPoP.Proof) {
			return twoThings("dpop")
		}
		q.DPoP.Proof = d.DPoP.Proof
	}
	for _, o := range [...]struct {
		name     string
		into, is *string
	}{
		{"aud", &q.Audience, &d.Audience},
		{"nonce", &q.Nonce, &d.Nonce},
		{"htm", &q.DPoP.Method, &d.DPoP.Method},
		{"htu", &q.DPoP.URL, &d.DPoP.URL},
		{"client_cert", &q.ClientCert, &d.ClientCert},
	} {
		if *o.is == "" {
			continue
		}
		if *o.into != "" && *o.into != *o.is {
			return twoThings(o.name)
		}
		*o.into = *o.is
	}
	return nil
}

// batchMediaOf reads the Content-Type of a batch.
func batchMediaOf(head http.Header) (media, *problem) {
	const accepted = "send application/x-ndjson or application/cbor-seq"
	types := head["Content-Type"]
	if len(types) != 1 {
		return 0, &problem{unsupportedMediaType, "want one Content-Type: " + accepted}
	}
	name, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return 0, &problem{unsupportedMediaType, "the Content-Type cannot be read: " + accepted}
	}
	if set := params["charset"]; set != "" && !strings.EqualFold(set, "utf-8") {
		return 0, &problem{unsupportedMediaType, "only UTF-8 is read here"}
	}
	switch name {
	case "application/x-ndjson":
		return mediaJSON, nil
	case "application/cbor-seq":
		return mediaCWT, nil
	}
	return 0, &problem{unsupportedMediaType, shown(name) + " is not read here: " + accepted}
}
