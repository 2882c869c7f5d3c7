package provider

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cnfd/publish"
)

// ask makes a call. The API tells by a code, and not by the status, who calls wrongly.
func (z *ovhZone) ask(ctx context.Context, method, path string, in, out any) (reply, error) {
	p, err := z.json(ctx, method, path, in, out)
	var e *publish.Error
	if !errors.As(err, &e) || p.status < 400 || p.status >= 500 {
		return p, err
	}
	switch ovhError(p.body).Code {
	case "INVALID_SIGNATURE", "INVALID_KEY", "INVALID_CREDENTIAL", "NOT_CREDENTIAL":
		e.Kind, e.Do = publish.BadKey, "check the three keys, and that the consumer key has not expired"
	case "QUERY_TIME_OUT":
		z.mu.Lock()
		e.Kind, e.Theirs, e.Do = publish.BadTime, z.now().Add(z.ahead), "this machine's clock has jumped: try again"
		z.asked = false
		z.mu.Unlock()
	}
	return p, err
}

type ovhWords struct {
	Code    string `json:"errorCode"`
	Message string `json:"message"`
}

func ovhError(body []byte) (w ovhWords) {
	if json.Unmarshal(body, &w) != nil {
		return ovhWords{}
	}
	return w
}

// authorize signs a request: "$1$" and SHA-1 over the secrets, method, URL, body and
// the API's own time, in hex.
func (z *ovhZone) authorize(r *http.Request, body []byte) error {
	at, err := z.time(r.Context())
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	sum := sha1.Sum([]byte(strings.Join([]string{z.key.secret, z.key.consumer, r.Method, r.URL.String(), string(body), stamp}, "+")))
	r.Header.Set("X-Ovh-Application", z.key.application)
	r.Header.Set("X-Ovh-Consumer", z.key.consumer)
	r.Header.Set("X-Ovh-Timestamp", stamp)
	r.Header.Set("X-Ovh-Signature", "$1$"+hex.EncodeToString(sum[:]))
	return nil
}

// time is the time by the API's clock, which is asked for once.
func (z *ovhZone) time(ctx context.Context) (time.Time, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if !z.asked {
		var theirs int64
		if _, err := z.clock.json(ctx, http.MethodGet, "/auth/time", nil, &theirs); err != nil {
			return time.Time{}, err
		}
		z.asked, z.ahead = true, time.Unix(theirs, 0).Sub(z.now())
	}
	return z.now().Add(z.ahead), nil
}

// readOVHKey reads an ovh.conf: [default] names the endpoint, and the section called as
// it has the keys; one section for all will do too.
func readOVHKey(file []byte) (k ovhKey, err error) {
	general, err := iniSection(file, "default")
	if err != nil {
		return k, fmt.Errorf("ovh: credentials: %w", err)
	}
	k.endpoint = general["endpoint"]
	if ovhBases[k.endpoint] == "" {
		return k, errors.New("ovh: credentials: endpoint: want ovh-eu, ovh-ca, ovh-us or another of OVH's")
	}
	keys, err := iniSection(file, k.endpoint)
	if err != nil {
		keys = general
	}
	k.application, k.secret, k.consumer = keys["application_key"], keys["application_secret"], keys["consumer_key"]
	if k.application == "" || k.secret == "" || k.consumer == "" {
		return k, errors.New("ovh: credentials: want endpoint, application_key, application_secret and consumer_key")
	}
	return k, nil
}

// ovhBases are the endpoints, as OVH's own tools call them.
var ovhBases = map[string]string{
	"ovh-eu": "https://eu.api.ovh.com/1.0", "ovh-ca": "https://ca.api.ovh.com/1.0", "ovh-us": "https://api.us.ovhcloud.com/1.0",
	"kimsufi-eu": "https://eu.api.kimsufi.com/1.0", "kimsufi-ca": "https://ca.api.kimsufi.com/1.0",
	"soyoustart-eu": "https://eu.api.soyoustart.com/1.0", "soyoustart-ca": "https://ca.api.soyoustart.com/1.0",
}

type ovhKey struct{ endpoint, application, secret, consumer string }
