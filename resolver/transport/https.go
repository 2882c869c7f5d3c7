package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// HTTPS carries messages to one server as POST requests over HTTP/2 (RFC 8484).
// Its connection is shared and left open. Make it with NewHTTPS.
type HTTPS struct {
	url    string
	client http.Client
	pool   *http.Transport
}

// mediaType is that of a DNS message (RFC 8484 §6).
const mediaType = "application/dns-message"

// maxHTTPS bounds the connections to one server: questions that come at once, while there is
// none yet, would else make one each. Each carries what the server allows, 100 requests or more.
const maxHTTPS = 8

// NewHTTPS makes the way to a server; path is that of its DNS resource, such as
// "/dns-query", with its query where it has one. The address is never looked up
// and no proxy is used. Nothing is sent until the first exchange.
func NewHTTPS(s Secured, path string) *HTTPS {
	host := s.host()
	if s.Name == "" && s.Address.Addr().Is6() {
		host = "[" + host + "]"
	}
	if s.Address.Port() != 443 {
		host += ":" + strconv.Itoa(int(s.Address.Port()))
	}
	var h2 http.Protocols
	h2.SetHTTP2(true)
	config := s.config()
	config.NextProtos = []string{"h2"}
	h := &HTTPS{url: "https://" + host + path, pool: &http.Transport{
		TLSClientConfig: config,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", s.Address.String())
		},
		Protocols:           &h2,
		TLSHandshakeTimeout: dialTime,
		IdleConnTimeout:     idle,
		DisableCompression:  true,
		MaxConnsPerHost:     maxHTTPS,
		// A path that died in silence is found by pings, not by each question anew.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 3 * time.Second, PingTimeout: 3 * time.Second},
	}}
	h.client = http.Client{
		Transport: h.pool,
		// Questions go where the operator said, and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return h
}

// Exchange sends a query and returns the reply that matches it. The ID is 0, as RFC 8484
// §4.1 wants it; TTLs are lessened by the reply's Age (§5.1). A connection that was left open
// and has ended in the meantime is made anew, once. The query is not changed.
func (h *HTTPS) Exchange(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	o, err := sealed(query, 0)
	if err != nil {
		return nil, err
	}
	body, age, again, err := h.post(ctx, o.wire)
	if again && ctx.Err() == nil {
		body, age, _, err = h.post(ctx, o.wire)
	}
	if err != nil {
		return nil, err
	}
	m, err := o.match(body)
	if err == nil {
		aged(m, age)
	}
	return m, err
}

// post sends one request. again: it failed on a connection that others had used before, which
// may say nothing but that it had ended. net/http does not ask again by itself, since it
// does not know that a POST of a question does no harm.
func (h *HTTPS) post(ctx context.Context, wire []byte) (body []byte, age string, again bool, err error) {
	trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { again = c.Reused }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, h.url, bytes.NewReader(wire))
	if err != nil {
		return nil, "", false, withoutURL(err)
	}
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Accept", mediaType)
	req.Header.Set("User-Agent", "") // none is sent (RFC 8484 §8.2)
	response, err := h.client.Do(req)
	if err != nil {
		return nil, "", again, withoutURL(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, "", false, fmt.Errorf("HTTP status %d", response.StatusCode)
	}
	if got := response.Header.Get("Content-Type"); got != mediaType {
		return nil, "", false, fmt.Errorf("HTTP content of type %.60q, want %s", got, mediaType)
	}
	if body, err = io.ReadAll(io.LimitReader(response.Body, dns.MaxMsgSize+1)); err != nil {
		return nil, "", again, err
	}
	if len(body) > dns.MaxMsgSize {
		return nil, "", false, errors.New("HTTP content over 64 KiB")
	}
	return body, response.Header.Get("Age"), false, nil
}

// Close ends connections that are idle.
func (h *HTTPS) Close() { h.pool.CloseIdleConnections() }

// withoutURL takes the URL out of an error: its path may be somebody's secret.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// aged lessens TTLs by the time that a message was kept by an HTTP cache (RFC 8484 §5.1).
func aged(m *dns.Msg, age string) {
	seconds, err := strconv.ParseUint(age, 10, 32)
	if err != nil {
		return
	}
	for _, section := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, rr := range section {
			if h := rr.Header(); h.Rrtype != dns.TypeOPT {
				h.Ttl -= min(h.Ttl, uint32(seconds))
			}
		}
	}
}
