package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"cnfd/publish"
)

// cloudflareError is one of the errors of a reply, by its code.
type cloudflareError struct {
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Chain   []cloudflareError `json:"error_chain"`
}

type cloudflareErrorList []cloudflareError

func cloudflareErrors(body []byte) cloudflareErrorList {
	var r struct {
		Errors cloudflareErrorList `json:"errors"`
	}
	_ = json.Unmarshal(body, &r) // a proxy's error page has no words that are known
	return r.Errors
}

// String returns their words with their codes.
func (l cloudflareErrorList) String() string {
	var words []string
	for _, e := range l {
		words = append(words, fmt.Sprintf("%s (%d)", e.Message, e.Code))
		for _, inner := range e.Chain {
			words = append(words, fmt.Sprintf("%s (%d)", inner.Message, inner.Code))
		}
	}
	return strings.Join(words, "; ")
}

// judge tells by the codes what the status does not: they are not documented, and
// were collected by those who met them.
func (f *cloudflare) judge(p reply, err error) error {
	e, ok := err.(*publish.Error)
	if !ok || p.status < 400 || p.status >= 500 || p.status == http.StatusTooManyRequests {
		return err
	}
	for _, c := range cloudflareErrors(p.body) {
		switch {
		case c.Code == 1000, c.Code == 6003, c.Code == 9109 && strings.Contains(c.Message, "access token"):
			e.Kind, e.Do = publish.BadKey, "check the API token"
		case c.Code == 10000: // also of a token that was never issued
			e.Kind, e.Do = publish.Refused, "check the API token, and that it has Zone Read and DNS Edit for the zone"
		case c.Code == 81044, c.Code == 81057, c.Code == 81058: // gone already; there already
			e.Kind, e.Do = publish.Conflict, "somebody else writes the same records: try again"
		case c.Code == 81053, c.Code == 81054: // a CNAME in the way
			e.Kind, e.Do = publish.Conflict, "a CNAME came in between"
		case c.Code == 1004, c.Code == 9005, c.Code == 9020, c.Code == 9021, c.Code == 9103:
			e.Kind = publish.Unsupported
		}
	}
	return err
}
