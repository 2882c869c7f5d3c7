package provider

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
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
	now    func() time.Time
	// sign adds what proves who calls; body is what will be sent.
	sign func(r *http.Request, body []byte) error
	// explain finds a provider's own words in an error reply; what it returns is
	// shown to people, cut short. nil: none.
	explain func(body []byte) string
	// busy finds out whether an error reply asks for fewer calls, of a provider that
	// says so by another status than 429. nil: none does.
	busy    func(reply) bool
	largest int64 // octets of a reply; zero: maxReply
	hidden  *words
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
	a := &api{name: name, base: strings.TrimSuffix(base, "/"), wait: c.Wait, now: c.Now, hidden: new(words)}
	a.hidden.hide(secretsIn(c.Credentials)...)
	client := http.Client{}
	switch {
	case c.Client != nil:
		client = *c.Client
	case u.Scheme == "http":
		client.Transport = &http.Transport{DialContext: (&net.Dialer{Control: loopbackOnly}).DialContext}
	}
	if client.Timeout == 0 {
		client.Timeout = callTime
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

// loopbackOnly refuses a connection that would carry credentials in the clear to
// another machine: what "localhost" is, a resolver says.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	if host, _, err := net.SplitHostPort(address); err != nil || !onLoopback(host) {
		return errors.New("http is for this machine alone")
	}
	return nil
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
	harmless     bool        // it changes nothing, as no GET does: it may be made again whatever became of it
}

// changes reports whether it may change something.
func (r request) changes() bool { return r.method != http.MethodGet && !r.harmless }

// reply is what came of it, whatever its status.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// call makes a call. A call that was certainly not carried out (429, or a GET that
// failed) is made again after what Retry-After asks for, else after a second, doubled
// each time. The error is an *publish.Error: of a reply of 300 and up its Kind is by
// the status, and reply is there too for who knows more of it.
func (a *api) call(ctx context.Context, r request) (reply, error) {
	pause := time.Second
	for try := 1; ; try++ {
		p, err := a.once(ctx, r)
		if err == nil || !a.again(r, p, err) || try == maxTries {
			return p, err
		}
		d := pause
		if asked, ok := a.asked(p.header.Get("Retry-After")); ok {
			d = asked
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

// again reports whether a call that failed may be made again: what changes something
// only where it was turned away unread, since it may have been done.
func (a *api) again(r request, p reply, err error) bool {
	var e *publish.Error
	if !errors.As(err, &e) || e.Kind == publish.Stopped {
		return false
	}
	var untrusted *tls.CertificateVerificationError
	if e.Kind == publish.RateLimited || r.changes() || errors.As(e.Err, &untrusted) {
		return e.Kind == publish.RateLimited
	}
	return e.Kind == publish.Unreachable || p.status >= 500
}

// asked reads Retry-After: seconds, or a date (RFC 9110 §10.2.3).
func (a *api) asked(retryAfter string) (d time.Duration, ok bool) {
	if n, err := strconv.ParseUint(retryAfter, 10, 31); err == nil {
		return time.Duration(n) * time.Second, true
	}
	at, err := http.ParseTime(retryAfter)
	if err != nil || a.now == nil {
		return 0, false
	}
	return max(at.Sub(a.now()), time.Second), true
}

func (a *api) stopped(err error) *publish.Error {
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
		return reply{}, a.unheard(ctx, r, err)
	}
	defer s.Body.Close()
	p := reply{status: s.StatusCode, header: s.Header}
	largest := cmp.Or(a.largest, maxReply)
	if p.body, err = io.ReadAll(io.LimitReader(s.Body, largest+1)); err != nil {
		return p, a.unheard(ctx, r, err)
	}
	if int64(len(p.body)) > largest {
		return p, &publish.Error{Where: a.name, What: fmt.Sprintf("reply over %d MiB", largest>>20)}
	}
	if p.status < 200 || p.status >= 300 {
		e := a.refused(p)
		// A gateway gave up waiting for who does the work (RFC 9110 §15.6.3, §15.6.5).
		e.Maybe = r.changes() && (p.status == http.StatusBadGateway || p.status == http.StatusGatewayTimeout)
		return p, e
	}
	return p, nil
}

// unheard is the error of a call that got no whole reply: it may have been carried
// out all the same.
func (a *api) unheard(ctx context.Context, r request, err error) error {
	if ctx.Err() != nil {
		e := a.stopped(ctx.Err())
		e.Maybe = r.changes()
		return e
	}
	// What the library says of it names the URL, which people have no use for.
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	e := &publish.Error{Kind: publish.Unreachable, Where: a.name, What: "no reply: " + a.quote(err.Error()), Err: err}
	var dial *net.OpError
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		e.Do = "check the endpoint, and the authorities that this machine trusts"
	case errors.As(err, &dial) && dial.Op == "dial":
		e.Do = "check the endpoint and the network; nothing was sent"
	default:
		e.Do, e.Maybe = "whether the call was carried out is not known: look, or try again", r.changes()
	}
	return e
}

// refused is the error of a status that is not a success.
func (a *api) refused(p reply) *publish.Error {
	e := &publish.Error{Where: a.name, What: fmt.Sprintf("HTTP status %d", p.status)}
	if a.explain != nil {
		if words := a.explain(p.body); words != "" {
			e.What += ": " + a.quote(words)
		}
	}
	switch {
	case p.status == http.StatusTooManyRequests || a.busy != nil && a.busy(p):
		e.Kind, e.Do = publish.RateLimited, "try again later"
	case p.status == http.StatusUnauthorized:
		e.Kind, e.Do = publish.BadKey, "check the credentials"
	case p.status == http.StatusForbidden:
		e.Kind, e.Do = publish.Refused, "give the credentials the right to read and edit the zone's records"
	case p.status == http.StatusNotFound:
		e.Kind, e.Do = publish.WrongZone, "check the zone, and that the credentials are of its account"
	case p.status == http.StatusConflict || p.status == http.StatusPreconditionFailed:
		e.Kind, e.Do = publish.Conflict, "somebody else writes the same records: try again"
	case p.status >= 500:
		e.Kind, e.Do = publish.ServFail, "try again later"
	case p.status < 400:
		e.What, e.Do = e.What+", which is not followed", "check the endpoint"
	}
	return e
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
		return p, a.odd(err)
	}
	return p, nil
}

// odd is the error of a reply that is a success and not what it should be.
func (a *api) odd(err error) error {
	return &publish.Error{Where: a.name, What: "reply is not what the API's documentation promises", Err: err}
}
