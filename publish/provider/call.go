package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cnfd/publish"
)

type wait func(ctx context.Context, d time.Duration) error

// Bounds of what one call may take of this machine and of the provider.
const (
	maxReply   = 4 << 20          // octets; a page of 100 records is under 100 KiB everywhere
	callTime   = 30 * time.Second // one try
	maxTries   = 5                // of a call that was certainly not carried out
	longestNap = 60 * time.Second // of one Retry-After; who asks for more is told of as RateLimited
	maxPages   = 1000             // of one list
)

// api makes the calls to one provider.
type api struct {
	name   string // for errors: "cloudflare"
	base   string // without a trailing slash
	client *http.Client
	wait   wait
	// sign adds what proves who calls; body is what will be sent.
	sign func(r *http.Request, body []byte) error
	// explain finds a provider's own words in an error reply; what it returns is
	// shown to people, cut short. nil: none.
	explain func(body []byte) string
}

func (c Config) api(name, base string) (*api, error) {
	if c.Endpoint != "" {
		base = c.Endpoint
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: endpoint: want the base URL of the API, such as https://api.example/v1", name)
	case u.Scheme != "https" && !(u.Scheme == "http" && onLoopback(u.Hostname())):
		return nil, fmt.Errorf("%s: endpoint: want https: the credentials go there", name)
	}
	a := &api{name: name, base: strings.TrimSuffix(base, "/"), wait: c.Wait}
	client := http.Client{Timeout: callTime}
	if c.Client != nil {
		client = *c.Client
	}
	// The credentials are the provider's, and a redirect may lead to anybody.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	a.client = &client
	if a.wait == nil {
		a.wait = nap
	}
	return a, nil
}

func onLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func nap(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// request is one call.
type request struct {
	method, path string // the path from the base on, with its query, escaped
	body         []byte
	header       http.Header // beside what sign adds; Content-Type is JSON where there is a body and none is here
}

// reply is what came of it, whatever its status below 500.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call makes a call. A call that was certainly not carried out (429, or a GET that
// failed) is made again after what Retry-After asks for, else after a second, doubled
// each time. The error is an *publish.Error: of a reply of 400 and up its Kind is by
// the status, and reply is there too for who knows more of it.
func (a *api) call(ctx context.Context, r request) (reply, error) {
	pause := time.Second
	for try := 1; ; try++ {
		p, err := a.once(ctx, r)
		again := p.status == http.StatusTooManyRequests || err != nil && r.method == http.MethodGet && (p.status == 0 || p.status >= 500)
		if err == nil || !again || try == maxTries || ctx.Err() != nil {
			return p, err
		}
		d := pause
		if n, convErr := strconv.Atoi(p.header.Get("Retry-After")); convErr == nil && n >= 0 {
			d = time.Duration(n) * time.Second
		}
		if d > longestNap {
			return p, err
		}
		if werr := a.wait(ctx, d); werr != nil {
			return p, a.stopped(werr)
		}
		pause *= 2
	}
}

func (a *api) stopped(err error) error {
	return &publish.Error{Kind: publish.Stopped, Where: a.name, What: "stopped while waiting for the provider", Err: err}
}

func (a *api) once(ctx context.Context, r request) (reply, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, a.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return reply{}, &publish.Error{Where: a.name, What: "request could not be made", Err: err}
	}
	for k, v := range r.header {
		q.Header[k] = v
	}
	if r.body != nil && q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/json")
	}
	if a.sign != nil {
		if err := a.sign(q, r.body); err != nil {
			return reply{}, err
		}
	}
	s, err := a.client.Do(q)
	if err != nil {
		return reply{}, a.unheard(ctx, err)
	}
	defer s.Body.Close()
	p := reply{status: s.StatusCode, header: s.Header}
	if p.body, err = io.ReadAll(io.LimitReader(s.Body, maxReply+1)); err != nil {
		return p, a.unheard(ctx, err)
	}
	if len(p.body) > maxReply {
		return p, &publish.Error{Where: a.name, What: fmt.Sprintf("reply over %d MiB", maxReply>>20)}
	}
	if p.status >= 300 {
		return p, a.refused(p)
	}
	return p, nil
}

// unheard is the error of a call that got no whole reply: it may have been carried
// out all the same. What the library says of it names the URL, which holds no secret.
func (a *api) unheard(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return a.stopped(ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &publish.Error{Kind: publish.Unreachable, Where: a.name, What: "no reply: " + err.Error(), Do: "whether the call was carried out is not known: look, or try again", Err: err}
}

// refused is the error of a status of 300 and up.
func (a *api) refused(p reply) error {
	e := &publish.Error{Where: a.name, What: fmt.Sprintf("HTTP status %d", p.status)}
	if a.explain != nil {
		if words := a.explain(p.body); words != "" {
			e.What += ": " + short(words)
		}
	}
	switch {
	case p.status == http.StatusUnauthorized:
		e.Kind, e.Do = publish.BadKey, "check the credentials"
	case p.status == http.StatusForbidden:
		e.Kind, e.Do = publish.Refused, "give the credentials the right to read and edit the zone's records"
	case p.status == http.StatusNotFound:
		e.Kind, e.Do = publish.WrongZone, "check the zone, and that the credentials are of its account"
	case p.status == http.StatusConflict || p.status == http.StatusPreconditionFailed:
		e.Kind, e.Do = publish.Conflict, "somebody else writes the same records: try again"
	case p.status == http.StatusTooManyRequests:
		e.Kind, e.Do = publish.RateLimited, "try again later"
	case p.status >= 500:
		e.Kind, e.Do = publish.ServFail, "try again later"
	}
	return e
}

// short makes of somebody else's words one line of bounded length.
func short(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	if r := []rune(words); len(r) > 200 {
		words = string(r[:200]) + "…"
	}
	return words
}

// json makes a call with in as JSON (nil: no body), and reads the reply into out
// (nil: whatever it is).
func (a *api) json(ctx context.Context, method, path string, in, out any) (reply, error) {
	r := request{method: method, path: path}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return reply{}, &publish.Error{Where: a.name, What: "request could not be made", Err: err}
		}
		r.body = body
	}
	p, err := a.call(ctx, r)
	if err != nil || out == nil {
		return p, err
	}
	if err := json.Unmarshal(p.body, out); err != nil {
		return p, &publish.Error{Where: a.name, What: "reply is not what the API's documentation promises", Err: err}
	}
	return p, nil
}

// longest returns the longest of the zones that holds name; all with or without the
// trailing dot, in any case. ok is false where none does.
func longest(name string, zones []string) (zone string, ok bool) {
	name = "." + strings.ToLower(strings.TrimSuffix(name, "."))
	for _, z := range zones {
		bare := strings.ToLower(strings.TrimSuffix(z, "."))
		if bare != "" && strings.HasSuffix(name, "."+bare) && (!ok || len(bare) > len(strings.TrimSuffix(zone, "."))) {
			zone, ok = z, true
		}
	}
	return zone, ok
}

// noZone is the error where none of the provider's zones holds name.
func (a *api) noZone(name string) error {
	return &publish.Error{Kind: publish.WrongZone, Where: a.name, What: "no zone of the account holds " + name, Do: "check that the zone is there and that the credentials may see it"}
}
