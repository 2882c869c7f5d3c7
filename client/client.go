// Package client asks a cnfd daemon whether keys are confirmed.
//
// It knows the daemon's HTTP API (docs/api.md) and nothing of its inside, and
// imports the standard library alone, so that it can be taken along.
package client

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
)

// New returns a client of the daemon at unix:PATH, http://HOST:PORT or
// https://HOST:PORT. Nothing is sent yet. Over http:// to another machine whoever is in
// between can change the verdicts.
func New(server string) (*Client, error) {
	c := &Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	c.Transport.DisableCompression = true
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" {
			return nil, errAddress
		}
		c.Transport.Proxy = nil
		c.Transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
		c.base = "http://localhost"
		return c, nil
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errAddress
	}
	if u.Path != "" && u.Path != "/" {
		return nil, errPath
	}
	c.base = strings.TrimSuffix(u.String(), "/")
	return c, nil
}

var (
	errAddress = errors.New("want unix:PATH, http://HOST:PORT or https://HOST:PORT")
	errPath    = errors.New("it takes no path: want http://HOST:PORT or https://HOST:PORT alone")
)

// Client asks one daemon. It is made by New and may be used by many at once.
type Client struct {
	// Transport may be given a TLS configuration before the first question.
	Transport *http.Transport
	base      string
}

// Close closes the connections that nothing is asked over.
func (c *Client) Close() { c.Transport.CloseIdleConnections() }

const (
	maxAnswer  = 1 << 20          // octets of a verdict or a problem
	answerTime = 30 * time.Second // the daemon itself gives up on the DNS after 7 s
	maxTries   = 4                // where the daemon is too busy
	maxWait    = 10 * time.Second // between two of them
)

// Verify asks whether the domain of a credential's subject vouches for its key. The
// error is a *Problem where the daemon refuses the question. A verdict that confirms
// without a check that was asked for, and one whose outcome is not known here, is an
// error. A daemon that says when to come again (503 with Retry-After) is asked again,
// three times at the most, while ctx lasts.
func (c *Client) Verify(ctx context.Context, q Request) (Verdict, error) {
	kind, query, body, err := q.encode()
	if err != nil {
		return Verdict{}, err
	}
	v, err := c.ask(ctx, "/v1/verify", query, kind, body)
	if err != nil {
		return Verdict{}, err
	}
	if err := v.holds(q.Checks); err != nil {
		return Verdict{}, err
	}
	return v, nil
}

// Precheck asks an issuer's question: whether a subject's domain vouches for a key
// now, at every one of its name servers. cnf is the confirmation claim that the
// credential will have, in JSON. Errors are as those of Verify.
func (c *Client) Precheck(ctx context.Context, subject string, cnf json.RawMessage) (Verdict, error) {
	body, err := json.Marshal(struct {
		Subject string          `json:"subject"`
		CNF     json.RawMessage `json:"cnf"`
	}{subject, cnf})
	if err != nil {
		return Verdict{}, fmt.Errorf("cnf: %w", err)
	}
	return c.ask(ctx, "/v1/precheck", nil, "application/json", body)
}

// PrecheckBody is Precheck of a body that the caller has written (docs/api.md).
func (c *Client) PrecheckBody(ctx context.Context, body []byte) (Verdict, error) {
	return c.ask(ctx, "/v1/precheck", nil, "application/json", body)
}

// ask sends one question until it is answered with anything but "not now".
func (c *Client) ask(ctx context.Context, path string, query url.Values, kind string, body []byte) (Verdict, error) {
	wait := 100 * time.Millisecond
	for try := 1; ; try++ {
		doc, again, err := c.post(ctx, path, query, kind, body)
		if err == nil {
			return readVerdict(doc)
		}
		if again < 0 || again > maxWait || try == maxTries {
			return Verdict{}, err
		}
		pause := time.NewTimer(max(again, wait))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return Verdict{}, err // what the daemon said is of more use than that the time is up
		}
		wait *= 2
	}
}

// post sends one request. again is when the daemon wants it again, negative where
// it does not say so.
func (c *Client) post(ctx context.Context, path string, query url.Values, kind string, body []byte) (doc []byte, again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := c.send(ctx, path, query, kind, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, -1, err
	}
	defer r.Body.Close()
	doc, err = io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, -1, fmt.Errorf("the answer broke off: %w", err)
	case len(doc) > maxAnswer:
		return nil, -1, errors.New("the answer is too large to be one")
	case r.StatusCode != http.StatusOK:
		p, again := readProblem(r, doc), time.Duration(-1)
		if _, said := retryAfter(r.Header); said && r.StatusCode == http.StatusServiceUnavailable {
			again = p.RetryAfter
		}
		return nil, again, p
	}
	return doc, -1, nil
}

// retryAfter reads Retry-After in seconds (RFC 9110 §10.2.3); a date is not said here.
func retryAfter(head http.Header) (wait time.Duration, said bool) {
	seconds, err := strconv.Atoi(head.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0, false
	}
	return time.Duration(min(seconds, 1<<20)) * time.Second, true
}

func (c *Client) send(ctx context.Context, path string, query url.Values, kind, accept string, body io.Reader) (*http.Response, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("Accept", accept)
	h := http.Client{Transport: c.Transport, CheckRedirect: stay}
	return h.Do(r)
}

// stay: a redirect would send the credential, and take the verdict, elsewhere.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
