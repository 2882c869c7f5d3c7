package validate

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"cnfd/acme"
)

// Bounds of http-01. A server that is asked decides of all that it sends.
const (
	maxRedirects = 10       // a loop (Boulder: 10)
	maxBody      = 128      // octets; a key authorization has 87 (Boulder: 128)
	maxHeader    = 16 << 10 // octets of an answer's header; net/http would take 10 MiB
)

// http carries out http-01 (RFC 8555 §8.3): a file at the domain holds the key
// authorization. Redirects are followed; each host on the way is looked up anew.
func (v *Validator) http(ctx context.Context, c *challenge) *acme.Problem {
	d := doors{http: v.cfg.HTTPPort, tls: v.cfg.TLSPort, literal: c.host.address}
	at := c.start()
	for redirects := 0; ; redirects++ {
		r, problem := v.get(ctx, c, at, d)
		if problem != nil {
			return problem
		}
		if !r.redirect() {
			return c.judge(at, r)
		}
		if redirects == maxRedirects {
			return acme.Problemf(acme.IncorrectResponse, "%s redirects for the %dth time: have the server give the file after %d redirects at most",
				c.shown(at, r.from), redirects+1, maxRedirects)
		}
		next, err := at.redirected(r.locations, d)
		if err != nil {
			return acme.Problemf(acme.IncorrectResponse, "%s redirects to %q, which is not followed: %v: correct the redirect, or have the server give the file itself",
				c.shown(at, r.from), excerpt(c.without(strings.Join(r.locations, ", ")), maxShown), err)
		}
		at = next
	}
}

// reply is what a server has answered.
type reply struct {
	status    int
	locations []string
	body      string // of status 200; at most maxBody + 1 octets
	from      string // the address
}

// redirect reports whether the answer leads elsewhere (RFC 9110 §15.4).
func (r *reply) redirect() bool {
	switch r.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// judge reports whether the last answer is the key authorization, with nothing but
// white space after it (RFC 8555 §8.3).
func (c *challenge) judge(at *place, r *reply) *acme.Problem {
	if r.status != http.StatusOK {
		return acme.Problemf(acme.IncorrectResponse, "%s answers with status %d: have the server give the challenge's file there, with status 200", c.shown(at, r.from), r.status)
	}
	if len(r.body) > maxBody {
		return acme.Problemf(acme.IncorrectResponse, "%s answers with more than %d octets, which begin with %q: want the key authorization alone",
			c.shown(at, r.from), maxBody, excerpt(c.without(r.body), maxExcerpt))
	}
	body := strings.TrimRight(r.body, " \t\r\n")
	if subtle.ConstantTimeCompare([]byte(body), []byte(c.keyAuthorization)) == 1 {
		return nil
	}
	return acme.Problemf(acme.IncorrectResponse, "%s answers with %q, which is not the key authorization of this challenge by this account's key",
		c.shown(at, r.from), excerpt(c.without(body), maxExcerpt))
}

// shown names a place and the address that was there, for people.
func (c *challenge) shown(at *place, from string) string {
	return excerpt(c.without(at.target.String()), maxShown) + " (" + from + ")"
}

// get asks for a place once, and reads no more of the answer than can matter.
func (v *Validator) get(ctx context.Context, c *challenge, at *place, d doors) (*reply, *acme.Problem) {
	conn, problem := v.connect(ctx, at.host, d.of(at))
	if problem != nil {
		return nil, problem
	}
	defer conn.Close()
	from := conn.to.String()
	if at.tls {
		// Without a look at the certificate: the domain has none yet, and what a plain
		// GET would have believed is believed here too (RFC 8555 §8.3).
		over := tls.Client(conn.Conn, &tls.Config{
			ServerName:         at.host.name,
			NextProtos:         []string{"http/1.1"},
			InsecureSkipVerify: true,
			MinVersion:         tls.VersionTLS12,
		})
		if err := over.HandshakeContext(ctx); err != nil {
			return nil, handshake(err, at.host, from)
		}
		conn.Conn = over
	}
	r, err := v.exchange(ctx, at, conn)
	if err != nil {
		return nil, passing(acme.Connection, "%s: no whole answer in HTTP: %s: see that the server gives it within %s, with a header of at most %d KiB",
			c.shown(at, from), why(err), v.cfg.Timeout, maxHeader>>10)
	}
	r.from = from
	return r, nil
}

// exchange sends one GET on a connection and reads the answer. It knows no proxy,
// no cookie and no redirect, asks for no compression, and leaves the connection to its caller.
func (v *Validator) exchange(ctx context.Context, at *place, conn net.Conn) (*reply, error) {
	used := false
	this := func(context.Context, string, string) (net.Conn, error) {
		if used {
			return nil, net.ErrClosed
		}
		used = true
		return conn, nil
	}
	transport := &http.Transport{
		DialContext:            this,
		DialTLSContext:         this,
		DisableKeepAlives:      true,
		DisableCompression:     true, // the bound is that of what was sent
		MaxResponseHeaderBytes: maxHeader,
	}
	defer transport.CloseIdleConnections()
	q := (&http.Request{Method: http.MethodGet, URL: at.target, Header: http.Header{"User-Agent": {v.cfg.UserAgent}, "Accept": {"*/*"}}}).WithContext(ctx)
	answer, err := transport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	r := &reply{status: answer.StatusCode, locations: answer.Header.Values("Location")}
	if r.status != http.StatusOK {
		return r, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody+1))
	if err == nil || len(body) > maxBody {
		// A server that sees us hang up may end its answer as if that were all of it.
		err = ctx.Err()
	}
	r.body = string(body)
	return r, err
}

// handshake is why TLS was not spoken.
func handshake(err error, h host, from string) *acme.Problem {
	var alert *net.OpError
	var record tls.RecordHeaderError
	const remedy = "see how the server there is set up"
	switch {
	case errors.As(err, &record):
		return acme.Problemf(acme.TLS, "%s (%s): what answers there does not speak TLS: %s", h, from, remedy)
	case errors.As(err, &alert) && alert.Op == "remote error":
		return acme.Problemf(acme.TLS, "%s (%s): the server refuses with a TLS alert: %s: %s", h, from, excerpt(alert.Err.Error(), maxShown), remedy)
	case strings.HasPrefix(err.Error(), "tls: "):
		return acme.Problemf(acme.TLS, "%s (%s): %s: %s", h, from, excerpt(err.Error(), maxShown), remedy)
	}
	return passing(acme.Connection, "%s (%s): no TLS handshake: %s: %s", h, from, why(err), remedy)
}
