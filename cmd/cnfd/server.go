package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"

	"cnfd/client"
	"cnfd/internal/strict"
	"cnfd/verifier"
)

// askServer has a daemon answer: POST /v1/verify at unix:PATH, http://… or
// https://…. It returns the verdict's JSON.
func askServer(ctx context.Context, server string, q *verifier.Request, warn io.Writer) ([]byte, error) {
	r, err := requestOf(q)
	if err != nil {
		return nil, err
	}
	return askDaemon(server, warn, func(c *client.Client) (client.Verdict, error) { return c.Verify(ctx, r) })
}

// askDaemon asks the daemon at --server, and says of an error what to do about it.
func askDaemon(server string, warn io.Writer, ask func(*client.Client) (client.Verdict, error)) ([]byte, error) {
	c, err := client.New(server)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	defer c.Close()
	if u, err := url.Parse(server); err == nil && !strings.HasPrefix(server, "unix:") {
		if a, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !a.IsLoopback()) {
			fmt.Fprintln(warn, "cnfd verify: warning: http:// to another machine: whoever is in between can change the verdict; use https://")
		}
		if u.User != nil {
			server = u.Redacted() // a password is for the server alone
		}
	}
	v, err := ask(c)
	var untrusted *tls.CertificateVerificationError
	var problem *client.Problem
	var failed *url.Error
	switch {
	case err == nil:
		return v.Document, nil
	case errors.As(err, &problem) && problem.Title != "":
		return nil, fmt.Errorf("%s (the server's id %s)", shown(problem.Detail), shown(problem.ID))
	case !errors.As(err, &failed):
		return nil, err
	case errors.As(err, &untrusted):
		return nil, fmt.Errorf("--server %s: its certificate does not hold here: %w", server, untrusted.Err)
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("--server %s: closed without an answer: api.allow_uids may keep this user out", server)
	}
	return nil, fmt.Errorf("--server %s: %w; is cnfd serve running there?", server, failed.Err)
}

// requestOf puts a question in the form that the client takes.
func requestOf(q *verifier.Request) (client.Request, error) {
	r := client.Request{
		MaxAge: q.MaxAge, Bounded: q.Bounded, SkipTime: q.SkipTime,
		Audience: q.Audience, Nonce: q.Nonce, ClientCert: q.ClientCert,
	}
	if q.Checks != 0 {
		for _, word := range strings.Split(q.Checks.String(), ",") {
			r.Checks = append(r.Checks, client.Check(word))
		}
	}
	if q.Checks&verifier.CheckDPoP != 0 {
		r.DPoP = client.DPoP{Proof: string(q.DPoP.Proof), Method: q.DPoP.Method, URL: q.DPoP.URL}
	}
	switch q.Input {
	case verifier.InputCWT:
		r.CWT = q.Bytes
	case verifier.InputClaims:
		// What is wrong with them is said here as it is without a server.
		var s strict.Scanner
		s.Reset(q.Bytes, "claims")
		if err := s.Close(); err != nil {
			return r, err
		}
		r.Claims = q.Bytes
	default:
		r.Token = string(q.Bytes)
	}
	return r, nil
}
