package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Request is a credential and what is asked of it: exactly one of Token, Claims and CWT.
type Request struct {
	Token  string          // a JWT, an SD-JWT, or a tagged CWT in base64url
	Claims json.RawMessage // a JWT claim set that the caller has verified
	CWT    []byte          // a tagged CWT, or a bare claims map that the caller has verified

	// MaxAge bounds the age of the DNS data used, in whole seconds, where Bounded says so;
	// zero with Bounded asks the DNS anew.
	MaxAge   time.Duration
	Bounded  bool
	SkipTime bool // leaves exp and nbf alone

	Checks     []Check // made beyond what the daemon is configured to make
	Audience   string  // whom the credential must be for
	Nonce      string  // that the holder was given for a key binding or a DPoP proof
	DPoP       DPoP
	ClientCert string // as a gateway hands it on
}

// DPoP is a DPoP proof and the request that it came with (RFC 9449 §4.3).
type DPoP struct {
	Proof       string // the value of the one DPoP header
	Method, URL string
}

// Check is a check of a token or of its holder.
type Check string

// The checks.
const (
	CheckSignature  Check = "signature"
	CheckKeyBinding Check = "key_binding"
	CheckDPoP       Check = "dpop"
	CheckMTLS       Check = "mtls"
)

// options is what the API takes beside a credential.
type options struct {
	MaxAge     *int64       `json:"max_age,omitempty"`
	Time       *bool        `json:"time,omitempty"`
	Check      []Check      `json:"check,omitempty"`
	Audience   string       `json:"aud,omitempty"`
	Nonce      string       `json:"nonce,omitempty"`
	DPoP       *dpopOptions `json:"dpop,omitempty"`
	ClientCert string       `json:"client_cert,omitempty"`
}

type dpopOptions struct {
	Proof  string `json:"proof,omitempty"`
	Method string `json:"htm,omitempty"`
	URL    string `json:"htu,omitempty"`
}

func (q *Request) options() options {
	o := options{Check: q.Checks, Audience: q.Audience, Nonce: q.Nonce, ClientCert: q.ClientCert}
	if q.Bounded {
		seconds := int64(q.MaxAge / time.Second) // down: data may be fresher than was asked for
		o.MaxAge = &seconds
	}
	if q.SkipTime {
		o.Time = new(bool)
	}
	if q.DPoP != (DPoP{}) {
		o.DPoP = &dpopOptions{q.DPoP.Proof, q.DPoP.Method, q.DPoP.URL}
	}
	return o
}

// query is the same as options of a query, for a body that is the credential alone.
func (o *options) query() url.Values {
	query := url.Values{}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.MaxAge != nil {
		set("max_age", strconv.FormatInt(*o.MaxAge, 10))
	}
	if o.Time != nil {
		set("time", "false")
	}
	words := make([]string, len(o.Check))
	for i, c := range o.Check {
		words[i] = string(c)
	}
	set("check", strings.Join(words, ","))
	set("aud", o.Audience)
	set("nonce", o.Nonce)
	set("client_cert", o.ClientCert)
	if o.DPoP != nil {
		set("dpop", o.DPoP.Proof)
		set("htm", o.DPoP.Method)
		set("htu", o.DPoP.URL)
	}
	return query
}

// encode writes q as a request's type, query and body.
func (q *Request) encode() (kind string, query url.Values, body []byte, err error) {
	if q.CWT != nil && q.Token == "" && q.Claims == nil {
		o := q.options()
		return "application/cwt", o.query(), q.CWT, nil
	}
	body, err = q.appendJSON(nil)
	return "application/json", nil, body, err
}

// appendJSON writes q as one object on one line.
func (q *Request) appendJSON(dst []byte) ([]byte, error) {
	given := 0
	for _, there := range []bool{q.Token != "", q.Claims != nil, q.CWT != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("want exactly one of Token, Claims and CWT")
	}
	rest, err := json.Marshal(q.options())
	if err != nil {
		return nil, err
	}
	switch {
	case q.Claims != nil:
		// One JSON value, and on one line: what followed it would become options.
		var one bytes.Buffer
		if err := json.Compact(&one, q.Claims); err != nil {
			return nil, errors.New("claims: not JSON")
		}
		dst = append(append(dst, `{"claims":`...), one.Bytes()...)
	case q.CWT != nil:
		if len(q.CWT) > 0 && q.CWT[0]>>5 == 5 {
			return nil, errors.New("cwt: a bare claims map cannot be told apart as text: it has no place in a batch")
		}
		dst = append(append(dst, `{"token":"`...), base64.RawURLEncoding.EncodeToString(q.CWT)...)
		dst = append(dst, '"')
	default:
		text, err := json.Marshal(q.Token)
		if err != nil {
			return nil, err
		}
		dst = append(append(dst, `{"token":`...), text...)
	}
	if len(rest) > len("{}") {
		dst = append(dst, ',')
	}
	return append(dst, rest[1:]...), nil
}
