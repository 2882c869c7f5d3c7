package main

import (
	"context"
	"crypto/x509"

	"github.com/mholt/acmez/v3"
	"github.com/mholt/acmez/v3/acme"
)

type acmezClient struct {
	client  acmez.Client
	account acme.Account
}

func (c *acmezClient) register(ctx context.Context, o *order) (err error) {
	c.client = acmez.Client{Client: &acme.Client{Directory: o.directory}}
	c.account, err = c.client.NewAccount(ctx, acme.Account{TermsOfServiceAgreed: true, PrivateKey: o.account})
	return err
}

func (c *acmezClient) obtain(ctx context.Context, o *order) ([]byte, error) {
	if o.challenge != "none" {
		c.client.ChallengeSolvers = map[string]acmez.Solver{o.challenge: &solver{answers: o.answers, undo: map[string]func(){}}}
	}
	got, err := c.client.ObtainCertificateForSANs(ctx, c.account, o.key, o.names)
	if err != nil {
		return nil, err
	}
	return got[0].ChainPEM, nil
}

func (c *acmezClient) revoke(ctx context.Context, _ *order, leaf *x509.Certificate) error {
	return c.client.RevokeCertificate(ctx, c.account, leaf, nil, acme.ReasonCessationOfOperation)
}

// solver answers acmez's challenges, one after the other.
type solver struct {
	answers
	undo map[string]func()
}

func (s *solver) Present(_ context.Context, c acme.Challenge) error {
	var undo func()
	var err error
	switch c.Type {
	case acme.ChallengeTypeHTTP01:
		undo, err = s.file(c.Token, c.KeyAuthorization)
	case acme.ChallengeTypeDNS01:
		undo, err = s.txt(c.DNS01TXTRecordName(), c.DNS01KeyAuthorization())
	case acme.ChallengeTypeTLSALPN01:
		certificate, made := acmez.TLSALPN01ChallengeCert(c)
		if made != nil {
			return made
		}
		err = s.alpn(c.Identifier.Value, certificate)
	}
	s.undo[c.Token] = undo
	return err
}

func (s *solver) CleanUp(_ context.Context, c acme.Challenge) error {
	if undo := s.undo[c.Token]; undo != nil {
		undo()
	}
	return nil
}
