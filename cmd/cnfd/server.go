package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cnfd/verifier"
)

// askServer has a daemon answer: POST /v1/verify at unix:PATH, http://… or
// https://…. It returns the verdict's JSON.
func askServer(ctx context.Context, server string, q *verifier.Request, warn io.Writer) ([]byte, error) {
	query := url.Values{}
	kind, body, err := bodyOf(q, query)
	if err != nil {
		return nil, err
	}
	if q.Bounded {
		query.Set("max_age", strconv.FormatInt(int64(q.MaxAge/time.Second), 10))
	}
	return postServer(ctx, server, "/v1/verify", query, kind, body, warn)
}

// postServer sends a daemon one question, and returns the verdict's JSON.
func postServer(ctx context.Context, server, path string, query url.Values, kind string, body []byte, warn io.Writer) ([]byte, error) {
	client, base, err := dialServer(server, warn)
	if err != nil {
		return nil, err
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	request.Header.Set("Content-Type", kind)
	request.Header.Set("Accept", "application/json")
	if request.URL.User != nil {
		server = request.URL.Redacted() // a password is for the server alone
	}
	response, err := client.Do(request)
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return nil, fmt.Errorf("--server %s: its certificate does not hold here: %w", server, untrusted.Err)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("--server %s: closed without an answer: api.allow_uids may keep this user out", server)
	case err != nil:
		return nil, fmt.Errorf("--server %s: %w; is cnfd serve running there?", server, errors.Unwrap(err))
	}
	defer response.Body.Close()
	doc, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("--server %s: the answer broke off: %w", server, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, problemOf(response.StatusCode, doc)
	}
	return doc, nil
}

const (
	maxAnswer  = 1 << 20
	serverTime = 30 * time.Second // the daemon itself gives up on the DNS after 7 s
)

// dialServer makes the client for a --server and the URL before its paths.
func dialServer(server string, warn io.Writer) (*http.Client, string, error) {
	client := &http.Client{
		Timeout: serverTime,
		// A redirect would send the credential, and take the verdict, elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if path, ok := strings.CutPrefix(server, "unix:"); ok {
		path = strings.TrimPrefix(path, "//")
		client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}
		return client, "http://localhost", nil
	}
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, "", errors.New("--server: want unix:PATH, http://HOST:PORT or https://HOST:PORT")
	}
	if a, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !a.IsLoopback()) {
		fmt.Fprintln(warn, "cnfd verify: warning: http:// to another machine: whoever is in between can change the verdict; use https://")
	}
	return client, strings.TrimSuffix(u.String(), "/"), nil
}

// problemOf is a problem document (RFC 9457) as an error.
func problemOf(status int, doc []byte) error {
	var p struct{ Title, Detail, ID string }
	if json.Unmarshal(doc, &p) != nil || p.Title == "" {
		return fmt.Errorf("the server answered %d %s: is this cnfd?", status, http.StatusText(status))
	}
	return fmt.Errorf("%s (the server's id %s)", shown(p.Detail), shown(p.ID))
}
