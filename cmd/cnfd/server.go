package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"cnfd/client"
	"cnfd/internal/strict"
	"cnfd/verifier"

	"github.com/spf13/cobra"
)

// serverOptions is which daemon to ask, and how to be known there.
type serverOptions struct {
	url string // unix:PATH, http://… or https://…; "": none, resolve here
	tls client.TLS
}

func (o *serverOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.url, "server", "", "ask a daemon: unix:`PATH`, http://… or https://… (default: resolve here)")
	f.StringVar(&o.tls.CA, "tls-ca", "", "with an https:// server: PEM `FILE` of the authorities that may vouch for it (default: those of the machine)")
	f.StringVar(&o.tls.Cert, "tls-cert", "", "with an https:// server: PEM `FILE` of the certificate to show it, where it has api.tls.client_ca")
	f.StringVar(&o.tls.Key, "tls-key", "", "PEM `FILE` of that certificate's key")
}

// check is an error where certificates are given and nobody would see them.
func (o *serverOptions) check() error {
	if o.tls != (client.TLS{}) && !strings.HasPrefix(o.url, "https://") {
		return errors.New("--tls-ca, --tls-cert and --tls-key: they are for --server https://… alone")
	}
	if (o.tls.Cert == "") != (o.tls.Key == "") {
		return errors.New("--tls-cert and --tls-key: they belong together: give both or neither")
	}
	return nil
}

// askServer has a daemon answer: POST /v1/verify at unix:PATH, http://… or
// https://…. It returns the verdict's JSON.
func askServer(ctx context.Context, server string, q *verifier.Request, warn io.Writer) ([]byte, error) {
	o := serverOptions{url: server}
	return o.verify(ctx, q, warn)
}

func (o *serverOptions) verify(ctx context.Context, q *verifier.Request, warn io.Writer) ([]byte, error) {
	r, err := requestOf(q)
	if err != nil {
		return nil, err
	}
	return o.ask(warn, func(c *client.Client) (client.Verdict, error) { return c.Verify(ctx, r) })
}

// ask asks the daemon, and says of an error what to do about it.
func (o *serverOptions) ask(warn io.Writer, ask func(*client.Client) (client.Verdict, error)) ([]byte, error) {
	server := o.url
	c, err := client.New(server)
	if err != nil {
		return nil, fmt.Errorf("--server: %w", err)
	}
	defer c.Close()
	if err := c.Secure(o.tls); err != nil {
		return nil, fmt.Errorf("--tls-ca, --tls-cert, --tls-key: %w", err)
	}
	if u, err := url.Parse(server); err == nil && !strings.HasPrefix(server, "unix:") {
		if a, err := netip.ParseAddr(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (err != nil || !a.IsLoopback()) {
			fmt.Fprintln(warn, "cnfd verify: warning: http:// to another machine: whoever is in between can change the verdict; use https://")
		}
		if u.User != nil {
			server = u.Redacted() // a password is for the server alone
		}
	}
	v, err := ask(c)
	if err != nil {
		return nil, failed(server, err)
	}
	return v.Document, nil
}

// failed says of an error of the client what to do about it.
func failed(server string, err error) error {
	var untrusted *tls.CertificateVerificationError
	var problem *client.Problem
	var asked *url.Error
	var remote *net.OpError
	switch {
	case errors.As(err, &problem) && problem.Title != "":
		return fmt.Errorf("%s (the server's id %s)", shown(problem.Detail), shown(problem.ID))
	case errors.As(err, &problem) && problem.Status == http.StatusBadRequest && strings.HasPrefix(server, "http://"): // as Go says it on a TLS socket
		return fmt.Errorf("--server %s: %w %s", server, err, closedBy(server))
	case !errors.As(err, &asked):
		return err
	case errors.As(err, &untrusted):
		return fmt.Errorf("--server %s: its certificate does not hold here: %w; --tls-ca names the authorities that may vouch for it", server, untrusted.Err)
	case errors.As(err, &remote) && remote.Op == "remote error": // a TLS alert
		return fmt.Errorf("--server %s: it ends the handshake: %w: %s", server, remote.Err, closedBy(server))
	case strings.HasPrefix(server, "http:") && strings.Contains(err.Error(), "malformed HTTP response"): // net/http has no name for it
		return fmt.Errorf("--server %s: what it answers is not HTTP: %s", server, closedBy(server))
	case closed(err):
		return fmt.Errorf("--server %s: closed without an answer: %s", server, closedBy(server))
	}
	return fmt.Errorf("--server %s: %w; is cnfd serve running there?", server, asked.Err)
}

// closed reports whether the other side has closed the connection. Which of many errors
// says so is a matter of who was first.
func closed(err error) bool {
	for _, one := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED} {
		if errors.Is(err, one) {
			return true
		}
	}
	for _, said := range []string{ // by net/http, which has no names for them
		"client conn could not be established", "client connection lost", "server closed idle connection",
	} {
		if strings.Contains(err.Error(), said) {
			return true
		}
	}
	return false
}

// closedBy is why a server may close a connection that it has let somebody open.
func closedBy(server string) string {
	switch {
	case strings.HasPrefix(server, "unix:"):
		return "api.allow_uids may keep this user out"
	case strings.HasPrefix(server, "https:"):
		return "api.tls.client_ca may want to see a certificate of one of its authorities: --tls-cert and --tls-key show one"
	}
	return "if it speaks TLS, ask it at https://"
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
