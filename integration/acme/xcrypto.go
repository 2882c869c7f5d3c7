package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"golang.org/x/crypto/acme"
)

type xcryptoClient struct{ client acme.Client }

func (c *xcryptoClient) register(ctx context.Context, o *order) error {
	c.client = acme.Client{Key: o.account, DirectoryURL: o.directory}
	_, err := c.client.Register(ctx, &acme.Account{}, acme.AcceptTOS)
	if errors.Is(err, acme.ErrAccountAlreadyExists) {
		_, err = c.client.GetReg(ctx, "")
	}
	return err
}

func (c *xcryptoClient) obtain(ctx context.Context, o *order) ([]byte, error) {
	placed, err := c.client.AuthorizeOrder(ctx, o.identifiers())
	if err != nil {
		return nil, err
	}
	for _, url := range placed.AuthzURLs {
		z, err := c.client.GetAuthorization(ctx, url)
		if err != nil {
			return nil, err
		}
		if z.Status == acme.StatusValid {
			continue
		}
		if err := c.solve(ctx, o, z); err != nil {
			return nil, err
		}
	}
	if placed, err = c.client.WaitOrder(ctx, placed.URI); err != nil {
		return nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: o.hosts(), IPAddresses: o.addresses()}, o.key)
	if err != nil {
		return nil, err
	}
	chain, _, err := c.client.CreateCertFromOrder(ctx, placed, csr, true)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, der := range chain {
		pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return text.Bytes(), nil
}

// identifiers are the names as this library orders them.
func (o *order) identifiers() []acme.AuthzID {
	all := acme.DomainIDs(o.hosts()...)
	for _, address := range o.addresses() {
		all = append(all, acme.IPIDs(address.String())...)
	}
	return all
}

// solve answers one authorization's challenge of the type that the order wants, and waits.
func (c *xcryptoClient) solve(ctx context.Context, o *order, z *acme.Authorization) error {
	for _, challenge := range z.Challenges {
		if challenge.Type != o.challenge {
			continue
		}
		undo, err := c.present(o, z.Identifier.Value, challenge)
		if undo != nil {
			defer undo()
		}
		if err == nil {
			_, err = c.client.Accept(ctx, challenge)
		}
		if err == nil {
			_, err = c.client.WaitAuthorization(ctx, z.URI)
		}
		return err
	}
	return fmt.Errorf("%s: authorization is %s, and there is no challenge %s", z.Identifier.Value, z.Status, o.challenge)
}

func (c *xcryptoClient) present(o *order, name string, challenge *acme.Challenge) (func(), error) {
	switch challenge.Type {
	case "http-01":
		text, err := c.client.HTTP01ChallengeResponse(challenge.Token)
		if err != nil {
			return nil, err
		}
		return o.file(challenge.Token, text)
	case "dns-01":
		text, err := c.client.DNS01ChallengeRecord(challenge.Token)
		if err != nil {
			return nil, err
		}
		return o.txt("_acme-challenge."+name, text)
	}
	certificate, err := c.client.TLSALPN01ChallengeCert(challenge.Token, name)
	if err != nil {
		return nil, err
	}
	return nil, o.alpn(name, &certificate)
}

func (c *xcryptoClient) revoke(ctx context.Context, _ *order, leaf *x509.Certificate) error {
	return c.client.RevokeCert(ctx, nil, leaf.Raw, acme.CRLReasonCessationOfOperation)
}
