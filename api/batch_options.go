package api

import (
	"net/http"

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
	return mediaIn(head, batchMedia, "send application/x-ndjson or application/cbor-seq")
}

var batchMedia = map[string]media{"application/x-ndjson": mediaJSON, "application/cbor-seq": mediaCWT}
