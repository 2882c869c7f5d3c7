package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"cnfd/thumbprint"
	"cnfd/verifier"
)

const (
	audience = "https://rp.example"
	nonce    = "n-0S6_WzA2Mj"
	resource = "https://rp.example/a"
)

// firstAlways remembers no proof, so that one can be taken again.
type firstAlways struct{}

func (firstAlways) Take(context.Context, thumbprint.Thumbprint, []byte, time.Time) (bool, error) {
	return true, nil
}

// held are the checks of what a holder shows, beside the primitive in them.
func held() ([]contest, error) {
	signers, err := signers()
	if err != nil {
		return nil, err
	}
	holder, issuer := &signers[0], &signers[1]
	octets, err := (&jose.JSONWebKey{Key: holder.public}).MarshalJSON()
	if err != nil {
		return nil, err
	}
	key, err := thumbprint.ParseJWK(octets)
	if err != nil {
		return nil, err
	}
	certificate, der, err := clientCertificate(holder)
	if err != nil {
		return nil, err
	}
	x5t := sha256.Sum256(der)
	bare := claims(fmt.Sprintf(`{"jwk":%s,"x5t#S256":%q}`, octets, b64(x5t[:])))
	token, _, _, err := issuer.jws(bare)
	if err != nil {
		return nil, err
	}
	config := configOf(published(key))
	config.Proofs = firstAlways{}
	v, err := verifier.New(config)
	if err != nil {
		return nil, err
	}

	presented := append(bytes.Clone(token), '~')
	hash := sha256.Sum256(presented)
	binding, bound, _, err := holder.typed("kb+jwt", "", fmt.Appendf(nil, `{"iat":%d,"aud":%q,"nonce":%q,"sd_hash":%q}`, now.Unix(), audience, nonce, b64(hash[:])))
	if err != nil {
		return nil, err
	}
	primitive := func(octets []byte) func() error {
		return func() error {
			if !holder.check(octets, nil) {
				return errors.New("does not verify")
			}
			return nil
		}
	}
	contests := []contest{{"SD-JWT, check `key_binding`, ES256", confirming(v, verifier.Request{
		Input: verifier.InputSDJWT, Bytes: append(presented, binding...), Checks: verifier.CheckKeyBinding, Audience: audience, Nonce: nonce,
	}), []peer{{"the primitive alone", primitive(bound)}}}}

	ath := sha256.Sum256(token)
	proof, proven, _, err := holder.typed("dpop+jwt", fmt.Sprintf(`,"jwk":%s`, octets), fmt.Appendf(nil, `{"iat":%d,"jti":"-BwC3ESc6acc2lTc","htm":"GET","htu":%q,"ath":%q}`, now.Unix(), resource, b64(ath[:])))
	if err != nil {
		return nil, err
	}
	contests = append(contests, contest{"JWT, check `dpop`, ES256", confirming(v, verifier.Request{
		Input: verifier.InputJWT, Bytes: token, Checks: verifier.CheckDPoP, DPoP: verifier.DPoP{Proof: proof, Method: "GET", URL: resource},
	}), []peer{{"the primitive alone", primitive(proven)}}})

	return append(contests, contest{"claims, check `mtls`", confirming(v, verifier.Request{
		Input: verifier.InputClaims, Bytes: bare, Checks: verifier.CheckMTLS, ClientCert: certificate,
	}), []peer{{"the hash of the certificate alone", func() error {
		text, err := url.PathUnescape(certificate)
		if err != nil {
			return err
		}
		block, _ := pem.Decode([]byte(text))
		if sum := sha256.Sum256(block.Bytes); sum != x5t {
			return errors.New("another certificate")
		}
		return nil
	}}}}), nil
}

// published is a cache with the record of a key's holder.
func published(key thumbprint.Key) cache {
	c := cache{}
	c.publish("jwk.cnf", key.JKT(thumbprint.SHA256))
	return c
}

// clientCertificate is the holder's, as nginx hands it on.
func clientCertificate(holder *signer) (text string, der []byte, err error) {
	public, ok := holder.public.(*ecdsa.PublicKey)
	if !ok {
		return "", nil, errors.New("not an ECDSA key")
	}
	authority, err := signers()
	if err != nil {
		return "", nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now.Add(time.Hour)}
	der, err = x509.CreateCertificate(rand.Reader, template, template, public, authority[1].private)
	return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))), der, err
}
