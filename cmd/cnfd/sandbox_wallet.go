package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"cnfd/internal/sandbox"
	"cnfd/verifier"
)

// The files to try the checks with. Those that a holder makes for one moment are made
// anew as long as the sandbox runs.
const (
	issuerFile    = "issuer.jwks"
	accessFile    = "access.jwt"
	proofFile     = "access.dpop"
	presentedFile = "wallet.sd-jwt"
	boundFile     = "bound.jwt"
	clientFile    = "client.pem"

	walletAudience = "https://verifier.example"
	walletNonce    = "sandbox"
	ordersURL      = sandbox.Audience + "/orders"

	renewEvery = 30 * time.Second // a DPoP proof is good for a minute
)

// writeWallet writes what the holder has.
func (p *playground) writeWallet() error {
	for name, octets := range map[string][]byte{
		issuerFile: p.internet.IssuerKeys(), accessFile: p.wallet.AccessToken, boundFile: p.wallet.BoundToken, clientFile: p.wallet.Certificate,
	} {
		if err := os.WriteFile(p.path(name), octets, 0o600); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	return p.renew()
}

// renew writes what the holder makes for the moment.
func (p *playground) renew() error {
	proof, err := p.wallet.Prove("GET", ordersURL, p.wallet.AccessToken)
	if err != nil {
		return err
	}
	presented, err := p.wallet.Present(walletAudience, walletNonce)
	if err != nil {
		return err
	}
	for name, octets := range map[string][]byte{proofFile: proof, presentedFile: presented} {
		// Whole, or as it was before: somebody may be reading it.
		if err := os.WriteFile(p.path(name)+".new", octets, 0o600); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
		if err := os.Rename(p.path(name)+".new", p.path(name)); err != nil {
			return fmt.Errorf("--dir: %w", err)
		}
	}
	return nil
}

// keepRenewed renews until the playground is closed.
func (p *playground) keepRenewed(warn func(error)) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	p.closers = append(p.closers, func() { stop(); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := p.renew(); err != nil {
				warn(err)
			}
		}
	}()
}

// checkCommands are ready to be pasted into a shell, as commands are.
func (p *playground) checkCommands() string {
	verify := fmt.Sprintf("  %s verify --server unix:%s --check signature", program(), p.path(socketFile))
	return strings.Join([]string{
		"  # the token itself is checked too: who signed it, and who presents it (a proof is good once and for a minute; a new one lies there every 30 s)",
		fmt.Sprintf("%s,key_binding --aud %s --nonce %s %s", verify, walletAudience, walletNonce, p.path(presentedFile)),
		fmt.Sprintf("%s --dpop %s --htm GET --htu %s %s", verify, p.path(proofFile), ordersURL, p.path(accessFile)),
		fmt.Sprintf("%s --client-cert %s %s", verify, p.path(clientFile), p.path(boundFile)),
		"",
	}, "\n")
}

// demoChecks tells of each check: it is good, and one thing is flipped.
func (p *playground) demoChecks(ctx context.Context, w io.Writer) error {
	proof, err := p.wallet.Prove("GET", ordersURL, p.wallet.AccessToken)
	if err != nil {
		return err
	}
	presented, err := p.wallet.Present(walletAudience, walletNonce)
	if err != nil {
		return err
	}
	const signature = verifier.CheckSignature
	present := func(nonce string) verifier.Request {
		return verifier.Request{Bytes: presented, Checks: signature | verifier.CheckKeyBinding, Audience: walletAudience, Nonce: nonce}
	}
	prove := func(method string) verifier.Request {
		return verifier.Request{Bytes: p.wallet.AccessToken, Checks: signature | verifier.CheckDPoP, DPoP: verifier.DPoP{Proof: proof, Method: method, URL: ordersURL}}
	}
	connect := func(certificate []byte) verifier.Request {
		return verifier.Request{Bytes: p.wallet.BoundToken, Checks: signature | verifier.CheckMTLS, ClientCert: string(trimSpace(certificate))}
	}
	wrong := 0
	for _, step := range []struct {
		file, outcome, reason, why string
		q                          verifier.Request
	}{
		{presentedFile, "confirmed", "record_matches", "the holder presents it, for this audience and nonce", present(walletNonce)},
		{presentedFile, "refuted", "key_binding_invalid", "the same, where another nonce was given", present("another")},
		{accessFile, "refuted", "dpop_invalid", "its DPoP proof is for GET, the request a POST", prove("POST")},
		{accessFile, "confirmed", "record_matches", "with the DPoP proof of its holder for this request", prove("GET")},
		{accessFile, "refuted", "dpop_replayed", "the same proof a second time", prove("GET")},
		{boundFile, "confirmed", "record_matches", "from the client with the certificate that it names", connect(p.wallet.Certificate)},
		{boundFile, "refuted", "mtls_mismatch", "from a client with another certificate", connect(p.wallet.OtherCertificate)},
	} {
		doc, err := askServer(ctx, p.daemon.Addresses().API, &step.q, io.Discard)
		if err != nil {
			return fmt.Errorf("%s: %w", step.file, err)
		}
		v, err := readVerdict(doc)
		if err != nil {
			return err
		}
		mark := ""
		if v.Outcome != step.outcome || v.Reason != step.reason || v.Outcome == "confirmed" && v.leftOut(step.q.Checks) != 0 {
			wrong++
			mark = fmt.Sprintf("   EXPECTED %s: %s", step.outcome, step.reason)
		}
		fmt.Fprintf(w, "  %-13s %-24s %-9s %-19s %s%s\n", step.file, step.q.Checks, v.Outcome, v.Reason, step.why, mark)
	}
	if wrong > 0 {
		return fmt.Errorf("%d of the verdicts with checks are not as expected", wrong)
	}
	return nil
}
