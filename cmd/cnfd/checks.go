package main

import (
	"errors"
	"fmt"

	"cnfd/possession"
	"cnfd/verifier"

	"github.com/spf13/cobra"
)

// checkOptions are the flags of cnfd verify that ask for checks, and say what these
// need.
type checkOptions struct {
	checks               []string
	aud, nonce           string
	dpop, htm, htu, cert string
}

func (o *checkOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&o.checks, "check", nil, "check the token too: `CHECKS` of signature, key_binding, dpop, mtls, with commas between")
	f.StringVar(&o.aud, "aud", "", "refuse a credential, or a key binding, that is not for this `AUDIENCE`")
	f.StringVar(&o.nonce, "nonce", "", "the `NONCE` that the holder was given for a key binding or a DPoP proof")
	f.StringVar(&o.dpop, "dpop", "", "check the DPoP proof in this `FILE`: the value of the request's DPoP header")
	f.StringVar(&o.htm, "htm", "", "with a DPoP proof: the `METHOD` of the request")
	f.StringVar(&o.htu, "htu", "", "with a DPoP proof: the `URL` of the request")
	f.StringVar(&o.cert, "client-cert", "", "check that this `FILE` has the client's certificate: PEM, or the header of a gateway")
}

// ask puts into q what the flags ask for. What they bring is checked also where
// --check does not say so: nobody hands in a proof that is not to be looked at.
func (o *checkOptions) ask(cmd *cobra.Command, q *verifier.Request) error {
	for _, name := range []string{"aud", "nonce", "dpop", "htm", "htu", "client-cert"} {
		if f := cmd.Flags().Lookup(name); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s: empty: say what it is, or leave it out", name)
		}
	}
	for _, word := range o.checks {
		check, err := verifier.ParseCheck(word)
		if err != nil {
			return fmt.Errorf("--check: %w", err)
		}
		q.Checks |= check
	}
	q.Audience, q.Nonce = o.aud, o.nonce
	if o.dpop != "" {
		proof, err := readInput(cmd, []string{o.dpop}, possession.MaxProof)
		if err != nil {
			return fmt.Errorf("--dpop: %w", err)
		}
		q.DPoP.Proof = trimSpace(proof)
		q.Checks |= verifier.CheckDPoP
	}
	if q.Checks&verifier.CheckDPoP == 0 && (o.htm != "" || o.htu != "") {
		return errors.New("--htm and --htu: they are of a request with a DPoP proof: give that too, as --dpop FILE")
	}
	if q.Checks&(verifier.CheckKeyBinding|verifier.CheckDPoP) == 0 && o.nonce != "" {
		return errors.New("--nonce: it is of a key binding or a DPoP proof: ask for one of them too, as --check key_binding or --dpop FILE")
	}
	q.DPoP.Method, q.DPoP.URL = o.htm, o.htu
	if o.cert != "" {
		cert, err := readInput(cmd, []string{o.cert}, possession.MaxCertificate)
		if err != nil {
			return fmt.Errorf("--client-cert: %w", err)
		}
		q.ClientCert = string(trimSpace(cert))
		q.Checks |= verifier.CheckMTLS
	}
	return nil
}
