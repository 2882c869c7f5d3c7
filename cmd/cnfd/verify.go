package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"cnfd/api"
	"cnfd/cmd/cnfd/internal/config"
	"cnfd/verifier"

	"github.com/spf13/cobra"
)

func newVerify() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [FILE|-]",
		Short: "Say whether a credential's key is confirmed by its subject's domain",
		Long: `Say whether the key in a credential's cnf claim is confirmed by the domain of its subject. The file, or
standard input, holds a JWT, an SD-JWT, a CWT (as octets or base64url), or a JWT claim set in JSON.

What the token itself is good for is not checked unless --check asks for it, or the configuration does: the
issuer's signature (with the keys of issuers in the configuration), the holder's key binding (an SD-JWT's, with
--aud and --nonce), a DPoP proof, the client's certificate. That a proof was used before only a daemon knows.

Exit codes: 0 confirmed, 1 refuted, 2 unproven, 3 error.`,
		Example: `  cnfd verify token.jwt
  cnfd verify --config cnfd.yaml --check signature token.jwt
  cnfd verify --check key_binding --aud https://verifier.example --nonce 5tKZ8r presented.sd-jwt
  cnfd verify --dpop proof --htm GET --htu https://api.example/orders token.jwt
  cnfd verify --config cnfd.yaml --check signature --client-cert client.pem token.jwt
  cnfd verify --json --server unix:/run/cnfd/cnfd.sock - < token.cwt
  cnfd verify --server https://cnfd.example:8255 --tls-ca ca.pem --tls-cert me.pem --tls-key me.key token.jwt
  cnfd verify --at 2026-11-22T06:40:00Z claims.json`,
		Args: between(0, 1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.bounded = cmd.Flags().Changed("max-age")
			b, err := readInput(cmd, args, api.MaxBody)
			if err != nil {
				return err
			}
			q := questionOf(b)
			if err := o.checks.ask(cmd, &q); err != nil {
				return err
			}
			doc, err := o.ask(cmd, q)
			if err != nil {
				return err
			}
			return printVerdict(cmd.OutOrStdout(), doc, q.Checks, o.json)
		},
	}
	f := cmd.Flags()
	o.server.addFlags(cmd)
	f.Uint32Var(&o.maxAge, "max-age", 0, "accept DNS data no older than this many `SECONDS`; 0: fresh")
	f.StringVar(&o.at, "at", "", "judge as of this `TIME` (RFC 3339) instead of now")
	f.BoolVar(&o.json, "json", false, "print the verdict as JSON")
	o.checks.addFlags(cmd)
	configFlag(cmd, &o.config)
	return cmd
}

type verifyOptions struct {
	server        serverOptions
	at, config    string
	maxAge        uint32
	bounded, json bool
	checks        checkOptions
}

// ask gets the verdict as JSON, here or from a daemon.
func (o *verifyOptions) ask(cmd *cobra.Command, q verifier.Request) ([]byte, error) {
	q.Bounded, q.MaxAge = o.bounded, time.Duration(o.maxAge)*time.Second
	done := progress(cmd.ErrOrStderr(), "waiting for the DNS")
	defer done()
	if err := o.server.check(); err != nil {
		return nil, err
	}
	if o.server.url != "" {
		if o.at != "" {
			return nil, errors.New("--at: a daemon judges as of now: leave --server out")
		}
		if o.config != "" {
			return nil, errors.New("--config: the daemon has its own: leave it or --server out")
		}
		return o.server.verify(cmd.Context(), &q, cmd.ErrOrStderr())
	}
	var err error
	if q.At, err = parseAt(o.at); err != nil {
		return nil, err
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	return askHere(cmd.Context(), &c, &q)
}

// askHere resolves in this process.
func askHere(ctx context.Context, c *config.Config, q *verifier.Request) ([]byte, error) {
	var doc []byte
	err := withEngine(c, func(e *engine, _ func() time.Time) error {
		v, err := e.verifier.Verify(ctx, q)
		if err == nil {
			doc = v.AppendJSON(nil, "")
		}
		return err
	})
	return doc, err
}

// withEngine runs f with an engine of its own, and ends that in any case.
func withEngine(c *config.Config, f func(*engine, func() time.Time) error) error {
	clock, err := newClock(&c.Resolver, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer clock.Close()
	// Silent, unless the anchors are not what the configuration says.
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	e, err := newEngine(c, clock.Now, log, true)
	if err != nil {
		return err
	}
	err = f(e, clock.Now)
	// What is still under way serves nobody any more: it is not waited for.
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	e.resolver.Close(ended)
	return err
}

func parseAt(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	// The zero time stands for now everywhere, and would be judged as that.
	if err != nil || at.IsZero() {
		return at, fmt.Errorf("--at: want RFC 3339, such as 2026-11-22T06:40:00Z")
	}
	return at, nil
}

// questionOf tells the forms of a credential apart by their octets: a claim set
// begins with a brace, what else is ASCII is a token or means to be one, and CBOR's
// tags and maps begin with an octet that is not.
func questionOf(b []byte) verifier.Request {
	text := trimSpace(b)
	if len(text) > 0 && text[0] == '{' {
		return verifier.Request{Input: verifier.InputClaims, Bytes: text}
	}
	if len(text) > 0 && text[0] >= 0x80 {
		return verifier.Request{Input: verifier.InputCWT, Bytes: b}
	}
	return verifier.Request{Input: verifier.InputToken, Bytes: text}
}

func trimSpace(b []byte) []byte {
	space := func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
	for len(b) > 0 && space(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && space(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// printVerdict prints a verdict and gives its exit code. One that confirms, and does
// not say that a check was made that was asked for, is none.
func printVerdict(w io.Writer, doc []byte, asked verifier.Checks, asJSON bool) error {
	v, err := readVerdict(doc)
	if err != nil {
		return err
	}
	if left := v.leftOut(asked); v.Outcome == verifier.Confirmed.String() && left != 0 {
		return fmt.Errorf("the answer confirms without the check that was asked for: %s", left)
	}
	if asJSON {
		fmt.Fprintf(w, "%s\n", trimSpace(doc))
	} else {
		v.print(w)
	}
	switch v.Outcome {
	case verifier.Confirmed.String():
		return nil
	case verifier.Refuted.String():
		return exit(1)
	case verifier.Unproven.String():
		return exit(2)
	}
	return fmt.Errorf("the answer's outcome is %q: this is no verdict", v.Outcome)
}
